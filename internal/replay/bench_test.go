package replay_test

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/replay"
	"github.com/ringfence/ringfence/internal/store"
)

// recordedDecisions is how many decisions BenchmarkReplay replays.
const recordedDecisions = 100_000

// BenchmarkReplay replays 100,000 recorded decisions, of delegates and administrators in turn, some of them denied, under a policy that
// answers an eighth of them otherwise, and under one that answers nine tenths otherwise.
func BenchmarkReplay(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(1000)) // as `ringfence policy replay` and the service run
	for _, d := range []string{dialect.SQLite, dialect.Postgres} {
		s := apptest.Start(b, d)
		record(b, s, recordedDecisions)
		for name, candidate := range map[string]*policy.Policy{
			"few flips":  recalled(b, "findings_seat.rego", `"code": "USER_DISABLED"`, `"code": "USER_GONE"`),
			"most flips": recalled(b, "findings_token.rego", "package ringfence", closedToSales),
		} {
			b.Run(d+"/"+name, func(b *testing.B) {
				for b.Loop() {
					report, err := replay.Run(b.Context(), replay.Config{Store: s.Store, Candidate: candidate, Known: []*policy.Policy{s.Policy.Current()}})
					if err != nil || report.Examined != recordedDecisions || report.Skipped > 0 || report.Flips() == 0 {
						b.Fatalf("%+v %v", report, err)
					}
					b.ReportMetric(float64(report.Flips()), "flips")
				}
				b.ReportMetric(float64(recordedDecisions)*float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
			})
		}
	}
}

// record has the policy in use decide requests and records what it answered.
func record(tb testing.TB, s *apptest.Service, n int) {
	tb.Helper()
	asked := make([]*policy.Input, n)
	for i := range asked {
		asked[i] = request(i)
	}
	recordAll(tb, s, asked)
}

// recordAll is record for given requests.
func recordAll(tb testing.TB, s *apptest.Service, asked []*policy.Input) {
	tb.Helper()
	n := len(asked)
	live := s.Policy.Current()
	var at []time.Time
	var principal, action, revision, input, answer []string
	var allow []bool
	var violations []store.JSON
	var license, allotment, verdict []int64
	for _, ask := range asked {
		got := live.DecideToRecord(tb.Context(), ask)
		at, principal, action = append(at, ask.Now), append(principal, ask.Principal.Name), append(action, ask.Action)
		revision, input, answer = append(revision, got.Revision), append(input, string(got.Asked())), append(answer, "")
		allow, violations = append(allow, got.Allow), append(violations, stored(tb, got.Violations))
		license, allotment, verdict = append(license, ask.Pools[0].Key.License), append(allotment, ask.Pools[0].Key.Allotment), append(verdict, got.Digest())
	}
	err := s.Store.Update(tb.Context(), func(ctx context.Context, tx *store.Tx) error {
		return tx.Insert(ctx, "decisions", store.Column{Name: "at", Values: at}, store.Column{Name: "principal", Values: principal},
			store.Column{Name: "action", Values: action}, store.Column{Name: "allow", Values: allow}, store.Column{Name: "dry_run", Values: make([]bool, n)},
			store.Column{Name: "violations", Values: violations}, store.Column{Name: "warnings", Values: make([]store.JSON, n)},
			store.Column{Name: "revision", Values: revision}, store.Column{Name: "input", Values: input},
			store.Column{Name: "license_id", Values: license}, store.Column{Name: "allotment_id", Values: allotment},
			store.Column{Name: "request_hash", Values: answer}, store.Column{Name: "answer", Values: answer}, store.Column{Name: "command", Values: answer},
			store.Column{Name: "verdict", Values: verdict})
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// request is one of many requests for a seat: of a delegate out of London in UK, every second of an administrator, every tenth of
// somebody who may not.
func request(i int) *policy.Input {
	number := func(n int64) *int64 { return &n }
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Second)
	year := now.AddDate(1, 0, 0)
	in := &policy.Input{
		Now: now, Action: "assignSeats", Principal: policy.Principal{Name: fmt.Sprintf("lena%d@example.org", i%50), UserID: 7001, DelegateOf: true},
		License: &policy.License{ID: 12, ProductKind: "SUBSCRIPTION", SKU: "ENTERPRISEPACK", Quantity: 27500, Plans: []string{"EXCHANGE_S_ENTERPRISE", "TEAMS1"}},
		Pools: []policy.Pool{
			{Key: licensing.PoolKey{License: 12, Allotment: 34}, Name: "London", Mode: policy.ModeCeiling, Limit: number(2500), Used: int64(i % 2000),
				Available: number(500), Requested: 1, Draws: true, Delegate: true, Scope: policy.Scope{Departments: []string{"Sales", "Marketing"}}},
			{Key: licensing.PoolKey{License: 12, Allotment: 33}, Name: "UK", Mode: policy.ModeReserved, Limit: number(6000), Used: 5010, Available: number(990),
				Requested: 1, Draws: true, Scope: policy.Scope{Countries: []string{"GB", "IE"}}},
			{Key: licensing.PoolKey{License: 12}, Name: "ENTERPRISEPACK", Mode: policy.ModeLicense, Limit: number(27500), Used: 10000, Reserved: 15000,
				Available: number(2500), EndsAt: &year},
		},
		Subjects: []policy.Subject{{UserID: int64(8000 + i), Type: "MEMBER", Enabled: i%7 != 0, Department: "Sales", UsageLocation: "GB", Via: policy.ViaDirect}},
	}
	if i%2 == 0 {
		in.Principal = policy.Principal{Name: "ada@example.org", Roles: []string{"LICENSE_ADMIN"}, UserID: 7000}
		in.Pools[0].Delegate = false
	}
	if i%10 == 1 {
		in.Principal, in.Pools[0].Delegate = policy.Principal{Name: "noel@example.org", DelegateOf: true}, false
	}
	return in
}

// BenchmarkTrial carries out requests with and without a trial of all of them, so that the ratio shows what a trial costs those who ask.
func BenchmarkTrial(b *testing.B) {
	for _, d := range []string{dialect.SQLite, dialect.Postgres} {
		s := apptest.Start(b, d)
		ctx := identity.WithPrincipal(b.Context(), &identity.Principal{UserName: "root", Roles: []string{identity.RoleGlobalAdmin}})
		made := 0
		for _, trial := range []string{"without", "with"} {
			b.Run(d+"/"+trial, func(b *testing.B) {
				if trial == "with" && !s.Trials.Waiting() {
					revision := s.Policy.Revision()
					if _, err := operation.Run(ctx, s.Runner, &operation.StartPolicyTrial{Revision: &revision, Share: 1}); err != nil {
						b.Fatal(err)
					}
					if err := s.Trials.Sync(ctx); err != nil {
						b.Fatal(err)
					}
				}
				times := make([]time.Duration, 0, 4096)
				for b.Loop() {
					made++
					start := time.Now()
					if _, err := operation.Run(ctx, s.Runner, &operation.CreateVendor{Name: fmt.Sprint("vendor ", made)}); err != nil {
						b.Fatal(err)
					}
					times = append(times, time.Since(start))
				}
				slices.Sort(times)
				b.ReportMetric(float64(times[len(times)/2].Microseconds()), "p50-µs")
			})
		}
	}
}
