// Package filter is a condition on the rows of one type as a value: a closed tree of comparisons over columns and relations that are
// allowed, with nothing of Rego or of a database in it. It writes itself as SQL for both databases, and tells of a row in memory
// whether it holds; the two agree, whatever is missing in a row.
package filter

//go:generate go test -run Current -update .
