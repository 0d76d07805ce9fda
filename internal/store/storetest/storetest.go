// Package storetest gives tests fresh, migrated databases of both kinds. PostgreSQL is never skipped: the server is the one
// in TEST_DATABASE_URL, else a throw-away one started from the programs on this machine.
package storetest

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"github.com/lib/pq"

	"github.com/ringfence/ringfence/internal/store"
	"github.com/ringfence/ringfence/internal/store/migration"
	"github.com/ringfence/ringfence/internal/store/storetest/cluster"
)

// Dialects are the databases every suite runs on, by the names of ent.
var Dialects = []string{dialect.SQLite, dialect.Postgres}

// Each runs a test as subtests "sqlite" and "postgres", each on a fresh migrated database.
func Each(t *testing.T, run func(t *testing.T, s *store.Store)) {
	t.Helper()
	EachWith(t, store.Config{}, run)
}

// EachWith is Each with settings; the URL in them is ignored. Without a logger, nothing is logged.
func EachWith(t *testing.T, cfg store.Config, run func(t *testing.T, s *store.Store)) {
	t.Helper()
	for _, d := range Dialects {
		t.Run(migration.Folder(d), func(t *testing.T) { run(t, Open(t, URL(t, d), cfg)) })
	}
}

// Open opens a database until the end of the test.
func Open(t testing.TB, address string, cfg store.Config) *store.Store {
	t.Helper()
	cfg.URL = address
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := store.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// URL makes a fresh migrated database and gives its address, for tests that start servers of their own. It goes away with
// the test.
func URL(t testing.TB, d string) string {
	t.Helper()
	if d == dialect.SQLite {
		return sqliteURL(t)
	}
	server, template := postgres(t)
	name := fmt.Sprintf("test_%d_%08x", os.Getpid(), rand.Uint32()) //nolint:gosec // a name, not a secret
	server.exec(t, "CREATE DATABASE "+name+" TEMPLATE "+template)
	t.Cleanup(func() { server.exec(t, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	return server.url(name)
}

// Empty makes a database without tables and gives its address.
func Empty(t testing.TB, d string) string {
	t.Helper()
	if d == dialect.SQLite {
		return filepath.Join(t.TempDir(), "ringfence.db")
	}
	server, _ := postgres(t)
	name := fmt.Sprintf("test_%d_%08x", os.Getpid(), rand.Uint32()) //nolint:gosec // a name, not a secret
	server.exec(t, "CREATE DATABASE "+name)
	t.Cleanup(func() { server.exec(t, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	return server.url(name)
}

// sqliteTemplate is the content of a migrated file, made once.
var sqliteTemplate = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "ringfence-template-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "template.db")
	if err := migrated(context.Background(), file); err != nil {
		return nil, err
	}
	return os.ReadFile(file)
})

func sqliteURL(t testing.TB) string {
	t.Helper()
	content, err := sqliteTemplate()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ringfence.db")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// migrated brings a database to the newest version.
func migrated(ctx context.Context, address string) error {
	s, err := store.Open(ctx, store.Config{URL: address, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	if err := s.Migrate(ctx); err != nil {
		_ = s.Close()
		return err
	}
	return s.Close()
}

// server is the PostgreSQL server of the tests.
type server struct {
	address *url.URL
	db      *sql.DB
	own     *cluster.Cluster // nil if somebody else's; it ends when nothing refers to it
}

func (s *server) url(database string) string {
	u := *s.address
	u.Path = "/" + database
	return u.String()
}

func (s *server) exec(t testing.TB, statement string) {
	t.Helper()
	// The context of the test has ended when it cleans up.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := s.db.ExecContext(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// shared is the server of this process, with a migrated database to copy.
var shared = sync.OnceValues(func() (*server, error) {
	ctx := context.Background()
	s := &server{}
	address := os.Getenv("TEST_DATABASE_URL")
	if address == "" {
		var err error
		if s.own, err = cluster.Start(ctx); err != nil { // it ends with this process
			return nil, err
		}
		address = s.own.URL("postgres")
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("TEST_DATABASE_URL: %w", err)
	}
	connector, err := pq.NewConnector(address)
	if err != nil {
		return nil, err
	}
	s.address, s.db = u, sql.OpenDB(connector)
	return s, s.makeTemplate(ctx)
})

func postgres(t testing.TB) (s *server, template string) {
	t.Helper()
	s, err := shared()
	if err != nil {
		t.Fatalf("PostgreSQL for the tests: %v", err)
	}
	return s, templateName()
}

// makeTemplate makes the database that tests copy, unless another test process already did. It gets its name only when it
// is complete.
func (s *server) makeTemplate(ctx context.Context) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock(20260, 1)"); err != nil {
		return err
	}
	defer func() { _, _ = conn.ExecContext(ctx, "SELECT pg_advisory_unlock(20260, 1)") }()
	var exists bool
	name := templateName()
	if err := conn.QueryRowContext(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&exists); err != nil || exists {
		return err
	}
	unfinished := name + "_unfinished"
	if _, err := conn.ExecContext(ctx, "DROP DATABASE IF EXISTS "+unfinished); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "CREATE DATABASE "+unfinished); err != nil {
		return err
	}
	if err := migrated(ctx, s.url(unfinished)); err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, "ALTER DATABASE "+unfinished+" RENAME TO "+name)
	return err
}

// templateName changes with the migrations.
var templateName = sync.OnceValue(func() string {
	h := sha256.New()
	files, err := migration.Files(dialect.Postgres)
	if err != nil {
		panic(err) // the files are part of the program
	}
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		panic(err)
	}
	for _, name := range names {
		content, err := fs.ReadFile(files, name)
		if err != nil {
			panic(err)
		}
		h.Write(content)
	}
	return "ringfence_template_" + hex.EncodeToString(h.Sum(nil))[:12]
})
