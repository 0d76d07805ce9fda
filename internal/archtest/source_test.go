package archtest

import (
	"go/ast"
	"go/token"
	"regexp"
	"strings"
	"testing"
)

// generatedBudget is how many lines may be generated under each folder. A number here is raised by a person who has looked
// at what grew and found it worth reading past.
var generatedBudget = map[string]int{
	"ent":             120_000,
	"graph/generated": 76_000,
	// The executor of the small schema on which the transport is tested.
	"graph/transport/internal/testschema": 6_000,
	// The columns that list rules may read.
	"internal/filter": 400,
}

func TestGeneratedCode(t *testing.T) {
	lines := map[string]int{}
	for _, f := range allFiles(t) {
		if !f.generated {
			continue
		}
		place := ""
		for folder := range generatedBudget {
			if within(f.pkg, folder) {
				place = folder
			}
		}
		if place == "" {
			t.Errorf("%s is generated, but its folder has no budget", f.path)
		}
		lines[place] += f.lines
	}
	for folder, n := range lines {
		t.Logf("%s: %d of %d lines", folder, n, generatedBudget[folder])
		if n > generatedBudget[folder] {
			t.Errorf("%d lines are generated in %s, the budget is %d", n, folder, generatedBudget[folder])
		}
	}
	if lines["ent"] == 0 {
		t.Error("nothing generated was found in ent: the mark has changed, or the test is blind")
	}
}

// What is not written by hand is marked: everything in ent but its schema and its two small files.
func TestGeneratedIsMarked(t *testing.T) {
	byHand := map[string]bool{"ent/generate.go": true, "ent/entc.go": true}
	for _, f := range allFiles(t) {
		if within(f.pkg, "ent") && f.pkg != "ent/schema" && !f.generated && !byHand[f.path] {
			t.Errorf("%s is not marked as generated", f.path)
		}
	}
}

// maxLines is how long a file written by hand may be; a longer one has two subjects.
const maxLines = 400

func TestFileLength(t *testing.T) {
	for _, f := range allFiles(t) {
		if !f.generated && !f.test && f.lines > maxLines {
			t.Errorf("%s has %d lines, at most %d are allowed", f.path, f.lines, maxLines)
		}
	}
}

// Each package says what it is, in a comment that begins the way go doc expects.
func TestPackageComments(t *testing.T) {
	commented := map[string]string{}
	exists := map[string]bool{}
	for _, f := range allFiles(t) {
		if f.generated || f.test {
			continue
		}
		exists[f.pkg] = true
		if f.ast.Doc != nil {
			commented[f.pkg] = f.ast.Doc.Text()
		}
	}
	for path := range exists {
		if c := commented[path]; !strings.HasPrefix(c, "Package ") && !strings.HasPrefix(c, "Command ") && !strings.HasPrefix(c, "Ringfence ") {
			t.Errorf("package %s has no comment that says what it is: %q", path, firstLine(c))
		}
	}
}

func firstLine(s string) string { l, _, _ := strings.Cut(s, "\n"); return l }

// Every exported name is explained, and the explanation of a function or a type begins with its name. Resolvers are not: what
// they do stands in the SDL, and gqlgen writes their signatures.
func TestExportedNamesAreExplained(t *testing.T) {
	for _, f := range allFiles(t) {
		if f.generated || f.test || strings.HasSuffix(f.path, ".resolvers.go") {
			continue
		}
		for _, decl := range f.ast.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && exportedReceiver(d) {
					explained(t, d.Pos(), d.Name.Name, d.Doc, true)
				}
			case *ast.GenDecl:
				explainedSpecs(t, d)
			}
		}
	}
}

// explainedSpecs looks at types, constants and variables; a comment over a group serves them all.
func explainedSpecs(t *testing.T, d *ast.GenDecl) {
	t.Helper()
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			doc, named := s.Doc, true
			if doc == nil {
				doc, named = d.Doc, !d.Lparen.IsValid()
			}
			if s.Name.IsExported() {
				explained(t, s.Pos(), s.Name.Name, doc, named)
			}
		case *ast.ValueSpec:
			doc := s.Doc
			if doc == nil {
				doc = s.Comment
			}
			if doc == nil {
				doc = d.Doc
			}
			for _, name := range s.Names {
				if name.IsExported() {
					explained(t, name.Pos(), name.Name, doc, false)
				}
			}
		}
	}
}

// exportedReceiver tells whether a function is none's method, or that of an exported type.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	expr := d.Recv.List[0].Type
	for {
		switch e := expr.(type) {
		case *ast.StarExpr:
			expr = e.X
		case *ast.IndexExpr:
			expr = e.X
		case *ast.IndexListExpr:
			expr = e.X
		case *ast.Ident:
			return e.IsExported()
		default:
			return true
		}
	}
}

// article lets an explanation begin with "A Seat is …" as well as with "Seat is …".
var article = regexp.MustCompile(`^(A|An|The) `)

func explained(t *testing.T, pos token.Pos, name string, doc *ast.CommentGroup, named bool) {
	t.Helper()
	text := article.ReplaceAllString(doc.Text(), "")
	if strings.TrimSpace(text) == "" || named && !strings.HasPrefix(text, name) {
		t.Errorf("%s: %s is not explained", positions.Position(pos), name)
	}
}

// Words that promise what is not there, and names that say nothing about what is inside.
func TestNoPromises(t *testing.T) {
	promise := regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`)
	for _, f := range allFiles(t) {
		if f.generated {
			continue
		}
		for _, group := range f.ast.Comments {
			if found := promise.FindString(group.Text()); found != "" {
				t.Errorf("%s: %s", positions.Position(group.Pos()), found)
			}
		}
		if base := f.pkg[strings.LastIndex(f.pkg, "/")+1:]; base == "util" || base == "utils" || base == "common" || base == "helpers" || base == "misc" {
			t.Errorf("%s: a package named %s", f.path, base)
		}
	}
}
