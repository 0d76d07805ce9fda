package query

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/ringfence/ringfence/internal/fault"
)

const (
	defaultPage = 20
	largestPage = 100
)

// Connection is one page of a list.
type Connection[V any] struct {
	Edges    []*Edge[V]
	PageInfo *PageInfo

	count func(ctx context.Context) (int64, error)
}

// Edge is one item of a page.
type Edge[V any] struct {
	Node   V
	Cursor string
}

// PageInfo tells where a page begins and ends.
type PageInfo struct {
	HasNextPage     bool
	HasPreviousPage bool
	StartCursor     *string
	EndCursor       *string
}

// Nodes gives the page without cursors.
func (c *Connection[V]) Nodes() []V {
	nodes := make([]V, len(c.Edges))
	for i, edge := range c.Edges {
		nodes[i] = edge.Node
	}
	return nodes
}

// TotalCount counts what is on all pages; for a list of parents in one statement.
func (c *Connection[V]) TotalCount(ctx context.Context) (int64, error) { return c.count(ctx) }

// OrderDirection is ASC or DESC.
type OrderDirection string

const descending OrderDirection = "DESC"

// Page is which part of a list is asked for.
type Page struct {
	First  *int
	After  *string
	Last   *int
	Before *string
}

// window is a Page that was checked. It is comparable, so that equal requests of siblings are answered together.
type window struct {
	size          int
	backward      bool
	after, before string
}

func (p Page) window() (window, error) {
	w := window{size: defaultPage}
	if p.After != nil {
		w.after = *p.After
	}
	if p.Before != nil {
		w.before = *p.Before
	}
	size, field := p.First, "first"
	if p.Last != nil {
		if p.First != nil {
			return w, fault.Invalid("last", "give first or last, not both")
		}
		size, field, w.backward = p.Last, "last", true
	}
	if size != nil {
		if *size < 0 || *size > largestPage {
			return w, fault.Invalid(field, "%s is between 0 and %d", field, largestPage)
		}
		w.size = *size
	}
	return w, nil
}

// term is one thing to order by: an SQL expression that is never NULL.
type term struct {
	expression condition
	kind       termKind
	descending bool
}

type termKind int

const (
	number termKind = iota
	text
	instant
	fraction
)

// order is how a list is ordered. The name is part of its cursors; the key decides between equals and goes the way of the
// last term.
type order struct {
	name       string
	terms      []term
	descending bool
}

// byKey is the order in which things were recorded.
var byKey = order{name: "id"}

var newestFirst = order{name: "id", descending: true}

func by(name string, direction OrderDirection, kind termKind, expression condition) order {
	down := direction == descending
	return order{name: name, descending: down, terms: []term{{expression: expression, kind: kind, descending: down}}}
}

func recorded(direction OrderDirection) order {
	return order{name: "id", descending: direction == descending}
}

func (o order) label() string {
	if o.descending {
		return "-" + o.name
	}
	return o.name
}

// place is where an item stands in its order: the values of the terms, and the key.
type place struct {
	values []any
	key    int64
}

func (p place) cursor(o order) string {
	parts := []string{o.label()}
	for _, value := range p.values {
		parts = append(parts, spell(value))
	}
	parts = append(parts, strconv.FormatInt(p.key, 10))
	encoded, _ := json.Marshal(parts)
	return base64.RawURLEncoding.EncodeToString(encoded)
}

func spell(value any) string {
	switch value := value.(type) {
	case int64:
		return strconv.FormatInt(value, 10)
	case float64:
		return strconv.FormatFloat(value, 'g', -1, 64)
	case time.Time:
		return value.UTC().Format(time.RFC3339Nano)
	case string:
		return value
	}
	return ""
}

// placeOf reads a cursor that an earlier page of the same order gave.
func placeOf(cursor, field string, o order) (place, error) {
	wrong := fault.Invalid(field, "%s is a cursor that an earlier page of the same list and order gave", field)
	decoded, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return place{}, wrong
	}
	var parts []string
	if json.Unmarshal(decoded, &parts) != nil || len(parts) != len(o.terms)+2 || parts[0] != o.label() {
		return place{}, wrong
	}
	p := place{values: make([]any, len(o.terms))}
	if p.key, err = strconv.ParseInt(parts[len(parts)-1], 10, 64); err != nil {
		return place{}, wrong
	}
	for i, t := range o.terms {
		if p.values[i], err = t.kind.read(parts[i+1]); err != nil {
			return place{}, wrong
		}
	}
	return p, nil
}

func (k termKind) read(value string) (any, error) {
	switch k {
	case number:
		return strconv.ParseInt(value, 10, 64)
	case fraction:
		f, err := strconv.ParseFloat(value, 64)
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, errCursor
		}
		return f, err
	case instant:
		at, err := time.Parse(time.RFC3339Nano, value)
		if at.Year() < 1 || at.Year() > 9999 {
			return nil, errCursor
		}
		return at, err
	}
	if strings.ContainsRune(value, 0) {
		return nil, errCursor // no database could compare it
	}
	return value, nil
}

// errCursor says that a value in a cursor is none that an answer could have had.
var errCursor = errors.New("not a value of a cursor")
