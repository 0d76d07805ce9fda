package history_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/internal/app"
	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/history"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/policy/policytest"
	"github.com/ringfence/ringfence/internal/store"
)

// candidates are policies that decide otherwise, by what is different.
var candidates = map[string]func(t *testing.T) string{
	"soft limit": func(t *testing.T) string { t.Helper(); return policytest.Dir(t, policytest.SoftLimit) },
	"barred":     func(t *testing.T) string { t.Helper(); return policytest.Dir(t, policytest.Barred) },
	"priority": func(t *testing.T) string {
		t.Helper()
		dir := policytest.Dir(t)
		policytest.Write(t, dir, "ranks.rego", `package ringfence

priority := {index: rank |
	some index, subject in input.subjects
	rank := {"Board": 10, "Sales": 5}[object.get(subject, "department", "")]
} if input.subjects
`)
		return dir
	},
	"subdelegation": func(t *testing.T) string {
		t.Helper()
		return policytest.Changed(t, "data.json", `"subdelegate": false`, `"subdelegate": true`)
	},
	"no new groups": func(t *testing.T) string { // what is refused is missed by all that follows
		t.Helper()
		dir := policytest.Dir(t)
		policytest.Write(t, dir, "house.rego", `package ringfence

findings contains {"code": "NO_MORE", "message": "there are enough of these"} if {
	input.action in {"createAllotment", "licenseGroup", "upsertGroups", "createContract"}
	input.principal.name == "root@contoso.example"
	count(json.marshal(input)) % 3 == 0
}
`)
		return dir
	},
}

// A changed policy over the recorded history comes to what a server with that policy comes to that is asked the same: every answer, and
// in the end every seat, every queue and every pool.
func TestAChangedPolicyIsTheSameRequestsAfresh(t *testing.T) {
	from := seed(t)
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		story := newStory(t, from, s)
		story.goOn(events(t, s.Store, wanted(t, 800)))
		t.Logf("SEED=%d: %d deeds", from, len(story.decided))
		made := 0 // of the candidates, those that made a difference to this history
		for name, dir := range candidates {
			t.Run(name, func(t *testing.T) {
				dir := dir(t)
				report, scratch := simulate(t, s, dir)
				t.Logf("%d requests, %d different, %d and %d changes of seats, in %.1f s", report.Counts.Requests, report.Counts.Different, report.Changes.Then, report.Changes.Now, report.Seconds)
				for _, d := range report.Differences {
					t.Logf("%s %s: %s → %s, %d", d.Direction, d.Action, d.Was, d.Is, d.Count)
				}
				afresh := apptest.Start(t, s.Store.Dialect(), apptest.Policies(dir))
				tellAll(t, afresh, story.decided)
				equal(t, decisions(t, scratch), decisions(t, afresh.Store))
				equal(t, standing(t, scratch), standing(t, afresh.Store))
				if !report.Nothing() {
					made++
				}
				var active int64
				for _, l := range report.Licenses {
					active += l.Active.Now
				}
				if n := number(t, afresh.Store, `SELECT COUNT(*) FROM seats WHERE state = 'ACTIVE'`); int64(n) != active {
					t.Errorf("the report has %d seats, the server %d", active, n)
				}
			})
		}
		if made < 2 { // a chance history need not have what a candidate is about
			t.Errorf("%d of %d policies made a difference", made, len(candidates))
		}
	})
}

// simulate runs the history of a service under the policy of a directory, and keeps the database it was run in.
func simulate(t *testing.T, s *apptest.Service, dir string) (*history.Report, *store.Store) {
	t.Helper()
	files, err := policy.ReadFiles(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	candidate, problems := policy.Build(t.Context(), files, patient)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	clock := &history.Clock{}
	quiet := slog.New(slog.DiscardHandler)
	scratch, err := app.OpenStore(t.Context(), app.Config{Database: filepath.Join(t.TempDir(), "scratch.db"), Clock: clock.Now, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = scratch.Close() })
	report, err := history.Run(t.Context(), history.Config{Recorded: s.Store, Scratch: scratch, Clock: clock, Policy: candidate, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return report, scratch
}

// equal fails for the first lines that differ.
func equal(t *testing.T, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		var g, w string
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Errorf("line %d of %d and %d\n replayed %s\n   afresh %s", i, len(got), len(want), g, w)
			return
		}
	}
}

// decisions gives what was answered to requests, in order, without ids.
func decisions(t *testing.T, s *store.Store) []string {
	t.Helper()
	return lines(t, s, `SELECT action, principal, allow, COALESCE(CAST(violations AS TEXT), '[]'), COALESCE(CAST(warnings AS TEXT), '[]') FROM decisions
		WHERE command <> '{}' AND command NOT LIKE '{"duty"%' AND NOT dry_run ORDER BY id`, func(scan func(...any) error) (string, error) {
		var action, principal string
		var allow bool
		var texts [2][]byte
		if err := scan(&action, &principal, &allow, &texts[0], &texts[1]); err != nil {
			return "", err
		}
		line := fmt.Sprint(action, " by ", principal, " ", allow)
		for _, text := range texts {
			var list []licensing.Violation
			if err := json.Unmarshal(text, &list); err != nil {
				return "", err
			}
			for i := range list {
				list[i].Pool, list[i].Message = nil, ""
			}
			plain, err := json.Marshal(list)
			if err != nil {
				return "", err
			}
			line += " " + string(plain)
		}
		return line, nil
	})
}

// nth tells licenses of the same product under the same contract apart.
const nth = `(SELECT COUNT(*) FROM licenses x WHERE x.id <= l.id)`

// standing gives how everything stands in the end, by names.
func standing(t *testing.T, s *store.Store) []string {
	t.Helper()
	var all []string
	for _, query := range []string{
		`SELECT 'license', p.name, c.number, ` + nth + `, l.quantity, l.overage, l.committed, COALESCE(l.capacity, -1), COALESCE(l.ceiling, -1), l.used, l.reserved, l.waiting, l.errors
			FROM licenses l JOIN products p ON p.id = l.product_id JOIN contracts c ON c.id = l.contract_id`,
		`SELECT 'allotment', a.name, ` + nth + `, COALESCE(a.capacity, -1), a.used, a.reserved, a.waiting, a.errors, '', '', '', '', '' FROM allotments a JOIN licenses l ON l.id = a.license_id`,
		`SELECT 'seat', u.user_name, ` + nth + `, s.state, COALESCE(a.name, ''), '', '', '', '', '', '', '', ''
			FROM seats s JOIN users u ON u.id = s.user_id JOIN licenses l ON l.id = s.license_id LEFT JOIN allotments a ON a.id = s.allotment_id`,
		`SELECT 'reason', u.user_name, ` + nth + `, COALESCE(g.name, 'direct'), r.state, r.priority, COALESCE(a.name, ''), '', '', '', '', '', ''
			FROM seat_reasons r JOIN users u ON u.id = r.user_id JOIN licenses l ON l.id = r.license_id LEFT JOIN allotments a ON a.id = r.allotment_id
			LEFT JOIN group_licenses k ON k.id = r.group_license_id LEFT JOIN "groups" g ON g.id = k.group_id`,
		`SELECT 'member', g.name, u.user_name, '', '', '', '', '', '', '', '', '', '' FROM memberships m JOIN users u ON u.id = m.user_id JOIN "groups" g ON g.id = m.group_id`,
		`SELECT 'purchase', ` + nth + `, p.state, p.quantity, p.starts_on, '', '', '', '', '', '', '', '' FROM purchase_reservations p JOIN licenses l ON l.id = p.license_id`,
		`SELECT 'allocation', ` + nth + `, x.quantity, COALESCE(d.product, ''), '', '', '', '', '', '', '', '', '' FROM allocations x JOIN licenses l ON l.id = x.license_id
			LEFT JOIN deployments d ON d.id = x.deployment_id`,
	} {
		rows := lines(t, s, query, func(scan func(...any) error) (string, error) {
			var texts [13]any
			into := make([]any, len(texts))
			for i := range texts {
				into[i] = &texts[i]
			}
			err := scan(into...)
			for i, v := range texts {
				if text, ok := v.([]byte); ok {
					texts[i] = string(text)
				}
			}
			return strings.TrimSpace(fmt.Sprintln(texts[:]...)), err
		})
		slices.Sort(rows)
		all = append(all, rows...)
	}
	return all
}

// lines gives a line for each row of a query.
func lines(t *testing.T, s *store.Store, query string, line func(scan func(...any) error) (string, error)) []string {
	t.Helper()
	var all []string
	err := s.View(t.Context(), func(ctx context.Context, rd *store.Reader) error {
		all = nil
		rows, err := rd.Query(ctx, query)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			text, err := line(rows.Scan)
			if err != nil {
				return err
			}
			all = append(all, text)
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
