package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"entgo.io/ent/dialect"
)

// insertRows is how many rows one INSERT carries.
const insertRows = 20_000

// Column is a named list of values, one per row. Values is []int64, []string, []float64, []bool, []time.Time,
// []json.RawMessage (nil is NULL), or, for columns with NULLs, []*int64, []*string or []*time.Time.
type Column struct {
	Name   string
	Values any
}

// Any is the condition that a column equals one of a list, which Array gives as argument n.
func (r *Reader) Any(column string, n int) string {
	if r.dialect == dialect.Postgres {
		return fmt.Sprintf("%s = ANY($%d)", column, n)
	}
	return fmt.Sprintf("%s IN (SELECT value FROM json_each($%d))", column, n)
}

// Array makes the argument for Any out of []int64 or []string; any number of values is one argument.
func (r *Reader) Array(values any) any {
	l, err := listOf(values)
	if err != nil {
		return failing{err}
	}
	if r.dialect == dialect.Postgres {
		return l.array(0, l.n)
	}
	return jsonRows([]series{l}, 0, l.n)
}

// Table gives columns of equal length as a table with a name, for FROM or JOIN. Its arguments are numbered from first on;
// the caller's next one is first+len(args), which is not the same on both databases.
func (r *Reader) Table(alias string, first int, cols ...Column) (fragment string, args []any) {
	lists, n, err := listsOf(cols)
	if err != nil {
		// A wrong type or length is a bug of the caller; it comes back as the error of the statement.
		return "(SELECT NULL) AS " + alias, []any{failing{err}}
	}
	return r.table(alias, first, cols, lists, 0, n)
}

func (r *Reader) table(alias string, first int, cols []Column, lists []series, from, to int) (string, []any) {
	names := make([]string, len(cols))
	for i, c := range cols {
		names[i] = c.Name
	}
	if r.dialect != dialect.Postgres {
		exprs := make([]string, len(cols))
		for i, l := range lists {
			exprs[i] = l.extract(i, len(lists)) + " AS " + names[i]
		}
		return fmt.Sprintf("(SELECT %s FROM json_each($%d)) AS %s", strings.Join(exprs, ", "), first, alias),
			[]any{jsonRows(lists, from, to)}
	}
	// What is the same in all rows goes as one value: an array of it would have to be written, read, and put into rows again.
	var params, varied, fixed []string
	args := make([]any, len(cols))
	for i, l := range lists {
		if l.same {
			fixed = append(fixed, fmt.Sprintf("$%d::%s AS %s", first+i, l.pgType, names[i]))
			args[i] = l.scalar(from)
			continue
		}
		params, varied = append(params, fmt.Sprintf("$%d::%s[]", first+i, l.pgType)), append(varied, names[i])
		args[i] = l.array(from, to)
	}
	switch {
	case len(varied) == 0 && to-from == 1:
		return fmt.Sprintf("(SELECT %s) AS %s", strings.Join(fixed, ", "), alias), args
	case len(varied) == 0:
		return fmt.Sprintf("(SELECT %s FROM generate_series(1, %d)) AS %s", strings.Join(fixed, ", "), to-from, alias), args
	case len(fixed) == 0:
		return fmt.Sprintf("unnest(%s) AS %s(%s)", strings.Join(params, ", "), alias, strings.Join(names, ", ")), args
	}
	return fmt.Sprintf("(SELECT *, %s FROM unnest(%s) AS varied(%s)) AS %s", strings.Join(fixed, ", "), strings.Join(params, ", "),
		strings.Join(varied, ", "), alias), args
}

// Insert writes rows, given by column, in statements of 20,000 rows.
func (t *Tx) Insert(ctx context.Context, table string, cols ...Column) error {
	return t.insert(cols, table, "", func(query string, args []any) error {
		_, err := t.Exec(ctx, query, args...)
		return err
	})
}

// InsertReturning is Insert that hands back columns of the new rows. scan is called once per row, in the order in which they
// were given.
func (t *Tx) InsertReturning(ctx context.Context, table string, returning []string, scan func(rows *sql.Rows) error, cols ...Column) error {
	return t.insert(cols, table, " RETURNING "+strings.Join(returning, ", "), func(query string, args []any) error {
		rows, err := t.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
		for rows.Next() {
			if err := scan(rows); err != nil {
				return err
			}
		}
		return t.note(rows.Err())
	})
}

func (t *Tx) insert(cols []Column, table, tail string, run func(query string, args []any) error) error {
	lists, n, err := listsOf(cols)
	if err != nil {
		return err
	}
	names := make([]string, len(cols))
	for i, c := range cols {
		names[i] = c.Name
	}
	for from := 0; from < n; from += insertRows {
		rows, args := t.table("v", 1, cols, lists, from, min(from+insertRows, n))
		query := fmt.Sprintf("INSERT INTO %s (%s) SELECT %[2]s FROM %s%s", table, strings.Join(names, ", "), rows, tail)
		if t.dialect != dialect.Postgres {
			// Without WHERE, SQLite could take what follows for a part of the FROM clause.
			query = strings.TrimSuffix(query, tail) + " WHERE true" + tail
		}
		if err := run(query, args); err != nil {
			return err
		}
	}
	return nil
}

// Time scans a time out of an expression, such as max(at), where SQLite gives text because it knows no type. Valid is false
// for NULL.
type Time struct {
	Time  time.Time
	Valid bool
}

// Scan is for database/sql.
func (t *Time) Scan(src any) error {
	*t = Time{}
	var err error
	switch v := src.(type) {
	case nil:
		return nil
	case time.Time:
		t.Time = v.UTC()
	case string:
		t.Time, err = time.Parse(sqliteTime, v)
	case []byte:
		t.Time, err = time.Parse(sqliteTime, string(v))
	default:
		err = fmt.Errorf("store: cannot read a time from %T", src)
	}
	t.Time, t.Valid = t.Time.UTC(), err == nil
	return err
}

// sqliteTime is how the SQLite driver writes times with _time_format=sqlite.
const sqliteTime = "2006-01-02 15:04:05.999999999-07:00"

// JSON is a value of a JSON column, for Column.
type JSON = json.RawMessage
