package history_test

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/app"
	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/fault"
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

// wanted is how many events a random history is to have; EVENTS names another number.
func wanted(t *testing.T, usual int) int {
	t.Helper()
	text := os.Getenv("EVENTS")
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
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
	// What the last requests left to be done in the background is done before anything is looked at.
	for number(t, s.Store, `SELECT COUNT(*) FROM group_licenses WHERE pending <> 0`) > 0 {
		if err := s.Runner.Sweep(t.Context()); err != nil {
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
	n := wanted(t, 20_000)
	from := seed(t)
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		t.Parallel() // the two databases beside each other
		began := time.Now()
		story := newStory(t, from, s)
		story.goOn(events(t, s.Store, n))
		t.Logf("SEED=%d: %d deeds decided, %d events, %d changes of seats, in %v", from, len(story.decided), number(t, s.Store, `SELECT COUNT(*) FROM events`),
			number(t, s.Store, `SELECT COUNT(*) FROM events WHERE type LIKE 'SEAT_%'`), time.Since(began))
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

// A record in which something is missing is refused with the reason, not run as far as it goes; one that ends earlier is run to there;
// and whoever does not want to wait any longer does not.
func TestARecordThatIsNotWhole(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		story := newStory(t, 1, s)
		story.goOn(func() bool { return len(story.decided) > 120 })
		run := func(ctx context.Context, until time.Time) (*history.Report, error) {
			return app.Simulate(ctx, history.Config{Recorded: s.Store, Policy: s.Policy.Current(), Until: until})
		}
		all, err := run(t.Context(), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		same(t, all)
		half := all.From.Add(all.Until.Sub(all.From) / 2)
		if part, err := run(t.Context(), half); err != nil || part.Counts.Requests == 0 || part.Counts.Requests >= all.Counts.Requests || !part.Nothing() {
			t.Errorf("up to the middle there are %+v of %+v: %v", part, all.Counts, err)
		}
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := run(canceled, time.Time{}); !errors.Is(err, context.Canceled) {
			t.Errorf("given up, the error is %v", err)
		}
		change(t, s.Store, `UPDATE decisions SET command = '' WHERE action = 'createVendor'`)
		refused(t, run, "it is whole only after", "dec_1)")
		change(t, s.Store, `UPDATE decisions SET command = '{}' WHERE action = 'createVendor'`)
		change(t, s.Store, `DELETE FROM events WHERE type = 'CONTRACT_CREATED'`)
		refused(t, run, "nothing in it made the contract con_")
		change(t, s.Store, `DELETE FROM journals WHERE id < 5`)
		refused(t, run, "the journal begins with entry 5")
	})
}

// change changes the database behind the service's back.
func change(t *testing.T, s *store.Store, statement string) {
	t.Helper()
	if err := s.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, statement)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func refused(t *testing.T, run func(context.Context, time.Time) (*history.Report, error), says ...string) {
	t.Helper()
	_, err := run(t.Context(), time.Time{})
	if fault.CodeOf(err) != fault.Conflict {
		t.Fatalf("the error is %v", err)
	}
	for _, part := range says {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error is %v, and not of %q", err, part)
		}
	}
}
