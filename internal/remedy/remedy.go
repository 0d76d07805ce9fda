package remedy

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/store"
)

// Kind says what sort of change a remedy is.
type Kind string

// The kinds of remedies.
const (
	Retry   Kind = "RETRY"          // nothing stands against the request any more
	Ask     Kind = "ASK"            // somebody else may make the request
	Change  Kind = "CHANGE_REQUEST" // the request asked otherwise
	Queue   Kind = "QUEUE"          // the request, waiting for a unit
	Raise   Kind = "RAISE"          // more units in a pool
	Move    Kind = "MOVE"           // units from another pool
	Release Kind = "RELEASE"        // a seat that is given back
	Wait    Kind = "WAIT"           // time will do it
	User    Kind = "CHANGE_USER"    // something about a user
	Scope   Kind = "WIDEN_SCOPE"    // whom an allotment is for
	Dates   Kind = "CHANGE_DATES"   // when something is in effect
	Appoint Kind = "APPOINT"        // a right that is given
	Assign  Kind = "ASSIGN_FIRST"   // a license that is needed first
)

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{Retry, Ask, Change, Queue, Raise, Move, Release, Wait, User, Scope, Dates, Appoint, Assign}
}

// Request is what was refused: a mutation of the API with its input, and who asked.
type Request struct {
	Who    *identity.Principal
	Action string
	Input  json.RawMessage
}

// Remedy is a change after which the request is allowed.
type Remedy struct {
	Kind Kind
	// Text says in a sentence what to do; it may name people. Plain says it without.
	Text, Plain string
	Size        int64  // units, people or days that change; 0 changes nothing but who asks, or how
	Steps       []Step // what to do, in order; empty if it is to wait
	Again       bool   // the request is to be made again afterwards, as it was
}

// Step is a mutation with its input, and who may do it.
type Step struct {
	Action string
	Input  map[string]any
	Actor  Actor
}

// Names lists the ids of all that a remedy names. Whoever may not see one of them must not be told of the remedy.
func (r *Remedy) Names() []id.ID {
	var found []id.ID
	for _, step := range r.Steps {
		found = append(found, idsIn(step.Input)...)
	}
	return found
}

func idsIn(value any) []id.ID {
	switch v := value.(type) {
	case string:
		if one, err := id.Parse(v); err == nil {
			return []id.ID{one}
		}
	case map[string]any:
		var found []id.ID
		for _, inner := range v {
			found = append(found, idsIn(inner)...)
		}
		return found
	case []any:
		var found []id.ID
		for _, inner := range v {
			found = append(found, idsIn(inner)...)
		}
		return found
	}
	return nil
}

// Finder looks for remedies. It reads and tries, and never writes.
type Finder struct {
	Rehearsal *operation.Rehearsal
	Store     *store.Store
	Policy    *policy.Engine
}

// Bounds of one search.
const (
	mostOffered = 6
	mostTried   = 40
	mostSteps   = 4
)

// Find gives the remedies of a request, smallest first, at most six. Viewer is who wants to know; it is preferred where several could
// help. The error tells that nothing could be tried.
func (f *Finder) Find(ctx context.Context, viewer *identity.Principal, request Request) ([]Remedy, error) {
	c := &search{Finder: f, ctx: ctx, viewer: viewer, who: request.Who, action: request.Action, actors: map[string][]Actor{}}
	if err := json.Unmarshal(request.Input, &c.input); err != nil {
		return nil, nil //nolint:nilerr // what is no input has no remedy
	}
	for _, key := range []string{"dryRun", "idempotencyKey"} {
		delete(c.input, key)
	}
	now, err := c.try(&plan{input: c.input})
	if err != nil || now == nil {
		return nil, err
	}
	if now.Served() {
		return []Remedy{{Kind: Retry, Text: "ask again: it would be allowed now", Plain: "ask again: it would be allowed now", Again: true}}, nil
	}
	if now.Fault != nil || !c.know(now) {
		return nil, nil //nolint:nilerr // what cannot be done at all has no remedy
	}
	plans, err := c.cures(now.Violations)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(plans, func(a, b *plan) int { return cmp.Compare(a.size, b.size) })
	for _, p := range plans {
		if len(c.offered) >= mostOffered || c.tried >= mostTried {
			break
		}
		if err := c.verify(p, codesOf(now.Violations), 0); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(c.offered, func(a, b Remedy) int {
		return cmp.Or(cmp.Compare(a.Size, b.Size), cmp.Compare(len(a.Steps), len(b.Steps)))
	})
	return c.offered, c.failure
}

// search is one search for remedies of one request.
type search struct {
	*Finder
	ctx     context.Context //nolint:containedctx // of the one search
	viewer  *identity.Principal
	who     *identity.Principal
	action  string
	input   map[string]any
	asked   asked
	actors  map[string][]Actor // who could do an action, the likeliest first
	offered []Remedy
	tried   int
	failure error // the first statement that failed
}

// plan is what may become a remedy: moves that others or the caller make, and then the request, perhaps another.
type plan struct {
	kind    Kind
	text    string
	plain   string
	size    int64
	moves   []*move
	input   map[string]any // of the request
	changed bool
	asks    *Actor // who makes the request, if not who did
}

// move is a step before the request. What is assumed comes about by itself: it is tried and not offered as something to do.
type move struct {
	action  string
	input   map[string]any
	raises  licensing.PoolKey
	by      int // which of those who could
	assumed bool
}

// verify offers a plan if it works. If it does not, because whoever was to do something may not, the next one is taken; because
// something else is short, that is raised, too; because something else stands against the request, that is cured as well.
func (c *search) verify(p *plan, known []string, depth int) error {
	for depth <= mostSteps && c.tried < mostTried {
		verdict, at, err := c.run(p)
		switch {
		case err != nil:
			return err
		case verdict == nil:
			return nil
		case at == len(p.moves) && verdict.Served():
			c.offer(p)
			return nil
		case at < len(p.moves) && forbidden(verdict) && c.another(p.moves[at]):
			continue
		}
		depth++
		if len(verdict.Violations) == 0 {
			return nil
		}
		if short := verdict.Violations[0]; at < len(p.moves) {
			if !c.support(p, at, short) {
				return nil
			}
			continue
		}
		further := slices.DeleteFunc(slices.Clone(verdict.Violations), func(v licensing.Violation) bool { return slices.Contains(known, keyOf(v)) })
		if len(further) > 0 && short(further[0]) && c.support(p, at, further[0]) {
			continue
		}
		if len(further) == 0 && !c.progress(verdict, known) {
			return nil
		}
		return c.extend(p, verdict, depth)
	}
	return nil
}

// progress tells whether fewer codes stand against the request than before.
func (c *search) progress(verdict *operation.Verdict, known []string) bool {
	return len(codesOf(verdict.Violations)) < len(known)
}

// extend cures what is left as well, by the first cure of it that there is.
func (c *search) extend(p *plan, verdict *operation.Verdict, depth int) error {
	rest, err := c.cures(verdict.Violations)
	if err != nil {
		return err
	}
	for _, more := range rest {
		if more.kind == Ask || more.kind == Queue || more.asks != nil || p.asks != nil || p.changed && more.changed {
			continue
		}
		both := &plan{
			kind: p.kind, text: p.text + ", and " + more.text, plain: p.plain + ", and " + more.plain, size: p.size + more.size,
			moves: append(slices.Clone(p.moves), more.moves...), input: p.input, changed: p.changed || more.changed,
		}
		if more.changed {
			both.input = more.input
		}
		before := len(c.offered)
		if err := c.verify(both, codesOf(verdict.Violations), depth+1); err != nil || len(c.offered) > before {
			return err
		}
	}
	return nil
}

// run tries a plan as far as it goes: the verdict is of the step it stopped at, the request after all moves.
func (c *search) run(p *plan) (*operation.Verdict, int, error) {
	c.tried++
	var steps []operation.Step
	for _, m := range p.moves {
		who := identity.Principal{System: true}
		if !m.assumed {
			able := c.able(m.action)
			if m.by >= len(able) {
				return nil, 0, nil
			}
			who = able[m.by].principal()
		}
		steps = append(steps, operation.Step{Who: &who, Action: m.action, Input: raw(m.input)})
	}
	who := c.who
	if p.asks != nil {
		other := p.asks.principal()
		who = &other
	}
	steps = append(steps, operation.Step{Who: who, Action: c.action, Input: raw(p.input)})
	verdicts, err := c.Rehearsal.Try(c.ctx, steps...)
	if err != nil || len(verdicts) == 0 {
		return nil, 0, unusable(err)
	}
	return &verdicts[len(verdicts)-1], len(verdicts) - 1, nil
}

func (c *search) try(p *plan) (*operation.Verdict, error) {
	verdict, _, err := c.run(p)
	return verdict, err
}

// another has the next of those who could do a move.
func (c *search) another(m *move) bool {
	m.by++
	return m.by < len(c.able(m.action))
}

func (c *search) offer(p *plan) {
	r := Remedy{Kind: p.kind, Text: p.text, Plain: p.plain, Size: p.size}
	for _, m := range p.moves {
		if !m.assumed {
			r.Steps = append(r.Steps, Step{Action: m.action, Input: m.input, Actor: c.able(m.action)[m.by]})
		}
	}
	switch {
	case p.asks != nil:
		r.Steps = append(r.Steps, Step{Action: c.action, Input: p.input, Actor: *p.asks})
	case p.changed:
		r.Steps = append(r.Steps, Step{Action: c.action, Input: p.input, Actor: c.self()})
	default:
		r.Again = true
	}
	if !slices.ContainsFunc(c.offered, func(o Remedy) bool { return o.Text == r.Text }) {
		c.offered = append(c.offered, r)
	}
}

func raw(input map[string]any) json.RawMessage {
	text, err := json.Marshal(input)
	if err != nil { // maps of strings, numbers and lists always marshal
		panic(err)
	}
	return text
}

func codesOf(violations []licensing.Violation) []string {
	var codes []string
	for _, v := range violations {
		if key := keyOf(v); !slices.Contains(codes, key) {
			codes = append(codes, key)
		}
	}
	return codes
}

// keyOf tells violations apart that are cured apart.
func keyOf(v licensing.Violation) string {
	if v.Pool == nil || !short(v) {
		return v.Code
	}
	return fmt.Sprint(v.Code, *v.Pool)
}

func short(v licensing.Violation) bool { return v.Code == licensing.InsufficientPool }

// forbidden tells whether somebody else might have been allowed.
func forbidden(v *operation.Verdict) bool {
	if v.Fault != nil {
		return strings.HasPrefix(string(v.Fault.Code), "NOT_FOUND") || v.Fault.Code == "UNAUTHENTICATED"
	}
	return slices.ContainsFunc(v.Violations, func(v licensing.Violation) bool {
		return slices.Contains([]string{licensing.NotDelegated, licensing.RoleRequired, licensing.ReadOnly}, v.Code)
	})
}
