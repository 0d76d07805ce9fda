package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"time"

	"entgo.io/ent/dialect"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/ringfence/ringfence/internal/store/migration"
)

// Migrate brings the tables to the newest version. Each file is one transaction; several servers may start at once, one
// migrates and the others wait. A database newer than this program is refused.
func (s *Store) Migrate(ctx context.Context) error {
	files, err := migration.Files(s.dialect)
	if err != nil {
		return err
	}
	return s.migrate(ctx, files)
}

// Version tells the version of the tables, and the newest this program knows.
func (s *Store) Version(ctx context.Context) (current, newest int64, err error) {
	files, err := migration.Files(s.dialect)
	if err != nil {
		return 0, 0, err
	}
	p, err := s.provider(s.reader, files)
	if err != nil {
		return 0, 0, err
	}
	return p.GetVersions(ctx)
}

func (s *Store) migrate(ctx context.Context, files fs.FS) error {
	db, err := s.migrationPool()
	if err != nil {
		return err
	}
	err = s.migrateWith(ctx, db, files)
	return errors.Join(err, db.Close())
}

// migrationPool opens connections with no bound on a statement, and on SQLite without foreign keys: a table is changed
// there by building it anew and dropping the old one, which must not delete what refers to it.
func (s *Store) migrationPool() (*sql.DB, error) {
	if s.dialect == dialect.Postgres {
		return s.postgresPool(3, false, 0)
	}
	return s.sqlitePool(1, url.Values{"_txlock": {"immediate"}, "_foreign_keys": {"0"}})
}

func (s *Store) migrateWith(ctx context.Context, db *sql.DB, files fs.FS) error {
	var options []goose.ProviderOption
	if s.dialect == dialect.Postgres {
		locker, err := lock.NewPostgresTableLocker(lock.WithTableLogger(s.cfg.Logger), lock.WithTableLockTimeout(200*time.Millisecond, 1500))
		if err != nil {
			return err
		}
		options = append(options, goose.WithLocker(locker))
	}
	p, err := s.provider(db, files, options...)
	if err != nil {
		return err
	}
	current, newest, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the version of the tables: %w", err)
	}
	if current > newest {
		return fmt.Errorf("the tables have version %d, this program knows %d: start a newer program", current, newest)
	}
	results, err := p.Up(ctx)
	if err != nil && s.dialect == dialect.SQLite {
		// Another process may have migrated in between; what is left to do then is nothing.
		if pending, again := p.HasPending(ctx); again == nil && !pending {
			err = nil
		}
	}
	if err != nil {
		return fmt.Errorf("migrate the tables: %w", err)
	}
	for _, r := range results {
		s.cfg.Logger.InfoContext(ctx, "migrated", "file", r.Source.Path, "duration", r.Duration)
	}
	return s.checkReferences(ctx, db)
}

func (s *Store) provider(db *sql.DB, files fs.FS, options ...goose.ProviderOption) (*goose.Provider, error) {
	d := goose.DialectPostgres
	if s.dialect == dialect.SQLite {
		d = goose.DialectSQLite3
	}
	options = append(options, goose.WithSlog(s.cfg.Logger), goose.WithDisableGlobalRegistry(true))
	return goose.NewProvider(d, db, files, options...)
}

// checkReferences looks for rows whose foreign keys point nowhere, which SQLite does not do by itself while they are off.
func (s *Store) checkReferences(ctx context.Context, db *sql.DB) error {
	if s.dialect != dialect.SQLite {
		return nil
	}
	var table string
	err := db.QueryRowContext(ctx, `SELECT "table" FROM pragma_foreign_key_check LIMIT 1`).Scan(&table)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("rows of table %s refer to rows that do not exist", table)
	}
	return err
}
