// Package store is the only package that opens a database: drivers, migrations, transactions, retries and batches live here.
// PostgreSQL and SQLite behave alike behind it; whoever gets a Reader can read, and only a Tx, which Update hands out, can write.
package store
