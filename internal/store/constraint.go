package store

import (
	"slices"
	"strings"
	"sync"

	"entgo.io/ent/dialect/sql/schema"

	"github.com/ringfence/ringfence/ent/migrate"
)

// constraints maps "table.column, table.column" to the name of the unique index over these columns. SQLite names the columns
// of a violated index, PostgreSQL the index; callers see the index.
var constraints = sync.OnceValue(func() map[string]string {
	names := map[string]string{}
	for _, t := range migrate.Tables {
		names[columnsKey(t.Name, t.PrimaryKey)] = t.Name + "_pkey"
		for _, c := range t.Columns {
			if c.Unique {
				names[columnsKey(t.Name, []*schema.Column{c})] = t.Name + "_" + c.Name + "_key"
			}
		}
		for _, i := range t.Indexes {
			if i.Unique {
				names[columnsKey(t.Name, i.Columns)] = i.Name
			}
		}
	}
	return names
})

func columnsKey(table string, columns []*schema.Column) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = table + "." + c.Name
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// constraintOf names the unique index over columns given as table.column, or lists them if there is none.
func constraintOf(columns []string) string {
	slices.Sort(columns)
	key := strings.Join(columns, ", ")
	if name, ok := constraints()[key]; ok {
		return name
	}
	return key
}
