// Package ent holds the tables (ent/schema) and the client generated from them. It has no rules: what may be written is
// decided in internal/operation, and only internal/store opens a database.
package ent

//go:generate go run entc.go
