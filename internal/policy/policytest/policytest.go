// Package policytest makes policy directories for tests: the default policy, changed by an overlay. Overlays stand under
// testdata; a file of an overlay replaces the one of the same name.
package policytest

import (
	"embed"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/docs/recipes"
	"github.com/ringfence/ringfence/policies"
)

// Overlays that change what happens without a line of Go.
const (
	SoftLimit = "softlimit" // seats may go 5 % above a limit, and at least one (semantics.md WX-18s)
	Barred    = "barred"    // users whose usage location is KP or SY get no seat; their code is COUNTRY_BARRED
)

//go:embed testdata
var overlays embed.FS

// Dir writes the default policy and the named overlays into a new directory, fit for the flag --policies, and gives its
// path. The directory goes with the test.
func Dir(t testing.TB, names ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "policies")
	Apply(t, dir, names...)
	return dir
}

// Recipes names all recipes, in order.
func Recipes(t testing.TB) []string {
	t.Helper()
	entries, err := fs.ReadDir(recipes.FS, ".")
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// Cooked writes the default policy and the named recipes into a new directory, and gives its path.
func Cooked(t testing.TB, names ...string) string {
	t.Helper()
	dir := Dir(t)
	for _, name := range names {
		recipe, err := fs.Sub(recipes.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		writeAll(t, dir, recipe)
	}
	return dir
}

// Apply writes the default policy and the named overlays over what is in the directory.
func Apply(t testing.TB, dir string, names ...string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	writeAll(t, dir, policies.FS)
	for _, name := range names {
		overlay, err := fs.Sub(overlays, path.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		writeAll(t, dir, overlay)
	}
}

func writeAll(t testing.TB, dir string, tree fs.FS) {
	t.Helper()
	entries, err := fs.ReadDir(tree, ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.IsDir() {
			continue
		}
		text, err := fs.ReadFile(tree, entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		Write(t, dir, entry.Name(), string(text))
	}
}

// Write puts one file into the directory the way an editor saves: beside it first, then renamed over it.
func Write(t testing.TB, dir, name, text string) {
	t.Helper()
	target := filepath.Join(dir, name)
	draft := filepath.Join(dir, "."+name+".tmp")
	if err := os.WriteFile(draft, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(draft, target); err != nil {
		t.Fatal(err)
	}
}

// Changed makes a directory of the default policy in which one file has another text in one place, and gives its path. The
// tests of the default policy, which hold it to what it says, are left out.
func Changed(t testing.TB, name, from, to string) string {
	t.Helper()
	dir := Dir(t)
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), from) {
		t.Fatalf("%s has no %q", name, from)
	}
	Write(t, dir, name, strings.ReplaceAll(string(text), from, to))
	tests, err := filepath.Glob(filepath.Join(dir, "*_test.rego"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range tests {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
