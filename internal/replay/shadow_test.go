package replay_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/replay"
)

// in is the input of a mutation.
type in = map[string]any

const (
	startTrial = `mutation($input: StartPolicyTrialInput!) { startPolicyTrial(input: $input) { dryRun decision { allow } policyTrial { id share revision } } }`
	stopTrial  = `mutation($input: StopPolicyTrialInput!) { stopPolicyTrial(input: $input) { policyTrial { id endedAt endedBy } } }`
	readTrials = `{ policyTrials { totalCount nodes { id share author note endedBy asked looser stricter otherwise failed dropped
		groups { direction rule action count example { principal input } }
		differences(first: 100) { totalCount nodes { direction rule action principal live { allow subject { denials { code } } violations { code } }
			candidate { allow grants violations { code message } subject { index denials { code } } } } } } } }`
	makeVendor = `mutation($input: CreateVendorInput!) { createVendor(input: $input) { vendor { id } decision { warnings { code } unenforced { finding { code message } subjects } } } }`
)

// trials is what there is to read about trials.
type trials struct {
	PolicyTrials struct {
		TotalCount int
		Nodes      []struct {
			ID, Author, Note                                    string
			EndedBy                                             *string
			Share                                               float64
			Asked, Looser, Stricter, Otherwise, Failed, Dropped int64
			Groups                                              []struct {
				Direction, Rule, Action string
				Count                   int
				Example                 *struct {
					Principal string
					Input     map[string]any
				}
			}
			Differences struct {
				TotalCount int
				Nodes      []struct {
					Direction, Rule, Action, Principal string
					Candidate                          struct {
						Allow      bool
						Violations []struct{ Code, Message string }
					}
				}
			}
		}
	}
}

// filesOf gives files as the API takes them, without tests.
func filesOf(files policy.Files) []in {
	var list []in
	for name, text := range files {
		if !strings.HasSuffix(name, "_test.rego") {
			list = append(list, in{"path": name, "text": text})
		}
	}
	return list
}

// noNewVendors denies what contract managers and administrators may.
func noNewVendors(t *testing.T, effect string) policy.Files {
	t.Helper()
	files := embedded(t)
	files["frozen.rego"] = fmt.Sprintf(`package ringfence

findings contains {"code": "FROZEN", "message": sprintf("%%v makes no vendors", [input.principal.name]), "effect": %q} if {
	input.action == "createVendor"
}
`, effect)
	return withoutTests(files)
}

// vendors makes a number of vendors, each with a decision of its own.
func vendors(t *testing.T, s *apptest.Service, prefix string, n int) {
	t.Helper()
	for i := range n {
		s.Admin().Do(makeVendor, apptest.Vars{"input": in{"name": fmt.Sprint(prefix, i)}}, &struct{}{})
	}
}

func sync(t *testing.T, services ...*apptest.Service) {
	t.Helper()
	for _, s := range services {
		if err := s.Trials.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func begin(t *testing.T, s *apptest.Service, input in) string {
	t.Helper()
	var answer struct {
		StartPolicyTrial struct{ PolicyTrial struct{ ID string } }
	}
	s.Admin().Do(startTrial, apptest.Vars{"input": input}, &answer)
	return answer.StartPolicyTrial.PolicyTrial.ID
}

func read(t *testing.T, c *apptest.Client) trials {
	t.Helper()
	var answer trials
	c.Do(readTrials, nil, &answer)
	return answer
}

// A trial counts every request of its share once, keeps the differences, and changes no answer.
func TestATrial(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		vendors(t, s, "before", 2)
		trial := begin(t, s, in{"files": filesOf(noNewVendors(t, "deny")), "share": 1, "note": "no more vendors"})
		sync(t, s)
		vendors(t, s, "during", 5)
		s.As("cora", "CONTRACT_MANAGER").Do(makeVendor, apptest.Vars{"input": in{"name": "theirs"}}, &struct{}{})
		sync(t, s)
		got := read(t, s.Admin()).PolicyTrials.Nodes[0]
		if got.Asked != 6 || got.Stricter != 6 || got.Looser != 0 || got.Otherwise != 0 || got.Failed != 0 || got.Dropped != 0 {
			t.Errorf("%+v", got)
		}
		if got.Differences.TotalCount != 6 || len(got.Groups) != 1 || got.Groups[0].Rule != "FROZEN" || got.Groups[0].Count != 6 || got.Groups[0].Direction != "STRICTER" {
			t.Errorf("%+v %+v", got.Groups, got.Differences)
		}
		if d := got.Differences.Nodes[5]; d.Principal != "cora" || d.Action != "createVendor" || d.Candidate.Allow || d.Candidate.Violations[0].Code != "FROZEN" {
			t.Errorf("%+v", d)
		}
		s.Admin().Do(stopTrial, apptest.Vars{"input": in{"policyTrialId": trial}}, &struct{}{})
		sync(t, s)
		vendors(t, s, "after", 2)
		sync(t, s)
		if after := read(t, s.Admin()).PolicyTrials.Nodes[0]; after.Stricter != 6 || after.Differences.TotalCount != 6 || after.EndedBy == nil || *after.EndedBy != "root@contoso.example" {
			t.Errorf("%+v", after)
		}
		masked(t, s)
	})
}

// masked reads a trial as somebody who may not see the names of people.
func masked(t *testing.T, s *apptest.Service) {
	t.Helper()
	got := read(t, s.As("anna", identity.RoleAnalyst)).PolicyTrials.Nodes[0]
	example := got.Groups[0].Example
	if got.Author != "" || got.Note != "" || *got.EndedBy != "" || example.Principal != "" || len(example.Input) != 0 {
		t.Errorf("an analyst reads %+v", got)
	}
	if v := got.Differences.Nodes[0].Candidate.Violations[0]; v.Message != "FROZEN" {
		t.Errorf("an analyst reads %q", v.Message)
	}
	if nobody := read(t, s.As("noel")); nobody.PolicyTrials.TotalCount != 0 {
		t.Errorf("somebody without a role reads %+v", nobody)
	}
}

// Two replicas add to one count, and agree on which requests are of the share.
func TestATrialOverReplicas(t *testing.T) {
	replicas := apptest.Replicas(t, 2)
	begin(t, replicas[0], in{"files": filesOf(noNewVendors(t, "deny")), "share": 0.5})
	sync(t, replicas...)
	for i, s := range replicas {
		vendors(t, s, fmt.Sprint("replica", i, " "), 40)
	}
	sync(t, replicas...)
	got := read(t, replicas[1].Admin()).PolicyTrials.Nodes[0]
	if got.Asked != got.Stricter || got.Asked < 20 || got.Asked > 60 || int64(got.Differences.TotalCount) != got.Asked {
		t.Errorf("%+v", got)
	}
}

// Who may start and stop a trial, and what refuses it.
func TestWhoTries(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		input := in{"files": filesOf(noNewVendors(t, "warn")), "share": 0.25, "dryRun": true}
		for role, want := range map[string]string{"GLOBAL_ADMIN": "", "POLICY_AUTHOR": "", "LICENSE_ADMIN": "POLICY_DENIED", "AUDITOR": "POLICY_DENIED", "CONTRACT_MANAGER": "POLICY_DENIED"} {
			if got := code(s.As("somebody", role).Send(startTrial, apptest.Vars{"input": input})); got != want {
				t.Errorf("%s: %q, want %q", role, got, want)
			}
		}
		if n := read(t, s.Admin()).PolicyTrials.TotalCount; n != 0 {
			t.Errorf("dry runs left %d trials", n)
		}
		for name, refused := range map[string]struct {
			input in
			want  string
		}{
			"no candidate":  {in{"share": 1}, "INVALID_INPUT"},
			"two":           {in{"share": 1, "revision": s.Policy.Revision(), "files": filesOf(embedded(t))}, "INVALID_INPUT"},
			"no share":      {in{"share": 0, "revision": s.Policy.Revision()}, "INVALID_INPUT"},
			"too much":      {in{"share": 1.1, "revision": s.Policy.Revision()}, "INVALID_INPUT"},
			"unknown":       {in{"share": 1, "revision": "0123456789abcdef"}, "NOT_FOUND"},
			"no policy":     {in{"share": 1, "files": []in{{"path": "a.rego", "text": "package ringfence"}}}, "INVALID_INPUT"},
			"unknown trial": {nil, "NOT_FOUND"},
		} {
			answer := s.Admin().Send(startTrial, apptest.Vars{"input": refused.input})
			if refused.input == nil {
				answer = s.Admin().Send(stopTrial, apptest.Vars{"input": in{"policyTrialId": "trl_1"}})
			}
			if got := code(answer); got != refused.want {
				t.Errorf("%s: %q, want %q\n%s", name, got, refused.want, answer.Raw)
			}
		}
		once := in{"revision": s.Policy.Revision(), "share": 1, "idempotencyKey": "once"}
		if first, second := begin(t, s, once), begin(t, s, once); first == "" || first != second {
			t.Errorf("%q and %q", first, second)
		}
		if got := code(s.Admin().Send(startTrial, apptest.Vars{"input": in{"revision": s.Policy.Revision(), "share": 1}})); got != "CONFLICT" {
			t.Errorf("a second trial: %q", got)
		}
	})
}

func code(a *apptest.Answer) string {
	if len(a.Errors) == 0 {
		return ""
	}
	return a.Errors[0].Extensions.Code
}

// A candidate that gives no usable answer is counted and, after a bound, not asked any more; nobody else notices.
func TestATrialThatFails(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		files := embedded(t)
		files["broken.rego"] = "package ringfence\n\nfindings contains input.args.name if input.args.name == \"broken\"\n"
		put(t, s, files)
		sync(t, s)
		heard := replay.Taken{ID: 1, At: time.Now(), Action: "createVendor", Input: brokenInput, Answer: &policy.Answer{Allow: true}}
		for range replay.MostFailures + 50 {
			s.Trials.Hear(heard)
		}
		sync(t, s)
		got := read(t, s.Admin()).PolicyTrials.Nodes[0]
		if got.Failed != replay.MostFailures || got.Asked != 0 || got.EndedBy == nil || *got.EndedBy != "system" {
			t.Errorf("%+v", got)
		}
		vendors(t, s, "still", 1)
	})
}

const brokenInput = `{"action":"createVendor","args":{"name":"broken"},"now":1,"pools":[],"principal":{"delegate_above":false,"delegate_here":false,` +
	`"delegate_of":false,"name":"root","roles":["GLOBAL_ADMIN"],"system":false,"tier":"GLOBAL_ADMIN","user_id":0},"subjects":[],"window":{"open":true}}`

// put writes a trial of a policy that the gate would refuse for what it answers, were it asked that.
func put(t *testing.T, s *apptest.Service, files policy.Files) {
	t.Helper()
	begin(t, s, in{"files": filesOf(files), "share": 1})
}

// What there is no room for is dropped, at once, and counted.
func TestATrialThatCannotKeepUp(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		begin(t, s, in{"revision": s.Policy.Revision(), "share": 1})
		sync(t, s)
		const many = 20_000
		taken := replay.Taken{ID: 1, At: time.Now(), Action: "createVendor", Input: brokenInput, Answer: &policy.Answer{Allow: true, Grants: []string{"administrator"}}}
		for range many {
			s.Trials.Hear(taken)
		}
		sync(t, s)
		got := read(t, s.Admin()).PolicyTrials.Nodes[0]
		if got.Asked+got.Dropped != many || got.Dropped == 0 || got.Asked == 0 {
			t.Errorf("%d asked and %d dropped, of %d", got.Asked, got.Dropped, many)
		}
	})
}

// No more differences are kept than may be; all are counted.
func TestDifferencesAreBounded(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		begin(t, s, in{"files": filesOf(noNewVendors(t, "deny")), "share": 1})
		sync(t, s)
		taken := replay.Taken{At: time.Now(), Action: "createVendor", Input: brokenInput, Pool: licensing.PoolKey{}, Answer: &policy.Answer{Allow: true, Grants: []string{"administrator"}}}
		const many = replay.MostDifferences + 200
		for i := range many {
			taken.ID = int64(i + 1)
			s.Trials.Hear(taken)
			if i%500 == 0 {
				sync(t, s)
			}
		}
		sync(t, s)
		got := read(t, s.Admin()).PolicyTrials.Nodes[0]
		if got.Stricter != many || got.Differences.TotalCount != replay.MostDifferences {
			t.Errorf("%d stricter, %d kept", got.Stricter, got.Differences.TotalCount)
		}
	})
}

// A finding that is only tried is recorded with the decision, and neither denies nor is told to the caller. One can list what it would
// have denied.
func TestTheEffectDryRun(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		if err := s.Policy.Use(t.Context(), noNewVendors(t, "dryrun")); err != nil {
			t.Fatal(err)
		}
		var made struct {
			CreateVendor struct {
				Vendor   struct{ ID string }
				Decision struct {
					Warnings   []struct{ Code string }
					Unenforced []struct {
						Finding  struct{ Code, Message string }
						Subjects int
					}
				}
			}
		}
		s.Admin().Do(makeVendor, apptest.Vars{"input": in{"name": "Oracle"}}, &made)
		d := made.CreateVendor.Decision
		if made.CreateVendor.Vendor.ID == "" || len(d.Warnings) != 0 || len(d.Unenforced) != 1 || d.Unenforced[0].Finding.Code != "FROZEN" {
			t.Errorf("%+v", made)
		}
		var listed struct {
			Tried, Other struct{ TotalCount int }
		}
		s.Admin().Do(`{ tried: decisions(where: {unenforced: "FROZEN"}) { totalCount } other: decisions(where: {unenforced: "ELSE"}) { totalCount } }`, nil, &listed)
		if listed.Tried.TotalCount != 1 || listed.Other.TotalCount != 0 {
			t.Errorf("%+v", listed)
		}
		// Were it in force, the replay says so.
		report := run(t, s, replay.Config{Candidate: built(t, noNewVendors(t, "deny"))})
		if report.Stricter != 1 || report.Groups[0].Rule != "FROZEN" || !strings.HasPrefix(report.Groups[0].Place, "frozen.rego:") {
			t.Errorf("%+v", report)
		}
	})
}

// An effect that there is none of is refused by the gate, with its place.
func TestTheGateKnowsTheEffects(t *testing.T) {
	_, problems := policy.Build(context.Background(), noNewVendors(t, "shout"), quiet)
	if len(problems) == 0 || problems[0].File != "frozen.rego" || problems[0].Row != 3 || !strings.Contains(problems[0].Message, "dryrun") {
		t.Errorf("%v", problems)
	}
}

// A replay over the API tells as much as the caller may see.
func TestReplayOverTheAPI(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		vendors(t, s, "vendor", 3)
		const query = `query($files: [PolicyFileInput!], $revision: String, $last: Int) { replayPolicy(files: $files, revision: $revision, last: $last) {
			revision total examined complete from to unchanged skipped failed looser stricter otherwise digest
			groups { direction rule place action count example { principal action at decision { id } before { allow grants } after { allow violations { code message } } } } } }`
		vars := apptest.Vars{"files": filesOf(noNewVendors(t, "deny"))}
		var answer struct {
			ReplayPolicy struct {
				Examined, Stricter int
				Complete           bool
				Digest             string
				Groups             []struct {
					Direction, Rule, Place, Action string
					Count                          int
					Example                        struct {
						Principal string
						Decision  *struct{ ID string }
						Before    struct{ Allow bool }
						After     struct {
							Violations []struct{ Code, Message string }
						}
					}
				}
			}
		}
		s.Admin().Do(query, vars, &answer)
		got := answer.ReplayPolicy
		if got.Stricter != 3 || got.Examined < 3 || !got.Complete || got.Digest == replay.NoFlips || len(got.Groups) != 1 {
			t.Fatalf("%+v", got)
		}
		if g := got.Groups[0]; g.Rule != "FROZEN" || !strings.HasPrefix(g.Place, "frozen.rego:") || g.Example.Principal == "" || g.Example.Decision == nil || !g.Example.Before.Allow {
			t.Errorf("%+v", g)
		}
		s.As("anna", identity.RoleAnalyst).Do(query, vars, &answer)
		if e := answer.ReplayPolicy.Groups[0].Example; e.Principal != "" || e.After.Violations[0].Message != "FROZEN" {
			t.Errorf("an analyst reads %+v", e)
		}
		s.Admin().Do(query, apptest.Vars{"revision": s.Policy.Revision()}, &answer)
		if answer.ReplayPolicy.Digest != replay.NoFlips {
			t.Errorf("%+v", answer)
		}
		for who, want := range map[string]string{"": "POLICY_DENIED", "CONTRACT_MANAGER": "POLICY_DENIED", "AUDITOR": "", "POLICY_AUTHOR": ""} {
			if got := code(s.As("somebody", who).Send(query, vars)); got != want {
				t.Errorf("%q: %q, want %q", who, got, want)
			}
		}
		for _, wrong := range []apptest.Vars{{}, {"revision": "0123456789abcdef"}, {"files": filesOf(embedded(t)), "last": 0}} {
			if got := code(s.Admin().Send(query, wrong)); got != "INVALID_INPUT" && got != "NOT_FOUND" {
				t.Errorf("%v: %q", wrong, got)
			}
		}
	})
}
