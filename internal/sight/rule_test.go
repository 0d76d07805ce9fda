package sight_test

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ringfence/ringfence/internal/filter"
)

// head is a policy that decides nothing, to which list rules are added.
const head = `package ringfence

decision := {"grants": set(), "findings": set(), "ceiling": {}, "priority": 0}

masked := {}

actions := []

`

// rules writes a policy with one to three random list rules of a type, and the helpers they use.
func (g *generator) rules(kind string) string {
	g.helpers, g.names = nil, 0
	table, _ := filter.Find(kind)
	var text strings.Builder
	text.WriteString(head)
	for range 1 + g.IntN(3) {
		fmt.Fprintf(&text, "listed.%s if {\n%s}\n\n", kind, g.body(table, "input.row", 2))
	}
	for _, helper := range g.helpers {
		text.WriteString(helper)
	}
	return text.String()
}

// body writes one to three conditions on a row.
func (g *generator) body(table *filter.Table, row string, depth int) string {
	var lines strings.Builder
	for range 1 + g.IntN(3) {
		lines.WriteString("\t" + g.condition(table, row, depth) + "\n")
	}
	return lines.String()
}

func (g *generator) condition(table *filter.Table, row string, depth int) string {
	switch n := g.IntN(20); {
	case n < 3 && depth > 0:
		return g.related(table, row, depth)
	case n < 5 && depth > 0:
		return pick(g, "", "not ") + g.helper(table, depth) + "(" + row + ")"
	case n < 6 && depth > 0 && row == "input.row":
		return pick(g, "", "not ") + g.plain(table, depth)
	case n < 7:
		return pick(g, "", "not ") + row + "." + pick(g, table.Columns()...)
	case n < 9:
		return "not " + g.column(table, row) + " == " + g.constant()
	case n < 10:
		return "not " + g.comparison(table, row)
	}
	return g.comparison(table, row)
}

// related is about rows that a relation leads to: one of many by a variable, the only one by its name.
func (g *generator) related(table *filter.Table, row string, depth int) string {
	if len(table.Relations()) == 0 {
		return "true"
	}
	name := pick(g, table.Relations()...)
	relation, _ := table.Relation(name)
	if !relation.Many {
		if g.IntN(4) == 0 {
			return pick(g, "", "not ") + row + "." + name
		}
		return g.comparison(relation.To, row+"."+name)
	}
	g.names++
	one := "one" + strconv.Itoa(g.names)
	return fmt.Sprintf("some %s in %s.%s\n%s", one, row, name, strings.TrimSuffix(g.body(relation.To, one, depth-1), "\n"))
}

// helper is a function of a row, with one or two bodies.
func (g *generator) helper(table *filter.Table, depth int) string {
	g.names++
	name := "helper" + strconv.Itoa(g.names)
	for range 1 + g.IntN(2) {
		g.helpers = append(g.helpers, fmt.Sprintf("%s(row) if {\n%s}\n\n", name, g.body(table, "row", depth-1)))
	}
	return name
}

// plain is a rule without arguments.
func (g *generator) plain(table *filter.Table, depth int) string {
	g.names++
	name := "rule" + strconv.Itoa(g.names)
	for range 1 + g.IntN(2) {
		g.helpers = append(g.helpers, fmt.Sprintf("%s if {\n%s}\n\n", name, g.body(table, "input.row", depth-1)))
	}
	return name
}

func (g *generator) column(table *filter.Table, row string) string {
	return row + "." + pick(g, table.Columns()...)
}

func (g *generator) comparison(table *filter.Table, row string) string {
	name := pick(g, table.Columns()...)
	c, _ := table.Column(name)
	column := row + "." + name
	operator := pick(g, "==", "!=", "<", "<=", ">", ">=")
	switch g.IntN(8) {
	case 0:
		return column + " in " + pick(g, "input.principal.allotments", "input.principal.licenses", "input.principal.reach.departments", "input.principal.roles")
	case 1:
		return column + " " + operator + " " + g.column(table, row)
	case 2:
		return column + " in " + g.list()
	case 3:
		if c.Type == filter.Text {
			return pick(g, "startswith", "endswith", "contains") + "(" + column + ", " + strconv.Quote(pick(g, someTexts...)) + ")"
		}
		return column + " " + operator + " " + g.constant()
	case 4:
		if c.Type == filter.Text {
			return "lower(" + column + ") " + pick(g, "==", "!=") + " " + pick(g, "lower(input.principal.name)", strconv.Quote(pick(g, someTexts...)))
		}
		return "input.principal.user_id " + operator + " " + column
	case 5:
		return g.constant() + " " + operator + " " + column
	}
	return column + " " + operator + " " + g.constant()
}

func (g *generator) list() string {
	var items []string
	for range g.IntN(5) {
		items = append(items, g.constant())
	}
	return "[" + strings.Join(items, ", ") + "]"
}

// constant is of any type, whatever it is compared with.
func (g *generator) constant() string {
	switch g.IntN(12) {
	case 0:
		return pick(g, "true", "false")
	case 1:
		return pick(g, "1.5", "-0.5", "1.0", "2e0", "1e30", "-1e30", "0.0")
	case 2:
		return pick(g, "null", "[]", `{"a": 1}`, "[1]")
	case 3, 4, 5, 6:
		return strconv.FormatInt(pick(g, someCounts...), 10)
	case 7:
		return pick(g, `"ACTIVE"`, `"USERS"`, `"MEMBER"`)
	}
	return strconv.Quote(pick(g, someTexts...))
}
