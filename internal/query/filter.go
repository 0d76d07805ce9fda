package query

import (
	"slices"
	"strings"
	"time"

	"github.com/ringfence/ringfence/internal/id"
)

// TextFilter are conditions on a text, without regard to case.
type TextFilter struct {
	Eq         *string
	In         []string
	Contains   *string
	StartsWith *string
}

// CountFilter are conditions on a number of units.
type CountFilter struct {
	Eq  *int
	Gte *int
	Lte *int
}

// DateFilter are conditions on a day, YYYY-MM-DD.
type DateFilter struct {
	Since  *string
	Before *string
	Known  *bool
}

// TimeFilter are conditions on an instant.
type TimeFilter struct {
	Since  *time.Time
	Before *time.Time
	Known  *bool
}

var escapePattern = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

func (t *TextFilter) on(column string) condition {
	if t == nil {
		return nil
	}
	var all []condition
	if t.Eq != nil {
		all = append(all, sqlf("LOWER("+column+") = LOWER(?)", *t.Eq))
	}
	if t.In != nil {
		all = append(all, inFolded(column, t.In))
	}
	if t.Contains != nil {
		all = append(all, containing(*t.Contains, column))
	}
	if t.StartsWith != nil {
		all = append(all, like(column, *t.StartsWith, "", "%"))
	}
	return and(all...)
}

// longestText is more than any text that can be searched has, in bytes. SQLite refuses patterns of more than 50,000.
const longestText = 8_000

// like holds when a column has the text, with anything the wildcards stand for around it.
func like(column, text, before, after string) condition {
	if len(text) > longestText {
		return never
	}
	return sqlf("LOWER("+column+`) LIKE LOWER(?) ESCAPE '\'`, before+escapePattern.Replace(text)+after)
}

// containing holds when any of the columns has the text in it.
func containing(text string, columns ...string) condition {
	any := make([]condition, len(columns))
	for i, column := range columns {
		any[i] = like(column, text, "%", "%")
	}
	return or(any...)
}

func searching(text *string, columns ...string) condition {
	if text == nil {
		return nil
	}
	return containing(*text, columns...)
}

// on compares an expression in which unlimited is a very large number.
func (c *CountFilter) on(expression string) condition {
	if c == nil {
		return nil
	}
	var all []condition
	for _, bound := range []struct {
		operator string
		value    *int
	}{{"=", c.Eq}, {">=", c.Gte}, {"<=", c.Lte}} {
		if bound.value != nil {
			all = append(all, sqlf(expression+" "+bound.operator+" ?", int64(*bound.value)))
		}
	}
	return and(all...)
}

func (d *DateFilter) on(column string) condition {
	if d == nil {
		return nil
	}
	return and(compared(column, ">=", d.Since), compared(column, "<", d.Before), known(column, d.Known))
}

func (t *TimeFilter) on(column string) condition {
	if t == nil {
		return nil
	}
	return and(compared(column, ">=", t.Since), compared(column, "<", t.Before), known(column, t.Known))
}

func compared[T any](column, operator string, value *T) condition {
	if value == nil {
		return nil
	}
	return sqlf(column+" "+operator+" ?", *value)
}

func known(column string, wanted *bool) condition {
	if wanted == nil {
		return nil
	}
	if *wanted {
		return sqlf(column + " IS NOT NULL")
	}
	return sqlf(column + " IS NULL")
}

func equals[T any](column string, value *T) condition { return compared(column, "=", value) }

// whether is the condition itself for true, its contrary for false, and none for nil.
func whether(wanted *bool, c condition) condition {
	switch {
	case wanted == nil:
		return nil
	case *wanted:
		return c
	}
	return not(c)
}

// among holds when the column is one of the given values; a list that was not given is no condition.
func among[T ~string](column string, values []T) condition {
	if values == nil {
		return nil
	}
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = string(value)
	}
	return in(column, texts)
}

// named holds when the column is the key of one of the ids; ids of other nouns name nothing.
func named(column string, noun id.Noun, ids []id.ID) condition {
	if ids == nil {
		return nil
	}
	return in(column, keysOf(noun, ids))
}

func keysOf(noun id.Noun, ids []id.ID) []int64 {
	keys := make([]int64, 0, len(ids))
	for _, one := range ids {
		if key := one.Key(noun); key != 0 {
			keys = append(keys, key)
		}
	}
	return keys
}

// used tells whether any of the conditions was given.
func used(filters ...*TextFilter) bool {
	return slices.ContainsFunc(filters, func(t *TextFilter) bool { return t != nil })
}
