package query

import (
	"encoding/json"
	"strconv"
	"strings"

	"entgo.io/ent/dialect"

	"github.com/ringfence/ringfence/internal/filter"
)

// builder receives a piece of SQL: its text, and the arguments bound in it. It is a statement of this package or a part of
// one of ent's.
type builder struct {
	dialect string
	put     func(text string)
	bind    func(arg any)
}

// render writes a whole statement. Arguments are numbered $1, $2, … on both databases.
func render(dialect string, statement condition) (string, []any) {
	var text strings.Builder
	var args []any
	statement(&builder{
		dialect: dialect,
		put:     func(piece string) { text.WriteString(piece) },
		bind: func(arg any) {
			args = append(args, arg)
			text.WriteString("$" + strconv.Itoa(len(args)))
		},
	})
	return text.String(), args
}

// condition writes a piece of SQL. nil is no condition at all.
type condition func(b *builder)

var (
	always = sqlf("TRUE")
	never  = sqlf("FALSE")
)

// sqlf is SQL in which each ? stands for an argument: a condition is written in its place, anything else is bound.
func sqlf(text string, args ...any) condition {
	return func(b *builder) { b.write(text, args...) }
}

func (b *builder) write(text string, args ...any) {
	for _, arg := range args {
		before, after, _ := strings.Cut(text, "?")
		b.put(before)
		if c, ok := arg.(condition); ok {
			c(b)
		} else {
			b.bind(arg)
		}
		text = after
	}
	b.put(text)
}

// Put adds text, for filters.
func (b *builder) Put(text string) { b.put(text) }

// Bind adds an argument, for filters.
func (b *builder) Bind(arg any) { b.bind(arg) }

// in is the condition that an expression is one of a list; the list is one argument, however long.
func in[T int64 | string](expression string, list []T) condition {
	return func(b *builder) { filter.WriteIn(b, b.dialect, expression, list) }
}

// inFolded is in for texts, without regard to case as the database sees it.
func inFolded(expression string, list []string) condition {
	return func(b *builder) {
		if b.dialect != dialect.Postgres {
			text, _ := json.Marshal(nonNil(list))
			b.write("LOWER("+expression+") IN (SELECT LOWER(value) FROM json_each(?))", string(text))
			return
		}
		b.write("LOWER("+expression+") IN (SELECT LOWER(v) FROM unnest(?::text[]) AS v)", filter.Array(list))
	}
}

func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// and holds when all of the conditions hold; nil ones are left out.
func and(conditions ...condition) condition { return join(conditions, " AND ", always) }

// or holds when any of the conditions holds; without any it never does.
func or(conditions ...condition) condition { return join(conditions, " OR ", never) }

func join(conditions []condition, operator string, empty condition) condition {
	given := make([]condition, 0, len(conditions))
	for _, c := range conditions {
		if c != nil {
			given = append(given, c)
		}
	}
	switch len(given) {
	case 0:
		return empty
	case 1:
		return given[0]
	}
	return func(b *builder) {
		for i, c := range given {
			if i > 0 {
				b.put(operator)
			}
			b.put("(")
			c(b)
			b.put(")")
		}
	}
}

// not holds when the condition does not.
func not(c condition) condition { return sqlf("NOT (?)", c) }
