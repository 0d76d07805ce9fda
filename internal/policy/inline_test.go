package policy

import (
	"maps"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/policies"
)

// A default that stands alone is written into the decision, and one that has rules beside it, wherever they stand, is not.
func TestDefaultsAreWrittenIn(t *testing.T) {
	plain, err := ReadFiles(policies.FS)
	if err != nil {
		t.Fatal(err)
	}
	for name, more := range map[string]string{
		"alone":         "",
		"with rules":    "package ringfence\n\npriority := 7 if input.action == \"assignSeats\"\n\nceiling := {\"allotment:34\": 2600} if input.action == \"assignSeats\"\n",
		"other package": "package ringfence.other\n\npriority := 7\n",
	} {
		t.Run(name, func(t *testing.T) {
			files := maps.Clone(plain)
			if more != "" {
				files["more.rego"] = more
			}
			p, problems := Build(t.Context(), files, Limits{Logger: quiet()})
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			a := p.Decide(t.Context(), assignInput())
			priority, ceiling := 0.0, int64(0)
			if name == "with rules" {
				priority, ceiling = 7, 2600
			}
			if !a.Allow || a.Subjects[0].Priority != priority || a.Ceilings[licensing.PoolKey{License: 12, Allotment: 34}] != ceiling {
				t.Errorf("%+v", a)
			}
			other := adminInput()
			other.Action = "unassignSeats"
			if a := p.Decide(t.Context(), other); !a.Allow || a.Subjects[0].Priority != 0 || len(a.Ceilings) != 0 {
				t.Errorf("another action: %+v", a)
			}
		})
	}
}

// What is written in is what the compiled decision says, and the files stay as they were written.
func TestWhatIsWrittenIn(t *testing.T) {
	files, err := ReadFiles(policies.FS)
	if err != nil {
		t.Fatal(err)
	}
	modules, problems := files.parse()
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	before := modules["ringfence.rego"]
	rules := withoutTests(modules)
	inlineDefaults(rules)
	for _, rule := range rules["ringfence.rego"].Rules {
		if rule.Head.Name == "decision" && !strings.Contains(rule.Head.Value.String(), `"priority": 0`) {
			t.Errorf("the decision is %v", rule.Head.Value)
		}
	}
	for _, rule := range before.Rules {
		if rule.Head.Name == "decision" && !strings.Contains(rule.Head.Value.String(), `"priority": priority`) {
			t.Errorf("the module that was read became %v", rule.Head.Value)
		}
	}
}
