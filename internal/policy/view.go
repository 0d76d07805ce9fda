package policy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Scopes that a policy may name for a type. The read side translates them into conditions of the database; a name it
// does not know shows nothing.
const (
	ScopeAll       = "all"       // everything of the type
	ScopeDelegated = "delegated" // allotments one is a delegate of and those below, and what belongs to them
	ScopeHeld      = "held"      // licenses, contracts and products of one's own seats
	ScopeSelf      = "self"      // oneself and one's own seats
	ScopeMember    = "member"    // groups one is in
	ScopeOwn       = "own"       // one's own decisions
)

// View is what a principal may see: conditions for lists, fields to mask, and what to offer in a menu. Its maps are
// shared between callers and must not be changed. The zero View shows nothing.
type View struct {
	Visible  map[string]map[string]bool // type → scopes; several scopes show the union
	Masked   map[string]map[string]bool // type → fields that read as null
	Actions  map[string]bool            // what one may do to at least something; the decision on a request is what counts
	Revision string
}

// All tells whether everything of the type may be seen.
func (v *View) All(kind string) bool { return v.Visible[kind][ScopeAll] }

// Masks tells whether a field of the type must read as null.
func (v *View) Masks(kind, field string) bool { return v.Masked[kind][field] }

// views keeps the answers of one revision. The key is all that the read side's input holds, so equal keys have equal
// answers; maxViews bounds what invented roles in tokens could fill.
type views struct {
	mu    sync.RWMutex
	byKey map[string]View
}

const maxViews = 4096

// Visibility answers what the principal may see. An error comes with a View that shows nothing.
func (p *Policy) Visibility(ctx context.Context, who Principal) (View, error) {
	roles := slices.Compact(slices.Sorted(slices.Values(who.Roles)))
	key := strings.Join([]string{who.Tier(), strconv.FormatBool(who.DelegateOf), strings.Join(roles, "\x00")}, "\x00")
	if view, ok := p.views.get(key); ok {
		return view, nil
	}
	view, err := p.view(ctx, who, roles, 4*p.limits.Timeout) // asked once for many readings, and whoever waits for it waits in vain if it fails
	if err != nil {
		p.limits.Logger.ErrorContext(ctx, "policy gave no usable answer", "revision", p.revision, "cause", err)
		return View{Revision: p.revision}, fmt.Errorf("policy: what may be seen: %w", err)
	}
	p.views.put(key, view)
	return view, nil
}

// view evaluates what those with the same roles may see. Name, user and clock are left out, because the answer is kept.
func (p *Policy) view(ctx context.Context, who Principal, roles []string, budget time.Duration) (View, error) {
	b := &builder{}
	input := b.object(pair{kAction, b.word(ActionRead)}, pair{kPrincipal, b.object(
		pair{kDelegateOf, ast.InternedTerm(who.DelegateOf)},
		pair{kRoles, b.texts(roles)},
		pair{kSystem, ast.InternedTerm(who.System)},
		pair{kTier, b.word(who.Tier())},
	)})
	term, err := evaluate(ctx, p.reads, input, budget)
	if err != nil {
		return View{}, err
	}
	view, err := decodeView(term)
	view.Revision = p.revision
	return view, err
}

func (v *views) get(key string) (View, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	view, ok := v.byKey[key]
	return view, ok
}

func (v *views) put(key string, view View) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.byKey == nil || len(v.byKey) >= maxViews {
		v.byKey = map[string]View{}
	}
	v.byKey[key] = view
}

var (
	kActions = ast.StringTerm("actions")
	kMasked  = ast.StringTerm("masked")
	kVisible = ast.StringTerm("visible")
)

func decodeView(term *ast.Term) (View, error) {
	answer, ok := objectOf(term)
	if !ok {
		return View{}, errShape
	}
	var view View
	var err error
	if view.Visible, err = namesByType(answer.Get(kVisible), "visible"); err != nil {
		return View{}, err
	}
	if view.Masked, err = namesByType(answer.Get(kMasked), "masked"); err != nil {
		return View{}, err
	}
	view.Actions, err = names(answer.Get(kActions), "actions")
	if err != nil {
		return View{}, err
	}
	return view, nil
}

func namesByType(term *ast.Term, what string) (map[string]map[string]bool, error) {
	byType, ok := objectOf(term)
	if !ok {
		return nil, fmt.Errorf("%w: %s", errShape, what)
	}
	out := make(map[string]map[string]bool, byType.Len())
	err := byType.Iter(func(key, value *ast.Term) error {
		kind, ok := textOf(key)
		if !ok {
			return fmt.Errorf("%w: %s", errShape, what)
		}
		set, err := names(value, what)
		out[kind] = set
		return err
	})
	return out, err
}

func names(term *ast.Term, what string) (map[string]bool, error) {
	out := map[string]bool{}
	err := each(term, what, func(item *ast.Term) error {
		name, ok := textOf(item)
		if !ok {
			return fmt.Errorf("%w: %s", errShape, what)
		}
		out[name] = true
		return nil
	})
	return out, err
}

// relevantGroups collects the groups that the policy names: the lists of strings called groups in the settings and in whatever stands
// beside them, so that a file of rules can come with a file of settings of its own.
func relevantGroups(document map[string]any) []string {
	named := map[string]bool{}
	for _, value := range document {
		settings, _ := value.(map[string]any)
		list, _ := settings["groups"].([]any)
		for _, item := range list {
			if name, ok := item.(string); ok {
				named[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(named))
}

// relevantPlans collects the plans named by settings.plans: exclusive maps a plan to its family, depends a plan to those
// of which it needs one.
func relevantPlans(document map[string]any) map[string]bool {
	plans := map[string]bool{}
	settings, _ := document["settings"].(map[string]any)
	named, _ := settings["plans"].(map[string]any)
	exclusive, _ := named["exclusive"].(map[string]any)
	for plan := range exclusive {
		plans[plan] = true
	}
	depends, _ := named["depends"].(map[string]any)
	for plan, needed := range depends {
		plans[plan] = true
		list, _ := needed.([]any)
		for _, other := range list {
			if name, ok := other.(string); ok {
				plans[name] = true
			}
		}
	}
	return plans
}
