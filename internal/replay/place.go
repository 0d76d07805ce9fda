package replay

import (
	"slices"
	"strings"

	"github.com/ringfence/ringfence/internal/policy"
)

// places finds where a candidate says what makes a difference.
type places struct {
	rules   []policy.Rule   // of the candidate
	changed map[string]bool // their texts that the policy before has not
}

func newPlaces(was, candidate policy.Files) *places {
	p := &places{rules: candidate.Rules(), changed: map[string]bool{}}
	before := map[string]bool{}
	for _, r := range was.Rules() {
		before[r.Text] = true
	}
	for _, r := range p.rules {
		p.changed[r.Text] = !before[r.Text]
	}
	return p
}

// of gives file:row of the rule for a grant or a code, one that is new if there is one; empty if the candidate has none.
func (p *places) of(rule string, grant bool) string {
	var found *policy.Rule
	for i := range p.rules {
		r := &p.rules[i]
		if !r.Says(rule) && !named(r, rule) || grant && !named(r, "grants") {
			continue
		}
		if found == nil || p.changed[r.Text] && !p.changed[found.Text] {
			found = r
		}
	}
	if found == nil {
		return ""
	}
	return found.Place()
}

// named tells whether a rule is one of the answer itself: its ceiling, its priority.
func named(r *policy.Rule, name string) bool {
	return slices.Contains([]string{RuleCeiling, RulePriority, "grants"}, name) && strings.HasSuffix(r.Name, "."+name)
}
