package sight_test

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"entgo.io/ent/dialect"

	"github.com/ringfence/ringfence/internal/filter"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/sight"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

// The translation of list rules is right if it shows exactly the rows for which the rule holds, whatever is missing in them. Here are
// random rules on random rows, for several principals: what each database finds is held against the rule, asked row by row of OPA.

const (
	leastChecks  = 5_000
	rulesPerKind = 45
	rowsPerTable = 24
)

// tried are the types whose lists are tried; the tables of their relations come along.
var tried = []string{"license", "contract", "seat", "user", "allocation"}

func TestTheTranslationIsExact(t *testing.T) {
	seed := [2]uint64{4, 8}
	if given := os.Getenv("RINGFENCE_SEED"); given != "" {
		if _, err := fmt.Sscan(given, &seed[0]); err != nil {
			t.Fatal(err)
		}
	}
	checks, refused, translated := 0, 0, 0
	for _, d := range storetest.Dialects {
		t.Run(d, func(t *testing.T) {
			g := &generator{Rand: rand.New(rand.NewPCG(seed[0], seed[1]))}
			w := g.world(t, d)
			for range rulesPerKind {
				for _, kind := range tried {
					text := g.rules(kind)
					p, problems := policy.Build(t.Context(), policy.Files{"p.rego": text}, policy.Limits{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
					if len(problems) > 0 {
						refused++
						mustBeOfARow(t, text, problems)
						continue
					}
					translated++
					checks += w.compare(t, p, kind, text)
				}
			}
		})
	}
	t.Logf("%d checks of %d rules, %d refused", checks, translated, refused)
	if checks < leastChecks || refused > translated {
		t.Errorf("%d checks of %d rules, and %d refused: too few to tell", checks, translated, refused)
	}
}

// mustBeOfARow holds a refusal to its promise: it has a place, and is no difference that only the gate found.
func mustBeOfARow(t *testing.T, text string, problems []policy.Problem) {
	t.Helper()
	for _, p := range problems {
		if p.Row == 0 || strings.Contains(p.Message, "differs") {
			t.Errorf("%v\n%s", p, text)
		}
	}
}

var askers = []policy.Principal{
	{},
	{Name: "K", UserID: 3},
	{Name: "ä", UserID: 5, DelegateOf: true, Reach: policy.Reach{
		Allotments: []int64{1, 2, 5, 9}, Licenses: []int64{2, 4}, Groups: []int64{1}, Departments: []string{"a", "ä"}, Countries: []string{"b"},
	}},
	{Name: "a%b", Roles: []string{"AUDITOR"}, UserID: 4},
}

// world is a small database, and its rows in memory.
type world struct {
	db     sight.Database
	tables map[string][]filter.Row // by name of the table
}

func (w *world) compare(t *testing.T, p *policy.Policy, kind, text string) int {
	t.Helper()
	table, _ := filter.Find(kind)
	var keys []int64
	for _, row := range w.tables[table.Name] {
		keys = append(keys, row.Values["id"].(int64))
	}
	n := 0
	for _, who := range askers {
		view, err := p.Visibility(t.Context(), who)
		if err != nil {
			t.Fatal(err)
		}
		listed := view.Listed(kind)
		found, err := sight.Seen(t.Context(), w.db, kind, listed, keys)
		if err != nil {
			t.Fatalf("%v\n%s\n%s", err, filter.Describe(listed), text)
		}
		for _, row := range w.tables[table.Name] {
			n++
			whole := w.whole(table, row, 2)
			want, err := p.Shows(t.Context(), who, kind, whole)
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			if got := slices.Contains(found, row.Values["id"].(int64)); got != want {
				t.Errorf("the database shows it: %v, the rule: %v\n%+v\n%s\n%s", got, want, whole, filter.Describe(listed), text)
			}
			if got := filter.Holds(listed, whole) == filter.Yes; got != want {
				t.Errorf("the filter holds: %v, the rule: %v\n%+v\n%s\n%s", got, want, whole, filter.Describe(listed), text)
			}
			if t.Failed() {
				t.FailNow()
			}
		}
	}
	return n
}

// whole is a row with what is related to it, as deep as rules go.
func (w *world) whole(table *filter.Table, row filter.Row, depth int) filter.Row {
	row.Related = map[string][]filter.Row{}
	if depth == 0 {
		return row
	}
	for _, name := range table.Relations() {
		relation, _ := table.Relation(name)
		for _, other := range w.tables[relation.To.Name] {
			if relation.Joins(row, other) {
				row.Related[name] = append(row.Related[name], w.whole(relation.To, other, depth-1))
			}
		}
	}
	return row
}

// generator makes rows and rules.
type generator struct {
	*rand.Rand
	helpers []string
	names   int
}

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

var (
	someTexts  = []string{"", "a", "A", "ab", "b", "ä", "Ä", "é", "e\u0301", "%", "_", "a%b", "a_b", "'", `\`, `"`, "k", "K", "\u212a", "i", "\u0130", "10", "9", "ﬀ", "x", "日本"}
	someCounts = []int64{0, 1, 2, 3, 4, 5, 9, -1, 10, 1 << 53, 1<<53 + 1, 1<<63 - 1, -1 << 63}
)

// world makes the tables of the types that are tried, and of what is related to them, without any constraint: rows are missing, and
// lead to rows that are not there.
func (g *generator) world(t *testing.T, d string) *world {
	t.Helper()
	db := storetest.Raw(t, d, storetest.Empty(t, d))
	w := &world{db: sight.Database{Dialect: d, Query: db.QueryContext}, tables: map[string][]filter.Row{}}
	for _, kind := range filter.Kinds() {
		table, _ := filter.Find(kind)
		g.table(t, db, d, w, table)
		for _, name := range table.Relations() {
			relation, _ := table.Relation(name)
			g.table(t, db, d, w, relation.To)
		}
	}
	return w
}

func (g *generator) table(t *testing.T, db *sql.DB, d string, w *world, table *filter.Table) {
	t.Helper()
	if table.Name == "" || w.tables[table.Name] != nil {
		return
	}
	types := map[filter.Type]string{filter.Text: "varchar", filter.Count: "bigint", filter.Bool: "boolean"}
	if d == dialect.SQLite {
		types = map[filter.Type]string{filter.Text: "text", filter.Count: "integer", filter.Bool: "bool"}
	}
	var columns, places []string
	for i, name := range table.Columns() {
		c, _ := table.Column(name)
		columns = append(columns, fmt.Sprintf("%q %s", name, types[c.Type]))
		places = append(places, fmt.Sprintf("$%d", i+1))
	}
	must(t, db, fmt.Sprintf("CREATE TABLE %q (%s)", table.Name, strings.Join(columns, ", ")))
	for id := range int64(rowsPerTable) {
		row := filter.Row{Values: map[string]any{}}
		args := make([]any, 0, len(columns))
		for _, name := range table.Columns() {
			c, _ := table.Column(name)
			switch {
			case name == "id":
				row.Values[name] = id + 1
			case c.Nullable && g.IntN(3) == 0:
			case strings.HasSuffix(name, "_id") && c.Type == filter.Count:
				row.Values[name] = g.Int64N(rowsPerTable / 3)
			default:
				row.Values[name] = g.value(c)
			}
			args = append(args, row.Values[name])
		}
		must(t, db, fmt.Sprintf("INSERT INTO %q VALUES (%s)", table.Name, strings.Join(places, ", ")), args...)
		w.tables[table.Name] = append(w.tables[table.Name], row)
	}
}

func (g *generator) value(c *filter.Column) any {
	switch c.Type {
	case filter.Bool:
		return g.IntN(2) == 0
	case filter.Count:
		return pick(g, someCounts...)
	case filter.Text:
	}
	if c.Words != nil {
		return pick(g, c.Words...)
	}
	return pick(g, someTexts...)
}

func must(t testing.TB, db *sql.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(context.Background(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
