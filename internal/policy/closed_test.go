package policy

import (
	"context"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/ringfence/ringfence/internal/filter"
	"github.com/ringfence/ringfence/internal/licensing"
)

// Policies that pass the gate and go wrong only for a request. None may be allowed, and all must say POLICY_ERROR.
func TestDecideIsClosedOnAnythingOdd(t *testing.T) {
	now := `input.principal.name == "lena@example.org"` // who is in no typical request of the gate
	cases := map[string]map[string]string{
		"undefined":                     {"priority": "priority := 1 if input.principal.name != \"lena@example.org\""},
		"two values for one rule":       {"more": "pick := 1 if " + now + "\npick := input.now if " + now, "priority": "default priority := 0\npriority := pick if " + now},
		"a builtin that fails":          {"priority": "default priority := 0\npriority := to_number(input.principal.name) if " + now},
		"a division by zero":            {"priority": "default priority := 0\npriority := 1 / input.pools[0].reserved if " + now},
		"an unknown effect":             {"findings": `findings contains object.union({"code": "A", "message": "b"}, {"effect": json.unmarshal("\"allow\"")}) if ` + now}, // as a text it is refused at load
		"an error about no subject":     {"findings": `findings contains {"code": "A", "message": "b", "effect": "error"} if ` + now},
		"an empty code":                 {"findings": `findings contains {"code": "", "message": "b"} if ` + now},
		"a subject that is not there":   {"findings": `findings contains {"code": "A", "message": "b", "subject": 1} if ` + now},
		"a negative subject":            {"findings": `findings contains {"code": "A", "message": "b", "subject": -1} if ` + now},
		"a subject that is a fraction":  {"findings": `findings contains {"code": "A", "message": "b", "subject": 0.5} if ` + now},
		"a subject by name":             {"findings": `findings contains object.union({"code": "A", "message": "b"}, {"subject": json.unmarshal("\"0\"")}) if ` + now},
		"a pool outside the chain":      {"findings": `findings contains {"code": "A", "message": "b", "pool": "license:99"} if ` + now},
		"a limit that is a string":      {"findings": `findings contains {"code": "A", "message": "b", "limit": json.unmarshal("\"1\"")} if ` + now},
		"a finding that is null":        {"findings": `findings contains json.unmarshal("null") if ` + now},
		"an unknown key of a finding":   {"findings": `findings contains json.unmarshal("{\"code\": \"A\", \"message\": \"b\", \"x\": 1}") if ` + now},
		"findings that are an object":   {"findings": "default findings := set()\nfindings := json.unmarshal(\"{}\") if " + now},
		"grants that are a boolean":     {"grants": "default grants := set()\ngrants := json.unmarshal(\"true\") if " + now},
		"a grant that is a number":      {"grants": `grants contains json.unmarshal("1") if ` + now},
		"a grant without a name":        {"grants": `grants contains "" if ` + now},
		"a ceiling below the limit":     {"ceiling": `ceiling["allotment:34"] := 1 if ` + now},
		"a ceiling of another pool":     {"ceiling": `ceiling["allotment:35"] := 9999 if ` + now},
		"a ceiling that is a fraction":  {"ceiling": `ceiling["allotment:34"] := 9999.5 if ` + now},
		"ceilings that are a list":      {"ceiling": "default ceiling := {}\nceiling := json.unmarshal(\"[]\") if " + now},
		"a priority that is a boolean":  {"priority": "default priority := 0\npriority := json.unmarshal(\"true\") if " + now},
		"a priority of nobody":          {"priority": "default priority := 0\npriority := {7: 1} if " + now},
		"a priority that is a word":     {"priority": "default priority := 0\npriority := {0: json.unmarshal(\"\\\"high\\\"\")} if " + now},
		"a priority beyond all numbers": {"priority": "default priority := 0\npriority := json.unmarshal(\"1e999\") if " + now},
		"an answer that takes too long": {"priority": "default priority := 0\npriority := count([1 | some i in numbers.range(1, 1000); some j in numbers.range(1, 1000000); i == j + 1001]) if " + now},
	}
	for name, parts := range cases {
		t.Run(name, func(t *testing.T) {
			e := newEngine(t, Config{Dir: writeDir(t, map[string]string{"p.rego": rules(parts)})})
			start := time.Now()
			a := e.Decide(t.Context(), assignInput())
			if took := time.Since(start); took > 10*DefaultTimeout {
				t.Errorf("took %v", took)
			}
			wantFailed(t, a, 1)
		})
	}
}

func wantFailed(t *testing.T, a Answer, subjects int) {
	t.Helper()
	if a.Allow || !a.Failed() || a.Revision == "" || len(a.Subjects) != subjects || a.Violations[0].Code != licensing.PolicyError {
		t.Errorf("got %+v", a)
	}
}

func TestDecideIsClosedBeforeTheEvaluation(t *testing.T) {
	e := newEngine(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantFailed(t, e.Decide(ctx, assignInput()), 1)

	unfit := assignInput()
	unfit.Args = func() {}
	wantFailed(t, e.Decide(t.Context(), unfit), 1)
	if unfit.JSON() != nil {
		t.Error("an input that cannot be evaluated has a document")
	}

	crowd := assignInput()
	crowd.Subjects = make([]Subject, maxSubjects+1)
	wantFailed(t, e.Decide(t.Context(), crowd), 0)
}

// A slow machine must not deny what a fast one allows: the budget grows with the batch.
func TestTheLargestBatchIsDecided(t *testing.T) {
	e := newEngine(t, Config{})
	in := assignInput()
	for len(in.Subjects) < maxSubjects {
		s := in.Subjects[0]
		s.UserID = int64(len(in.Subjects))
		s.Enabled = len(in.Subjects)%100 != 0
		in.Subjects = append(in.Subjects, s)
	}
	a := e.Decide(t.Context(), in)
	if !a.Allow || len(a.Subjects) != maxSubjects {
		t.Fatalf("allow %v, %d subjects, %v", a.Allow, len(a.Subjects), a.Violations)
	}
	for i, s := range a.Subjects {
		if disabled := i > 0 && i%100 == 0; disabled != (len(s.Denials) == 1) {
			t.Fatalf("subject %d: %+v", i, s)
		}
	}
}

func TestNoGrantDenies(t *testing.T) {
	e := newEngine(t, Config{Dir: writeDir(t, map[string]string{"p.rego": rules(map[string]string{
		"grants": `grants contains "some" if input.principal.tier == "CONTRACT_MANAGER"`,
	})})})
	if a := e.Decide(t.Context(), assignInput()); a.Allow || len(a.Violations) != 1 || a.Violations[0].Code != licensing.RoleRequired || a.Failed() {
		t.Errorf("got %+v", a)
	}
}

func TestAWarningDoesNotDeny(t *testing.T) {
	e := newEngine(t, Config{Dir: writeDir(t, map[string]string{"p.rego": rules(map[string]string{
		"findings": `findings contains {"code": "NEARLY_FULL", "message": "nearly full", "effect": "warn", "pool": pool.id, "available": pool.available} if {
	some pool in input.pools
}

findings contains {"code": "NEW", "message": "is new here", "effect": "warn", "subject": 0} if count(input.subjects) > 0`,
		"priority": `priority := {index: subject.user_id | some index, subject in input.subjects}`,
		"ceiling":  `ceiling[pool.id] := pool.limit + 5 if some pool in input.pools`,
	})})})
	a := e.Decide(t.Context(), assignInput())
	if !a.Allow || len(a.Warnings) != 3 || len(a.Subjects[0].Warnings) != 1 || a.Subjects[0].Priority != 8001 {
		t.Errorf("got %+v", a)
	}
	if w := a.Warnings[0]; w.Pool == nil || w.Available == nil {
		t.Errorf("got %+v", w)
	}
	for _, p := range assignInput().Pools {
		if a.Ceilings[p.Key] != *p.Limit+5 {
			t.Errorf("ceiling of %v: %d", p.Key, a.Ceilings[p.Key])
		}
	}
}

func TestVisibilityIsClosed(t *testing.T) {
	for name, text := range map[string]string{
		"undefined":  "masked := {} if input.principal.tier != \"AUDITOR\"\n\nactions := []\n",
		"not a name": "default masked := {}\nmasked := {\"user\": [json.unmarshal(\"1\")]} if input.principal.tier == \"AUDITOR\"\n\nactions := []\n",
		"not a list": "masked := {}\n\ndefault actions := []\nactions := json.unmarshal(\"{}\") if input.principal.tier == \"AUDITOR\"\n",
	} {
		t.Run(name, func(t *testing.T) {
			parts := rules(nil)
			text := parts[:len("package ringfence\n\ndecision := {\"grants\": grants, \"findings\": findings, \"ceiling\": ceiling, \"priority\": priority}\n\n")] +
				"listed.user := true\n\n" + text + parts[len(tiny):]
			e := newEngine(t, Config{Dir: writeDir(t, map[string]string{"p.rego": text})})
			view, err := e.Current().Visibility(t.Context(), Principal{Roles: []string{"AUDITOR"}})
			if err == nil || view.All("user") || !filter.IsNone(view.Listed("user")) || len(view.Actions) != 0 {
				t.Errorf("got %+v, %v", view, err)
			}
		})
	}
}

func TestOnlyOneAnswerCounts(t *testing.T) {
	one := rego.Result{Expressions: []*rego.ExpressionValue{{Value: ast.NullTerm()}}}
	for name, results := range map[string]rego.ResultSet{
		"none":            {},
		"two":             {one, one},
		"two expressions": {{Expressions: []*rego.ExpressionValue{one.Expressions[0], one.Expressions[0]}}},
		"no term":         {{Expressions: []*rego.ExpressionValue{{Value: true}}}},
	} {
		if _, err := single(results); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := single(rego.ResultSet{one}); err != nil {
		t.Error(err)
	}
}
