package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"entgo.io/ent/dialect"
)

// Part is one of several statements that Together runs.
type Part struct {
	// Build gives the statement with its arguments numbered from first on.
	Build func(r *Reader, first int) (text string, args []any)
	// IDs is where the keys of inserted rows go, in the order of the rows; nil: the statement returns nothing.
	IDs []*int64
	// Scan, where it is set, is called with each row the statement gives: a number and a text, in columns of their own. IDs is nil then.
	Scan func(number int64, text string)
	rows int
}

// Inserting is the part that inserts rows, given by column, and tells their keys.
func Inserting(table string, ids []*int64, cols ...Column) Part {
	names := make([]string, len(cols))
	for i, c := range cols {
		names[i] = c.Name
	}
	list := strings.Join(names, ", ")
	return Part{IDs: ids, rows: rowsOf(cols), Build: func(r *Reader, first int) (string, []any) {
		rows, args := r.Table("v", first, cols...)
		where := ""
		if r.dialect != dialect.Postgres {
			// Without WHERE, SQLite could take what follows for a part of the FROM clause.
			where = " WHERE true"
		}
		text := fmt.Sprintf("INSERT INTO %s (%s) SELECT %[2]s FROM %s%s", table, list, rows, where)
		if ids != nil {
			text += " RETURNING id"
		}
		return text, args
	}}
}

func rowsOf(cols []Column) int {
	if len(cols) == 0 {
		return 0
	}
	return lengthOf(cols[0].Values)
}

// Together runs statements that do not depend on each other: on PostgreSQL in one round trip, as parts of one statement, which
// see the same state of the database; on SQLite, where nothing is far away, one after the other.
func (t *Tx) Together(ctx context.Context, parts ...Part) error {
	large := false
	for _, p := range parts {
		large = large || p.rows > insertRows
	}
	if t.dialect != dialect.Postgres || len(parts) == 1 || large {
		for _, p := range parts {
			if err := t.alone(ctx, p); err != nil {
				return err
			}
		}
		return nil
	}
	var with, selects []string
	var args []any
	for i, p := range parts {
		text, more := p.Build(t.Reader, len(args)+1)
		with = append(with, fmt.Sprintf("q%d AS (%s)", i, text))
		args = append(args, more...)
		switch {
		case p.Scan != nil:
			selects = append(selects, fmt.Sprintf("SELECT %d, q.* FROM q%d q", i, i))
		case p.IDs != nil:
			selects = append(selects, fmt.Sprintf("SELECT %d, id, '' FROM q%d", i, i))
		}
	}
	if len(with) == 0 {
		return nil
	}
	tail := "SELECT 0, 0, '' WHERE false"
	if len(selects) > 0 {
		tail = strings.Join(selects, " UNION ALL ")
	}
	seen := make([]int, len(parts))
	return t.scanEach(ctx, "WITH "+strings.Join(with, ", ")+" "+tail, args, func(rows *sql.Rows) error {
		var part int
		var id int64
		var text string
		if err := rows.Scan(&part, &id, &text); err != nil {
			return err
		}
		if scan := parts[part].Scan; scan != nil {
			scan(id, text)
			return nil
		}
		*parts[part].IDs[seen[part]] = id
		seen[part]++
		return nil
	})
}

// alone runs one part by itself.
func (t *Tx) alone(ctx context.Context, p Part) error {
	text, args := p.Build(t.Reader, 1)
	if p.Scan != nil {
		return t.scanEach(ctx, text, args, func(rows *sql.Rows) error {
			var number int64
			var line string
			err := rows.Scan(&number, &line)
			p.Scan(number, line)
			return err
		})
	}
	if p.IDs == nil {
		_, err := t.Exec(ctx, text, args...)
		return err
	}
	i := 0
	return t.scanEach(ctx, text, args, func(rows *sql.Rows) error {
		i++
		return rows.Scan(p.IDs[i-1])
	})
}

// scanEach runs a query and hands each row to scan.
func (t *Tx) scanEach(ctx context.Context, text string, args []any, scan func(rows *sql.Rows) error) error {
	rows, err := t.Query(ctx, text, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return t.note(err)
		}
	}
	return t.note(rows.Err())
}
