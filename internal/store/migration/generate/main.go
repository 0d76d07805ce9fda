// Command generate writes the next migration: what is missing between the files and ent/schema, for PostgreSQL (on a
// throw-away server) and SQLite. Run it as `make migration NAME=add_something` from the root of the repository.
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/sqltool"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/schema"
	_ "github.com/lib/pq"
	_ "modernc.org/sqlite"

	ent "github.com/ringfence/ringfence/ent/migrate"
	"github.com/ringfence/ringfence/internal/store/storetest/cluster"
)

func main() {
	dir := flag.String("dir", "internal/store/migration", "folder that holds one folder per dialect")
	name := flag.String("name", "", "what the migration does, as in add_color")
	rehash := flag.Bool("rehash", false, "only write atlas.sum anew, after a file that was never released was edited")
	flag.Parse()
	if err := run(context.Background(), *dir, *name, *rehash); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// folders are those of package migration, which does not build while they are empty.
var folders = map[string]string{dialect.SQLite: "sqlite", dialect.Postgres: "postgres"}

func run(ctx context.Context, dir, name string, rehash bool) error {
	if name == "" && !rehash {
		return errors.New("a name is needed: -name add_something")
	}
	for d, folder := range folders {
		path := filepath.Join(dir, folder)
		if rehash {
			if err := hash(path); err != nil {
				return err
			}
			continue
		}
		if err := generate(ctx, d, path, name); err != nil {
			return fmt.Errorf("%s: %w", d, err)
		}
	}
	return nil
}

func hash(path string) error {
	files, err := sqltool.NewGooseDir(path)
	if err != nil {
		return err
	}
	sum, err := files.Checksum()
	if err != nil {
		return err
	}
	return migrate.WriteSumFile(files, sum)
}

// generate replays the files of one dialect on an empty database and writes a file with the difference, if there is one.
func generate(ctx context.Context, d, path, name string) (err error) {
	db, done, err := empty(ctx, d)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	if err := os.MkdirAll(path, 0o755); err != nil { //nolint:gosec // source code, readable by all
		return err
	}
	files, err := sqltool.NewGooseDir(path)
	if err != nil {
		return err
	}
	existing, err := files.Files()
	if err != nil {
		return err
	}
	m, err := schema.NewMigrate(entsql.OpenDB(d, db),
		schema.WithDir(files),
		schema.WithMigrationMode(schema.ModeReplay),
		schema.WithDialect(d),
		schema.WithFormatter(numbered{version: len(existing) + 1}),
		schema.WithDropColumn(true),
		schema.WithDropIndex(true),
	)
	if err != nil {
		return err
	}
	return m.NamedDiff(ctx, name, ent.Tables...)
}

// empty gives an empty database of a dialect.
func empty(ctx context.Context, d string) (db *sql.DB, done func() error, err error) {
	if d == dialect.SQLite {
		folder, err := os.MkdirTemp("", "ringfence-migration-")
		if err != nil {
			return nil, nil, err
		}
		db, err = sql.Open("sqlite", "file:"+filepath.Join(folder, "empty.db")+"?_foreign_keys=1")
		return db, func() error { return errors.Join(db.Close(), os.RemoveAll(folder)) }, err
	}
	c, err := cluster.Start(ctx)
	if err != nil {
		return nil, nil, err
	}
	db, err = sql.Open("postgres", c.URL("postgres"))
	return db, func() error { return errors.Join(db.Close(), c.Stop()) }, err
}

// numbered names files 00001_name.sql, 00002_name.sql, …, with the contents that goose reads.
type numbered struct{ version int }

// Format is part of migrate.Formatter.
func (n numbered) Format(plan *migrate.Plan) ([]migrate.File, error) {
	formatted, err := sqltool.GooseFormatter.Format(plan)
	if err != nil {
		return nil, err
	}
	if len(formatted) != 1 {
		return nil, fmt.Errorf("%d files for one migration", len(formatted))
	}
	name := fmt.Sprintf("%05d_%s.sql", n.version, plan.Name)
	content := strings.TrimRight(string(formatted[0].Bytes()), "\n") + "\n"
	return []migrate.File{migrate.NewLocalFile(name, []byte(content))}, nil
}
