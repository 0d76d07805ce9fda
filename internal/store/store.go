package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/ringfence/ringfence/ent"
)

// Store is an open database. It is safe for use by many goroutines.
type Store struct {
	cfg     Config
	dialect string
	dsn     string
	writer  *sql.DB
	reader  *sql.DB
	client  *ent.Client
}

// Open opens the database that cfg names and checks that it answers. It does not migrate: call Migrate.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	cfg = cfg.withDefaults()
	name, dsn, err := cfg.source()
	if err != nil {
		return nil, err
	}
	s := &Store{cfg: cfg, dialect: name, dsn: dsn}
	if name == dialect.Postgres {
		err = s.openPostgres()
	} else {
		err = s.openSQLite(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	s.client = ent.NewClient(ent.Driver(entsql.OpenDB(name, s.reader)))
	if err := s.Ping(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open database: %w", err), s.Close())
	}
	return s, nil
}

// Dialect is "postgres" or "sqlite3", the names ent uses.
func (s *Store) Dialect() string { return s.dialect }

// Client reads outside any transaction. Its connections are read-only: the database refuses what would write, because only
// Update may.
func (s *Store) Client() *ent.Client { return s.client }

// Ping tells whether the database answers, for reading and for writing.
func (s *Store) Ping(ctx context.Context) error {
	return errors.Join(s.writer.PingContext(ctx), s.reader.PingContext(ctx))
}

// Close closes all connections; transactions still running fail.
func (s *Store) Close() error {
	return errors.Join(s.reader.Close(), s.writer.Close())
}
