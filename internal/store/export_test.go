package store

import "testing"

// emptyDatabase makes a database without tables; storetest, which imports this package, sets it.
var emptyDatabase func(t testing.TB, dialect string) string

// SetEmptyDatabase lets the tests outside this package lend theirs inside the harness.
func SetEmptyDatabase(f func(t testing.TB, dialect string) string) { emptyDatabase = f }
