package history_test

import (
	"context"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/app"
	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/history"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/store"
)

// patient has decisions take their time: many tests share the machine.
var patient = policy.Limits{Timeout: 5 * time.Second}

// seed is that of the random histories; SEED names another one.
func seed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("SEED")
	if text == "" {
		return uint64(time.Now().UnixNano())
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// tellAll tells deeds that were told elsewhere.
func tellAll(t *testing.T, s *apptest.Service, deeds []deed) {
	t.Helper()
	teller := newTeller(s)
	for _, d := range deeds {
		if _, err := teller.tell(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
}

// events tells whether there are as many events.
func events(t *testing.T, s *store.Store, n int) func() bool {
	return func() bool { return number(t, s, `SELECT COALESCE(MAX(id), 0) FROM events`) >= n }
}

// number gives the one number of a query.
func number(t *testing.T, s *store.Store, query string) int {
	t.Helper()
	var n int
	if err := s.View(t.Context(), func(ctx context.Context, rd *store.Reader) error { return rd.QueryRow(ctx, query).Scan(&n) }); err != nil {
		t.Fatal(err)
	}
	return n
}

// The same policy over a random history: every request is answered as it was, and every seat comes, waits and goes at the same time.
func TestTheSamePolicyIsTheSameHistory(t *testing.T) {
	n := 20_000
	if text := os.Getenv("EVENTS"); text != "" {
		n, _ = strconv.Atoi(text)
	}
	from := seed(t)
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		began := time.Now()
		story := newStory(t, from, s)
		story.goOn(events(t, s.Store, n))
		t.Logf("SEED=%d: %d deeds decided, %d events, %d changes of seats, in %v", from, len(story.decided), number(t, s.Store, `SELECT COUNT(*) FROM events`),
			number(t, s.Store, `SELECT COUNT(*) FROM events WHERE type LIKE 'SEAT_%'`), time.Since(began))
		tally(t, s.Store)
		report, err := app.Simulate(t.Context(), history.Config{Recorded: s.Store, Policy: s.Policy.Current()})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d requests and %d own steps again in %.1f s", report.Counts.Requests, report.Counts.Own, report.Seconds)
		same(t, report)
	})
}

// same fails unless nothing is different.
func same(t *testing.T, r *history.Report) {
	t.Helper()
	for _, d := range r.Differences {
		t.Errorf("%s %s: %s → %s, %d times, %+v", d.Direction, d.Action, d.Was, d.Is, d.Count, d.Examples)
	}
	for _, u := range r.Users {
		t.Errorf("%+v", u)
	}
	for _, p := range r.Pools {
		t.Errorf("%+v", p)
	}
	for _, l := range r.Licenses {
		if l.Active.Then != l.Active.Now || l.Overage.Then != l.Overage.Now || l.OverageHours.Then != l.OverageHours.Now || l.Cost.Then != l.Cost.Now || l.Waited.Then != l.Waited.Now {
			t.Errorf("%+v", l)
		}
	}
	if !r.SameCourse || r.Changes.Then != r.Changes.Now || !r.Nothing() {
		t.Errorf("the seats have another course: %+v", r.Changes)
	}
	if r.Changes.Then == 0 || r.Counts.Requests == 0 {
		t.Error("there was nothing to compare")
	}
}

// tally logs how the requests of a history were answered.
func tally(t *testing.T, s *store.Store) {
	t.Helper()
	err := s.View(t.Context(), func(ctx context.Context, rd *store.Reader) error {
		rows, err := rd.Query(ctx, `SELECT action, allow, COALESCE(substr(CAST(violations AS TEXT), 1, 24), ''), COUNT(*) FROM decisions WHERE NOT dry_run GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var action, why string
			var allow bool
			var n int
			if err := rows.Scan(&action, &allow, &why, &n); err != nil {
				return err
			}
			t.Log(action, allow, why, n)
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
}
