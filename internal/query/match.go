package query

import (
	"strings"
	"time"

	"entgo.io/ent/dialect"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
)

// Match is a condition on users or groups in the words of a provisioning client: AllOf, AnyOf, NoneOf, Compare or HasItem. It names
// attributes as SCIM does (RFC 7643); each becomes one of a fixed set of expressions, and every value a bound argument.
type Match interface {
	on(t *directoryTable) (condition, error)
}

// AllOf holds when every one of the conditions does.
type AllOf []Match

// AnyOf holds when one of the conditions does.
type AnyOf []Match

// NoneOf holds when the condition does not.
type NoneOf struct{ Match Match }

// HasItem holds when an item of a multi-valued attribute meets a condition, which names the item's own attributes.
type HasItem struct {
	Attribute string
	Match     Match // nil: there is an item
}

// Compare holds when an attribute compares with a value: a string, a bool, a time.Time or an id.ID, as the attribute is.
type Compare struct {
	Attribute string
	Operator  Operator
	Value     any
}

// Operator is how a value is compared.
type Operator string

// The operators of SCIM's filters.
const (
	Equal        Operator = "eq"
	Unequal      Operator = "ne"
	Contains     Operator = "co"
	StartsWith   Operator = "sw"
	EndsWith     Operator = "ew"
	Present      Operator = "pr"
	Greater      Operator = "gt"
	GreaterEqual Operator = "ge"
	Less         Operator = "lt"
	LessEqual    Operator = "le"
)

// directoryTable is what users or groups can be searched and sorted by.
type directoryTable struct {
	attributes map[string]*directoryAttribute
	items      map[string]*directoryItems
}

// directoryAttribute is an attribute: how its value is written in SQL, NULL or empty where there is none.
type directoryAttribute struct {
	kind  attributeKind
	value condition
	noun  condition // of a key: of which noun it is
	fold  func(string) string
}

// attributeKind is how the values of an attribute compare.
type attributeKind int

const (
	asFolded attributeKind = iota // a text, without regard to case
	asExact                       // a text
	asFlag                        // a text that is true or false
	asMoment                      // a time
	asKey                         // a key of a row
)

// directoryItems are the items of a multi-valued attribute: rows of a source, and what each of them has.
type directoryItems struct {
	source     condition
	where      condition
	attributes map[string]*directoryAttribute
	// narrow gives what must hold of a row if one of its items has a value, so that not every row is taken apart; nil: nothing is known.
	narrow func(value string) condition
}

func (all AllOf) on(t *directoryTable) (condition, error) { return t.each(all, and) }

func (some AnyOf) on(t *directoryTable) (condition, error) { return t.each(some, or) }

func (t *directoryTable) each(matches []Match, join func(...condition) condition) (condition, error) {
	conditions := make([]condition, len(matches))
	for i, m := range matches {
		var err error
		if conditions[i], err = m.on(t); err != nil {
			return nil, err
		}
	}
	return join(conditions...), nil
}

func (n NoneOf) on(t *directoryTable) (condition, error) {
	c, err := n.Match.on(t)
	if err != nil {
		return nil, err
	}
	return not(c), nil
}

func (h HasItem) on(t *directoryTable) (condition, error) {
	items := t.items[h.Attribute]
	if items == nil {
		return nil, unsearchable(h.Attribute)
	}
	where := []condition{items.where}
	if h.Match != nil {
		c, err := h.Match.on(&directoryTable{attributes: items.attributes})
		if err != nil {
			return nil, err
		}
		where = append(where, c)
	}
	exists := sqlf("EXISTS (SELECT 1 FROM ? WHERE ?)", items.source, and(where...))
	if wanted, named := equalTo(h.Match, "value"); named && items.narrow != nil {
		return and(items.narrow(wanted), exists), nil
	}
	return exists, nil
}

// equalTo gives the text that an attribute must be equal to for a condition to hold, if there is one.
func equalTo(m Match, attribute string) (string, bool) {
	switch m := m.(type) {
	case Compare:
		text, is := m.Value.(string)
		return text, is && m.Attribute == attribute && m.Operator == Equal
	case AllOf:
		for _, part := range m {
			if text, named := equalTo(part, attribute); named {
				return text, true
			}
		}
	}
	return "", false
}

// unsearchable says that nothing can be searched by an attribute.
func unsearchable(attribute string) error {
	return fault.Invalid("filter", "nothing can be searched by %.100s", attribute)
}

func (c Compare) on(t *directoryTable) (condition, error) {
	a := t.attributes[c.Attribute]
	if a == nil {
		return nil, unsearchable(c.Attribute)
	}
	if c.Operator == Present {
		return a.present(), nil
	}
	if c.Operator == Unequal { // what is absent is not equal to anything
		equal, err := a.compare(Equal, c.Value)
		if err != nil {
			return nil, err
		}
		return not(equal), nil
	}
	return a.compare(c.Operator, c.Value)
}

// present is the condition that there is a value.
func (a *directoryAttribute) present() condition {
	if a.kind == asKey || a.kind == asMoment {
		return sqlf("? IS NOT NULL", a.value)
	}
	return sqlf("(? IS NOT NULL AND ? <> '')", a.value, a.value)
}

// compare is a condition that is never NULL, so that it can be turned around.
func (a *directoryAttribute) compare(operator Operator, value any) (condition, error) {
	var c condition
	switch value := value.(type) {
	case id.ID:
		if a.kind != asKey || operator != Equal {
			return nil, incomparable(operator)
		}
		return a.isKey(value), nil
	case time.Time:
		if sign := signs[operator]; a.kind == asMoment && sign != "" {
			c = sqlf("? "+sign+" ?", a.value, value.UTC())
		}
	case bool:
		if a.kind == asFlag && operator == Equal {
			c = sqlf("? = ?", a.value, map[bool]condition{true: sqlf("'true'"), false: sqlf("'false'")}[value])
		}
	case string:
		if a.kind == asFolded || a.kind == asExact {
			c = a.compareText(operator, value)
		}
	}
	if c == nil {
		return nil, incomparable(operator)
	}
	return sqlf("(? AND ?)", a.present(), c), nil
}

func incomparable(operator Operator) error {
	return fault.Invalid("filter", "the attribute does not compare by %s with such a value", operator)
}

func (a *directoryAttribute) isKey(value id.ID) condition {
	return sqlf("(? = CAST(? AS TEXT) AND ? = ?)", a.noun, string(value.Noun), a.value, value.N)
}

var signs = map[Operator]string{Equal: "=", Greater: ">", GreaterEqual: ">=", Less: "<", LessEqual: "<="}

// compareText compares texts, nil for an operator that is none. LIKE is not used: what it means by case is not the same on both
// databases, and neither are its wildcards in long texts.
func (a *directoryAttribute) compareText(operator Operator, text string) condition {
	value, wanted := a.value, sqlf("CAST(? AS TEXT)", text)
	switch {
	case a.fold != nil:
		wanted = sqlf("CAST(? AS TEXT)", a.fold(text))
	case a.kind == asFolded:
		value, wanted = sqlf("LOWER(?)", value), sqlf("LOWER(?)", wanted)
	}
	switch operator {
	case Equal:
		return sqlf("? = ?", value, wanted)
	case Contains:
		return func(b *builder) {
			find := "strpos"
			if b.dialect != dialect.Postgres {
				find = "instr"
			}
			b.write(find+"(?, ?) > 0", value, wanted)
		}
	case StartsWith:
		return sqlf("substr(?, 1, length(?)) = ?", value, wanted, wanted)
	case EndsWith:
		return sqlf("(length(?) >= length(?) AND substr(?, length(?) - length(?) + 1) = ?)", value, wanted, value, value, wanted, wanted)
	case Greater, GreaterEqual, Less, LessEqual:
		return func(b *builder) { b.write("? "+signs[operator]+" ?", inByteOrder(value), inByteOrder(wanted)) }
	case Unequal, Present: // told before
	}
	return nil
}

// inByteOrder has a text compare by its bytes, whatever the language of the database is.
func inByteOrder(c condition) condition {
	return func(b *builder) {
		if b.dialect == dialect.Postgres {
			b.write(`(?) COLLATE "C"`, c)
			return
		}
		c(b)
	}
}

// order is how rows are sorted by an attribute: what has no value comes last, or first when descending (RFC 7644 §3.4.2.3).
func (a *directoryAttribute) order(b *builder, descending bool) {
	value := a.value
	if a.kind == asFolded && a.fold == nil {
		value = sqlf("LOWER(?)", value)
	}
	b.write("CASE WHEN ? THEN 0 ELSE 1 END"+direction(descending)+", ?"+direction(descending)+", ", a.present(), value)
}

// foldedName is how user names are compared (operation.nameKey).
func foldedName(name string) string { return strings.ToLower(strings.TrimSpace(name)) }
