package query

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/remedy"
)

// Remedy is a change after which a refused request is allowed, as the API shows it.
type Remedy struct {
	Kind  remedy.Kind   `json:"kind"`
	Text  string        `json:"text"`
	Size  int64         `json:"size"`
	Again bool          `json:"again"`
	Steps []*RemedyStep `json:"steps"`
}

// RemedyStep is one mutation of a remedy, and who may do it.
type RemedyStep struct {
	Mutation string          `json:"mutation"`
	Input    json.RawMessage `json:"input"`
	By       string          `json:"by"`
	You      bool            `json:"you"`
	session  *session
	user     int64
}

// User gives who may do it, if that is a user the viewer may see.
func (r *RemedyStep) User(ctx context.Context) (*User, error) {
	if r.user == 0 {
		return nil, nil
	}
	found, err := users.visibleByKey(ctx, r.session, []int64{r.user})
	return found[r.user], err
}

// mostRemedied bounds for how many requests remedies are looked for in one operation: each is tried many times.
const mostRemedied = 10

// Remedies gives what would have the request of the decision allowed now; nothing for one that was, and where nothing is kept of what was
// asked.
func (d *Decision) Remedies(ctx context.Context) ([]*Remedy, error) {
	if d.Allow && len(d.Decision.Violations) == 0 {
		return []*Remedy{}, nil
	}
	asked := operation.ReadAsked(d.Decision.Principal, d.Action, d.Command)
	if asked == nil {
		return []*Remedy{}, nil
	}
	return d.family.remedies(ctx, d.family.facts, remedy.Request{Who: asked.Who, Action: asked.Action, Input: asked.Input})
}

// remedies looks for remedies and gives those that name nothing the viewer may not see.
func (s *session) remedies(ctx context.Context, f *facts, request remedy.Request) ([]*Remedy, error) {
	if s.rehearsal == nil {
		return nil, fault.New(fault.Unavailable, "nothing can be tried here")
	}
	s.mu.Lock()
	s.remedied++
	tooMany := s.remedied > mostRemedied
	s.mu.Unlock()
	if tooMany {
		return nil, fault.New(fault.TooComplex, "the request is too complex: remedies of more than %d requests", mostRemedied)
	}
	finder := &remedy.Finder{Rehearsal: s.rehearsal, Store: s.store, Policy: s.Reader.policy}
	found, err := finder.Find(ctx, s.who, request)
	if err != nil {
		return nil, unavailable(err)
	}
	out := []*Remedy{}
	for i := range found {
		shown, err := s.remedy(ctx, f, &found[i])
		if err != nil {
			return nil, err
		}
		if shown != nil {
			out = append(out, shown)
		}
	}
	return out, nil
}

func (s *session) remedy(ctx context.Context, f *facts, r *remedy.Remedy) (*Remedy, error) {
	names := r.Names()
	known, err := s.find(ctx, names)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if known[name] == nil {
			return nil, nil
		}
	}
	out := &Remedy{Kind: r.Kind, Text: r.Text, Size: r.Size, Again: r.Again, Steps: []*RemedyStep{}}
	for _, step := range r.Steps {
		sees, err := s.seesActor(ctx, &step.Actor)
		if err != nil {
			return nil, err
		}
		if !sees || f.anonymous() {
			out.Text = r.Plain
		}
		shown := &RemedyStep{Mutation: step.Action, By: step.Actor.Label(sees && !f.anonymous()), session: s, You: s.isViewer(&step.Actor)}
		if sees {
			shown.user = step.Actor.User
		}
		if shown.You {
			shown.By = "you"
		}
		if shown.Input, err = json.Marshal(step.Input); err != nil {
			return nil, err
		}
		if f.anonymous() && step.Action == "upsertUsers" { // users are named there
			shown.Input = json.RawMessage("{}")
		}
		out.Steps = append(out.Steps, shown)
	}
	if f.anonymous() {
		out.Text = r.Plain
	}
	return out, nil
}

func (s *session) isViewer(a *remedy.Actor) bool {
	return !s.who.System && a.Name != "" && strings.EqualFold(a.Name, s.who.UserName)
}

// seesActor tells whether the viewer may be told who somebody is.
func (s *session) seesActor(ctx context.Context, a *remedy.Actor) (bool, error) {
	if s.isViewer(a) || a.User == 0 && s.who.System {
		return true, nil
	}
	if a.User == 0 {
		f, err := s.sight(ctx)
		return err == nil && f.view.All(kindUser), err
	}
	found, err := users.visibleByKey(ctx, s, []int64{a.User})
	return found[a.User] != nil, err
}

// Hypothesis is how a request would be answered now.
type Hypothesis struct {
	Action  string
	Allowed bool
	Error   *HypothesisError

	session *session
	facts   *facts
	request remedy.Request
	verdict operation.Verdict
}

// HypothesisError is what the caller would be told in place of a decision.
type HypothesisError struct {
	Code    string
	Message string
	Field   *string
}

// ExplainAs is somebody else in whose place is asked.
type ExplainAs struct {
	UserName string
	Roles    []string
}

// Explain tries a request and keeps nothing of it. Whoever is signed in may ask for themself; in the place of another only who sees every
// decision with what it rests on, else POLICY_DENIED. Unknown actions and inputs are INVALID_INPUT.
func (r *Reader) Explain(ctx context.Context, action string, input json.RawMessage, as *ExplainAs) (*Hypothesis, error) {
	s := r.session(ctx)
	f, err := s.sight(ctx)
	if err != nil {
		return nil, err
	}
	if s.rehearsal == nil {
		return nil, fault.New(fault.Unavailable, "nothing can be tried here")
	}
	who := s.who
	if as != nil {
		if !f.whole() || f.anonymous() {
			return nil, &fault.Error{Code: fault.PolicyDenied, Field: "as", Message: "only who sees every decision may ask in the place of another"}
		}
		who = &identity.Principal{UserName: as.UserName, Roles: as.Roles}
	}
	h := &Hypothesis{Action: action, session: s, facts: f, request: remedy.Request{Who: who, Action: action, Input: input}}
	verdicts, err := s.rehearsal.Try(ctx, operation.Step{Who: who, Action: action, Input: input})
	if err != nil {
		return nil, err
	}
	h.verdict = verdicts[0]
	h.Allowed = h.verdict.Allow && h.verdict.Fault == nil
	if no := h.verdict.Fault; no != nil {
		h.Error = &HypothesisError{Code: string(no.Code), Message: no.Message}
		if no.Field != "" {
			h.Error.Field = &no.Field
		}
	}
	return h, nil
}

// Violations gives why it would not be allowed.
func (h *Hypothesis) Violations(ctx context.Context) ([]*Violation, error) {
	return h.told(ctx, h.verdict.Violations)
}

// Warnings gives what would be worth saying but does not deny.
func (h *Hypothesis) Warnings(ctx context.Context) ([]*Violation, error) {
	return h.told(ctx, h.verdict.Warnings)
}

func (h *Hypothesis) told(ctx context.Context, violations []licensing.Violation) ([]*Violation, error) {
	if h.verdict.Fault != nil {
		return []*Violation{}, nil //nolint:nilerr // what cannot be done at all is told by Error
	}
	all, err := explain(ctx, h.session, map[int][]licensing.Violation{0: violations})
	return nonNil(all[0]), err
}

// Explanation gives why it would be answered so.
func (h *Hypothesis) Explanation(ctx context.Context) (*Explanation, error) {
	if h.verdict.Input == "" {
		return h.facts.explain(ctx, &answered{action: h.Action, principal: h.request.Who.UserName, at: h.session.now, revision: h.session.policy.Revision()}, nil), nil
	}
	by, err := h.session.explainersOf(ctx, []string{h.verdict.Revision})
	if err != nil {
		return nil, err
	}
	v := &h.verdict
	return h.facts.explain(ctx, &answered{h.Action, h.request.Who.UserName, h.session.now, true, h.Allowed, v.Violations, v.Warnings, v.Revision, v.Input}, by[v.Revision]), nil
}

// Remedies gives what would have it allowed; nothing if it would be allowed, or cannot be done at all.
func (h *Hypothesis) Remedies(ctx context.Context) ([]*Remedy, error) {
	if h.verdict.Served() || h.verdict.Fault != nil {
		return []*Remedy{}, nil //nolint:nilerr // what cannot be done at all has no remedy
	}
	return h.session.remedies(ctx, h.facts, h.request)
}
