package replay_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/policy/policytest"
	"github.com/ringfence/ringfence/internal/replay"
)

// run replays under a candidate.
func run(t *testing.T, s *apptest.Service, c replay.Config) *replay.Report {
	t.Helper()
	c.Store = s.Store
	report, err := replay.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	counted := report.Unchanged + report.Skipped + report.Failed + report.Looser + report.Stricter + report.Other
	if counted != report.Examined {
		t.Errorf("%d decisions were examined and %d counted", report.Examined, counted)
	}
	return report
}

// The demo organization, with all its imports, queues and refusals, is answered by its own policy as it was.
func TestTheDemoOrganizationUnderItsOwnPolicy(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		if err := s.LoadDemo(t.Context(), io.Discard); err != nil {
			t.Fatal(err)
		}
		report := run(t, s, replay.Config{Candidate: s.Policy.Current()})
		if report.Examined == 0 || report.Flips() != 0 || report.Digest != replay.NoFlips || !report.Complete {
			t.Errorf("%+v", report)
		}
		if report.Skipped > report.Examined/10 {
			t.Errorf("%d of %d records tell nothing", report.Skipped, report.Examined)
		}
		// And under one that answers the same under another name.
		files := embedded(t)
		files["twin.rego"] = "package twin\n"
		if report := run(t, s, replay.Config{Candidate: built(t, files)}); report.Flips() != 0 {
			t.Errorf("a twin: %+v", report)
		}
	})
}

// Who was refused outright, because the policy offered no such action, and would be allowed is among what is looser.
func TestRefusedOutrightAndThenAllowed(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		s.As("cora", identity.RoleContractManager).Fails("POLICY_DENIED", `mutation { createVendor(input: {name: "Oracle"}) { vendor { id } } }`, nil)
		live := []*policy.Policy{s.Policy.Current()}
		if report := run(t, s, replay.Config{Candidate: live[0]}); report.Flips() != 0 {
			t.Errorf("under its own policy: %+v", report)
		}
		if report := run(t, s, replay.Config{Candidate: built(t, embedded(t)), Known: live}); report.Looser != 1 {
			t.Errorf("under one that offers it: %+v", report)
		}
	}, apptest.Policies(policytest.Changed(t, "visible.rego", `about.kind == "contracts"`, `about.kind == "nothing"`)))
}

// What flips is what the change is about: direction, rule, place and number, the dangerous direction first.
func TestWhatFlips(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		record(t, s, 700)
		live := []*policy.Policy{s.Policy.Current()}
		for name, test := range map[string]struct {
			file, from, to, first, place string
			looser, stricter, other      int64
		}{
			"a finding is gone": {"findings_seat.rego", "subject.enabled == false", "subject.count == 0", "LOOSER USER_DISABLED", "findings_seat.rego", 90, 0, 0},
			"a finding is new":  {"findings_token.rego", "package ringfence", closedToSales, "STRICTER SALES_CLOSED", "findings_token.rego", 0, 540, 90},
			"everybody may": {"grants.rego", "input.principal.delegate_here == true", "input.principal.delegate_here in {true, false}",
				"LOOSER delegate", "grants.rego", 70, 0, 0},
			"another code":   {"findings_seat.rego", `"code": "USER_DISABLED"`, `"code": "USER_GONE"`, "OTHER USER_GONE", "findings_seat.rego", 0, 0, 90},
			"a new sentence": {"findings_seat.rego", "the user is disabled", "this user has been disabled", "", "", 0, 0, 0},
		} {
			t.Run(name, func(t *testing.T) {
				flips(t, run(t, s, replay.Config{Candidate: recalled(t, test.file, test.from, test.to), Known: live}), test.first, test.place, test.looser, test.stricter, test.other)
			})
		}
	})
}

// closedToSales is the head of a file with a finding about everybody in Sales.
const closedToSales = `package ringfence

findings contains {"code": "SALES_CLOSED", "message": "sales is closed", "subject": index} if {
	some index, subject in input.subjects
	subject.department == "Sales"
}
`

func flips(t *testing.T, r *replay.Report, first, place string, looser, stricter, other int64) {
	t.Helper()
	if r.Looser != looser || r.Stricter != stricter || r.Other != other || r.Failed != 0 || r.Skipped != 0 || r.Examined != 700 {
		t.Errorf("%d looser, %d stricter, %d other, %d failed, %d skipped, of %d", r.Looser, r.Stricter, r.Other, r.Failed, r.Skipped, r.Examined)
	}
	got := ""
	if len(r.Groups) > 0 {
		got = string(r.Groups[0].Direction) + " " + r.Groups[0].Rule
		if at, _, _ := strings.Cut(r.Groups[0].Place, ":"); at != place || r.Groups[0].Action != "assignSeats" || r.Groups[0].Example.Decision == 0 {
			t.Errorf("%+v", r.Groups[0])
		}
	}
	if got != first || (r.Digest == replay.NoFlips) != (first == "") {
		t.Errorf("first %q, want %q; digest %s", got, first, r.Digest)
	}
}

// The digest is the same for the same flips, whatever order they were found in, and another for others.
func TestTheDigest(t *testing.T) {
	s := apptest.Start(t, dialect.SQLite)
	record(t, s, 3000)
	gone := recalled(t, "findings_seat.rego", "subject.enabled == false", "subject.count == 0")
	turned := recalled(t, "findings_token.rego", "package ringfence", closedToSales)
	all := run(t, s, replay.Config{Candidate: gone})
	seen := map[string]bool{}
	for range 5 {
		seen[run(t, s, replay.Config{Candidate: gone}).Digest] = true
	}
	if len(seen) != 1 || !seen[all.Digest] {
		t.Errorf("digests %v", seen)
	}
	if other := run(t, s, replay.Config{Candidate: turned}); other.Digest == all.Digest {
		t.Error("other flips have the same digest")
	}
	if fewer := run(t, s, replay.Config{Candidate: gone, Last: 1000}); fewer.Digest == all.Digest || fewer.Examined != 1000 || fewer.Total != 1000 {
		t.Errorf("%+v", fewer)
	}
}

// A period holds what was decided in it: from its beginning on, and before its end.
func TestThePeriod(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		record(t, s, 100)
		from, to := request(20).Now, request(50).Now
		report := run(t, s, replay.Config{Candidate: s.Policy.Current(), Since: &from, Until: &to})
		if report.Examined != 30 || !report.From.Equal(from) || !report.To.Equal(request(49).Now) || !report.Complete {
			t.Errorf("%d, %v to %v", report.Examined, report.From, report.To)
		}
	})
}

// A replay says how far it came in its time, and ends when nobody waits for it any more.
func TestWhatBoundsAReplay(t *testing.T) {
	s := apptest.Start(t, dialect.SQLite)
	record(t, s, 5000)
	report := run(t, s, replay.Config{Candidate: s.Policy.Current(), Within: time.Nanosecond})
	if report.Complete || report.Examined >= report.Total || report.Total != 5000 {
		t.Errorf("%+v", report)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := replay.Run(ctx, replay.Config{Store: s.Store, Candidate: s.Policy.Current(), Progress: func(int64, int64) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	var last int64
	run(t, s, replay.Config{Candidate: s.Policy.Current(), Progress: func(done, total int64) {
		if done <= last || total != 5000 {
			t.Errorf("%d after %d, of %d", done, last, total)
		}
		last = done
	}})
	if last != 5000 {
		t.Errorf("progress ended at %d", last)
	}
}

// A candidate without a usable answer denies, and that is told apart. One that never answers in time is given up.
func TestACandidateThatFails(t *testing.T) {
	s := apptest.Start(t, dialect.SQLite)
	record(t, s, 700)
	broken := recalled(t, "ringfence.rego", "default priority := 0", "priority := {0: input.license.sku}")
	report := run(t, s, replay.Config{Candidate: broken})
	if report.Failed != 700 || report.Groups[0].Direction != replay.Failing || report.Groups[0].Rule != "POLICY_ERROR" {
		t.Errorf("%+v", report)
	}
}

// A ceiling that makes room for what the ledger refused lets more through; one that is taken away, less.
func TestCeilings(t *testing.T) {
	s := apptest.Start(t, dialect.SQLite)
	full := request(2)
	full.Pools[0].Used = 2500
	recordAll(t, s, []*policy.Input{full})
	soft := recalled(t, "ringfence.rego", "default ceiling := {}", `ceiling := {"allotment:34": 2600}`)
	if r := run(t, s, replay.Config{Candidate: soft}); r.Looser != 1 || r.Groups[0].Rule != replay.RuleCeiling {
		t.Errorf("%+v", r)
	}
	if r := run(t, s, replay.Config{Candidate: s.Policy.Current(), Against: soft}); r.Stricter != 1 {
		t.Errorf("%+v", r)
	}
}
