package query

import (
	"context"
	stdsql "database/sql"
)

// reach is whom a delegate's allotments may serve, all of them together: the nearest scope of each, looking upwards.
type reach struct {
	everyone    bool // some allotment has no scope at all, nor has anything above it
	allGroups   bool // some scope names no group
	groups      []int64
	departments []string
	countries   []string
}

// readDelegations finds the allotments of a user and their scopes: two statements for a delegate, one for others.
func (s *session) readDelegations(ctx context.Context, f *facts) error {
	statement := sqlf(`WITH RECURSIVE mine(id) AS (
		SELECT d.allotment_id FROM allotment_delegates d
		WHERE d.user_id = ? OR d.group_id IN (SELECT m.group_id FROM memberships m WHERE m.user_id = ?)
		UNION SELECT a.id FROM allotments a JOIN mine ON a.parent_id = mine.id
	) SELECT a.id, a.license_id FROM allotments a JOIN mine ON mine.id = a.id ORDER BY a.id`, f.user, f.user)
	err := s.rows(ctx, statement, func(rows *stdsql.Rows) error {
		var allotment, license int64
		err := rows.Scan(&allotment, &license)
		f.delegated, f.licenses = append(f.delegated, allotment), append(f.licenses, license)
		return err
	})
	f.licenses = distinct(f.licenses)
	if err != nil || len(f.delegated) == 0 {
		return err
	}
	return s.readReach(ctx, f)
}

func (s *session) readReach(ctx context.Context, f *facts) error {
	scoped := "EXISTS (SELECT 1 FROM allotment_scopes c WHERE c.allotment_id = a.id)"
	statement := sqlf(`WITH RECURSIVE up(id, parent_id, scoped) AS (
		SELECT a.id, a.parent_id, `+scoped+` FROM allotments a WHERE ?
		UNION SELECT a.id, a.parent_id, `+scoped+` FROM allotments a JOIN up ON a.id = up.parent_id WHERE NOT up.scoped
	) SELECT up.id, COALESCE(c.kind, ''), COALESCE(c.group_id, 0), COALESCE(c.value, '')
	FROM up LEFT JOIN allotment_scopes c ON c.allotment_id = up.id
	WHERE up.scoped OR up.parent_id IS NULL`, in("a.id", f.delegated))
	named := map[int64]bool{}
	err := s.rows(ctx, statement, func(rows *stdsql.Rows) error {
		var allotment, group int64
		var kind, value string
		if err := rows.Scan(&allotment, &kind, &group, &value); err != nil {
			return err
		}
		named[allotment] = named[allotment] || kind == "GROUP"
		f.reach.add(kind, group, value)
		return nil
	})
	for _, group := range named {
		f.reach.allGroups = f.reach.allGroups || !group
	}
	return err
}

func (r *reach) add(kind string, group int64, value string) {
	switch kind {
	case "GROUP":
		r.groups = append(r.groups, group)
	case "DEPARTMENT":
		r.departments = append(r.departments, value)
	case "COUNTRY":
		r.countries = append(r.countries, value)
	default:
		r.everyone = true
	}
}
