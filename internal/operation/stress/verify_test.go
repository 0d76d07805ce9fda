package stress_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/internal/app"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/store"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

// corruption is a change behind the service's back, and what Verify must say about it.
type corruption struct {
	name       string
	statements []string
	want       string // in one of the findings: the rule, the subject and the words
}

// corruptions change the estate that corrupted makes: license 1 with 3 units and license 2 with 100; under 2 the RESERVED allotment 1 (40) with
// the CEILING allotment 2 (20) with the RESERVED allotment 3 (10) below; users 1 to 10; group 1 has 1 to 5 and is licensed from
// license 1: 1 to 3 hold, 4 and 5 wait; 6 holds directly at allotment 3, 7 at allotment 2, 8 is in error.
var corruptions = []corruption{
	{"nothing", nil, ""},
	{"a seat too many is counted", []string{`UPDATE allotments SET used = used + 1 WHERE id = 1`}, "P2: alt_1 says used 2, but 1 active seats"},
	{"a CEILING chain is not charged", []string{`UPDATE allotments SET used = used - 1 WHERE id = 1`}, "P2: alt_1 says used 0, but 1 active"},
	{"a carve-out is forgotten", []string{`UPDATE allotments SET reserved = reserved - 10 WHERE id = 2`}, "P2: alt_2 says reserved 0, but 10 units"},
	{"a carve-out is counted twice", []string{`UPDATE licenses SET reserved = reserved + 1 WHERE id = 2`}, "P2: lic_2 says reserved 41, but 40 units"},
	{"an allocation is not counted", []string{`INSERT INTO allocations (license_id, type, name, quantity, unlimited, metric, created_at)
		SELECT 2, 'CUSTOM_RESERVATION', 'x', 7, false, 'USERS', created_at FROM licenses WHERE id = 2`}, "P2: lic_2 says reserved 40, but 47 units"},
	{"an allocation without history", []string{`INSERT INTO allocations (id, license_id, type, name, quantity, unlimited, metric, created_at)
		SELECT 7, 2, 'CUSTOM_RESERVATION', 'x', 0, false, 'USERS', created_at FROM licenses WHERE id = 2`}, "P2: alc_7 has terms that its history does not end with"},
	{"a history that ends elsewhere", []string{`UPDATE license_states SET used = used + 1 WHERE license_id = 1`}, "P2: lic_1 has figures that its history does not end with"},
	{"a deployment that nobody observed", []string{`INSERT INTO deployments (id, vendor_id, product, product_key, users, observed_at, created_at)
		SELECT 5, 1, 'x', 'x', 3, created_at, created_at FROM licenses WHERE id = 2`}, "P2: dep_5 has counts that its history does not end with"},
	{"the queue is longer than it says", []string{`UPDATE licenses SET waiting = 1 WHERE id = 1`}, "P2: lic_1 says waiting 1, but 2 reasons"},
	{"an error is not counted", []string{`UPDATE licenses SET errors = 0 WHERE id = 2`}, "P2: lic_2 says errors 0, but 1 seats"},
	{"a ceiling without need", []string{`UPDATE licenses SET ceiling = ceiling + 1 WHERE id = 2`}, "P1: lic_2 has the ceiling 101, with the limit 100 and 40 held"},
	{"a second seat", []string{`DROP INDEX seat_license_id_user_id`, copySeat("1")}, "P3: usr_1 has 2 seats of lic_1"},
	{"a seat of nobody", []string{`UPDATE seats SET user_id = 99 WHERE license_id = 1 AND user_id = 1`}, "is of usr_2r, who does not exist"},
	{"a seat of no license", []string{`UPDATE seats SET license_id = 99 WHERE license_id = 1 AND user_id = 1`}, "is of lic_2r, which does not exist"},
	{"a seat of no allotment", []string{`UPDATE seats SET allotment_id = 99 WHERE license_id = 2 AND user_id = 6`}, "is charged to alt_2r, which lic_2 does not have"},
	{"a seat of another license's allotment", []string{`UPDATE seats SET allotment_id = 3 WHERE license_id = 1 AND user_id = 1`}, "is charged to alt_3, which lic_1 does not have"},
	{"a seat without reason", []string{`DELETE FROM seat_reasons WHERE license_id = 1 AND user_id = 1`}, "of usr_1 and lic_1 has no reason"},
	{"a reason without seat", []string{`DELETE FROM seats WHERE license_id = 1 AND user_id = 1`}, "ORPHAN: usr_1 has a reason for lic_1, but no seat"},
	{"a seat that went without event", []string{`DELETE FROM seats WHERE license_id = 1 AND user_id = 1`}, "P4: usr_1 has no seat of lic_1, but the journal says ACTIVE"},
	{"a reason at no allotment", []string{`UPDATE seat_reasons SET allotment_id = 99 WHERE user_id = 6`}, "ORPHAN: usr_6 has a reason at alt_2r, which lic_2 does not have"},
	{"active by no reason", []string{`UPDATE seat_reasons SET state = 'STANDBY' WHERE license_id = 1 AND user_id = 1`}, "is ACTIVE, which does not go with its reasons"},
	{"active by another pool's reason", []string{`UPDATE seat_reasons SET allotment_id = 1 WHERE user_id = 6`}, "is ACTIVE, which does not go with its reasons"},
	{"waiting by a reason in error", []string{`UPDATE seat_reasons SET state = 'ERROR', waiting_since = NULL WHERE license_id = 1 AND user_id = 4`},
		"is WAITING, which does not go with its reasons"},
	{"waiting elsewhere", []string{`UPDATE seats SET allotment_id = 1 WHERE user_id = 8`}, "stands at alt_1, but its oldest reason is at the license itself"},
	{"a seat that changed without event", []string{`UPDATE seats SET state = 'ERROR' WHERE license_id = 1 AND user_id = 4`}, "of user usr_4 is ERROR, but the journal says WAITING"},
	{"a reason of no group license", []string{`DELETE FROM group_licenses WHERE id = 1`}, "ORPHAN: usr_1 has a reason from gli_1, which does not exist"},
	{"a group license of no group", []string{`UPDATE group_licenses SET group_id = 99 WHERE id = 1`}, "ORPHAN: gli_1 is of grp_2r"},
	{"a group license of no license", []string{`UPDATE group_licenses SET license_id = 99 WHERE id = 1`}, "ORPHAN: gli_1 draws on lic_2r"},
	{"a group license of another's allotment", []string{`UPDATE group_licenses SET allotment_id = 1 WHERE id = 1`}, "ORPHAN: gli_1 draws on alt_1, which lic_1 does not have"},
	{"a reason beside its group license", []string{`UPDATE group_licenses SET license_id = 2 WHERE id = 1`}, "P2: usr_1 has a reason of lic_1 drawing elsewhere than its gli_1"},
	{"replaced by nothing", []string{`UPDATE group_licenses SET replaced_by = 99 WHERE id = 1`}, "ORPHAN: gli_1 is replaced by gli_2r"},
	{"a reason without membership", []string{`DELETE FROM memberships WHERE user_id = 1`}, "P2: usr_1 has a reason from gli_1 without being a member"},
	{"the count of members", []string{`UPDATE "groups" SET members = 7 WHERE id = 1`}, "P2: grp_1 says it has 7 members, and has 5"},
	{"a reason in spite of an exclusion", []string{`INSERT INTO exclusions (group_license_id, user_id, note, created_at) SELECT 1, 1, '', created_at FROM licenses WHERE id = 1`},
		"P2: usr_1 has a reason from gli_1 although excluded"},
	{"an exclusion of nobody", []string{`INSERT INTO exclusions (group_license_id, user_id, note, created_at) SELECT 1, 99, '', created_at FROM licenses WHERE id = 1`},
		"ORPHAN: usr_2r is excluded from gli_1"},
	{"a disabled user who holds", []string{`UPDATE users SET enabled = false WHERE id = 1`}, "is ACTIVE, but usr_1 is disabled"},
	{"a delegate who is nobody", []string{`INSERT INTO allotment_delegates (user_id, group_id, allotment_id) VALUES (99, 0, 1)`}, "ORPHAN: alt_1 has usr_2r or grp_0 as a delegate"},
	{"a policy that is not kept", []string{`UPDATE decisions SET revision = 'lost' WHERE id <= 3`},
		"ORPHAN: dec_1 was taken by the policy lost, whose text is not kept; so were 2 others"},
	{"a scope of no group", []string{`INSERT INTO allotment_scopes (kind, group_id, allotment_id) VALUES ('GROUP', 99, 3)`}, "ORPHAN: alt_3 has grp_2r in its scope"},
	{"a nested group that is gone", []string{`INSERT INTO group_nestings (parent_id, child_id) VALUES (1, 99)`}, "ORPHAN: grp_1 has grp_2r nested"},
	{"a group in itself", []string{`INSERT INTO group_nestings (parent_id, child_id) VALUES (1, 2), (2, 1)`}, "NESTING: grp_1 contains grp_1"},
	{"waiting although there is room", []string{`UPDATE licenses SET quantity = 5, capacity = 5, ceiling = 5 WHERE id = 1`}, "P5: usr_4 waits for lic_1, which has room"},
	{"a limit above the parent's", []string{`UPDATE allotments SET capacity = 41, ceiling = 41 WHERE id = 2`}, "P6: alt_2 has the limit 41, above the limit 40 of its parent alt_1"},
	{"no limit below a limit", []string{`UPDATE allotments SET capacity = NULL, ceiling = NULL WHERE id = 2`}, "P6: alt_2 has the limit unlimited, above"},
	{"dates beyond the parent's", []string{`UPDATE allotments SET ends_at = created_at WHERE id = 1`, `UPDATE allotments SET ends_at = (SELECT MAX(at) FROM events) WHERE id = 2`},
		"P6: alt_2 has dates outside those of its parent alt_1"},
	{"a scope beyond the parent's", []string{`INSERT INTO allotment_scopes (kind, value, allotment_id) VALUES ('COUNTRY', 'DE', 1), ('COUNTRY', 'US', 2), ('COUNTRY', 'DE', 3)`},
		"P6: alt_2 has a scope wider than that of its parent alt_1"},
	{"a wrong depth", []string{`UPDATE allotments SET depth = 4 WHERE id = 3`}, "P6: alt_3 says it is 4 deep and is 3 deep"},
	{"a parent in a circle", []string{`UPDATE allotments SET parent_id = 3 WHERE id = 2`}, "P6: alt_2 says it is 2 deep"},
	{"an event without decision", []string{`DELETE FROM decisions WHERE id = (SELECT MAX(decision_id) FROM events)`}, "which does not exist"},
	{"an event by a denial", []string{`UPDATE decisions SET allow = false WHERE id = (SELECT MAX(decision_id) FROM events)`}, "which is a denial"},
	{"an event by a dry run", []string{`UPDATE decisions SET dry_run = true WHERE id = (SELECT MAX(decision_id) FROM events)`}, "which was a dry run"},
	{"an event that was changed", []string{`UPDATE events SET actor = 'nobody' WHERE id = 3`}, "JOURNAL: entry 3 does not have the hash"},
	{"an event that is gone", []string{`DELETE FROM events WHERE id = 3`}, "JOURNAL: entry 3 has 0 events, and says it has 1"},
	{"an event that was added", []string{`INSERT INTO events (journal_id, decision_id, at, actor, type) SELECT journal_id, decision_id, at, actor, type FROM events WHERE id = 3`},
		"JOURNAL: entry 3 has 2 events, and says it has 1"},
	{"an event of no entry", []string{`UPDATE events SET journal_id = 99999 WHERE id = 3`}, "belongs to entry 99999 of the journal, which does not exist"},
	{"an entry that is gone", []string{`DELETE FROM journals WHERE id = 3`}, "JOURNAL: entries 3 to 3 are missing"},
	{"the end was cut off", []string{`DELETE FROM events WHERE journal_id = (SELECT MAX(id) FROM journals)`, `DELETE FROM journals WHERE id = (SELECT MAX(id) FROM journals)`},
		"JOURNAL: the head says entry"},
	{"another head", []string{`UPDATE journal_heads SET hash = 'x'`}, "JOURNAL: the head's hash is not that of the last entry"},
}

func copySeat(user string) string {
	return `INSERT INTO seats (created_at, license_id, user_id, allotment_id, state, since) SELECT created_at, license_id, user_id, allotment_id, state, since
		FROM seats WHERE license_id = 1 AND user_id = ` + user
}

// Each thing that could be wrong is made wrong by SQL, and Verify names it; what is right is left alone.
func TestVerifyNames(t *testing.T) {
	for _, dialect := range storetest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			d := corrupted(t, dialect)
			for _, c := range corruptions {
				t.Run(c.name, func(t *testing.T) { d.check(t, c) })
			}
		})
	}
}

// corrupted makes the estate that is described at corruptions.
func corrupted(t *testing.T, dialect string) *deployment {
	t.Helper()
	d := deploy(t, shape{dialect, dialect, 1})
	e := newEstate(t, d.clients[0])
	full, big := e.license(3), e.license(100)
	a := e.allot(big, "RESERVED", 40)
	b := e.allot(a, "CEILING", 20)
	c := e.allot(b, "RESERVED", 10)
	users := e.users(10)
	e.group() // number 1 of the group is its id
	e.group()
	e.do("addGroupMembers", in{"groupId": "grp_1", "userIds": users[:5]})
	e.do("licenseGroup", in{"groupId": "grp_1", "licenseId": full})
	e.do("assignSeats", in{"allotmentId": c, "userIds": users[5:6]})
	e.do("assignSeats", in{"allotmentId": b, "userIds": users[6:7]})
	e.do("assignSeats", in{"licenseId": big, "userIds": users[7:8]})
	e.do("upsertUsers", in{"users": []in{{"userName": "user 13", "enabled": false}}})
	verify(t, d.store)
	return d
}

// check makes one thing wrong in a transaction, verifies inside it, and rolls back.
func (d *deployment) check(t *testing.T, c corruption) {
	var found []string
	audit := &operation.Audit{Report: func(f operation.Finding) { found = append(found, f.String()) }}
	err := d.store.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		for _, statement := range c.statements {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		if _, err := audit.Within(ctx, tx.Reader); err != nil {
			return err
		}
		return store.ErrRollback
	})
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(found, "\n")
	if c.want == "" && all != "" || c.want != "" && !strings.Contains(all, c.want) {
		t.Errorf("want %q, found:\n%s", c.want, all)
	}
}

// With the database's own check out of the way, more can be held than the ceiling says.
func TestVerifyCeiling(t *testing.T) {
	for _, dialect := range storetest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			d := corrupted(t, dialect)
			off, on := `ALTER TABLE licenses DROP CONSTRAINT pool_fits`, `SELECT 1`
			if dialect == storetest.Dialects[0] {
				off, on = `PRAGMA ignore_check_constraints = 1`, `PRAGMA ignore_check_constraints = 0`
			}
			lower := `UPDATE licenses SET quantity = 2, capacity = 2, ceiling = 2 WHERE id = 1`
			err := d.store.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.Exec(ctx, lower)
				return err
			})
			if _, refused := store.IsCheck(err); !refused {
				t.Errorf("the database takes it: %v", err)
			}
			d.check(t, corruption{statements: []string{off, lower, on}, want: "P1: lic_1 holds 3, its ceiling is 2 and its limit 2"})
		})
	}
}

// The command fails, with a line for each finding, if something is wrong, and changes nothing.
func TestVerifyCommand(t *testing.T) {
	for _, dialect := range storetest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			url := storetest.URL(t, dialect)
			s := storetest.Open(t, url, store.Config{})
			run := func(args ...string) (int, string) {
				var out, errors bytes.Buffer
				code := app.Main(t.Context(), append([]string{"verify"}, args...), &out, &errors)
				return code, out.String() + errors.String()
			}
			if code, out := run("--database", url); code != 0 || !strings.HasPrefix(out, "clean: 0 licenses") {
				t.Errorf("%d %s", code, out)
			}
			if err := s.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.Exec(ctx, `INSERT INTO group_nestings (parent_id, child_id) VALUES (1, 1)`)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if code, out := run("--database", url); code != 1 || !strings.Contains(out, "NESTING: grp_1 contains grp_1, itself\n") || !strings.Contains(out, "2 findings") {
				t.Errorf("%d %s", code, out)
			}
			if code, out := run("--database", storetest.Empty(t, dialect)); code != 1 || !strings.Contains(out, "version") {
				t.Errorf("%d %s", code, out)
			}
			if code, out := run("--data-dir", t.TempDir()); code != 1 || !strings.Contains(out, "there is no database") {
				t.Errorf("%d %s", code, out)
			}
		})
	}
}
