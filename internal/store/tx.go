package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/ringfence/ringfence/ent"
)

// Reader reads inside one transaction. It must not be used after the closure it was given to has returned, nor by two
// goroutines at once, and the rows of one query must be read or closed before the next query.
type Reader struct {
	tx      *sql.Tx
	dialect string
	now     time.Time
	attempt int
	client  *ent.Client
	failure error // the first retryable failure of a statement
}

// Tx reads and writes inside one transaction, which only Update hands out.
type Tx struct {
	*Reader
	committed []func()
}

// AfterCommit has something done once the transaction is committed, and not at all if it is not. It must be quick: the caller waits.
func (t *Tx) AfterCommit(do func()) { t.committed = append(t.committed, do) }

func (s *Store) reading(tx *sql.Tx, attempt int) *Reader {
	return &Reader{tx: tx, dialect: s.dialect, attempt: attempt, now: s.cfg.Clock().UTC().Truncate(time.Microsecond)}
}

// Now is the time of the transaction: UTC, to the microsecond, the same at every call.
func (r *Reader) Now() time.Time { return r.now }

// Attempt is 0 when the closure runs for the first time, and counts up with each retry.
func (r *Reader) Attempt() int { return r.attempt }

// Dialect is "postgres" or "sqlite3".
func (r *Reader) Dialect() string { return r.dialect }

// Client is ent inside this transaction. From a View the database refuses what would write. Client.Tx must not be used: this
// is the transaction already.
func (r *Reader) Client() *ent.Client {
	if r.client == nil {
		r.client = ent.NewClient(ent.Driver(&txDriver{Conn: entsql.Conn{ExecQuerier: r.guarded()}, dialect: r.dialect}))
	}
	return r.client
}

// Query runs a query with $1, $2, … for its arguments, on both databases. The caller closes the rows.
func (r *Reader) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := r.tx.QueryContext(ctx, query, args...)
	return rows, r.note(err)
}

// QueryRow runs a query that gives at most one row; Scan on the result tells sql.ErrNoRows if there is none.
func (r *Reader) QueryRow(ctx context.Context, query string, args ...any) *Row {
	return &Row{row: r.tx.QueryRowContext(ctx, query, args...), reader: r}
}

// Row is the answer of QueryRow.
type Row struct {
	row    *sql.Row
	reader *Reader
}

// Scan copies the columns; see sql.Row.Scan.
func (r *Row) Scan(dest ...any) error { return r.reader.note(r.row.Scan(dest...)) }

// Exec runs a statement with $1, $2, … for its arguments and tells how many rows it touched.
func (t *Tx) Exec(ctx context.Context, query string, args ...any) (affected int64, err error) {
	res, err := t.tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, t.note(err)
	}
	return res.RowsAffected()
}

// ForUpdate is what locks the rows of a SELECT, to be put at its end: " FOR UPDATE" on PostgreSQL, nothing on SQLite, where
// a write transaction is alone anyway. Lock in the order of design.md §4: license, then allotments from the root down, by id.
func (t *Tx) ForUpdate() string {
	if t.dialect == dialect.Postgres {
		return " FOR UPDATE"
	}
	return ""
}

// ForShare is like ForUpdate, and lets others read under the same lock: the rows stay as they are until the transaction ends.
func (t *Tx) ForShare() string {
	if t.dialect == dialect.Postgres {
		return " FOR SHARE"
	}
	return ""
}

// Draw gives a number between the keys that rows of the table have been given before and those that rows will be given from now on. It
// does not come again: PostgreSQL takes it out of the sequence, also if the transaction rolls back; on SQLite, where nobody else writes
// meanwhile, it is the last key.
func (t *Tx) Draw(ctx context.Context, table string) (int64, error) {
	query := `SELECT nextval(pg_get_serial_sequence($1, 'id'))`
	args := []any{table}
	if t.dialect != dialect.Postgres {
		query, args = fmt.Sprintf(`SELECT COALESCE(MAX(id), 0) FROM %q`, table), nil
	}
	var n int64
	err := t.QueryRow(ctx, query, args...).Scan(&n)
	return n, err
}

// note remembers the first failure that a retry may cure, in case the closure hides it behind an error of its own.
func (r *Reader) note(err error) error {
	if r.failure == nil && IsRetryable(err) {
		r.failure = err
	}
	return err
}

// explain makes the error of the transaction out of the closure's. When the caller has gone, that is the error, whatever
// the database said about it; a failure that the closure hid is told as well, so that it is retried.
func (r *Reader) explain(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && !errors.Is(err, ctx.Err()):
		return fmt.Errorf("%w: %v", ctx.Err(), err) //nolint:errorlint // the cause is for the log only
	case r.failure != nil && !IsRetryable(err):
		return errors.Join(err, r.failure)
	}
	return err
}

// guarded is the transaction for ent, with failures noted.
func (r *Reader) guarded() entsql.ExecQuerier { return guarded{r} }

type guarded struct{ r *Reader }

func (g guarded) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	res, err := g.r.tx.ExecContext(ctx, query, args...)
	return res, g.r.note(err)
}

func (g guarded) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := g.r.tx.QueryContext(ctx, query, args...)
	return rows, g.r.note(err)
}

// txDriver lets ent work inside the transaction that is already open: what ent takes for transactions of its own does
// neither begin nor end anything.
type txDriver struct {
	entsql.Conn
	dialect string
}

// Dialect names the dialect.
func (d *txDriver) Dialect() string { return d.dialect }

// Tx gives the transaction already open.
func (d *txDriver) Tx(context.Context) (dialect.Tx, error) { return d, nil }

// Close does nothing: Update and View end the transaction.
func (d *txDriver) Close() error { return nil }

// Commit does nothing.
func (d *txDriver) Commit() error { return nil }

// Rollback does nothing.
func (d *txDriver) Rollback() error { return nil }
