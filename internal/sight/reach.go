package sight

import (
	"context"
	"database/sql"
	"slices"

	"github.com/ringfence/ringfence/internal/filter"
	"github.com/ringfence/ringfence/internal/policy"
)

// Database asks one statement with arguments $1, $2, … of a database or a transaction.
type Database struct {
	Dialect string
	Query   func(ctx context.Context, statement string, args ...any) (*sql.Rows, error)
}

// Reach reads the allotments that a user is a delegate of, directly or through a group, and whom these may serve: two statements for a
// delegate, one for others.
func Reach(ctx context.Context, d Database, user int64) (policy.Reach, error) {
	var of Collector
	rows, err := d.Query(ctx, `WITH RECURSIVE mine(id) AS (
		SELECT d.allotment_id FROM allotment_delegates d
		WHERE d.user_id = $1 OR d.group_id IN (SELECT m.group_id FROM memberships m WHERE m.user_id = $1)
		UNION SELECT a.id FROM allotments a JOIN mine ON a.parent_id = mine.id
	) SELECT a.id, a.license_id FROM allotments a JOIN mine ON mine.id = a.id ORDER BY a.id`, user)
	err = each(rows, err, func() error {
		var allotment, license int64
		err := rows.Scan(&allotment, &license)
		of.Allotment(allotment, license)
		return err
	})
	if err == nil && len(of.reach.Allotments) > 0 {
		err = readScopes(ctx, d, &of)
	}
	return of.Reach(), err
}

// readScopes reads the nearest scope of each allotment, looking upwards.
func readScopes(ctx context.Context, d Database, of *Collector) error {
	const scoped = "EXISTS (SELECT 1 FROM allotment_scopes c WHERE c.allotment_id = a.id)"
	w := &writer{}
	w.Put(`WITH RECURSIVE up(id, parent_id, scoped) AS (
		SELECT a.id, a.parent_id, ` + scoped + ` FROM allotments a WHERE `)
	filter.WriteIn(w, d.Dialect, "a.id", of.reach.Allotments)
	w.Put(` UNION SELECT a.id, a.parent_id, ` + scoped + ` FROM allotments a JOIN up ON a.id = up.parent_id WHERE NOT up.scoped
	) SELECT up.id, COALESCE(c.kind, ''), COALESCE(c.group_id, 0), COALESCE(c.value, '')
	FROM up LEFT JOIN allotment_scopes c ON c.allotment_id = up.id
	WHERE up.scoped OR up.parent_id IS NULL`)
	scopes := map[int64]*policy.Scope{}
	rows, err := d.Query(ctx, w.text.String(), w.args...)
	err = each(rows, err, func() error {
		var allotment, group int64
		var kind, value string
		if err := rows.Scan(&allotment, &kind, &group, &value); err != nil {
			return err
		}
		if scopes[allotment] == nil {
			scopes[allotment] = &policy.Scope{}
		}
		add(scopes[allotment], kind, group, value)
		return nil
	})
	for _, scope := range scopes {
		of.Scope(*scope)
	}
	return err
}

func add(s *policy.Scope, kind string, group int64, value string) {
	switch kind {
	case "GROUP":
		s.Groups = append(s.Groups, group)
	case "DEPARTMENT":
		s.Departments = append(s.Departments, value)
	case "COUNTRY":
		s.Countries = append(s.Countries, value)
	}
}

// Collector puts a reach together out of the allotments of a delegate and the nearest scope of each.
type Collector struct{ reach policy.Reach }

// Allotment adds one of the allotments that the principal is a delegate of, or that is below one.
func (c *Collector) Allotment(allotment, license int64) {
	c.reach.Allotments, c.reach.Licenses = append(c.reach.Allotments, allotment), append(c.reach.Licenses, license)
}

// Scope adds the nearest scope of one of them; the empty one serves everyone.
func (c *Collector) Scope(s policy.Scope) {
	r := &c.reach
	r.Everyone, r.EveryGroup = r.Everyone || s.Empty(), r.EveryGroup || len(s.Groups) == 0
	r.Groups, r.Departments, r.Countries = append(r.Groups, s.Groups...), append(r.Departments, s.Departments...), append(r.Countries, s.Countries...)
}

// Reach gives what was added, each list in order and without doubles: equal facts are equal.
func (c *Collector) Reach() policy.Reach {
	r := c.reach
	r.Allotments, r.Licenses = distinct(r.Allotments), distinct(r.Licenses)
	r.Groups, r.Departments, r.Countries = distinct(r.Groups), distinct(r.Departments), distinct(r.Countries)
	return r
}

func distinct[T int64 | string](list []T) []T {
	slices.Sort(list)
	return slices.Compact(list)
}

func each(rows *sql.Rows, err error, scan func() error) error {
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // what it could tell, Err has told
	for rows.Next() {
		if err := scan(); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Seen gives those of some rows of a type that a filter holds for, by key.
func Seen(ctx context.Context, d Database, kind string, f filter.Filter, keys []int64) ([]int64, error) {
	table, ok := filter.Find(kind)
	if !ok || filter.IsNone(f) || len(keys) == 0 {
		return nil, nil
	}
	w := &writer{}
	w.Put(`SELECT t.id FROM "` + table.Name + `" t WHERE `)
	filter.WriteIn(w, d.Dialect, "t.id", keys)
	w.Put(" AND (")
	filter.Write(w, d.Dialect, "t", f)
	w.Put(") ORDER BY t.id")
	var seen []int64
	rows, err := d.Query(ctx, w.text.String(), w.args...)
	err = each(rows, err, func() error {
		var key int64
		err := rows.Scan(&key)
		seen = append(seen, key)
		return err
	})
	return seen, err
}
