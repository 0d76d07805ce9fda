package scalar_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/ringfence/ringfence/graph/scalar"
	"github.com/ringfence/ringfence/internal/fault"
)

func written(m graphql.Marshaler) string {
	var b strings.Builder
	m.MarshalGQL(&b)
	return b.String()
}

// What is read is written the same; what is no value of the scalar is INVALID_INPUT.
func TestScalars(t *testing.T) {
	read := map[string]func(v any) (graphql.Marshaler, error){
		"Int": func(v any) (graphql.Marshaler, error) {
			n, err := scalar.UnmarshalInt(v)
			return scalar.MarshalInt(n), err
		},
		"Int64": func(v any) (graphql.Marshaler, error) {
			n, err := scalar.UnmarshalInt64(v)
			return scalar.MarshalInt64(n), err
		},
		"Time": func(v any) (graphql.Marshaler, error) {
			at, err := scalar.UnmarshalTime(v)
			return scalar.MarshalTime(at), err
		},
		"Date": func(v any) (graphql.Marshaler, error) {
			d, err := scalar.UnmarshalDate(v)
			return scalar.MarshalDate(d), err
		},
		"Decimal": func(v any) (graphql.Marshaler, error) {
			d, err := scalar.UnmarshalDecimal(v)
			return scalar.MarshalDecimal(d), err
		},
		"JSON": func(v any) (graphql.Marshaler, error) {
			j, err := scalar.UnmarshalJSON(v)
			return scalar.MarshalJSON(j), err
		},
	}
	for _, c := range []struct {
		kind string
		in   any
		want string // empty: refused
	}{
		{"Int", int64(7), "7"},
		{"Int", json.Number("2147483647"), "2147483647"},
		{"Int", json.Number("-2147483648"), "-2147483648"},
		{"Int", json.Number("2147483648"), ""},
		{"Int", int64(-2147483649), ""},
		{"Int", json.Number("99999999999999999999"), ""},
		{"Int", json.Number("1.5"), ""},
		{"Int", 1.5, ""},
		{"Int", 3.0, "3"},
		{"Int", 1e300, ""},
		{"Int", "7", ""},
		{"Int", true, ""},
		{"Int64", 7, "7"},
		{"Int64", json.Number("4294967296"), ""},
		{"Time", "2026-05-01T14:00:00+02:00", `"2026-05-01T12:00:00Z"`},
		{"Time", "2026-05-01T12:00:00.1234567Z", `"2026-05-01T12:00:00.123456Z"`},
		{"Time", "2026-05-01", ""},
		{"Time", "0000-01-01T00:00:00Z", ""},
		{"Time", 5, ""},
		{"Date", "2028-02-29", `"2028-02-29"`},
		{"Date", "2026-02-29", ""},
		{"Date", "2026-5-1", ""},
		{"Date", "2026-05-01T00:00:00Z", ""},
		{"Date", 20260501, ""},
		{"Decimal", "12.50", `"12.50"`},
		{"Decimal", "-0.000000000000000001", `"-0.000000000000000001"`},
		{"Decimal", "1e3", ""},
		{"Decimal", "1.", ""},
		{"Decimal", "12,50", ""},
		{"Decimal", "1234567890123456789", ""},
		{"Decimal", 12.5, ""},
		{"JSON", map[string]any{"a": []any{1, nil}}, `{"a":[1,null]}`},
	} {
		m, err := read[c.kind](c.in)
		switch {
		case c.want == "" && fault.CodeOf(err) != fault.InvalidInput:
			t.Errorf("%s %v is %s, %v", c.kind, c.in, written(m), err)
		case c.want != "" && (err != nil || written(m) != c.want):
			t.Errorf("%s %v is %s, %v, want %s", c.kind, c.in, written(m), err, c.want)
		}
	}
	if got := written(scalar.MarshalTime(time.Date(2026, 1, 1, 1, 0, 0, 0, time.FixedZone("", 3600)))); got != `"2026-01-01T00:00:00Z"` {
		t.Errorf("a time is written as %s", got)
	}
	if got := written(scalar.MarshalJSON(nil)); got != "null" {
		t.Errorf("no JSON is written as %s", got)
	}
}
