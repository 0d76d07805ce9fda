package guard

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"github.com/ringfence/ringfence/internal/fault"
)

// TestEachLimitIsExact measures documents at a limit and one beyond it; what is refused names the limit and the figure.
func TestEachLimitIsExact(t *testing.T) {
	limits := Limits{Depth: 4, Aliases: 3, RootFields: 2, Fields: 12, Spreads: 2, Directives: 1, Name: 8}
	deep := func(n int) string {
		return strings.Repeat("{ self ", n-1) + "{ id }" + strings.Repeat("}", n-1)
	}
	levels := func(n int) string {
		return "{ license { " + strings.Repeat("... { ", n-2) + "id" + strings.Repeat(" }", n-2) + " } }"
	}
	for name, c := range map[string]struct{ fits, exceeds, says string }{
		"depth": {deep(4), deep(5), "depth 5, the limit is 4"},
		"depth through fragments": {
			"{ license { ...f } } fragment f on License { self { self { id } } }",
			"{ license { ...f } } fragment f on License { self { self { self { id } } } }", "depth 5, the limit is 4",
		},
		"nested sets": {levels(8), levels(9), "nested selection sets 9, the limit is 8"},
		"aliases": {
			"{ license { a: id b: id c: id id: id } }",
			"{ license { a: id b: id c: id d: id } }", "aliases 4, the limit is 3",
		},
		"root fields": {
			"query a { license { id } license { id } } query b { license { id } }",
			"query a { license { id } license { id } ...f } fragment f on Query { license { id } }", "root fields 3, the limit is 2",
		},
		"fields": {
			"{ license { " + strings.Repeat("id ", 11) + "} }",
			"{ license { " + strings.Repeat("id ", 12) + "} }", "fields after expansion 13, the limit is 12",
		},
		"fields of fragments": {
			"{ license { id } } fragment f on License { " + strings.Repeat("id ", 12) + "}",
			"{ license { id } } fragment f on License { " + strings.Repeat("id ", 13) + "}", "fields after expansion 13, the limit is 12",
		},
		"spreads": {
			"{ license { ...f ...f self { ...f ...f } } } fragment f on License { id }",
			"{ license { ...f ...f ... { id } } } fragment f on License { id }", "fragment spreads in one selection set 3, the limit is 2",
		},
		"directives": {
			"{ license @skip(if: false) { id @skip(if: false) } }",
			"{ license @skip(if: false) @include(if: true) { id } }", "directives in one place 2, the limit is 1",
		},
		"literals": {
			"{ arg(l: [[[[1]]]]) { id } }", "{ arg(l: [[[[[1]]]]]) { id } }", "nested values 5, the limit is 4",
		},
		"names of fields":     {"{ eight__8: id }", "{ nine____9: id }", "bytes of a name 9, the limit is 8"},
		"names of operations": {"query eight__8 { id }", "query nine____9 { id }", "bytes of a name 9, the limit is 8"},
		"names of variables":  {"query q($eight__8: Int) { id }", "query q($nine____9: Int) { id }", "bytes of a name 9, the limit is 8"},
		"names of types":      {"query q($v: [eight__8]) { id }", "query q($v: [nine____9]) { id }", "bytes of a name 9, the limit is 8"},
		"names of enums":      {"{ id(a: [eight__8]) }", "{ id(a: [nine____9]) }", "bytes of a name 9, the limit is 8"},
		"names in objects":    {"{ id(a: {eight__8: 1}) }", "{ id(a: {nine____9: 1}) }", "bytes of a name 9, the limit is 8"},
		"names of directives": {"{ id @eight__8 }", "{ id @nine____9 }", "bytes of a name 9, the limit is 8"},
		"names of fragments":  {"{ id } fragment eight__8 on T { id }", "{ id } fragment f on nine____9 { id }", "bytes of a name 9, the limit is 8"},
		"names of spreads":    {"{ ...eight__8 ... on eight__8 { id } }", "{ ... on nine____9 { id } }", "bytes of a name 9, the limit is 8"},
		"list types": {
			"query q($l: [[[[Int]]]]) { arg(l: $l) { id } }", "query q($l: [[[[[Int]]]]]) { arg(l: $l) { id } }",
			"nested list types 5, the limit is 4",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := checkShape(parse(t, c.fits), limits); err != nil {
				t.Errorf("refused at the limit: %v", err)
			}
			err := checkShape(parse(t, c.exceeds), limits)
			if err == nil || err.Code != fault.TooComplex || !strings.HasSuffix(err.Message, c.says) {
				t.Errorf("got %v, want TOO_COMPLEX: %s", err, c.says)
			}
		})
	}
}

// introspection is what GraphiQL and code generators send first (getIntrospectionQuery of graphql-js).
const introspection = `query IntrospectionQuery { __schema {
	description queryType { name kind } mutationType { name kind } subscriptionType { name kind }
	types { ...FullType } directives { name description isRepeatable locations args(includeDeprecated: true) { ...InputValue } } } }
	fragment FullType on __Type { kind name description specifiedByURL
		fields(includeDeprecated: true) { name description args(includeDeprecated: true) { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason }
		inputFields(includeDeprecated: true) { ...InputValue } interfaces { ...TypeRef }
		enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } possibleTypes { ...TypeRef } }
	fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue isDeprecated deprecationReason }
	fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name
		ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } } } }`

func TestIntrospectionFits(t *testing.T) {
	doc := valid(t, introspection)
	limits := DefaultLimits()
	if err := checkShape(doc, limits); err != nil {
		t.Error(err)
	}
	if cost := costOf(doc.Operations[0], nil); cost > limits.Cost {
		t.Errorf("cost %d, the limit is %d", cost, limits.Cost)
	}
}

func TestCost(t *testing.T) {
	number := func(s string) any { return json.Number(s) }
	for name, c := range map[string]struct {
		text      string
		variables map[string]any
		want      int
	}{
		"a leaf":                         {"{ __typename }", nil, 1},
		"objects":                        {"{ license { id self { id } } }", nil, 4},
		"a page":                         {"{ license { seats(first: 7) { totalCount } } }", nil, 2 + 7},
		"the last ones":                  {"{ license { seats(last: 7) { totalCount } } }", nil, 2 + 7},
		"first and last":                 {"{ license { seats(first: 3, last: 7) { totalCount } } }", nil, 2 + 7},
		"a page of the default size":     {"{ license { seats { totalCount } } }", nil, 2 + 20},
		"null is the default":            {"{ license { seats(first: null) { totalCount } } }", nil, 2 + 20},
		"edges are not multiplied again": {"{ license { seats(first: 7) { edges { node { id } } } } }", nil, 2 + 7*3},
		"nor are nodes":                  {"{ license { seats(first: 7) { nodes { id } } } }", nil, 2 + 7*2},
		"a list without pages":           {"{ license { seats(first: 1) { nodes { reasons { id } } } } }", nil, 2 + 1 + 1 + 10},
		"a list of ids":                  {`{ pools(ids: ["a", "b", "c"]) { id } }`, nil, 1 + 3},
		"a list without ids":             {"{ pools { id } }", nil, 1 + 10},
		"a variable":                     {"query q($n: Int) { license { seats(first: $n) { totalCount } } }", map[string]any{"n": int64(9)}, 2 + 9},
		"a variable as it came":          {"query q($n: Int) { license { seats(first: $n) { totalCount } } }", map[string]any{"n": number("9")}, 2 + 9},
		"a missing variable":             {"query q($n: Int) { license { seats(first: $n) { totalCount } } }", nil, 2 + 20},
		"the schema's default":           {"{ license { rows { id } } }", nil, 2 + 100},
		"null is the schema's default":   {"{ license { rows(first: null) { id } } }", nil, 2 + 100},
		"less than the schema's default": {"{ license { rows(first: 3) { id } } }", nil, 2 + 3},
		"a variable's default":           {"query q($n: Int = 5) { license { seats(first: $n) { totalCount } } }", nil, 2 + 5},
		"a list variable":                {"query q($i: [ID!]) { pools(ids: $i) { id } }", map[string]any{"i": []any{"a", "b"}}, 1 + 2},
		"less than nothing":              {"{ license { seats(first: -5) { totalCount } } }", nil, 2 + 20},
		"none at all":                    {"{ license { seats(first: 0) { totalCount } } }", nil, 2 + 1},
		"fragments":                      {"{ license { ...f self { ...f } } } fragment f on License { seats(first: 3) { totalCount } }", nil, 1 + 4 + 1 + 4},
		"inline fragments":               {"{ pool { ... on License { x y } ... on Allotment { p: x q: y } } }", nil, 5},
		"pages of pages":                 {"{ license { seats(first: 10) { nodes { pool { seats(first: 10) { nodes { id } } } } } } }", nil, 2 + 10*(2+1+10*2)},
	} {
		t.Run(name, func(t *testing.T) {
			if got := costOf(valid(t, c.text).Operations[0], c.variables); got != c.want {
				t.Errorf("cost %d, want %d", got, c.want)
			}
		})
	}
}

func TestCostSaturates(t *testing.T) {
	text := "{ license " + strings.Repeat("{ seats(first: 2147483647) { nodes { pool ", 6) + "{ id }" + strings.Repeat("} } }", 6) + " }"
	if got := costOf(valid(t, text).Operations[0], nil); got != saturated {
		t.Errorf("cost %d, want %d", got, saturated)
	}
}

func TestDocumentsAreBoundedByBytes(t *testing.T) {
	ctx := context.Background()
	text := func(i int) string { return fmt.Sprintf("query q%05d { license { id } }", i) }
	weight := weigh(text(0), parse(t, text(0)))
	d := NewDocuments(100 * weight)
	for i := range 1000 {
		d.Add(ctx, text(i), parse(t, text(i)))
		d.Add(ctx, text(i), parse(t, text(i))) // twice is once
		d.Get(ctx, text(0))                    // stays, because it is used
	}
	if d.kept.Len() != 100 || d.weight != 100*weight {
		t.Errorf("%d documents with %d bytes are kept, want 100 with %d", d.kept.Len(), d.weight, 100*weight)
	}
	for i, want := range map[int]bool{0: true, 1: false, 899: false, 999: true} {
		if _, kept := d.Get(ctx, text(i)); kept != want {
			t.Errorf("document %d is kept: %v, want %v", i, kept, want)
		}
	}
	large := "{ license { " + strings.Repeat("id ", 100) + "} }"
	d.Add(ctx, large, parse(t, large))
	if _, kept := d.Get(ctx, large); kept {
		t.Error("a document of more than a sixteenth of the cache is kept")
	}
}

// TestDocumentsWeighWhatTheyTake compares the weights with the heap, for documents of each kind an attacker could choose.
func TestDocumentsWeighWhatTheyTake(t *testing.T) {
	for name, text := range map[string]string{
		"small":      "{ license { id } }",
		"fields":     "{ license { " + strings.Repeat("x ", 2000) + "} }",
		"arguments":  "{ " + strings.Repeat("arg(n: 1) { x } ", 400) + "}",
		"values":     "{ arg(l: [" + strings.Repeat("1 ", 5000) + "]) { x } }",
		"objects":    "{ arg(o: " + strings.Repeat("{o: ", 15) + "{n: 1}" + strings.Repeat("}", 15) + ") { x } }",
		"directives": "{ license { " + strings.Repeat("x @skip(if: false) ", 1000) + "} }",
		"inline":     "{ license { " + strings.Repeat("... { x } ", 1000) + "} }",
		"variables":  "query q(" + strings.Repeat("$n: Int = 1 ", 1000) + ") { arg(n: $n) { x } }",
		"comments":   "{ license { " + strings.Repeat("#\nx ", 1000) + "} }",
		"text":       `{ arg(l: "` + strings.Repeat("a", 100_000) + `") { x } }`,
	} {
		t.Run(name, func(t *testing.T) {
			const copies = 20
			docs := make([]*ast.QueryDocument, copies)
			before := heap()
			for i := range docs {
				docs[i] = parse(t, strings.Clone(text))
			}
			taken := (heap() - before) / copies
			weight := weigh(text, docs[0])
			runtime.KeepAlive(docs)
			t.Logf("takes %d bytes, weighs %d", taken, weight)
			if taken > weight*3/2 || taken < weight/8 {
				t.Errorf("a document of %d bytes on the heap weighs %d", taken, weight)
			}
		})
	}
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// FuzzShape feeds anything that parses to the pass that must survive everything.
func FuzzShape(f *testing.F) {
	f.Add("{ a { ...b } } fragment b on T { c { ...b } }")
	f.Add(introspection)
	f.Fuzz(func(t *testing.T, text string) {
		doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: text}, 1000)
		if err != nil {
			t.Skip()
		}
		_ = checkShape(doc, DefaultLimits())
		weigh(text, doc)
	})
}

func BenchmarkCheckShape(b *testing.B) {
	doc := valid(b, introspection)
	for b.Loop() {
		if err := checkShape(doc, DefaultLimits()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCostOf(b *testing.B) {
	doc := valid(b, "query q($n: Int) { license { id seats(first: $n) { nodes { id pool { id used limit } } } } }")
	variables := map[string]any{"n": int64(25)}
	for b.Loop() {
		costOf(doc.Operations[0], variables)
	}
}
