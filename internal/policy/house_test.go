package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/policy/policytest"
)

// small is a policy of a few lines with the given rules in it.
func small(rules string) policy.Files {
	return policy.Files{"p.rego": `package ringfence

decision := {"grants": grants, "findings": findings, "ceiling": {}, "priority": 0}

listed.seat if input.row.user_id == input.principal.user_id

masked := {}

actions := []

` + rules}
}

// guarded are findings that keep every seat from who must not have one.
const guarded = `
findings contains {"code": "OUT", "message": "outside", "subject": i} if {
	some i, s in input.subjects
	s.department != "Sales"
}

findings contains {"code": "USER_DISABLED", "message": "disabled", "subject": i} if {
	some i, s in input.subjects
	s.enabled == false
}
`

func check(t *testing.T, files policy.Files) []policy.Problem {
	t.Helper()
	p, problems := policy.Build(t.Context(), files, policy.Limits{})
	if (p == nil) != (len(problems) > 0) {
		t.Fatalf("a policy %v with problems %v", p != nil, problems)
	}
	return problems
}

// Each house rule refuses a policy that breaks it, and names itself, the place and what it found.
func TestHouseRules(t *testing.T) {
	const admins = `grants contains "admin" if input.principal.tier in {"GLOBAL_ADMIN", "LICENSE_ADMIN"}` + "\n"
	const delegates = `grants contains "delegate" if input.principal.delegate_here == true` + "\n"
	cases := map[string]struct {
		rules, found string
		row          int
	}{
		"nobody":    {`grants contains "open day" if input.action == "createVendor"` + guarded, "who has no role may createVendor, by open day", 11},
		"unknown":   {`grants contains "all" if input.action != "createVendor"` + guarded, "an unknown action by who has no role is granted", 11},
		"auditor":   {`grants contains "reader" if input.principal.tier == "AUDITOR"` + guarded, "the role AUDITOR may assignSeats", 11},
		"elsewhere": {`grants contains "any delegate" if input.principal.delegate_of == true` + guarded, "a delegate of another allotment may assignSeats", 11},
		"scope":     {delegates + strings.Replace(guarded, `s.department != "Sales"`, `s.department == "Mars"`, 1), "a delegate may assignSeats", 13},
		"disabled":  {admins + strings.Replace(guarded, "s.enabled == false", `s.type == "GUEST"`, 1), "the role LICENSE_ADMIN may assignSeats", 13},
		"sound":     {admins + guarded + "\npick := input.pools[0].reserved\n\n" + `findings contains {"code": "A", "message": sprintf("%v", [1 / pick])} if input.action == "assignSeats"`, "has no usable answer", 3},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			for _, p := range check(t, small(c.rules)) {
				if strings.Contains(p.Message, fmt.Sprintf("house rule %q", name)) && strings.Contains(p.Message, c.found) && p.File == "p.rego" && p.Row == c.row {
					return
				}
			}
			t.Errorf("not found: %q at row %d in %v", c.found, c.row, check(t, small(c.rules)))
		})
	}
	covered := len(cases) + 1 // sight: below
	if rules := policy.HouseRules(); len(rules) != covered {
		t.Errorf("%d house rules, tests for %d", len(rules), covered)
	}
	if problems := check(t, small(admins+delegates+guarded)); len(problems) != 0 {
		t.Errorf("a sound policy is refused: %v", problems)
	}
}

func TestHouseRuleOfSight(t *testing.T) {
	files := small(`grants contains "admin" if input.principal.tier == "GLOBAL_ADMIN"` + guarded)
	files["p.rego"] = strings.Replace(files["p.rego"], `listed.seat if input.row.user_id == input.principal.user_id`, `listed.event := true`, 1)
	if problems := check(t, files); len(problems) != 1 || !strings.Contains(problems[0].Message, "every event is visible") || problems[0].Row != 5 {
		t.Errorf("got %v", problems)
	}
}

// The widest and the narrowest policy there can be.
func TestHouseRulesAgainstExtremes(t *testing.T) {
	open := check(t, small("grants := {\"all\"}\n\nfindings := set()\n"))
	for _, name := range []string{"unknown", "nobody", "auditor", "elsewhere", "scope", "disabled"} {
		if !strings.Contains(fmt.Sprint(open), fmt.Sprintf("house rule %q", name)) {
			t.Errorf("a policy that grants everything passes %s: %v", name, open)
		}
	}
	if problems := check(t, small("grants := set()\n\nfindings := set()\n")); len(problems) != 0 {
		t.Errorf("a policy that grants nothing endangers nobody: %v", problems)
	}
}

// Policies of others, as the recipes make them, must get through.
func TestHouseRulesLetOverlaysPass(t *testing.T) {
	for _, name := range []string{policytest.SoftLimit, policytest.Barred} {
		engineFrom(t, policytest.Dir(t, name))
	}
	// Who may give back their own seat is no danger to others.
	own := small(`grants contains "own seat" if {
	input.action == "unassignSeats"
	count(input.subjects) == 1
	input.subjects[0].user_id == input.principal.user_id
}
` + guarded)
	if problems := check(t, own); len(problems) != 0 {
		t.Errorf("got %v", problems)
	}
}

// Whatever a directory holds, the gate comes back in time, and with a reason.
func TestHostilePolicies(t *testing.T) {
	slow := `count([1 | some i in numbers.range(1, 1000); some j in numbers.range(1, 1000000); i == j + 1001]) == 0`
	deep := func(n int, open, closing string) policy.Files {
		return small("grants := set()\n\nfindings := set()\n\nx := " + strings.Repeat(open, n) + "1" + strings.Repeat(closing, n) + "\n")
	}
	many := policy.Files{}
	for i := range 1001 {
		many[fmt.Sprintf("f%d.rego", i)] = "package f\n"
	}
	looping := small("grants := set()\n\nfindings := set()\n")
	for i := range 20 {
		looping[fmt.Sprintf("slow%d_test.rego", i)] = "package slow_test\n\ntest_slow if " + slow + "\n"
	}
	cases := map[string]struct {
		files policy.Files
		found string
	}{
		"slow decision":       {small("grants := {\"x\" | " + slow + "}\n\nfindings := set()\n"), "has no usable answer"},
		"slow tests":          {looping, "the tests take longer than"},
		"recursion":           {small("grants := set()\n\nfindings := set()\n\nf(x) := f(x)\n"), "recursive"},
		"nested arrays":       {deep(100_000, "[", "]"), "brackets inside one another"},
		"nested calls":        {deep(100_000, "abs(", ")"), "brackets inside one another"},
		"a chain of sums":     {deep(100_000, "1 + ", ""), "operators in one rule"},
		"a chain of negation": {deep(100_000, "-", ""), "operators in one rule"},
		"a chain of lines":    {deep(100_000, "1 +\n ", ""), "operators in one rule"},
		"nested not":          {deep(100_000, "not ", ""), "operators in one rule"},
		"a chain of else":     {small("y := 1 if input.now == 0" + strings.Repeat(" else := 2 if input.now == 1", 30_000) + "\n"), "operators in one rule"},
		"a large file":        {small("# " + strings.Repeat("x", 2<<20)), "larger than 1048576 bytes"},
		"many files":          {many, "more than 1000 files"},
		"huge data":           {policy.Files{"data.json": `{"a": "` + strings.Repeat("x", 9<<20) + `"}`}, "larger than 8388608 bytes"},
		"deep data":           {policy.Files{"data.json": strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000)}, "brackets inside one another"},
		"a bracket too few":   {small(strings.Repeat("x := [\n", 60)), "unexpected"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, report := policy.Check(t.Context(), c.files, policy.Limits{}, policy.Look{Deadline: 5 * time.Second})
			if took := time.Since(start); took > 8*time.Second {
				t.Errorf("took %v", took)
			}
			if !strings.Contains(fmt.Sprint(report.Problems), c.found) {
				t.Errorf("want %q, got %v", c.found, report.Problems)
			}
		})
	}
}
