package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

// driverConn is what both drivers' connections can do.
type driverConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.QueryerContext
	driver.ExecerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// errRowsOpen is a bug in the caller: PostgreSQL cannot answer a second query before the rows of the first are read, so
// SQLite does not either.
var errRowsOpen = errors.New("store: the rows of another query are still being read on this connection")

// conn is a connection of either driver with three things added: prepared statements are kept (twice as fast on small
// queries with lib/pq), silence on the network is bounded, and times go in as UTC microseconds, which is what comes back.
type conn struct {
	driverConn
	wire  *wire // nil on SQLite
	cache *statements
	busy  bool // rows are being read
	stale bool // must not go back to the pool
}

func newConn(raw driver.Conn, w *wire, prepare bool) (*conn, error) {
	dc, ok := raw.(driverConn)
	if !ok {
		_ = raw.Close()
		return nil, fmt.Errorf("the driver's connection %T lacks methods that store builds on", raw)
	}
	c := &conn{driverConn: dc, wire: w}
	if prepare {
		c.cache = newStatements(dc)
	}
	return c, nil
}

// CheckNamedValue converts an argument: the driver's own conversion first, then times to UTC microseconds.
func (c *conn) CheckNamedValue(nv *driver.NamedValue) error {
	if checker, ok := c.driverConn.(driver.NamedValueChecker); ok {
		if err := checker.CheckNamedValue(nv); !errors.Is(err, driver.ErrSkip) {
			return err
		}
	}
	v, err := driver.DefaultParameterConverter.ConvertValue(nv.Value)
	if t, ok := v.(time.Time); ok {
		v = t.UTC().Truncate(time.Microsecond)
	}
	nv.Value = v
	return err
}

// QueryContext runs a query, prepared if it is worth it.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if c.busy {
		return nil, errRowsOpen
	}
	release := c.wire.watch(ctx)
	var r driver.Rows
	st, err := c.cache.get(ctx, query, args)
	switch {
	case err != nil:
	case st != nil:
		r, err = st.QueryContext(ctx, args)
	default:
		r, err = c.driverConn.QueryContext(ctx, query, args)
	}
	if err != nil {
		release()
		return nil, c.failed(err)
	}
	c.busy = true
	return &rows{Rows: r, conn: c, release: release}, nil
}

// ExecContext runs a statement, prepared if it is worth it.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if c.busy {
		return nil, errRowsOpen
	}
	defer c.wire.watch(ctx)()
	st, err := c.cache.get(ctx, query, args)
	if err != nil {
		return nil, c.failed(err)
	}
	var res driver.Result
	if st != nil {
		res, err = st.ExecContext(ctx, args)
	} else {
		res, err = c.driverConn.ExecContext(ctx, query, args)
	}
	return res, c.failed(err)
}

// failed looks at an error for signs that the session is of no more use: its prepared statements are not what the cache
// thinks, after a migration or behind a pooler, or its server may no longer write.
func (c *conn) failed(err error) error {
	if isStalePlan(err) || isDemoted(err) {
		c.stale = true
	}
	return err
}

// BeginTx starts a transaction. For Update on PostgreSQL it also asks for the transaction's number, in the same round trip,
// so that Update can find out what became of it if the connection breaks during commit.
func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	defer c.wire.watch(ctx)()
	raw, isTx := c.driverConn.(driver.Tx)
	b, wanted := ctx.Value(beginningKey{}).(*beginning)
	if !wanted || !isTx || c.wire == nil {
		t, err := c.driverConn.BeginTx(ctx, opts)
		return &transaction{Tx: t, conn: c, ctx: ctx}, err
	}
	r, err := c.driverConn.QueryContext(ctx, b.statements(), nil)
	if err != nil {
		return nil, err
	}
	b.number, err = secondResult(r)
	if err := errors.Join(err, r.Close()); err != nil {
		c.stale = true // BEGIN may have worked: the session must not be used again.
		return nil, err
	}
	return &transaction{Tx: raw, conn: c, ctx: ctx}, nil
}

// beginning is how Update wants a transaction begun, with room for its number.
type beginning struct {
	byKey  bool
	number string
}

// beginningKey is the context key of a *beginning.
type beginningKey struct{}

func (b *beginning) statements() string {
	const begin = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT pg_current_xact_id()::text"
	if b.byKey { // without seqscan off, a plan made while a table is small would go on reading it from end to end
		return begin + ", set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true)"
	}
	return begin
}

// secondResult reads the first value of the second statement's result.
func secondResult(r driver.Rows) (string, error) {
	sets, ok := r.(driver.RowsNextResultSet)
	if !ok {
		return "", errors.New("the driver gives only one result")
	}
	if len(r.Columns()) == 0 {
		if err := sets.NextResultSet(); err != nil {
			return "", err
		}
	}
	value := make([]driver.Value, len(r.Columns()))
	if err := r.Next(value); err != nil {
		return "", err
	}
	switch v := value[0].(type) {
	case string:
		return v, nil
	case []byte:
		return string(v), nil
	}
	return "", fmt.Errorf("the transaction's number is a %T", value[0])
}

// Close closes the connection. SQLite keeps a connection half open, and its log on disk, while statements are prepared.
func (c *conn) Close() error {
	if c.wire != nil {
		return c.driverConn.Close()
	}
	return errors.Join(c.cache.close(), c.driverConn.Close())
}

// ResetSession is called before the connection is used again.
func (c *conn) ResetSession(ctx context.Context) error {
	if c.stale || c.busy {
		return driver.ErrBadConn
	}
	return c.driverConn.ResetSession(ctx)
}

// IsValid is called before the connection goes back to the pool.
func (c *conn) IsValid() bool { return !c.stale && !c.busy && c.driverConn.IsValid() }

// transaction bounds the silence during commit and rollback.
type transaction struct {
	driver.Tx
	conn *conn
	ctx  context.Context
}

// Commit commits.
func (t *transaction) Commit() error {
	defer t.conn.wire.watch(t.ctx)()
	return t.Tx.Commit()
}

// Rollback rolls back, and does not wait long for a server that the caller is done with.
func (t *transaction) Rollback() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	defer t.conn.wire.watch(ctx)()
	return t.Tx.Rollback()
}

// rows are the driver's rows; they tell the connection when they have been read.
type rows struct {
	driver.Rows
	conn    *conn
	release func()
}

// Close ends the reading.
func (r *rows) Close() error {
	err := r.Rows.Close()
	r.release()
	r.conn.busy = false
	return r.conn.failed(err)
}

// Next reads a row.
func (r *rows) Next(dest []driver.Value) error { return r.conn.failed(r.Rows.Next(dest)) }

// ColumnTypeDatabaseTypeName names the declared type of a column.
func (r *rows) ColumnTypeDatabaseTypeName(i int) string {
	if t, ok := r.Rows.(driver.RowsColumnTypeDatabaseTypeName); ok {
		return t.ColumnTypeDatabaseTypeName(i)
	}
	return ""
}
