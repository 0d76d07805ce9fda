package policy

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// watch follows one evaluation. OPA tells it when a rule is entered, when an expression of it is tried or fails, and when the rule has
// an answer; from that it keeps which rule made what, and what it read.
type watch struct {
	*Explainer
	ctx     context.Context //nolint:containedctx // of the one evaluation it follows
	input   ast.Value
	named   []composite // objects within the input, to find again what a rule holds in a variable
	parents map[uint64]uint64
	open    map[uint64]*attempt
	made    []made
	missed  []*attempt
	helpers map[string]*helper
}

// attempt is a rule on its way: it is entered once and may go through many iterations.
type attempt struct {
	rule    *ast.Rule
	home    string
	body    conditions
	at      int // index of the expression that is tried
	reached int // index of the furthest expression that failed, -1 if none did
	failed  Place
	facts   []Fact // what the furthest failure read
	lent    []lent // what functions read that were called on the way
	done    bool
}

// lent is a fact that a function read, and the expression of the caller that called it.
type lent struct {
	at   int
	fact Fact
}

// made is a value with the rule that made it, or handed it on.
type made struct {
	value ast.Value
	rule  *ast.Rule
	set   bool // an element of a set, as findings are
	name  string
	facts []Fact
}

// helper is what a rule that others call came to.
type helper struct {
	value ast.Value   // of a rule with one value
	items []ast.Value // of a set
	set   bool
	facts []Fact
}

func newWatch(ctx context.Context, e *Explainer, input ast.Value) *watch {
	return &watch{
		Explainer: e, ctx: ctx, input: input, named: compositesOf(input), parents: map[uint64]uint64{}, open: map[uint64]*attempt{}, helpers: map[string]*helper{},
	}
}

// Enabled tells OPA to report.
func (w *watch) Enabled() bool { return true }

// Config tells OPA that variables are looked up here, when they are needed.
func (w *watch) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

// TraceEvent takes one report.
func (w *watch) TraceEvent(event topdown.Event) {
	w.parents[event.QueryID] = event.ParentID
	switch node := event.Node.(type) {
	case *ast.Rule:
		w.rule(&event, node)
	case *ast.Expr:
		if a := w.open[event.QueryID]; a != nil {
			w.expression(&event, a, node)
		}
	}
}

func (w *watch) rule(event *topdown.Event, rule *ast.Rule) {
	switch event.Op {
	case topdown.EnterOp:
		a := &attempt{rule: rule, home: packageOf(rule), body: w.bodies[rule.Location.String()], reached: -1}
		w.open[event.QueryID] = a
		w.missed = append(w.missed, a)
		if len(rule.Head.Args) == 0 {
			w.helper(rule).set = rule.Head.RuleKind() == ast.MultiValue
		}
	case topdown.ExitOp:
		if a := w.open[event.QueryID]; a != nil {
			w.exit(event, a)
		}
	default:
	}
}

func (w *watch) expression(event *topdown.Event, a *attempt, expr *ast.Expr) {
	switch event.Op {
	case topdown.EvalOp:
		a.at = expr.Index
		a.lent = slices.DeleteFunc(a.lent, func(l lent) bool { return l.at >= expr.Index })
	case topdown.FailOp:
		if expr.Index <= a.reached {
			return
		}
		a.reached = expr.Index
		condition := a.body.of(expr.Location)
		a.failed = condition.place(a.rule)
		look := w.look(event, a)
		for _, each := range a.rule.Body {
			if condition.holds(each.Location) {
				look.read(each)
			}
		}
		a.facts = join(look.facts, a.lentFrom(expr.Index))
		if len(a.rule.Head.Args) > 0 {
			w.lend(event.ParentID, a.facts)
		} else if a.rule.Head.RuleKind() == ast.SingleValue && !a.done {
			w.helper(a.rule).facts = a.facts
		}
	default:
	}
}

// exit keeps what a rule made. A function lends what it read to its caller.
func (w *watch) exit(event *topdown.Event, a *attempt) {
	a.done = true
	look := w.look(event, a)
	for _, expr := range a.rule.Body {
		if a.body.within(expr.Location) {
			look.read(expr)
		}
	}
	facts := join(look.facts, a.lentFrom(0))
	set := a.rule.Head.RuleKind() == ast.MultiValue
	head := a.rule.Head.Value
	if set {
		head = a.rule.Head.Key
	}
	if head == nil {
		return
	}
	value := event.Plug(head).Value
	w.made = append(w.made, made{value: value, rule: a.rule, set: set, name: headName(a.rule), facts: facts})
	switch {
	case len(a.rule.Head.Args) > 0:
		w.lend(event.ParentID, facts)
	case set:
		h := w.helper(a.rule)
		h.items, h.facts = append(h.items, value), join(h.facts, facts)
	default:
		*w.helper(a.rule) = helper{value: value, facts: facts}
	}
}

func (w *watch) helper(rule *ast.Rule) *helper {
	path := rule.Ref().GroundPrefix().String()
	if w.helpers[path] == nil {
		w.helpers[path] = &helper{}
	}
	return w.helpers[path]
}

// lend gives facts to the nearest rule that the query is part of.
func (w *watch) lend(query uint64, facts []Fact) {
	for range maxNesting {
		if a := w.open[query]; a != nil {
			for _, fact := range facts {
				a.lent = append(a.lent, lent{a.at, fact})
			}
			return
		}
		above, known := w.parents[query]
		if !known || above == query {
			return
		}
		query = above
	}
}

// maxNesting bounds how deep queries are looked through for the rule they belong to.
const maxNesting = 64

// lentFrom gives what functions read that the body called from an expression on. What is called to write a message decides nothing.
func (a *attempt) lentFrom(index int) []Fact {
	var facts []Fact
	for _, l := range a.lent {
		if l.at >= index && l.at < len(a.rule.Body) && a.body.within(a.rule.Body[l.at].Location) {
			facts = append(facts, l.fact)
		}
	}
	return facts
}

// explain puts what was watched beside the answer.
func (w *watch) explain(answer *ast.Term, f *frame, out *Explanation) error {
	decision, ok := objectOf(answer)
	if !ok {
		return errShape
	}
	err := each(decision.Get(kGrants), "grants", func(grant *ast.Term) error {
		name, _ := textOf(grant)
		for _, m := range w.makers(grant.Value, true) {
			out.Grants = append(out.Grants, GrantReason{Name: name, Place: placeOfRule(m.rule), Facts: m.facts})
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = each(decision.Get(kFindings), "findings", func(item *ast.Term) error {
		reason, err := findingReason(item, f)
		if err != nil {
			return err
		}
		for i, m := range w.makers(item.Value, false) {
			if i == 0 {
				reason.Place = placeOfRule(m.rule)
			}
			reason.Facts = join(reason.Facts, m.facts)
		}
		out.Findings = append(out.Findings, reason)
		return nil
	})
	if err == nil && len(out.Grants) == 0 {
		out.NearMisses = w.nearMisses()
	}
	return err
}

// makers gives the rules that made a value, in the order in which they did: a grant in the set grants, a finding in any set but the one
// that collects all; only when there is none, the rule with the value itself.
func (w *watch) makers(value ast.Value, grants bool) []made {
	var sets, single []made
	for _, m := range w.made {
		switch {
		case !sameValue(m.value, value) || grants != (m.name == grantsRule):
		case m.set && (grants || m.name != findingsRule):
			sets = append(sets, m)
		default:
			single = append(single, m)
		}
	}
	if len(sets) > 0 {
		return sets
	}
	return single
}

// Names of the rules whose elements are grants and findings.
const (
	grantsRule   = "grants"
	findingsRule = "findings"
)

func findingReason(item *ast.Term, f *frame) (FindingReason, error) {
	read := finding{effect: effectDeny}
	fields, ok := objectOf(item)
	if !ok {
		return FindingReason{}, errShape
	}
	if err := fields.Iter(func(key, value *ast.Term) error { return read.set(key, value, f) }); err != nil {
		return FindingReason{}, err
	}
	reason := FindingReason{Violation: read.violation, Effect: read.effect, Subject: -1}
	if read.subject != nil {
		reason.Subject = int(*read.subject)
	}
	return reason, nil
}

// nearMisses lists the grants that were tried and failed, those that got furthest first.
func (w *watch) nearMisses() []NearMiss {
	var out []NearMiss
	for _, a := range w.missed {
		if a.done || a.reached < 0 || headName(a.rule) != grantsRule || a.rule.Head.Key == nil {
			continue
		}
		name, ok := a.rule.Head.Key.Value.(ast.String)
		if !ok {
			name = ast.String(a.rule.Head.Key.String())
		}
		out = append(out, NearMiss{Name: string(name), Place: placeOfRule(a.rule), Failed: a.failed, Facts: a.facts, lacks: w.lacks(a)})
	}
	slices.SortStableFunc(out, func(a, b NearMiss) int {
		return cmp.Or(cmp.Compare(a.lacks, b.lacks), cmp.Compare(a.File, b.File), cmp.Compare(a.Row, b.Row))
	})
	return out
}

// lacks counts the conditions of a rule that do not hold, each asked on its own: the first that failed, and those after it that
// need nothing from the conditions before them.
func (w *watch) lacks(a *attempt) int {
	n := 0
	for _, c := range a.body {
		var alone ast.Body
		for _, expr := range a.rule.Body {
			if c.holds(expr.Location) {
				alone = append(alone, expr)
			}
		}
		if c.row == a.failed.Row || len(alone) > 0 && c.row > a.failed.Row && !w.holds(alone) {
			n++
		}
	}
	return n
}

// join appends facts that are not there yet.
func join(facts, more []Fact) []Fact {
	for _, fact := range more {
		if !slices.ContainsFunc(facts, func(f Fact) bool { return f.Path == fact.Path }) {
			facts = append(facts, fact)
		}
	}
	return facts
}

func packageOf(rule *ast.Rule) string {
	if rule.Module == nil {
		return ""
	}
	return rule.Module.Package.Path.String()
}

func headName(rule *ast.Rule) string { return fmt.Sprint(rule.Head.Name) }
