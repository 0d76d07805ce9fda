package main

import (
	"os"
	"path/filepath"
	"testing"
)

// The files and ent/schema agree on both databases: there is nothing to generate, and no released file was changed.
func TestFilesAgreeWithSchema(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("..")); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), dir, "missing", false); err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		missing, err := filepath.Glob(filepath.Join(dir, folder, "*_missing.sql"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range missing {
			content, err := os.ReadFile(file)
			t.Errorf("the schema is ahead of the files; run `make migration NAME=…`: %s%v", content, err)
		}
	}
}
