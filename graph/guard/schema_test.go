package guard

import (
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
)

// testSchema has an interface, a union, objects whose fields agree and do not, lists with and without pages.
var testSchema = gqlparser.MustLoadSchema(&ast.Source{Name: "test.graphql", Input: `
	interface Pool { id: ID! limit: Int used: Int! self: Pool parent: License seats(first: Int, last: Int): SeatConnection! }
	type License implements Pool {
		id: ID! limit: Int used: Int! self: License parent: License x: Int! y: String list: [Int] a: License b: Allotment
		seats(first: Int, last: Int): SeatConnection!
		rows(first: Int = 100): [Seat!]!
	}
	type Allotment implements Pool {
		id: ID! limit: Int used: Int! self: Allotment parent: License x: Int y: String list: [Int!] a: Allotment b: License
		seats(first: Int, last: Int): SeatConnection!
	}
	union Any = License | Allotment
	type SeatConnection { edges: [SeatEdge!]! nodes: [Seat!]! totalCount: Int! }
	type SeatEdge { node: Seat! }
	type Seat { id: ID! pool: Pool! reasons: [Seat!]! }
	type Query {
		pool: Pool any: Any license: License allotment: Allotment
		pools(ids: [ID!]): [Pool]!
		arg(n: Int, o: In, l: [Int]): License
	}
	input In { n: Int o: In }
`})

func parse(t testing.TB, text string) *ast.QueryDocument {
	t.Helper()
	doc, err := parser.ParseQuery(&ast.Source{Input: text})
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return doc
}

// valid parses and validates a document that must be valid.
func valid(t testing.TB, text string) *ast.QueryDocument {
	t.Helper()
	doc := parse(t, text)
	if errs := validator.ValidateWithRules(testSchema, doc, validationRules()); len(errs) > 0 {
		t.Fatalf("%v in %s", errs, text)
	}
	return doc
}
