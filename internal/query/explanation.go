package query

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/remedy"
)

// Explanation says why a request was answered as it was, as far as the viewer may see what it rests on.
type Explanation struct {
	Lines      []string            `json:"lines"`
	Revision   string              `json:"revision"`
	Complete   bool                `json:"complete"`
	Grants     []*ExplainedGrant   `json:"grants"`
	Findings   []*ExplainedFinding `json:"findings"`
	NearMisses []*NearMiss         `json:"nearMisses"`
}

// PolicyPlace is where a rule or a condition stands in a policy. Text is nil for those who may not see the policy.
type PolicyPlace struct {
	File string  `json:"file"`
	Row  int     `json:"row"`
	Rule string  `json:"rule"`
	Text *string `json:"text"`
}

// ExplainedFact is something that a rule read. Value is nil for what was not there.
type ExplainedFact struct {
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value"`
}

// ExplainedGrant is a rule that granted.
type ExplainedGrant struct {
	Name  string           `json:"name"`
	Rule  *PolicyPlace     `json:"rule"`
	Facts []*ExplainedFact `json:"facts"`
}

// ExplainedFinding is a finding with the rule that made it. Subject is the place in the request of whom it is about.
type ExplainedFinding struct {
	Code    string           `json:"code"`
	Message string           `json:"message"`
	Effect  string           `json:"effect"`
	Subject *int             `json:"subject"`
	Rule    *PolicyPlace     `json:"rule"`
	Facts   []*ExplainedFact `json:"facts"`
}

// NearMiss is a rule that did not grant, with the first of its conditions that failed.
type NearMiss struct {
	Grant  string           `json:"grant"`
	Rule   *PolicyPlace     `json:"rule"`
	Failed *PolicyPlace     `json:"failed"`
	Facts  []*ExplainedFact `json:"facts"`
}

// answered is what is known of an answer beside its explanation.
type answered struct {
	action, principal    string
	at                   time.Time
	dry, allow           bool
	violations, warnings []licensing.Violation
	revision, input      string
}

func answeredBy(d *ent.Decision) *answered {
	return &answered{d.Action, d.Principal, d.At, d.DryRun, d.Allow, d.Violations, d.Warnings, d.Revision, d.Input}
}

// Explanation gives why the decision was taken as it was, by the policy that took it.
func (d *Decision) Explanation(ctx context.Context) (*Explanation, error) {
	all, err := together(ctx, d.family, "explainers", func(ctx context.Context, members []*Decision) (map[string]*policy.Explainer, error) {
		var revisions []string
		for _, member := range members {
			if !slices.Contains(revisions, member.Revision) {
				revisions = append(revisions, member.Revision)
			}
		}
		return d.family.explainersOf(ctx, revisions)
	})
	if err != nil {
		return nil, err
	}
	return d.family.facts.explain(ctx, answeredBy(d.Decision), all[d.Revision]), nil
}

// absent is the code under which a request is recorded that named what is not there or may not be seen.
const absent = "NOT_FOUND"

// explain evaluates an answer again, unless there is nothing to be evaluated, and says what came of it to whoever has these facts.
func (f *facts) explain(ctx context.Context, a *answered, by *policy.Explainer) *Explanation {
	e := &explaining{facts: f, answered: a, out: &Explanation{
		Revision: a.revision, Lines: []string{}, Grants: []*ExplainedGrant{}, Findings: []*ExplainedFinding{}, NearMisses: []*NearMiss{},
	}}
	e.headline()
	var why *policy.Explanation
	missing := slices.ContainsFunc(a.violations, func(v licensing.Violation) bool { return v.Code == absent })
	switch {
	case missing:
		e.line("It named something that is not there, or that who asked may not see; the policy was not asked about it.")
	case by == nil:
		e.line("The text of policy %s is not kept, or cannot be evaluated by this version any more: only what was recorded can be told.", a.revision)
	default:
		var err error
		if why, err = by.Explain(ctx, []byte(a.input)); err != nil {
			e.line("The policy gives no usable answer to what was recorded: only that can be told.")
		}
	}
	if why != nil {
		e.out.Complete = true
		e.grants(why)
		e.findings(why)
	}
	e.ledger(why)
	for _, v := range a.violations {
		if reason := remedy.Hopeless(v.Code); reason != "" {
			e.line("There is no remedy for %s: %s.", v.Code, reason)
		}
	}
	return e.out
}

// explaining is one explanation on its way.
type explaining struct {
	*facts
	*answered
	out *Explanation
}

func (e *explaining) line(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(e.out.Lines, text) {
		e.out.Lines = append(e.out.Lines, text)
	}
}

// whole tells whether the viewer may see all that decisions rest on.
func (f *facts) whole() bool { return f.view.All(kindDecision) && !f.view.Masks(kindDecision, "input") }

func (e *explaining) headline() {
	what, who, how := "denied", "", ""
	if e.allow {
		what = "allowed"
		if len(e.violations) > 0 {
			what = "allowed in part"
		}
	}
	if !e.view.Masks(kindDecision, "principal") && e.principal != "" {
		who = " by " + e.principal
	}
	if e.dry {
		how = ", a dry run,"
	}
	e.line("%s%s%s was %s at %s under policy %s.", e.action, who, how, what, e.at.UTC().Format(time.RFC3339), e.revision)
}

func (e *explaining) grants(why *policy.Explanation) {
	for _, g := range why.Grants {
		e.out.Grants = append(e.out.Grants, &ExplainedGrant{g.Name, e.place(g.Place), e.shown(g.Facts)})
		e.line("Granted by %q (%v)%s.", g.Name, g.Place, e.because(g.Facts))
	}
	for i, m := range why.NearMisses {
		failed := e.place(m.Failed)
		e.out.NearMisses = append(e.out.NearMisses, &NearMiss{m.Name, e.place(m.Place), failed, e.shown(m.Facts)})
		if i < mostMisses {
			text := ""
			if failed.Text != nil {
				text = ": " + *failed.Text
			}
			e.line("Not granted by %q (%v): it fails at row %d%s%s.", m.Name, m.Place, m.Failed.Row, text, e.because(m.Facts))
		}
	}
}

// mostMisses bounds how many grants are named in lines that were nearly given.
const mostMisses = 4

// findings tells what was found. Those who do not see everything are told what was recorded for them to read.
func (e *explaining) findings(why *policy.Explanation) {
	for _, f := range why.Findings {
		if !e.whole() && !e.recorded(f.Violation) {
			continue
		}
		found := &ExplainedFinding{Code: f.Code, Message: e.message(f.Violation), Effect: f.Effect, Rule: e.place(f.Place), Facts: e.shown(f.Facts)}
		about := ""
		if f.Subject >= 0 {
			found.Subject = &f.Subject
			about = fmt.Sprintf(" about user %d of the request", f.Subject+1)
		}
		e.out.Findings = append(e.out.Findings, found)
		e.line("%s%s: %s (%v, %s)%s.", f.Code, about, found.Message, f.Place, effects[f.Effect], e.because(f.Facts))
	}
}

// effects says what a finding does.
var effects = map[string]string{"deny": "refuses", "error": "leaves the seat in state ERROR", "warn": "warns"}

// ledger tells what was refused though the policy would have it: who may is the policy's to say, what fits is not.
func (e *explaining) ledger(why *policy.Explanation) {
	for _, v := range e.violations {
		if why != nil && slices.ContainsFunc(why.Findings, func(f policy.FindingReason) bool { return f.Code == v.Code && f.Message == v.Message }) || v.Code == absent {
			continue
		}
		if v.Code != licensing.InsufficientPool {
			e.line("%s: %s%s.", v.Code, e.message(v), field(v))
			continue
		}
		e.line("The policy says who may, the ledger what fits. %s: %s%s%s.", v.Code, e.message(v), field(v), figures(v))
		if why == nil || !e.whole() {
			continue
		}
		for _, p := range why.Pools {
			e.line("  %s", poolLine(p, v.Pool))
		}
	}
}

func field(v licensing.Violation) string {
	if v.Field == "" {
		return ""
	}
	return " (" + v.Field + ")"
}

func figures(v licensing.Violation) string {
	if v.Requested == nil || v.Available == nil || v.ShortBy == nil {
		return ""
	}
	return fmt.Sprintf("; %d asked, %d available, short by %d", *v.Requested, *v.Available, *v.ShortBy)
}

// poolLine writes the figures of a pool as they were when the request came.
func poolLine(p policy.PoolFigures, bound *licensing.PoolKey) string {
	limit, available := "no limit", ""
	if p.Limit != nil && p.Available != nil {
		limit, available = fmt.Sprintf("limit %d", *p.Limit), fmt.Sprintf(", %d available", *p.Available)
	}
	what := ""
	switch {
	case bound != nil && *bound == p.Key:
		what = "; this is what bound"
	case !p.Draws:
		what = "; not drawn on"
	}
	return fmt.Sprintf("%s: %s, %d used, %d reserved%s%s", p.Name, limit, p.Used, p.Reserved, available, what)
}

func (e *explaining) recorded(v licensing.Violation) bool {
	same := func(r licensing.Violation) bool { return r.Code == v.Code && r.Message == v.Message }
	return slices.ContainsFunc(e.violations, same) || slices.ContainsFunc(e.warnings, same)
}

// message is the sentence of a violation, or its code for those who may not see names.
func (e *explaining) message(v licensing.Violation) string {
	if e.anonymous() {
		return v.Code
	}
	return v.Message
}

func (e *explaining) place(p policy.Place) *PolicyPlace {
	shown := &PolicyPlace{File: p.File, Row: p.Row, Rule: p.Rule}
	if e.view.All(kindPolicy) {
		shown.Text = &p.Text
	}
	return shown
}

// shown gives the facts that the viewer may see: those who do not see the whole input see what is plain in it.
func (e *explaining) shown(facts []policy.Fact) []*ExplainedFact {
	out := []*ExplainedFact{}
	for _, fact := range facts {
		if !e.whole() && !slices.Contains(plainInput, fact.Path) {
			continue
		}
		shown := &ExplainedFact{Path: fact.Path}
		if fact.Value != "" {
			shown.Value = json.RawMessage(fact.Value)
		}
		out = append(out, shown)
	}
	return out
}

// mostReasons bounds how many facts a line tells.
const mostReasons = 6

func (e *explaining) because(facts []policy.Fact) string {
	if !e.whole() || len(facts) == 0 {
		return ""
	}
	told := make([]string, 0, mostReasons)
	for _, fact := range facts {
		if strings.HasPrefix(fact.Path, "data.") || fact.Path == "action" {
			continue
		}
		if len(told) == mostReasons {
			break
		}
		told = append(told, fact.String())
	}
	if len(told) == 0 {
		return ""
	}
	return ", because " + strings.Join(told, ", ")
}
