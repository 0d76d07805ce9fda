// Package migration holds the versioned SQL files that bring a database to the shape of ent/schema, one folder per dialect.
// They are generated (make migration NAME=…), reviewed, and never changed once released; atlas.sum in each folder tells.
package migration

import (
	"embed"
	"fmt"
	"io/fs"

	"entgo.io/ent/dialect"
)

//go:embed postgres/*.sql sqlite/*.sql
var files embed.FS

// Folder is the folder of a dialect's files beside this package: "postgres" or "sqlite".
func Folder(name string) string {
	if name == dialect.SQLite {
		return "sqlite"
	}
	return name
}

// Files gives the files of a dialect ("postgres" or "sqlite3"), in one flat folder.
func Files(name string) (fs.FS, error) {
	sub, err := fs.Sub(files, Folder(name))
	if err != nil {
		return nil, fmt.Errorf("no migrations for %q: %w", name, err)
	}
	return sub, nil
}
