package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/ringfence/ringfence"

// pkg is what `go list` knows about a package; Path is relative to the module, "." for its root.
type pkg struct {
	ImportPath   string
	Dir          string
	GoFiles      []string
	TestGoFiles  []string
	XTestGoFiles []string
	Imports      []string
	TestImports  []string
	XTestImports []string

	Path string
}

// relative is the path of a package of ours in the module; others keep theirs.
func relative(path string) string {
	if path == module {
		return "."
	}
	return strings.TrimPrefix(path, module+"/")
}

func isOurs(path string) bool { return path == module || strings.HasPrefix(path, module+"/") }

// within tells whether a package is a room or lies inside it.
func within(path, room string) bool {
	return path == room || room != "." && strings.HasPrefix(path, room+"/")
}

var root = sync.OnceValues(func() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			return dir, nil
		}
		if filepath.Dir(dir) == dir {
			err = errors.New("no go.mod above the tests")
		}
		dir = filepath.Dir(dir)
	}
	return "", err
})

var packages = sync.OnceValues(func() ([]pkg, error) {
	dir, err := root()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("go", "list", "-pgo=off", "-e", "-json=ImportPath,Dir,GoFiles,TestGoFiles,XTestGoFiles,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var all []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		p.Path = relative(p.ImportPath)
		all = append(all, p)
	}
})

func allPackages(t *testing.T) []pkg {
	t.Helper()
	all, err := packages()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("go list found only %d packages", len(all))
	}
	return all
}

// file is one Go file of the module.
type file struct {
	path      string // relative to the root
	pkg       string // path of its package
	lines     int
	test      bool
	generated bool
	ast       *ast.File
}

var generatedMark = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

var positions = token.NewFileSet()

var files = sync.OnceValues(func() ([]file, error) {
	all, err := packages()
	if err != nil {
		return nil, err
	}
	dir, err := root()
	if err != nil {
		return nil, err
	}
	var out []file
	for _, p := range all {
		for _, name := range append(append(p.GoFiles, p.TestGoFiles...), p.XTestGoFiles...) {
			f, err := readFile(dir, p, name)
			if err != nil {
				return nil, err
			}
			out = append(out, f)
		}
	}
	return out, nil
})

func readFile(dir string, p pkg, name string) (file, error) {
	full := filepath.Join(p.Dir, name)
	content, err := os.ReadFile(full)
	if err != nil {
		return file{}, err
	}
	path, err := filepath.Rel(dir, full)
	if err != nil {
		return file{}, err
	}
	f := file{path: path, pkg: p.Path, lines: bytes.Count(content, []byte("\n")), test: strings.HasSuffix(name, "_test.go"),
		generated: generatedMark.Match(content)}
	if !f.generated {
		f.ast, err = parser.ParseFile(positions, full, content, parser.ParseComments|parser.SkipObjectResolution)
	}
	return f, err
}

func allFiles(t *testing.T) []file {
	t.Helper()
	all, err := files()
	if err != nil {
		t.Fatal(err)
	}
	return all
}
