package filter

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode"

	"entgo.io/ent/dialect"
)

// Writer takes a piece of SQL: text, and arguments that are bound in it. No value of a filter ever becomes text.
type Writer interface {
	Put(text string)
	Bind(arg any)
}

// Write writes the filter as a condition on the row of a table, or of an alias of it. It is never NULL if the row is there; of a row
// that an outer join did not find, it may be anything.
func Write(w Writer, to, alias string, f Filter) {
	(&writer{Writer: w, postgres: to == dialect.Postgres}).write(alias, f)
}

// WriteIn writes that an expression is one of a list, which is one argument however long it is.
func WriteIn[T int64 | string](w Writer, to, expression string, list []T) {
	kind := "bigint"
	if _, texts := any(list).([]string); texts {
		kind = "text"
	}
	(&writer{Writer: w, postgres: to == dialect.Postgres}).in(expression, kind, nonNil(list), Array(list))
}

func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

type writer struct {
	Writer
	postgres bool
	rows     int // aliases given so far
}

func (w *writer) write(alias string, f Filter) {
	switch f := f.(type) {
	case constant:
		w.Put(strings.ToUpper(strconv.FormatBool(bool(f))))
	case all:
		w.join(alias, " AND ", f)
	case anyOf:
		w.join(alias, " OR ", f)
	case not:
		w.Put("NOT (")
		w.write(alias, f.of)
		w.Put(")")
	case some:
		w.some(alias, f)
	default:
		w.column(alias, f)
	}
}

func (w *writer) join(alias, operator string, filters []Filter) {
	for i, f := range filters {
		if i > 0 {
			w.Put(operator)
		}
		w.Put("(")
		w.write(alias, f)
		w.Put(")")
	}
}

// column writes a condition on columns of one row. A column that can be NULL is asked first whether it is: so the whole is never
// NULL, and may be negated.
func (w *writer) column(alias string, f Filter) {
	switch f := f.(type) {
	case present:
		w.Put(alias + "." + f.column.Name + " IS NOT NULL")
	case compare:
		w.guard(alias, f.column)
		w.Put(alias + "." + f.column.Name + w.collation(f.column, f.op) + " " + string(f.op) + " ")
		w.Bind(f.value)
	case boolean:
		w.guard(alias, f.column)
		if !f.value {
			w.Put("NOT ")
		}
		w.Put(alias + "." + f.column.Name)
	case columns:
		w.guard(alias, f.left)
		w.guard(alias, f.right)
		w.Put(alias + "." + f.left.Name + w.collation(f.left, f.op) + " " + string(f.op) + " " + alias + "." + f.right.Name)
	case oneOf:
		w.guard(alias, f.column)
		w.oneOf(alias+"."+f.column.Name, f)
	case part:
		w.guard(alias, f.column)
		w.part(alias+"."+f.column.Name, f)
	case folded:
		w.guard(alias, f.column)
		w.folded(alias+"."+f.column.Name, f.text)
	default:
		panic("filter: a condition that no database knows") // the set of filters is closed
	}
}

func (w *writer) guard(alias string, c *Column) {
	if c.Nullable {
		w.Put(alias + "." + c.Name + " IS NOT NULL AND ")
	}
}

// collation makes PostgreSQL order texts by their bytes, as SQLite and Rego do. Equality is that of bytes in any case.
func (w *writer) collation(c *Column, op Op) string {
	if w.postgres && c.Type == Text && op != Equal && op != Unequal {
		return ` COLLATE "C"`
	}
	return ""
}

func (w *writer) oneOf(column string, f oneOf) {
	if f.texts != nil {
		w.in(column, "text", f.texts, Array(f.texts))
		return
	}
	w.in(column, "bigint", f.counts, Array(f.counts))
}

func (w *writer) in(column, kind string, values any, array string) {
	if w.postgres {
		w.Put(column + " = ANY(")
		w.Bind(array)
		w.Put("::" + kind + "[])")
		return
	}
	text, _ := json.Marshal(values) // texts and numbers always marshal
	w.Put(column + " IN (SELECT value FROM json_each(")
	w.Bind(string(text))
	w.Put("))")
}

// part compares without patterns, in which some characters would mean others.
func (w *writer) part(column string, f part) {
	length := int64(len([]rune(f.text)))
	switch {
	case f.where == Anywhere && w.postgres:
		w.Put("strpos(" + column + ", ")
		w.Bind(f.text)
		w.Put(") > 0")
	case f.where == Anywhere:
		w.Put("instr(" + column + ", ")
		w.Bind(f.text)
		w.Put(") > 0")
	default:
		from := map[bool][2]string{true: {"left(" + column + ", ", ")"}, false: {"substr(" + column + ", 1, ", ")"}}[w.postgres]
		if f.where == Suffix {
			from = map[bool][2]string{true: {"right(" + column + ", ", ")"}, false: {"substr(" + column + ", -", ")"}}[w.postgres]
		}
		w.Put(from[0] + strconv.FormatInt(length, 10) + from[1] + " = ")
		w.Bind(f.text)
	}
}

// folded compares in lower case. Neither database knows all that Rego does about letters, but the letters of the given text are
// known: what becomes one of them in lower case is replaced by it, and only A to Z are left to the database. Whatever else is in the
// column is in no case part of the text.
func (w *writer) folded(column, text string) {
	var letters [][2]string
	seen := map[rune]bool{}
	for _, letter := range text {
		if !seen[letter] {
			seen[letter] = true
			for _, other := range above(letter) {
				letters = append(letters, [2]string{string(other), string(letter)})
			}
		}
	}
	w.Put("lower(" + strings.Repeat("replace(", len(letters)) + column)
	for _, pair := range letters {
		w.Put(", ")
		w.Bind(pair[0])
		w.Put(", ")
		w.Bind(pair[1])
		w.Put(")")
	}
	if w.postgres {
		w.Put(` COLLATE "C"`)
	}
	w.Put(") = ")
	w.Bind(text)
}

// above gives the letters beyond A to Z that become another in lower case.
func above(letter rune) []rune {
	var found []rune
	for other := unicode.SimpleFold(letter); other != letter; other = unicode.SimpleFold(other) {
		if other > unicode.MaxASCII && unicode.ToLower(other) == letter {
			found = append(found, other)
		}
	}
	if letter == 'i' {
		found = append(found, 'İ') // folds with no other letter
	}
	return found
}

// some writes a relation of one column as IN over rows that do not depend on the outer one, so that a database finds them once, by
// index, whatever else the row may be listed for. One of several columns is looked up for each row: it has an index for that, and none
// for what the related rows are compared with.
func (w *writer) some(alias string, f some) {
	w.rows++
	inner := "row" + strconv.Itoa(w.rows)
	if len(f.relation.on) > 1 {
		w.Put(`EXISTS (SELECT 1 FROM "` + f.relation.To.Name + `" ` + inner + " WHERE ")
		for _, pair := range f.relation.on {
			w.Put(inner + "." + pair[1].name + " = " + alias + "." + pair[0].name + " AND ")
		}
		w.Put("(")
		w.write(inner, f.where)
		w.Put(")")
		if w.postgres {
			w.Put(" OFFSET 0") // or PostgreSQL would read all related rows to look a page's up among them
		}
		w.Put(")")
		return
	}
	here, there := f.relation.on[0][0], f.relation.on[0][1]
	if here.nullable {
		w.Put(alias + "." + here.name + " IS NOT NULL AND ")
	}
	w.Put(alias + "." + here.name + " IN (SELECT " + inner + "." + there.name + ` FROM "` + f.relation.To.Name + `" ` + inner + " WHERE ")
	if there.nullable {
		w.Put(inner + "." + there.name + " IS NOT NULL AND ")
	}
	w.Put("(")
	w.write(inner, f.where)
	w.Put("))")
}

var quoteElement = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// Array writes a list the way PostgreSQL reads arrays.
func Array[T int64 | string](list []T) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, item := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		switch item := any(item).(type) {
		case int64:
			b.WriteString(strconv.FormatInt(item, 10))
		case string:
			b.WriteByte('"')
			_, _ = quoteElement.WriteString(&b, item)
			b.WriteByte('"')
		}
	}
	b.WriteByte('}')
	return b.String()
}
