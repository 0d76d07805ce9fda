package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
)

// openSQLite opens one connection that writes, whose transactions are immediate, and a pool that can only read. Everything
// is written in one order through the one connection; readers see the last committed state and never wait.
func (s *Store) openSQLite(ctx context.Context) error {
	if err := makeFile(s.dsn); err != nil {
		return err
	}
	var err error
	if s.writer, err = s.sqlitePool(1, url.Values{"_txlock": {"immediate"}, "_foreign_keys": {"1"}}); err != nil {
		return err
	}
	// The writer makes the file and turns on WAL before a reader looks.
	if err := s.writer.PingContext(ctx); err != nil {
		return err
	}
	s.reader, err = s.sqlitePool(s.cfg.MaxConns, url.Values{"_query_only": {"1"}})
	return err
}

// makeFile makes the database's file if there is none, for its owner alone: it holds names of people. What SQLite puts beside
// it gets the same rights.
func makeFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("make the folder of the database: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("make the file of the database: %w", err)
	}
	return f.Close()
}

// sqlitePool opens the file with some options more. Times are stored as text in UTC without trailing zeros: what comes back
// is what was written, to the microsecond, and text order is time order because '+' sorts before '.' and the digits.
func (s *Store) sqlitePool(conns int, options url.Values) (*sql.DB, error) {
	q := url.Values{
		"_busy_timeout": {millis(s.cfg.LockTimeout)},
		"_journal_mode": {"WAL"},
		"_synchronous":  {"NORMAL"},
		"_time_format":  {"sqlite"},
		"_timezone":     {"UTC"},
		"_dqs":          {"0"},
		"_pragma":       {"cache_size(-65536)", "temp_store(MEMORY)", "mmap_size(268435456)"},
	}
	maps.Copy(q, options)
	base, err := sqlite.NewConnector("file:" + (&url.URL{Path: s.dsn}).EscapedPath() + "?" + q.Encode())
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(&sqliteConnector{Connector: base, prepare: !s.cfg.Unprepared})
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	db.SetConnMaxIdleTime(10 * time.Minute)
	return db, nil
}

// sqliteConnector puts conn around the driver's connections.
type sqliteConnector struct {
	driver.Connector
	prepare bool
}

// Connect opens one connection.
func (c *sqliteConnector) Connect(ctx context.Context) (driver.Conn, error) {
	raw, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return newConn(raw, nil, c.prepare)
}
