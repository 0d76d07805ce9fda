package policy

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/ringfence/ringfence/internal/filter"
	"github.com/ringfence/ringfence/internal/licensing"
)

func codes(list []licensing.Violation) []string {
	var out []string
	for _, v := range list {
		out = append(out, v.Code)
	}
	return out
}

// Each code of the default policy once, from typed facts to typed answer. The rules themselves are tested in Rego.
func TestTheDefaultPolicyFromFactsToAnswer(t *testing.T) {
	london, license := licensing.PoolKey{License: 12, Allotment: 34}, licensing.PoolKey{License: 12}
	cases := map[string]struct {
		change                    func(in *Input)
		request, denials, failure string
		check                     func(t *testing.T, a Answer)
	}{
		"a delegate of the target":   {},
		"a delegate of an ancestor":  {change: func(in *Input) { in.Pools[0].Delegate, in.Pools[1].Delegate = false, true }},
		"a delegate of another pool": {change: func(in *Input) { in.Pools[0].Delegate = false }, request: licensing.NotDelegated},
		"an auditor": {
			change: func(in *Input) {
				in.Principal = Principal{Name: "aud", Roles: []string{"AUDITOR"}}
				in.Pools[0].Delegate = false
			},
			request: licensing.ReadOnly,
		},
		"a delegate lowers the limit": {change: func(in *Input) {
			in.Action, in.Allotment = "updateAllotment", &AllotmentChange{Limit: ptr[int64](1), Fields: []string{"limit"}}
		}, request: licensing.RoleRequired},
		"a perpetual license": {change: func(in *Input) { in.License.ProductKind = "PERPETUAL" }, request: licensing.ProductNotEligible},
		"an expired license": {
			change: func(in *Input) { in.Pools[2].EndsAt = ptr(testNow) }, request: licensing.NotInEffect,
			check: func(t *testing.T, a Answer) {
				if p := a.Violations[0].Pool; p == nil || *p != license {
					t.Errorf("pool %v", p)
				}
			},
		},
		"a disabled user": {change: func(in *Input) { in.Subjects[0].Enabled = false }, denials: licensing.UserDisabled},
		"a guest by a group": {
			change:  func(in *Input) { in.Subjects[0].Type, in.Subjects[0].Via = "GUEST", ViaGroup },
			denials: licensing.GuestNotAllowed,
		},
		"a user of another department": {
			change: func(in *Input) { in.Subjects[0].Department = "Legal" }, denials: licensing.OutOfScope,
			check: func(t *testing.T, a Answer) {
				if p := a.Subjects[0].Denials[0].Pool; p == nil || *p != london {
					t.Errorf("pool %v", p)
				}
			},
		},
		"a blocked location": {
			change: func(in *Input) { in.License.BlockedLocations = []string{"GB"} }, failure: licensing.UsageLocationNotAllowed,
		},
		"a plan of the same family": {
			change: func(in *Input) { in.Subjects[0].HeldPlans = []string{"EXCHANGE_S_STANDARD"} }, failure: licensing.MutuallyExclusive,
		},
		"a plan without what it needs": {
			change: func(in *Input) { in.License.Plans, in.Subjects[0].HeldPlans = []string{"MCOEV"}, nil }, failure: licensing.MissingDependency,
		},
		"a limit above the parent": {
			change: func(in *Input) {
				createInLondon(in, &AllotmentChange{Mode: ModeReserved, Limit: ptr[int64](2501), Scope: in.Pools[0].Scope})
			}, request: licensing.LimitExceedsParent,
			check: func(t *testing.T, a Answer) {
				v := a.Violations[0]
				if v.Field != "limit" || *v.Pool != london || *v.Limit != 2500 || *v.Requested != 2501 || *v.ShortBy != 1 {
					t.Errorf("got %+v", v)
				}
			},
		},
		"a scope above the parent": {
			change: func(in *Input) {
				createInLondon(in, &AllotmentChange{Mode: ModeReserved, Limit: ptr[int64](1), Scope: Scope{Departments: []string{"Legal"}}})
			},
			request: licensing.ScopeExceedsParent,
		},
		"the service, for an enabled member": {change: func(in *Input) {
			in.Action, in.Principal, in.Pools[0].Delegate = ActionPromoteSeats, Principal{Name: "ringfence", System: true}, false
		}},
		"nobody but the service promotes": {change: func(in *Input) {
			in.Action, in.Principal = ActionPromoteSeats, Principal{Name: "ada", Roles: []string{"GLOBAL_ADMIN"}}
		}, request: licensing.RoleRequired},
	}
	e := newEngine(t, Config{})
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			in := assignInput()
			if c.change != nil {
				c.change(in)
			}
			a := e.Decide(t.Context(), in)
			wantCode(t, "request", a.Violations, c.request)
			if len(in.Subjects) > 0 {
				wantCode(t, "denials", a.Subjects[0].Denials, c.denials)
				wantCode(t, "errors", a.Subjects[0].Errors, c.failure)
			}
			if a.Allow != (c.request == "") || a.Revision != e.Revision() || a.Failed() {
				t.Errorf("allow %v, revision %s", a.Allow, a.Revision)
			}
			if c.check != nil && !t.Failed() {
				c.check(t, a)
			}
			replayed, err := e.Current().DecideRecorded(t.Context(), in.JSON())
			if err != nil || !reflect.DeepEqual(replayed, a) {
				t.Errorf("replayed %+v (%v)\ndecided %+v", replayed, err, a)
			}
		})
	}
}

func createInLondon(in *Input, change *AllotmentChange) {
	in.Action, in.Allotment, in.Subjects = "createAllotment", change, nil
	in.Principal = Principal{Name: "ada", Roles: []string{"LICENSE_ADMIN"}}
}

func wantCode(t *testing.T, what string, got []licensing.Violation, want string) {
	t.Helper()
	if want == "" && len(got) == 0 {
		return
	}
	if !slices.Equal(codes(got), []string{want}) {
		t.Errorf("%s: %v, want %q", what, got, want)
	}
}

func TestARecordedInputReplaysToTheSameAnswer(t *testing.T) {
	e := newEngine(t, Config{})
	p := pick{newRand()}
	for range 300 {
		in := p.input()
		decided := e.Decide(t.Context(), in)
		replayed, err := e.Current().DecideRecorded(t.Context(), in.JSON())
		if err != nil || !reflect.DeepEqual(decided, replayed) {
			t.Fatalf("%v\ndecided  %+v\nreplayed %+v\n%s", err, decided, replayed, in.JSON())
		}
	}
}

func TestWhatIsNoRecordIsAnError(t *testing.T) {
	e := newEngine(t, Config{})
	for name, text := range map[string]string{
		"nothing":               "",
		"no JSON":               "{",
		"two documents":         "{} {}",
		"a list":                "[]",
		"no subjects":           `{"pools": []}`,
		"no pools":              `{"subjects": []}`,
		"a pool that is none":   `{"subjects": [], "pools": [1]}`,
		"a pool without id":     `{"subjects": [], "pools": [{}]}`,
		"a pool of no kind":     `{"subjects": [], "pools": [{"id": "pool:1"}]}`,
		"a limit that is none":  `{"subjects": [], "pools": [{"id": "license:1", "limit": 1.5}]}`,
		"subjects of no number": `{"subjects": {}, "pools": []}`,
	} {
		if a, err := e.Current().DecideRecorded(t.Context(), []byte(text)); !errors.Is(err, errInput) || a.Allow {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
}

func TestRelevantPlansAreThoseOfTheSettings(t *testing.T) {
	plans := newEngine(t, Config{}).Current().RelevantPlans()
	for _, plan := range []string{"EXCHANGE_S_ENTERPRISE", "SHAREPOINTSTANDARD", "MCOEV", "MCOSTANDARD", "TEAMS1"} {
		if !plans[plan] {
			t.Errorf("%s is not relevant", plan)
		}
	}
	if plans["YAMMER_ENTERPRISE"] {
		t.Error("YAMMER_ENTERPRISE is relevant to no rule")
	}
}

func TestAViewIsKeptPerRevisionAndRoles(t *testing.T) {
	e := newEngine(t, Config{})
	for range 2 {
		for _, who := range []Principal{{}, {DelegateOf: true}, {Roles: []string{"AUDITOR"}}, {Roles: []string{"AUDITOR", "AUDITOR"}}} {
			view, err := e.Current().Visibility(t.Context(), who)
			if err != nil || view.Revision != e.Revision() {
				t.Fatal(view, err)
			}
			if view.All("event") != (len(who.Roles) > 0) {
				t.Errorf("%+v: %s", who, filter.Describe(view.Listed("event")))
			}
		}
	}
	if kept := len(e.current.Load().views.byKey); kept != 3 {
		t.Errorf("%d views kept, want 3", kept)
	}
}
