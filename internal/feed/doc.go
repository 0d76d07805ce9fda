// Package feed reads the files that others write: CSV of every kind and exports of Microsoft Graph. It turns a file into values that an operation
// takes, or into errors that name file, line, column and field; it knows no database.
package feed
