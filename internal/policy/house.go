package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/ringfence/ringfence/internal/filter"
	"github.com/ringfence/ringfence/policies"
)

// HouseRule is something no policy may get wrong, whatever else it says. House rules ship with the service; a policy cannot change
// them. They are held by asking the policy typical requests, over all actions.
type HouseRule struct {
	Name     string
	Sentence string
	about    string                // the rule of package ringfence that an author looks at first
	check    func(*house) []string // what is wrong, in sentences
}

// HouseRules are all there are, in the order in which they are checked.
func HouseRules() []HouseRule {
	return []HouseRule{
		{"sound", "A typical request has one answer, in the agreed shape and in time.", "decision", (*house).sound},
		{"unknown", "An action that does not exist is granted to nobody.", "grants", (*house).unknown},
		{"nobody", "Who has no role and is no delegate is granted nothing about others.", "grants", (*house).nobody},
		{"auditor", "An auditor and an analyst are granted nothing: they read.", "grants", (*house).auditor},
		{"elsewhere", "A delegate of one allotment is granted nothing at another.", "grants", (*house).elsewhere},
		{"scope", "A delegate gives no seat to a user outside the scope of the allotment.", "findings", (*house).scope},
		{"disabled", "A disabled user gets no seat, whoever asks.", "findings", (*house).disabled},
		{"sight", "Who has no role does not see all decisions, events and service tokens.", "listed", (*house).sight},
	}
}

// house asks one policy.
type house struct {
	ctx         context.Context //nolint:containedctx // it lives as long as one check
	policy      *Policy
	all, giving []string // actions
	slow        bool     // so that there is no asking hundreds of questions
}

// slack is how many times the time of a decision the gate grants: it asks once, on a machine that may be busy starting, and a sound
// policy must not be refused for that.
const slack = 20

// mild is by how much the best of three tries may be too slow: a policy that is a little too slow here may be quick enough on a machine
// with less to do.
const mild = 4

// checkHouse holds the policy to the house rules.
func checkHouse(ctx context.Context, p *Policy, document map[string]any, compiler *ast.Compiler) []Problem {
	h := &house{ctx: ctx, policy: p}
	h.all, h.giving = actionsOf(document)
	var problems []Problem
	for _, rule := range HouseRules() {
		found := rule.check(h)
		if ctx.Err() != nil {
			return append(problems, Problem{Message: "the house rules could not be checked in time: the policy is too slow"})
		}
		if len(found) > 0 {
			message := fmt.Sprintf("house rule %q: %s %s", rule.Name, rule.Sentence, sentence(found))
			problems = append(problems, problemAt(placeOf(compiler, rule.about), message))
		}
		if h.slow {
			break
		}
	}
	return problems
}

// placeOf is where the first rule of that name stands, or the decision, which there always is.
func placeOf(compiler *ast.Compiler, rule string) *ast.Location {
	for _, name := range []string{rule, "decision"} {
		if first := firstOf(compiler.GetRules(ast.MustParseRef("data.ringfence." + name))); first != nil {
			return first
		}
	}
	return nil
}

// firstOf is the first place of the rules, which OPA gives in no order.
func firstOf(rules []*ast.Rule) *ast.Location {
	var first *ast.Location
	for _, rule := range rules {
		if first == nil || rule.Location.Compare(first) < 0 {
			first = rule.Location
		}
	}
	return first
}

// sentence names the first few of what was found; an author who lets everybody in does not want to read of each action.
func sentence(found []string) string {
	const most = 3
	if len(found) <= most {
		return "Here " + strings.Join(found, "; ") + "."
	}
	return fmt.Sprintf("Here %s; and %d more.", strings.Join(found[:most], "; "), len(found)-most)
}

// ask puts one question. An answer that is no answer denies, as it does when the policy is in use.
func (h *house) ask(in *Input) (Answer, error) {
	term, err := in.term()
	if err != nil {
		return Answer{}, err
	}
	f := in.frame()
	return h.policy.decide(h.ctx, term, &f, slack*h.policy.budget(f.subjects))
}

// granted gives the actions that a principal may do, among those asked for.
func (h *house) granted(actions []string, who Principal, shapes ...func(string, Principal) *Input) []string {
	var found []string
	for _, action := range actions {
		for _, shape := range shapes {
			if answer, err := h.ask(shape(action, who)); err == nil && answer.Allow {
				found = append(found, fmt.Sprintf("%s may %s, by %s", nameOf(who), action, strings.Join(answer.Grants, ", ")))
				break
			}
		}
	}
	return found
}

// served gives the actions by which a seat would go to the one subject of the requests.
func (h *house) served(subject Subject, who Principal) []string {
	var found []string
	for _, action := range h.giving {
		in := typical(action, who)
		in.Subjects = []Subject{subject}
		answer, err := h.ask(in)
		if err == nil && answer.Allow && len(answer.Subjects[0].Denials)+len(answer.Subjects[0].Errors) == 0 {
			found = append(found, fmt.Sprintf("%s may %s", nameOf(who), action))
		}
	}
	return found
}

// nameOf says what a principal of the typical requests is.
func nameOf(who Principal) string {
	switch {
	case who.System:
		return "the service"
	case who.DelegateOf && who.UserID == delegateHere.UserID:
		return "a delegate"
	case who.DelegateOf:
		return "a delegate of another allotment"
	case len(who.Roles) > 0:
		return "the role " + who.Roles[0]
	}
	return "who has no role"
}

func (h *house) sound() []string {
	var found []string
	for _, c := range Typical() {
		_, err := h.ask(c.Input)
		if topdown.IsCancel(err) {
			h.slow = true
			return []string{fmt.Sprintf("%s has no usable answer within %v", c.Name, slack*h.policy.limits.Timeout)}
		}
		if err != nil {
			found = append(found, fmt.Sprintf("%s has no usable answer (%v)", c.Name, err))
		}
	}
	slowest, took := h.slowest()
	if limit := h.policy.limits.Timeout; took > mild*limit {
		found = append(found, fmt.Sprintf("%s takes %v each time, and has %v", slowest, took.Round(time.Millisecond), limit))
	}
	return found
}

// slowest tells which small typical request takes longest. The best of three counts, because the machine may be busy; the first
// that is quick enough ends the tries.
func (h *house) slowest() (name string, took time.Duration) {
	for _, c := range Typical() {
		best := time.Duration(0)
		for range 3 {
			start := time.Now()
			_, err := h.ask(c.Input)
			spent := time.Since(start) - h.policy.limits.Timeout*time.Duration(len(c.Input.Subjects))/250
			if err != nil || h.ctx.Err() != nil {
				break
			}
			if best == 0 || spent < best {
				best = spent
			}
			if best <= mild*h.policy.limits.Timeout {
				break
			}
		}
		if best > took {
			name, took = c.Name, best
		}
	}
	return name, took
}

func (h *house) unknown() []string {
	for _, who := range []Principal{{}, nobody} { // with and without a name: one sentence is enough
		answer, err := h.ask(bare("nothing", who))
		switch {
		case err != nil:
			return []string{fmt.Sprintf("an unknown action by %s has no usable answer (%v)", nameOf(who), err)}
		case answer.Allow:
			return []string{fmt.Sprintf("an unknown action by %s is granted", nameOf(who))}
		}
	}
	return nil
}

func (h *house) nobody() []string { return h.granted(h.all, nobody, typical, bare) }

func (h *house) auditor() []string {
	return append(h.granted(h.all, auditor, typical), h.granted(h.all, analyst, typical)...)
}

func (h *house) elsewhere() []string { return h.granted(h.all, delegateElsewhere, typical) }

func (h *house) scope() []string {
	outside := typicalSubject(8001)
	outside.Department, outside.UsageLocation = "Legal", "US"
	return h.served(outside, delegateHere)
}

func (h *house) disabled() []string {
	left := typicalSubject(8001)
	left.Enabled = false
	return slices.Concat(h.served(left, licenseAdmin), h.served(left, delegateHere), h.served(left, service))
}

func (h *house) sight() []string {
	if _, err := h.policy.view(h.ctx, nobody, slack*h.policy.limits.Timeout); err != nil {
		return []string{fmt.Sprintf("what they may see has no usable answer (%v)", err)}
	}
	var found []string
	for _, kind := range []string{"decision", "event", "service_token"} {
		// What cannot be translated is told by the gate elsewhere.
		listed, err := h.policy.list(h.ctx, kind, nobody.reader(), rowUnknown, slack*h.policy.limits.Timeout)
		if err == nil && filter.IsAll(listed) {
			found = append(found, fmt.Sprintf("every %s is visible", strings.ReplaceAll(kind, "_", " ")))
		}
	}
	return found
}

// defaultDocument is the data of the embedded policy, for its list of actions.
var defaultDocument = sync.OnceValue(func() map[string]any {
	files, err := ReadFiles(policies.FS)
	if err != nil {
		return nil
	}
	document, _ := files.document()
	return document
})
