package graph_test

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/graph"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/remedy"
	"github.com/ringfence/ringfence/internal/store"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

// Every mutation can be tried, and is done to something of which can be asked whether the viewer may.
func TestEveryOperationIsRehearsed(t *testing.T) {
	var mutations, done []string
	for _, field := range graph.New(&graph.Resolver{}).Schema().Mutation.Fields {
		mutations = append(mutations, field.Name)
	}
	for _, noun := range append(id.Nouns(), "") {
		done = append(done, operation.DoneTo(noun)...)
	}
	for _, mutation := range mutations {
		if !slices.Contains(operation.Actions(), mutation) {
			t.Errorf("%s cannot be tried", mutation)
		}
		if !slices.Contains(done, mutation) {
			t.Errorf("nothing tells whether the viewer may %s", mutation)
		}
	}
}

// Every code of the default policy has a cure, or a reason why there is none.
func TestEveryCodeHasARemedyOrAReason(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../internal/licensing/violation.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	ast.Inspect(file, func(node ast.Node) bool {
		literal, is := node.(*ast.BasicLit)
		if !is || literal.Kind != token.STRING || literal.Value[0] != '"' {
			return true
		}
		code, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		if n++; !remedy.Covers(code) {
			t.Errorf("%s has neither a cure nor a reason why there is none", code)
		}
		return true
	})
	if n < 14 {
		t.Errorf("only %d codes were found", n)
	}
}

func TestEveryKindOfRemedyIsInTheSchema(t *testing.T) {
	var kinds, known []string
	for _, value := range graph.New(&graph.Resolver{}).Schema().Types["RemedyKind"].EnumValues {
		kinds = append(kinds, value.Name)
	}
	for _, kind := range remedy.Kinds() {
		known = append(known, string(kind))
	}
	slices.Sort(kinds)
	slices.Sort(known)
	if !slices.Equal(kinds, known) {
		t.Errorf("the schema has %v, remedies have %v", kinds, known)
	}
}

// Whether the viewer may costs the same number of statements however many things are on a page.
func TestPermissionStatementsDoNotGrow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		e := build(t, s)
		write(t, s, func(ctx context.Context, c *ent.Client) { crowd(&builder{ctx, c, e}) })
		a := open(t, s)
		count := func(allotments int) int64 {
			a.statements.Store(0)
			got := a.ask(root, `query($n: Int) { allotments(first: $n) { nodes {
				assign: viewerCan(action: "assignSeats") { allowed violations { code } } update: viewerCan(action: "updateAllotment") { allowed } } } }`, object{"n": allotments})
			if nodes, _ := got.at("allotments", "nodes").([]any); len(nodes) != allotments {
				t.Fatalf("%d allotments, want %d", len(nodes), allotments)
			}
			return a.statements.Load()
		}
		if small, large := count(3), count(24); small != large {
			t.Errorf("%d statements for 3 allotments, %d for 24", small, large)
		}
	})
}
