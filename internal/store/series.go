package store

import (
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// series is the values of one column, ready for either database.
type series struct {
	n       int
	pgType  string
	extract func(i, of int) string // the SQL that takes the column out of a row of json_each
	// text appends value i to b the way PostgreSQL reads it in an array (quoted tells if it needs quotes), or tells NULL.
	text   func(b []byte, i int) (_ []byte, null bool)
	quoted bool
	// same tells that all values are equal.
	same bool
	// jsonString tells that the value is a string in JSON too; otherwise text is a JSON literal already.
	jsonString bool
}

// failing is an argument that fails the statement it is given to.
type failing struct{ err error }

// Value is for database/sql.
func (f failing) Value() (driver.Value, error) { return nil, f.err }

func listsOf(cols []Column) (lists []series, n int, err error) {
	if len(cols) == 0 {
		return nil, 0, errors.New("store: no columns")
	}
	lists = make([]series, len(cols))
	for i, c := range cols {
		if lists[i], err = listOf(c.Values); err != nil {
			return nil, 0, fmt.Errorf("store: column %s: %w", c.Name, err)
		}
		if lists[i].n != lists[0].n {
			return nil, 0, fmt.Errorf("store: column %s has %d values, %s has %d", c.Name, lists[i].n, cols[0].Name, lists[0].n)
		}
	}
	return lists, lists[0].n, nil
}

// lengthOf counts the values of a column; what is no column has none.
func lengthOf(values any) int {
	if v := reflect.ValueOf(values); v.Kind() == reflect.Slice {
		return v.Len()
	}
	return 0
}

func listOf(values any) (series, error) {
	l, err := seriesOf(values)
	l.same = l.n > 0 && sameAll(values)
	return l, err
}

// sameAll tells whether all values of a column are equal. It looks no further than the first that is not.
func sameAll(values any) bool {
	switch v := values.(type) {
	case []int64:
		return uniform(v, func(a, b int64) bool { return a == b })
	case []*int64:
		return uniform(v, equalPointers)
	case []string:
		return uniform(v, func(a, b string) bool { return a == b })
	case []*string:
		return uniform(v, equalPointers)
	case []bool:
		return uniform(v, func(a, b bool) bool { return a == b })
	case []time.Time:
		return uniform(v, time.Time.Equal)
	case []json.RawMessage:
		return uniform(v, func(a, b json.RawMessage) bool { return (a == nil) == (b == nil) && string(a) == string(b) })
	}
	return false
}

func uniform[T any](values []T, equal func(a, b T) bool) bool {
	return !slices.ContainsFunc(values, func(v T) bool { return !equal(v, values[0]) })
}

func equalPointers[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }

func seriesOf(values any) (series, error) {
	switch v := values.(type) {
	case []int64:
		return integers(len(v), func(i int) *int64 { return &v[i] }), nil
	case []*int64:
		return integers(len(v), func(i int) *int64 { return v[i] }), nil
	case []string:
		return strs(len(v), func(i int) *string { return &v[i] })
	case []*string:
		return strs(len(v), func(i int) *string { return v[i] })
	case []time.Time:
		return times(len(v), func(i int) *time.Time { return &v[i] }), nil
	case []*time.Time:
		return times(len(v), func(i int) *time.Time { return v[i] }), nil
	case []float64:
		return floats(v)
	case []bool:
		return bools(v), nil
	case []json.RawMessage:
		return documents(v)
	}
	return series{}, fmt.Errorf("values of type %T are not supported", values)
}

func integers(n int, at func(i int) *int64) series {
	return series{n: n, pgType: "bigint", extract: casted("INTEGER"), text: func(b []byte, i int) ([]byte, bool) {
		p := at(i)
		if p == nil {
			return b, true
		}
		return strconv.AppendInt(b, *p, 10), false
	}}
}

func strs(n int, at func(i int) *string) (series, error) {
	for i := range n {
		if p := at(i); p != nil && (!utf8.ValidString(*p) || strings.ContainsRune(*p, 0)) {
			return series{}, fmt.Errorf("value %d is not text that a database can hold", i)
		}
	}
	return series{n: n, pgType: "text", extract: casted(""), quoted: true, jsonString: true, text: func(b []byte, i int) ([]byte, bool) {
		p := at(i)
		if p == nil {
			return b, true
		}
		return append(b, *p...), false
	}}, nil
}

func times(n int, at func(i int) *time.Time) series {
	return series{n: n, pgType: "timestamptz", extract: casted(""), quoted: true, jsonString: true, text: func(b []byte, i int) ([]byte, bool) {
		p := at(i)
		if p == nil {
			return b, true
		}
		return p.UTC().Truncate(time.Microsecond).AppendFormat(b, sqliteTime), false
	}}
}

func floats(v []float64) (series, error) {
	for i, f := range v {
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return series{}, fmt.Errorf("value %d is not a number", i)
		}
	}
	return series{n: len(v), pgType: "float8", extract: casted("REAL"), text: func(b []byte, i int) ([]byte, bool) {
		return strconv.AppendFloat(b, v[i], 'g', -1, 64), false
	}}, nil
}

func bools(v []bool) series {
	return series{n: len(v), pgType: "boolean", extract: casted(""), text: func(b []byte, i int) ([]byte, bool) {
		return strconv.AppendBool(b, v[i]), false
	}}
}

func documents(v []json.RawMessage) (series, error) {
	for i, d := range v {
		if d != nil && !json.Valid(d) {
			return series{}, fmt.Errorf("value %d is not JSON", i)
		}
	}
	return series{n: len(v), pgType: "jsonb", extract: casted(""), quoted: true, jsonString: true, text: func(b []byte, i int) ([]byte, bool) {
		return append(b, v[i]...), v[i] == nil
	}}, nil
}

// casted gives the SQL for column i of a row made by jsonRows. Booleans and text come out right by themselves.
func casted(to string) func(i, of int) string {
	return func(i, of int) string {
		expr := "value"
		if of > 1 {
			expr = fmt.Sprintf("json_extract(value, '$[%d]')", i)
		}
		if to == "" {
			return expr
		}
		return fmt.Sprintf("CAST(%s AS %s)", expr, to)
	}
}

// scalar gives value i as an argument; nil is NULL.
func (l series) scalar(i int) any {
	text, null := l.text(nil, i)
	if null {
		return nil
	}
	return string(text)
}

// array writes rows from..to as a PostgreSQL array.
func (l series) array(from, to int) string {
	b := append(make([]byte, 0, 16*(to-from)), '{')
	var scratch []byte
	for i := from; i < to; i++ {
		if i > from {
			b = append(b, ',')
		}
		text, null := l.text(scratch[:0], i)
		scratch = text
		if i == from { // the others are likely to be as long
			b = slices.Grow(b, (len(text)+len(text)/4+4)*(to-from))
		}
		switch {
		case null:
			b = append(b, "NULL"...)
		case l.quoted:
			b = append(b, '"')
			for _, c := range text {
				if c == '"' || c == '\\' {
					b = append(b, '\\')
				}
				b = append(b, c)
			}
			b = append(b, '"')
		default:
			b = append(b, text...)
		}
	}
	return string(append(b, '}'))
}

// jsonRows writes rows from..to as a JSON array: of values if there is one column, else of arrays.
func jsonRows(lists []series, from, to int) string {
	b := append(make([]byte, 0, 16*len(lists)*(to-from)), '[')
	var scratch []byte
	for i := from; i < to; i++ {
		if i > from {
			b = append(b, ',')
		}
		if len(lists) > 1 {
			b = append(b, '[')
		}
		for k, l := range lists {
			if k > 0 {
				b = append(b, ',')
			}
			text, null := l.text(scratch[:0], i)
			scratch = text
			switch {
			case null:
				b = append(b, "null"...)
			case l.jsonString:
				b = appendJSONString(b, text)
			default:
				b = append(b, text...)
			}
		}
		if len(lists) > 1 {
			b = append(b, ']')
		}
	}
	return string(append(b, ']'))
}

// appendJSONString quotes text that is known to be valid UTF-8.
func appendJSONString(b, text []byte) []byte {
	b = append(b, '"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			b = append(b, fmt.Sprintf(`\u%04x`, c)...)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
