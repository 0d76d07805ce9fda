package store

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"entgo.io/ent/dialect"
)

// Config says which database to open, and how patient to be with it. Only URL is required; a zero value elsewhere takes the
// default written beside it.
type Config struct {
	// URL is postgres://… (or postgresql://…, or a key=value string with a host) for PostgreSQL, everything lib/pq
	// understands included, such as several hosts with target_session_attrs. Otherwise it is the path of an SQLite file,
	// with or without "sqlite:" before it.
	URL string
	// Logger hears about retries and migrations. Default: slog.Default().
	Logger *slog.Logger
	// Clock gives the time of a transaction. Default: time.Now.
	Clock func() time.Time
	// MaxConns bounds the connections that read, and on PostgreSQL, separately, those that write. Default: 16.
	MaxConns int
	// StatementTimeout is how long the server may work on one statement (PostgreSQL). Default: 30 s.
	StatementTimeout time.Duration
	// LockTimeout is how long one statement may wait for a lock; on SQLite, for the writer. Default: 10 s.
	LockTimeout time.Duration
	// IdleTimeout is how long a transaction may sit without a statement before the server ends it (PostgreSQL).
	// Default: 60 s.
	IdleTimeout time.Duration
	// ConnectTimeout bounds opening one connection to one host (PostgreSQL), unless the URL has connect_timeout.
	// Default: 5 s.
	ConnectTimeout time.Duration
	// Grace is how long after the end of a context a connection may stay silent before it is given up (PostgreSQL).
	// Default: 1 s.
	Grace time.Duration
	// RetryFor is how long Update goes on trying after the first failure that another try may cure. Default: 15 s.
	RetryFor time.Duration
	// Unprepared turns the cache of prepared statements off, for poolers that hand each transaction another session.
	Unprepared bool
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.MaxConns == 0 {
		c.MaxConns = 16
	}
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{
		{&c.StatementTimeout, 30 * time.Second},
		{&c.LockTimeout, 10 * time.Second},
		{&c.IdleTimeout, time.Minute},
		{&c.ConnectTimeout, 5 * time.Second},
		{&c.Grace, time.Second},
		{&c.RetryFor, 15 * time.Second},
	} {
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
	return c
}

// source tells the dialect of a URL, and what the driver is to open.
func (c Config) source() (name, dsn string, err error) {
	switch {
	case strings.HasPrefix(c.URL, "postgres://"), strings.HasPrefix(c.URL, "postgresql://"), strings.Contains(c.URL, "host="):
		return dialect.Postgres, c.URL, nil
	case strings.HasPrefix(c.URL, "sqlite:"):
		dsn = strings.TrimPrefix(strings.TrimPrefix(c.URL, "sqlite:"), "//")
	case strings.Contains(c.URL, "://"):
		scheme, _, _ := strings.Cut(c.URL, "://")
		return "", "", fmt.Errorf("unknown kind of database %q: use postgres:// or the path of an SQLite file", scheme)
	default:
		dsn = c.URL
	}
	if dsn == "" || strings.ContainsAny(dsn, "?#") || strings.Contains(dsn, ":memory:") {
		return "", "", fmt.Errorf("an SQLite database is named by the path of its file, without options")
	}
	return dialect.SQLite, dsn, nil
}
