package app_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
)

// oddTexts are texts that are somewhere more than text, or less.
var oddTexts = []string{
	"", " ", "a\tb\nc", "\u0001\u001b[31m", "\u202etxet\u202c", "שלום עולם", "👩‍👩‍👧‍👦 e\u0301 ﷽", "ß ı İ ſ K", "Ω\uFEFF", "\ufffd",
	"'; DROP TABLE users; --", `" OR 1=1`, `\`, "%_%", "{a,b}", "NULL", "$1 ? :name", "<script>alert(1)</script>", "{{7*7}}", "../../passwords",
	strings.Repeat("x", 100_000), strings.Repeat("語", 3000),
}

// oddValues are values of the scalars that are out of range, or nonsense.
var oddValues = map[string][]any{
	"String":  anys(oddTexts),
	"ID":      anys(append(slices.Clone(oddTexts), "usr", "usr_", "_1", "usr_-1", "usr_0", "usr_zzzzzzzzzzzzz", "usr_1y2p0ij32e8e7", "lic_1", "USR_1", "usr_01", "dec_1")),
	"Int":     {-1, 0, 1, 2147483647, -2147483648},
	"Float":   {-1, 1e300},
	"Date":    anys([]string{"", "2026-02-30", "0000-00-00", "0001-01-01", "9999-12-31", "10000-01-01", "2026-1-1", "yesterday", "2026-01-01T00:00:00Z", "-2026-01-01"}),
	"Time":    anys([]string{"", "2026-02-30T00:00:00Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "2026-01-01", "now", "2026-01-01T00:00:00+99:99"}),
	"Decimal": anys([]string{"", "-1", "1e9", "NaN", "1,5", "0.0000000000001", strings.Repeat("9", 400)}),
	"Boolean": {true, false},
}

func anys(texts []string) []any {
	out := make([]any, len(texts))
	for i, text := range texts {
		out[i] = text
	}
	return out
}

// told are the codes that tell a caller what is wrong with what they sent.
var toldApart = []string{invalid, missing, "POLICY_DENIED", "CONFLICT", tooComplex}

// Whatever stands in a field of an input, the answer says what is wrong with it, or that it was done: of every field there is.
func TestOddInputs(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		schema := s.Schema.Schema()
		sent := 0
		for _, a := range naming {
			input := schema.Types[schema.Mutation.Fields.ForName(a.mutation).Arguments[0].Type.Name()]
			document := strings.Replace(s.mutation(a.mutation), everything(schema, schema.Mutation.Fields.ForName(a.mutation).Type.Name(), 3), "{ dryRun }", 1)
			for _, f := range input.Fields {
				for _, value := range odd(schema, f.Type) {
					sent++
					key := in{f.Name: value}
					if f.Name != "dryRun" && f.Name != "idempotencyKey" {
						key["dryRun"] = true
					}
					if f.Name == "dryRun" {
						continue
					}
					s.answered(document, in{"input": with(a.input, in{"dryRun": true}, key)})
				}
			}
		}
		for _, list := range rootLists(schema) {
			for _, argument := range list.Arguments {
				document := fmt.Sprintf("query($v: %s) { %s(%s: $v) { totalCount nodes { id } } }", argument.Type, list.Name, argument.Name)
				for _, value := range odd(schema, argument.Type) {
					sent++
					s.answered(document, in{"v": value})
				}
			}
		}
		t.Logf("%d odd values", sent)
		if sent < 1000 {
			t.Errorf("only %d odd values were sent", sent)
		}
	})
}

// odd gives odd values of a type: of a list, each on its own and many together; of an object, each of its fields in turn.
func odd(schema *ast.Schema, of *ast.Type) []any {
	inner := schema.Types[of.Name()]
	var values []any
	switch inner.Kind {
	case ast.Enum:
		values = anys([]string{inner.EnumValues[0].Name, "NOTHING", ""})
	case ast.InputObject:
		for _, f := range inner.Fields {
			for _, value := range odd(schema, f.Type) {
				values = append(values, in{f.Name: value})
			}
		}
	default:
		values = oddValues[inner.Name]
	}
	if of.Elem == nil {
		return append(slices.Clone(values), nil)
	}
	lists := []any{[]any{}, slices.Repeat(values[:1], 10_001)}
	for _, value := range values {
		lists = append(lists, []any{value}, []any{value, value})
	}
	return lists
}

// answered fails unless a request is done or refused for what is wrong with it.
func (s *stage) answered(document string, variables in) {
	s.Helper()
	answer := s.send(s.Admin(), document, variables)
	for _, e := range answer.Errors {
		if !slices.Contains(toldApart, e.Extensions.Code) {
			s.Errorf("%s: %.500s\nfor %s %.300s", e.Extensions.Code, answer.Raw, document, fmt.Sprint(variables))
			return
		}
	}
	if len(answer.Raw) > largestAnswer {
		s.Errorf("%d bytes are answered to %s", len(answer.Raw), document)
	}
}

// What people write in their own script is kept as they wrote it, and found again.
func TestTextsAreKept(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		for i, text := range oddTexts {
			name := fmt.Sprintf("%d %s", i, text)
			answer := s.send(s.Admin(), s.mutation("createVendor"), in{"input": in{"name": name}})
			if strings.ContainsAny(text, "\u0001\u001b") || len(text) > 300 {
				if len(answer.Errors) == 0 || answer.Errors[0].Extensions.Code != invalid || answer.Errors[0].Extensions.Field != "name" {
					t.Errorf("%.60q: %.300s", name, answer.Raw)
				}
				continue
			}
			if got := s.data(answer).at("answer", "vendor", "name"); got != name {
				t.Errorf("%q became %q: %s", name, got, answer.Raw)
				continue
			}
			found := s.ask(s.Admin(), `query($name: String!) { vendors(where: { name: { eq: $name } }) { totalCount nodes { name } } }`, in{"name": name})
			if found.at("vendors", "totalCount") != 1.0 || found.at("vendors", "nodes", 0, "name") != name {
				t.Errorf("%q is not found: %v", name, found)
			}
		}
	})
}

// Pages are between 0 and 100, from one end, and begin where a cursor says that the service itself gave for that order.
func TestOddPages(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		forge := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
		cursor, _ := s.ask(s.Admin(), `{ users(first: 1, orderBy: { field: USER_NAME }) { pageInfo { endCursor } } }`, nil).at("users", "pageInfo", "endCursor").(string)
		for arguments, field := range map[string]string{
			`first: -1`: "first", `first: 101`: "first", `last: -1`: "last", `last: 101`: "last", `first: 1, last: 1`: "last",
			`after: ""`: "", `after: "x"`: "after", `before: "x"`: "before", `after: "` + strings.Repeat("A", 100_000) + `"`: "after",
			`after: "` + cursor + `"`:                                                           "after", // of another order
			`after: "` + cursor[:len(cursor)-2] + `"`:                                           "after",
			`after: "` + forge(`["id","1' OR '1'='1"]`) + `"`:                                   "after",
			`after: "` + forge(`["id","-1"]`) + `"`:                                             "",
			`after: "` + forge(`["id",null]`) + `"`:                                             "after",
			`after: "` + forge(strings.Repeat("[", 900)) + `"`:                                  "after",
			`after: "` + forge(`["createdAt","9e999"]`) + `"`:                                   "after",
			`after: "` + forge("[\"id\",\"1\u0000\"]") + `"`:                                    "after",
			`after: "` + forge("\xff\xfe") + `", before: "x"`:                                   "after",
			`orderBy: { field: USER_NAME }, after: "` + forge(`["userName","x","1","1"]`) + `"`: "after",
		} {
			answer := s.send(s.Admin(), `{ users(`+arguments+`) { nodes { id } } }`, nil)
			switch {
			case field == "" && len(answer.Errors) > 0, field != "" && len(answer.Errors) == 0:
				t.Errorf("users(%.100s): %.300s", arguments, answer.Raw)
			case field != "" && (answer.Errors[0].Extensions.Code != invalid || answer.Errors[0].Extensions.Field != field):
				t.Errorf("users(%.100s): %.300s", arguments, answer.Raw)
			}
		}
	})
}
