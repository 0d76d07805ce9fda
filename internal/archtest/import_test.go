package archtest

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// rooms says which of our packages each room may import (design.md §1): its own inside, and those named here with their
// inside. A package in no room fails the test, so a new one has to be placed knowingly.
var rooms = map[string][]string{
	".":                  {"internal/app"},
	"graph":              {"ent", "internal/fault", "internal/id", "internal/identity", "internal/licensing", "internal/operation", "internal/policy", "internal/query", "internal/remedy"},
	"ent":                {"internal/licensing"}, // the value types of its JSON columns
	"policies":           {},
	"docs/recipes":       {},
	"web":                {},
	"internal/archtest":  {},
	"internal/bench":     {}, // its tests start everything
	"internal/turn":      {},
	"internal/fault":     {"internal/licensing"},
	"internal/id":        {},
	"internal/licensing": {},
	"internal/identity":  {"internal/fault"},
	"internal/filter":    {},                                                                    // its tests read the tables of ent
	"internal/policy":    {"internal/filter", "internal/licensing", "policies", "docs/recipes"}, // the recipes only for tests
	"internal/sight":     {"internal/filter", "internal/policy"},
	"internal/store":     {"ent"},
	"internal/cost":      {},
	"internal/feed":      {"internal/fault"},
	"internal/remedy":    {"internal/fault", "internal/id", "internal/identity", "internal/licensing", "internal/operation", "internal/policy", "internal/store"},
	"internal/operation": {"ent", "internal/fault", "internal/feed", "internal/filter", "internal/id", "internal/identity", "internal/licensing", "internal/policy", "internal/replay",
		"internal/sight", "internal/store", "internal/turn"},
	"internal/replay": {"ent", "internal/fault", "internal/id", "internal/licensing", "internal/policy", "internal/store"},
	// It shows the payloads of operations, which know nothing of it.
	"internal/query": {"ent", "internal/cost", "internal/fault", "internal/filter", "internal/id", "internal/identity", "internal/licensing", "internal/operation", "internal/policy",
		"internal/remedy", "internal/replay", "internal/sight", "internal/store"},
	// It reads as the API does, and not otherwise.
	"internal/export": {"ent", "internal/cost", "internal/fault", "internal/query"},
	// It knows no SQL and no policy: commands and the reading side do.
	"internal/scim": {"internal/fault", "internal/id", "internal/identity", "internal/operation", "internal/query"},
	// It takes the path of every command again, and counts what came of it.
	"internal/history": {"internal/cost", "internal/fault", "internal/id", "internal/licensing", "internal/operation", "internal/policy", "internal/store"},
	// It speaks as commands do, and looks for what is there.
	"internal/demo": {"ent", "internal/fault", "internal/feed", "internal/id", "internal/identity", "internal/operation", "internal/store"},
	"internal/app": {"ent", "graph", "internal/demo", "internal/export", "internal/fault", "internal/feed", "internal/history", "internal/id", "internal/identity", "internal/licensing", "internal/operation",
		"internal/policy", "internal/query", "internal/replay", "internal/scim", "internal/store", "internal/turn", "policies", "web"},
}

// roomOf is the room a package is in: the longest that contains it.
func roomOf(path string) (string, bool) {
	best, found := "", false
	for room := range rooms {
		if within(path, room) && (!found || len(room) > len(best)) {
			best, found = room, true
		}
	}
	return best, found
}

func TestRooms(t *testing.T) {
	for _, p := range allPackages(t) {
		room, ok := roomOf(p.Path)
		if !ok {
			t.Errorf("package %s is in no room: give it one in rooms, with what it may import", p.Path)
			continue
		}
		for _, path := range p.Imports {
			if !isOurs(path) {
				continue
			}
			other, _ := roomOf(relative(path))
			if other != room && !slices.Contains(rooms[room], other) {
				t.Errorf("%s imports %s, which %s may not", p.Path, relative(path), room)
			}
		}
	}
}

// The rules themselves allow no circle.
func TestRoomsGoOneWay(t *testing.T) {
	const visiting, done = 1, 2
	state := map[string]int{}
	var visit func(room string, path []string)
	visit = func(room string, path []string) {
		switch state[room] {
		case visiting:
			t.Errorf("the rules allow a circle: %s", strings.Join(append(path, room), " → "))
			return
		case done:
			return
		}
		state[room] = visiting
		for _, next := range rooms[room] {
			if _, ok := rooms[next]; !ok {
				t.Errorf("room %s may import %s, which is no room", room, next)
			}
			visit(next, append(path, room))
		}
		state[room] = done
	}
	for room := range rooms {
		visit(room, nil)
	}
}

// reserved are imports that only some rooms may have. A name ending in / stands for everything below it.
var reserved = []struct {
	imports []string
	rooms   []string
	why     string
}{
	{[]string{"github.com/lib/pq", "modernc.org/sqlite", "github.com/jackc/", "github.com/mattn/go-sqlite3", "github.com/pressly/goose/", "ariga.io/"},
		[]string{"internal/store"}, "only store opens databases"},
	{[]string{module + "/ent/enttest", module + "/ent/migrate", module + "/ent/hook"},
		[]string{"ent", "internal/store", "internal/app/apptest"}, "they open databases, make tables or add behavior to them; apptest knows the names no answer may tell"},
	{[]string{"github.com/open-policy-agent/opa/"}, []string{"internal/policy"}, "only policy asks OPA"},
	{[]string{"github.com/99designs/gqlgen/graphql/handler", "github.com/99designs/gqlgen/graphql/handler/", "github.com/99designs/gqlgen/graphql/playground"},
		[]string{"graph"}, "only graph serves GraphQL"},
	{[]string{"github.com/99designs/gqlgen/graphql", "github.com/vektah/gqlparser/"},
		[]string{"graph", "internal/operation", "internal/app", "internal/demo", "internal/scim"}, "commands tell absent from null by graphql.Omittable, app holds the schema, and that is all"},
	{[]string{"database/sql"}, []string{"ent", "internal/store", "internal/operation", "internal/query", "internal/sight"},
		"graph and the rules know no SQL; operation, query and sight only scan rows"},
	{[]string{module + "/internal/store/storetest", module + "/internal/store/storetest/"}, []string{"internal/store", "internal/app/apptest"},
		"it is for tests"},
	{[]string{module + "/internal/app/apptest"}, nil, "it is for tests"},
}

func TestReservedImports(t *testing.T) {
	for _, p := range allPackages(t) {
		for _, path := range p.Imports {
			for _, r := range reserved {
				allowed := slices.ContainsFunc(r.rooms, func(room string) bool { return within(p.Path, room) })
				if matches(path, r.imports) && !allowed {
					t.Errorf("%s imports %s: %s", p.Path, path, r.why)
				}
			}
		}
	}
}

func matches(path string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		return path == p || strings.HasSuffix(p, "/") && strings.HasPrefix(path, p)
	})
}

// The arithmetic of licenses is pure: no context, no time of its own making, nothing that reads or waits.
func TestLicensingIsPure(t *testing.T) {
	forbidden := []string{"context", "database/sql", "database/", "net", "net/", "os", "os/", "io", "io/", "log", "log/", "sync", "sync/", "math/rand", "math/rand/",
		"github.com/", "entgo.io/", "golang.org/"}
	for _, p := range allPackages(t) {
		if !within(p.Path, "internal/licensing") {
			continue
		}
		for _, path := range p.Imports {
			if matches(path, forbidden) && !isOurs(path) {
				t.Errorf("%s imports %s", p.Path, path)
			}
		}
	}
}

// openers are the functions that open a database, by package and name.
var openers = map[string][]string{
	"database/sql":             {"Open", "OpenDB", "Register"},
	"entgo.io/ent/dialect/sql": {"Open", "OpenDB"},
	module + "/ent":            {"Open", "NewClient"},
	"github.com/lib/pq":        {"NewConnector", "NewConnectorConfig", "Open"},
	module + "/internal/store": {"Open"},
}

// Only store opens databases, and only app opens the store; tests go through storetest.
func TestOnlyStoreOpens(t *testing.T) {
	for _, f := range allFiles(t) {
		if f.generated || within(f.pkg, "internal/store") || within(f.pkg, "ent") || within(f.pkg, "internal/bench") {
			continue // the plain ways that bench measures beside ours go to the database directly
		}
		names := importNames(f.ast)
		ast.Inspect(f.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			id, ok := sel.X.(*ast.Ident)
			if !ok || !slices.Contains(openers[names[id.Name]], sel.Sel.Name) {
				return true
			}
			if names[id.Name] == module+"/internal/store" && (within(f.pkg, "internal/app") || f.test) {
				return true
			}
			t.Errorf("%s: %s.%s", positions.Position(sel.Pos()), names[id.Name], sel.Sel.Name)
			return true
		})
	}
}

// importNames maps the name by which a file calls a package to the package's path.
func importNames(f *ast.File) map[string]string {
	names := map[string]string{}
	for _, spec := range f.Imports {
		path := strings.Trim(spec.Path.Value, `"`)
		name := path[strings.LastIndex(path, "/")+1:]
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = path
	}
	return names
}
