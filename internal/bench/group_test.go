package bench

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func percentiles(waits []time.Duration) (p50, p99 time.Duration) {
	if len(waits) == 0 {
		return 0, 0
	}
	slices.Sort(waits)
	return waits[len(waits)/2], waits[len(waits)*99/100]
}

// BenchmarkGroup licenses a group of 100,000 out of a pool of 80,000, beside one INSERT … SELECT of the same rows into the same
// tables; then 5,000 leave and 7,000 join.
func BenchmarkGroup(b *testing.B) {
	for range b.N {
		s := newStage(b)
		first := s.users(120_000)
		s.ask(`mutation { createAllotment(input: {licenseId: "lic_1", name: "G", limit: 80000}) { allotment { id } }
			upsertGroups(input: {groups: [{name: "G"}]}) { groups { id } } }`)
		s.run(`INSERT INTO memberships (group_id, user_id) SELECT 1, i FROM generate_series($1::bigint, $1 + 99999) i`, first)
		s.run(`UPDATE "groups" SET members = 100000`)
		s.run(`ANALYZE`)

		begin := time.Now()
		var answer struct {
			LicenseGroup struct {
				Summary struct{ Active, Waiting, Pending int }
			}
		}
		must(b, json.Unmarshal(s.ask(`mutation { licenseGroup(input: {groupId: "grp_1", allotmentId: "alt_2"}) { summary { active waiting pending } } }`), &answer))
		licensed := time.Since(begin)
		if got := answer.LicenseGroup.Summary; got.Active != 80_000 || got.Waiting != 20_000 || got.Pending != 0 {
			b.Fatalf("licensed %+v", got)
		}
		baseline := s.sameRows()
		left := s.change("removeGroupMembers", first, 5_000)
		joined := s.change("addGroupMembers", first+100_000, 7_000)

		b.ReportMetric(licensed.Seconds(), "license-s")
		b.ReportMetric(baseline.Seconds(), "insert-select-s")
		b.ReportMetric(licensed.Seconds()/baseline.Seconds(), "ratio")
		b.ReportMetric(left.Seconds(), "leave5000-s")
		b.ReportMetric(joined.Seconds(), "join7000-s")
	}
}

// sameRows puts the rows the group license made into the tables once more, for users that do not exist, in one INSERT … SELECT
// per table, and takes them out again.
func (s *stage) sameRows() time.Duration {
	took := s.timed(`WITH seat AS (INSERT INTO seats (license_id, user_id, allotment_id, state, since, created_at, violations)
			SELECT license_id, -user_id, allotment_id, state, since, created_at, violations FROM seats WHERE allotment_id = 2),
		reason AS (INSERT INTO seat_reasons (license_id, user_id, group_license_id, allotment_id, state, priority, waiting_since, created_at)
			SELECT license_id, -user_id, group_license_id, allotment_id, state, priority, waiting_since, created_at FROM seat_reasons WHERE allotment_id = 2)
		INSERT INTO events (journal_id, decision_id, at, actor, type, noun, subject_id, license_id, allotment_id, user_id, group_id, data)
			SELECT 0, decision_id, at, actor, type, noun, subject_id, license_id, allotment_id, user_id, group_id, data FROM events WHERE allotment_id = 2`)
	s.run(`DELETE FROM seats WHERE user_id < 0`)
	s.run(`DELETE FROM seat_reasons WHERE user_id < 0`)
	s.run(`DELETE FROM events WHERE journal_id = 0`)
	s.run(`VACUUM ANALYZE`)
	return took
}

// change adds or removes members in one request.
func (s *stage) change(operation string, first int64, n int) time.Duration {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = "usr_" + strconv.FormatInt(first+int64(i), 36)
	}
	text, err := json.Marshal(ids)
	must(s.b, err)
	begin := time.Now()
	data, err := s.send(fmt.Sprintf(`mutation($u: [ID!]!) { %s(input: {groupId: "grp_1", userIds: $u}) { changed } }`, operation), map[string]any{"u": json.RawMessage(text)})
	must(s.b, err)
	if !strings.Contains(string(data), strconv.Itoa(n)) {
		s.b.Fatalf("%s", data)
	}
	return time.Since(begin)
}
