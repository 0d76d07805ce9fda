package operation

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/ringfence/ringfence/internal/id"
)

// maxListed is how many findings of one kind are listed.
const maxListed = 1000

// rowCheck is a query for rows that should not be there: the key of the subject, two numbers and a text to tell about it.
type rowCheck struct {
	rule  string
	nouns [3]id.Noun // of the subject and of the numbers; a number without one is a count
	say   string     // a format: %[1]v and %[2]v are the numbers, %[3]s the text
	query string
}

func (c rowCheck) tell(first, second int64, text string) string {
	return fmt.Sprintf(c.say, name(c.nouns[1], first), name(c.nouns[2], second), text)
}

// name writes a number as the id of what it is the key of.
func name(noun id.Noun, n int64) string {
	switch {
	case noun == "":
		return strconv.FormatInt(n, 10)
	case noun == id.Allotment && n == 0:
		return "the license itself"
	}
	return id.Of(noun, n).String()
}

// sameSeat joins a reason to the seat it is a reason of.
const sameSeat = `r.license_id = s.license_id AND r.user_id = s.user_id`

// reachable is the groups whose direct members each group license is for.
const reachable = `WITH RECURSIVE reach(grant_id, nested, group_id) AS (
	SELECT id, include_nested, group_id FROM group_licenses
	UNION SELECT reach.grant_id, reach.nested, n.child_id FROM reach JOIN group_nestings n ON n.parent_id = reach.group_id WHERE reach.nested) `

// rowChecks are what is wrong whatever a policy says.
var rowChecks = []rowCheck{
	{"P3", [3]id.Noun{id.User, id.License}, "has %[2]v seats of %[1]v",
		`SELECT user_id, license_id, COUNT(*), '' FROM seats GROUP BY license_id, user_id HAVING COUNT(*) > 1`},
	{"P3", [3]id.Noun{id.User, id.License}, "has %[2]v reasons of the same kind for %[1]v",
		`SELECT user_id, license_id, COUNT(*), '' FROM seat_reasons GROUP BY license_id, user_id, group_license_id HAVING COUNT(*) > 1`},

	{"ORPHAN", [3]id.Noun{id.Seat, id.User}, "is of %[1]v, who does not exist",
		`SELECT s.id, s.user_id, 0, '' FROM seats s LEFT JOIN users u ON u.id = s.user_id WHERE u.id IS NULL`},
	{"ORPHAN", [3]id.Noun{id.Seat, id.License}, "is of %[1]v, which does not exist",
		`SELECT s.id, s.license_id, 0, '' FROM seats s LEFT JOIN licenses l ON l.id = s.license_id WHERE l.id IS NULL`},
	{"ORPHAN", [3]id.Noun{id.Seat, id.Allotment, id.License}, "is charged to %[1]v, which %[2]v does not have",
		`SELECT s.id, s.allotment_id, s.license_id, '' FROM seats s LEFT JOIN allotments a ON a.id = s.allotment_id AND a.license_id = s.license_id
			WHERE s.allotment_id <> 0 AND a.id IS NULL`},
	{"ORPHAN", [3]id.Noun{id.User, id.Allotment, id.License}, "has a reason at %[1]v, which %[2]v does not have",
		`SELECT r.user_id, r.allotment_id, r.license_id, '' FROM seat_reasons r LEFT JOIN allotments a ON a.id = r.allotment_id AND a.license_id = r.license_id
			WHERE r.allotment_id <> 0 AND a.id IS NULL`},
	{"ORPHAN", [3]id.Noun{id.User, id.License}, "has a reason for %[1]v, but no seat",
		`SELECT r.user_id, r.license_id, 0, '' FROM seat_reasons r LEFT JOIN seats s ON ` + sameSeat + ` WHERE s.id IS NULL`},
	{"ORPHAN", [3]id.Noun{id.Seat, id.User, id.License}, "of %[1]v and %[2]v has no reason",
		`SELECT s.id, s.user_id, s.license_id, '' FROM seats s LEFT JOIN seat_reasons r ON ` + sameSeat + ` WHERE r.id IS NULL`},
	{"ORPHAN", [3]id.Noun{id.User, id.GroupLicense}, "has a reason from %[1]v, which does not exist",
		`SELECT r.user_id, r.group_license_id, 0, '' FROM seat_reasons r LEFT JOIN group_licenses g ON g.id = r.group_license_id
			WHERE r.group_license_id <> 0 AND g.id IS NULL`},
	{"ORPHAN", [3]id.Noun{id.GroupLicense, id.Group}, "is of %[1]v, which does not exist",
		`SELECT g.id, g.group_id, 0, '' FROM group_licenses g LEFT JOIN "groups" t ON t.id = g.group_id WHERE t.id IS NULL`},
	{"ORPHAN", [3]id.Noun{id.GroupLicense, id.License}, "draws on %[1]v, which does not exist",
		`SELECT g.id, g.license_id, 0, '' FROM group_licenses g LEFT JOIN licenses l ON l.id = g.license_id WHERE l.id IS NULL`},
	{"ORPHAN", [3]id.Noun{id.GroupLicense, id.Allotment, id.License}, "draws on %[1]v, which %[2]v does not have",
		`SELECT g.id, g.allotment_id, g.license_id, '' FROM group_licenses g LEFT JOIN allotments a ON a.id = g.allotment_id AND a.license_id = g.license_id
			WHERE g.allotment_id <> 0 AND a.id IS NULL`},
	{"ORPHAN", [3]id.Noun{id.GroupLicense, id.GroupLicense}, "is replaced by %[1]v, which does not exist",
		`SELECT g.id, g.replaced_by, 0, '' FROM group_licenses g LEFT JOIN group_licenses n ON n.id = g.replaced_by WHERE g.replaced_by <> 0 AND n.id IS NULL`},
	{"ORPHAN", [3]id.Noun{id.User, id.GroupLicense}, "is excluded from %[1]v, and one of the two does not exist",
		`SELECT x.user_id, x.group_license_id, 0, '' FROM exclusions x LEFT JOIN users u ON u.id = x.user_id
			LEFT JOIN group_licenses g ON g.id = x.group_license_id WHERE u.id IS NULL OR g.id IS NULL`},
	{"ORPHAN", [3]id.Noun{id.Allotment, id.User, id.Group}, "has %[1]v or %[2]v as a delegate, which does not exist",
		`SELECT d.allotment_id, d.user_id, d.group_id, '' FROM allotment_delegates d LEFT JOIN users u ON u.id = d.user_id
			LEFT JOIN "groups" g ON g.id = d.group_id WHERE u.id IS NULL AND g.id IS NULL`},
	{"ORPHAN", [3]id.Noun{id.Allotment, id.Group}, "has %[1]v in its scope, which does not exist",
		`SELECT s.allotment_id, s.group_id, 0, '' FROM allotment_scopes s LEFT JOIN "groups" g ON g.id = s.group_id WHERE s.kind = 'GROUP' AND g.id IS NULL`},
	{"ORPHAN", [3]id.Noun{id.Group, id.Group}, "has %[1]v nested in it, and one of the two does not exist",
		`SELECT n.parent_id, n.child_id, 0, '' FROM group_nestings n LEFT JOIN "groups" p ON p.id = n.parent_id
			LEFT JOIN "groups" c ON c.id = n.child_id WHERE p.id IS NULL OR c.id IS NULL`},

	{"P2", [3]id.Noun{id.Seat}, "is %[3]s, which does not go with its reasons: %[1]v of them, %[2]v in the state that it asks for",
		`SELECT s.id, COUNT(*), SUM(CASE WHEN s.state = 'ACTIVE' AND r.state = 'SERVED' AND r.allotment_id = s.allotment_id OR s.state = r.state THEN 1 ELSE 0 END), s.state
			FROM seats s JOIN seat_reasons r ON ` + sameSeat + ` GROUP BY s.id, s.state
			HAVING NOT (CASE WHEN s.state = 'ACTIVE' THEN SUM(CASE WHEN r.state = 'SERVED' THEN 1 ELSE 0 END) = 1
				AND SUM(CASE WHEN r.state = 'SERVED' AND r.allotment_id = s.allotment_id THEN 1 ELSE 0 END) = 1
				AND SUM(CASE WHEN r.state IN ('STANDBY', 'ERROR') THEN 1 ELSE 0 END) = COUNT(*) - 1
			ELSE SUM(CASE WHEN r.state = s.state THEN 1 ELSE 0 END) = COUNT(*) END)`},
	{"P2", [3]id.Noun{id.Seat, id.Allotment, id.Allotment}, "stands at %[1]v, but its oldest reason is at %[2]v",
		`SELECT s.id, s.allotment_id, r.allotment_id, '' FROM seats s JOIN seat_reasons r ON ` + sameSeat + ` WHERE s.state <> 'ACTIVE' AND r.allotment_id <> s.allotment_id
			AND NOT EXISTS (SELECT 1 FROM seat_reasons o WHERE o.license_id = s.license_id AND o.user_id = s.user_id
				AND (o.created_at < r.created_at OR (o.created_at = r.created_at AND o.id < r.id)))`},
	{"P2", [3]id.Noun{id.User, id.License, id.GroupLicense}, "has a reason of %[1]v drawing elsewhere than its %[2]v",
		`SELECT r.user_id, r.license_id, g.id, '' FROM seat_reasons r JOIN group_licenses g ON g.id = r.group_license_id
			WHERE r.license_id <> g.license_id OR r.allotment_id <> g.allotment_id`},
	{"P2", [3]id.Noun{id.User, id.GroupLicense}, "has a reason from %[1]v without being a member of its group",
		reachable + `SELECT r.user_id, r.group_license_id, 0, '' FROM seat_reasons r JOIN group_licenses g ON g.id = r.group_license_id AND g.pending <> 2
			LEFT JOIN (SELECT reach.grant_id, m.user_id FROM reach JOIN memberships m ON m.group_id = reach.group_id) b
				ON b.grant_id = r.group_license_id AND b.user_id = r.user_id WHERE b.user_id IS NULL`},
	{"P2", [3]id.Noun{id.User, id.GroupLicense}, "has a reason from %[1]v although excluded from it",
		`SELECT r.user_id, r.group_license_id, 0, '' FROM seat_reasons r JOIN group_licenses g ON g.id = r.group_license_id AND g.pending <> 2
			JOIN exclusions x ON x.group_license_id = r.group_license_id AND x.user_id = r.user_id WHERE x.ends_at IS NULL OR x.ends_at > $1`},
	{"P2", [3]id.Noun{id.Seat, id.User}, "is %[3]s, but %[1]v is disabled",
		`SELECT s.id, s.user_id, 0, s.state FROM seats s JOIN users u ON u.id = s.user_id WHERE NOT u.enabled AND s.state <> 'ERROR'`},
	{"P2", [3]id.Noun{id.Group}, "says it has %[1]v members, and has %[2]v",
		`SELECT g.id, g.members, COUNT(m.user_id), '' FROM "groups" g LEFT JOIN memberships m ON m.group_id = g.id
			GROUP BY g.id, g.members HAVING COUNT(m.user_id) <> g.members`},

	{"NESTING", [3]id.Noun{id.Group, id.Group}, "contains %[1]v, itself",
		`WITH RECURSIVE under(top, id) AS (SELECT parent_id, child_id FROM group_nestings
			UNION SELECT under.top, n.child_id FROM under JOIN group_nestings n ON n.parent_id = under.id) SELECT top, id, 0, '' FROM under WHERE id = top`},

	{"P4", [3]id.Noun{id.Event, id.Decision}, "rests on %[1]v, which %[3]s",
		`SELECT e.id, e.decision_id, 0, CASE WHEN d.id IS NULL THEN 'does not exist' WHEN d.dry_run THEN 'was a dry run' ELSE 'is a denial' END
			FROM events e LEFT JOIN decisions d ON d.id = e.decision_id WHERE d.id IS NULL OR d.dry_run OR NOT d.allow`},
	// What was decided before policies were kept has none; the first that was kept tells when that was.
	{"ORPHAN", [3]id.Noun{id.Decision}, "was taken by the policy %[3]s, whose text is not kept; so were %[1]v others",
		`SELECT MIN(d.id), COUNT(*) - 1, 0, d.revision FROM decisions d LEFT JOIN policy_revisions p ON p.revision = d.revision
			WHERE p.id IS NULL AND d.at >= (SELECT MIN(created_at) FROM policy_revisions) GROUP BY d.revision`},
	{"JOURNAL", [3]id.Noun{id.Event}, "belongs to entry %[1]v of the journal, which does not exist",
		`SELECT e.id, e.journal_id, 0, '' FROM events e LEFT JOIN journals j ON j.id = e.journal_id WHERE j.id IS NULL`},
}

// checkRows looks for rows that should not be there.
func (v *verification) checkRows(ctx context.Context) error {
	for i, c := range rowChecks {
		v.progress("rows", int64(i), int64(len(rowChecks)))
		if err := v.checkRow(ctx, c); err != nil {
			return fmt.Errorf("%s: %w", c.say, err)
		}
	}
	return nil
}

func (v *verification) checkRow(ctx context.Context, c rowCheck) error {
	var args []any
	if strings.Contains(c.query, "$1") {
		args = append(args, v.Now())
	}
	n := 0
	rows, err := v.Query(ctx, c.query+fmt.Sprintf(" LIMIT %d", maxListed+1), args...)
	return each(rows, err, func(s scanner) error {
		var subject, first, second int64
		var text string
		if err := s.Scan(&subject, &first, &second, &text); err != nil {
			return err
		}
		if n++; n > maxListed {
			v.found(c.rule, id.ID{}, "more of the last kind are not listed")
			return nil
		}
		v.found(c.rule, id.Of(c.nouns[0], subject), "%s", c.tell(first, second, text))
		return nil
	})
}
