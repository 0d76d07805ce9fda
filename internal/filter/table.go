package filter

import (
	"maps"
	"slices"
	"sync"
)

// Type is what a column holds.
type Type int

// The types of columns.
const (
	Text Type = iota
	Count
	Bool
)

// Table is where the rows of a type are.
type Table struct {
	Name      string // in the database
	kind      string // what a policy calls a row, "" for what is only ever related to others
	columns   map[string]*Column
	relations map[string]*Relation
}

// Column is a column that a filter may read.
type Column struct {
	Name     string
	Type     Type
	Nullable bool     // NULL is a column that is missing
	Words    []string // all the texts there can be, nil if they are not known beforehand
}

// Relation leads from a row to rows that belong to it.
type Relation struct {
	Name string
	To   *Table
	Many bool // otherwise there is at most one
	on   [][2]link
}

// link is one pair of columns that related rows have in common: here and there.
type link struct {
	name     string
	nullable bool
}

// Kinds are the types whose rows a policy lists, in order.
func Kinds() []string { return slices.Sorted(maps.Keys(tables())) }

// Find gives the table of a type.
func Find(kind string) (*Table, bool) {
	t, ok := tables()[kind]
	return t, ok
}

// Optional tells whether a name is that of a column or relation that may be missing in the rows of some table.
func Optional(name string) bool { return optional()[name] }

var optional = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{}
	for _, columns := range generated {
		for _, c := range columns {
			names[c.Name] = names[c.Name] || c.Nullable
		}
	}
	for _, r := range relations {
		names[r.name] = names[r.name] || !r.many
	}
	return names
})

// Column gives a column that may be read, by name.
func (t *Table) Column(name string) (*Column, bool) {
	c, ok := t.columns[name]
	return c, ok
}

// Relation gives a relation by name.
func (t *Table) Relation(name string) (*Relation, bool) {
	r, ok := t.relations[name]
	return r, ok
}

// Columns gives the names of the columns, in order.
func (t *Table) Columns() []string { return slices.Sorted(maps.Keys(t.columns)) }

// Relations gives the names of the relations, in order.
func (t *Table) Relations() []string { return slices.Sorted(maps.Keys(t.relations)) }

var tables = sync.OnceValue(build)

// build makes the tables out of the generated columns and the relations between them. A mistake in either panics at once; a test
// runs it.
func build() map[string]*Table {
	byName := map[string]*Table{}
	for name, columns := range generated {
		t := &Table{Name: name, columns: map[string]*Column{}, relations: map[string]*Relation{}}
		for _, c := range columns {
			t.columns[c.Name] = &c
		}
		byName[name] = t
	}
	for _, r := range relations {
		from, to := byName[r.from], byName[r.to]
		relation := &Relation{Name: r.name, To: to, Many: r.many}
		for _, pair := range r.on {
			relation.on = append(relation.on, [2]link{from.link(pair[0]), to.link(pair[1])})
		}
		from.relations[r.name] = relation
	}
	found := map[string]*Table{"policy": {kind: "policy"}} // there is one policy, which is seen or not
	for name, kind := range kindOf {
		byName[name].kind = kind
		found[kind] = byName[name]
	}
	return found
}

func (t *Table) link(column string) link {
	c, ok := t.columns[column]
	if !ok {
		panic("filter: no column " + t.Name + "." + column)
	}
	return link{name: column, nullable: c.Nullable}
}

// Kind is what a policy calls a row of the table; for what is only ever related to others, the name of the table.
func (t *Table) Kind() string {
	if t.kind != "" {
		return t.kind
	}
	return t.Name
}
