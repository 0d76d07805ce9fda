package storetest

import (
	"database/sql"
	"testing"

	"entgo.io/ent/dialect"
)

// Raw opens an address without the store, for tests of plans and conditions on tables that they fill as no store would. It has one
// connection, so that settings hold.
func Raw(t testing.TB, d, address string) *sql.DB {
	t.Helper()
	driver := "postgres"
	if d == dialect.SQLite {
		driver = "sqlite"
	}
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	return db
}
