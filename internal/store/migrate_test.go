package store

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"entgo.io/ent/dialect"
	"golang.org/x/sync/errgroup"

	"github.com/ringfence/ringfence/ent/migrate"
	"github.com/ringfence/ringfence/internal/store/migration"
)

// What the annotations of ent/schema ask for stands in the files of both dialects: no CHECK, partial index or descending
// column was lost on the way.
func TestMigrationsHoldAnnotations(t *testing.T) {
	for _, d := range []string{dialect.Postgres, dialect.SQLite} {
		sql := strings.NewReplacer("`", "", `"`, "").Replace(allFiles(t, d))
		for _, table := range migrate.Tables {
			if table.Annotation != nil {
				for name := range table.Annotation.Checks {
					if !strings.Contains(sql, "CONSTRAINT "+name+" CHECK (") {
						t.Errorf("%s: table %s has no CHECK %s", d, table.Name, name)
					}
				}
				if table.Annotation.Check != "" && !strings.Contains(sql, "CHECK ((user_id = 0) <> (group_id = 0))") &&
					!strings.Contains(sql, "CHECK "+table.Annotation.Check) {
					t.Errorf("%s: table %s has no CHECK %s", d, table.Name, table.Annotation.Check)
				}
			}
			for _, index := range table.Indexes {
				line := lineWith(sql, "INDEX "+index.Name+" ON "+table.Name+" (")
				if line == "" || strings.Contains(line, "UNIQUE") != index.Unique {
					t.Errorf("%s: index %s: %q", d, index.Name, line)
				}
				if index.Annotation == nil {
					continue
				}
				if index.Annotation.Where != "" && !strings.Contains(line, " WHERE ") {
					t.Errorf("%s: index %s is not partial: %q", d, index.Name, line)
				}
				for column, desc := range index.Annotation.DescColumns {
					if desc && !strings.Contains(line, column+" DESC") {
						t.Errorf("%s: index %s does not go down by %s: %q", d, index.Name, column, line)
					}
				}
			}
		}
	}
}

func allFiles(t *testing.T, d string) string {
	t.Helper()
	var all strings.Builder
	for _, name := range versions(t, d) {
		files, err := migration.Files(d)
		if err != nil {
			t.Fatal(err)
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		up, _, _ := strings.Cut(string(content), "-- +goose Down")
		all.WriteString(up)
	}
	return all.String()
}

// versions are the names of the files of a dialect, oldest first.
func versions(t *testing.T, d string) []string {
	t.Helper()
	files, err := migration.Files(d)
	if err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(files, "*.sql")
	if err != nil || len(names) == 0 {
		t.Fatalf("%v: %v", names, err)
	}
	return names
}

func lineWith(text, part string) string {
	for line := range strings.SplitSeq(text, "\n") {
		if strings.Contains(line, part) {
			return line
		}
	}
	return ""
}

// Each version of the tables, with data, migrates to the newest and keeps its rows. The data of a version is in
// testdata/<version>.sql: whoever adds a migration adds such a file, with rows in the tables as they then are.
func TestEveryVersionMigrates(t *testing.T) {
	eachEmpty(t, func(t *testing.T, open func() *Store) {
		d := open().dialect
		names := versions(t, d)
		for i, name := range names {
			s := open()
			files, err := migration.Files(d)
			if err != nil {
				t.Fatal(err)
			}
			older := fstest.MapFS{}
			for _, known := range names[:i+1] {
				content, err := fs.ReadFile(files, known)
				if err != nil {
					t.Fatal(err)
				}
				older[known] = &fstest.MapFile{Data: content}
			}
			if err := s.migrate(t.Context(), older); err != nil {
				t.Fatal(err)
			}
			rows := load(t, s, strings.SplitN(name, "_", 2)[0])
			if i == len(names)-1 {
				for _, table := range migrate.Tables {
					if rows[strings.Trim(table.Name, `"`)] == 0 && rows[`"`+table.Name+`"`] == 0 {
						t.Errorf("the data of %s has no rows for table %s", name, table.Name)
					}
				}
			}
			if err := s.Migrate(t.Context()); err != nil {
				t.Fatalf("from %s: %v", name, err)
			}
			for table, want := range rows {
				if got := count(t, s, table); got != want {
					t.Errorf("from %s: table %s has %d rows, had %d", name, table, got, want)
				}
			}
			readAll(t, s, rows)
		}
	})
}

// load runs testdata/<version>.sql and tells how many rows each table then has.
func load(t *testing.T, s *Store, version string) map[string]int {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", version+".sql"))
	if err != nil {
		t.Fatalf("a version needs data to migrate: %v", err)
	}
	rows := map[string]int{}
	err = s.Update(t.Context(), func(ctx context.Context, tx *Tx) error {
		for statement := range strings.SplitSeq(string(content), ";\n") {
			if strings.TrimSpace(statement) == "" {
				continue
			}
			if _, err := tx.Exec(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
			rows[strings.Fields(statement)[2]] = 0
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for table := range rows {
		if rows[table] = count(t, s, table); rows[table] == 0 {
			t.Errorf("table %s has no rows", table)
		}
	}
	return rows
}

func count(t *testing.T, s *Store, table string) (n int) {
	t.Helper()
	if err := s.reader.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// readAll reads every table with the names of all its columns, and insists on a row in each that had rows.
func readAll(t *testing.T, s *Store, rows map[string]int) {
	t.Helper()
	for _, table := range migrate.Tables {
		columns := make([]string, len(table.Columns))
		for i, c := range table.Columns {
			columns[i] = c.Name
		}
		var n int
		query := "SELECT count(*) FROM (SELECT " + strings.Join(columns, ", ") + " FROM " + table.Name + ") AS everything"
		if err := s.reader.QueryRowContext(t.Context(), query).Scan(&n); err != nil || n == 0 && rows[table.Name] > 0 {
			t.Errorf("table %s: %d rows, %v", table.Name, n, err)
		}
	}
}

// Several servers that start at once on an empty database all find it migrated.
func TestMigrateAtOnce(t *testing.T) {
	eachEmpty(t, func(t *testing.T, open func() *Store) {
		first := open()
		var g errgroup.Group
		for range 4 {
			s, err := Open(t.Context(), first.cfg)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			g.Go(func() error { return s.Migrate(t.Context()) })
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		current, newest, err := first.Version(t.Context())
		if err != nil || current != newest || newest < 1 {
			t.Errorf("version %d of %d, %v", current, newest, err)
		}
	})
}

// A file that fails leaves nothing of itself behind, and tables newer than the program are refused.
func TestMigrateRefuses(t *testing.T) {
	eachEmpty(t, func(t *testing.T, open func() *Store) {
		s := open()
		broken := fstest.MapFS{"00001_broken.sql": {Data: []byte("-- +goose Up\nCREATE TABLE a (b integer);\nCREATE TABLE a (b integer);\n")}}
		if err := s.migrate(t.Context(), broken); err == nil {
			t.Fatal("a broken file was accepted")
		}
		if err := s.reader.QueryRowContext(t.Context(), "SELECT count(*) FROM a").Err(); err == nil {
			t.Error("half a migration stayed")
		}
		newer := fstest.MapFS{}
		for i := range len(versions(t, s.dialect)) + 1 {
			newer[fmt.Sprintf("%05d_x.sql", i+1)] = &fstest.MapFile{Data: fmt.Appendf(nil, "-- +goose Up\nCREATE TABLE x%d (y integer);\n", i)}
		}
		if err := s.migrate(t.Context(), newer); err != nil {
			t.Fatal(err)
		}
		if err := s.Migrate(t.Context()); err == nil || !strings.Contains(err.Error(), "newer program") {
			t.Errorf("tables of a newer program: %v", err)
		}
	})
}

// eachEmpty runs a test on both databases without tables; open makes a new one at each call.
func eachEmpty(t *testing.T, run func(t *testing.T, open func() *Store)) {
	t.Helper()
	for _, d := range []string{dialect.SQLite, dialect.Postgres} {
		t.Run(migration.Folder(d), func(t *testing.T) {
			run(t, func() *Store {
				s, err := Open(t.Context(), Config{URL: emptyDatabase(t, d), Logger: slog.New(slog.DiscardHandler)})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = s.Close() })
				return s
			})
		})
	}
}
