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

	"github.com/ringfence/ringfence/internal/filter"
)

// View is what a principal may see: conditions for lists, fields to mask, and what to offer in a menu. Its maps are
// shared between callers and must not be changed. The zero View shows nothing.
type View struct {
	Masked   map[string]map[string]bool // type → fields that read as null
	Actions  map[string]bool            // what one may do to at least something; the decision on a request is what counts
	Revision string

	lists  *lists
	hidden map[string]bool
}

// All tells whether everything of the type may be seen.
func (v *View) All(kind string) bool { return filter.IsAll(v.Listed(kind)) }

// Listed gives the condition on the rows of a type that may be seen. What cannot be told shows nothing.
func (v *View) Listed(kind string) filter.Filter {
	if v.lists == nil || v.hidden[kind] {
		return filter.Nothing
	}
	return v.lists.filter(kind)
}

// Without gives a view in which some types are not to be seen.
func (v *View) Without(kinds map[string]bool) View {
	less := *v
	less.hidden = kinds
	return less
}

// Masks tells whether a field of the type must read as null.
func (v *View) Masks(kind, field string) bool { return v.Masked[kind][field] }

// views keeps the answers of one revision. A key is all that the input holds, so equal keys have equal answers; maxViews bounds what
// invented roles in tokens, and the principals of a large organization, could fill.
type views struct {
	mu    sync.RWMutex
	byKey map[string]View
	lists map[string]*lists
}

const maxViews = 4096

// Visibility answers what the principal may see. An error comes with a View that shows nothing.
func (p *Policy) Visibility(ctx context.Context, who Principal) (View, error) {
	who.Roles = slices.Compact(slices.Sorted(slices.Values(who.Roles)))
	view, err := p.reading(ctx, who)
	if err == nil {
		view.lists = p.views.listsOf(who.key(true), func() *lists { return newLists(p, who, p.anybody(who)) })
	}
	return view, err
}

// Outright answers what the principal may see whoever of the directory they are. It is not ok if anything that is masked depends on
// that; a type of which All is not true may be seen in part, or all the same.
func (p *Policy) Outright(ctx context.Context, who Principal) (view View, ok bool) {
	who.Roles = slices.Compact(slices.Sorted(slices.Values(who.Roles)))
	who.DelegateOf = true
	delegate, err := p.reading(ctx, who)
	if err != nil {
		return View{Revision: p.revision}, false
	}
	who.DelegateOf = false
	if view, err = p.reading(ctx, who); err != nil || !sameNames(view.Masked, delegate.Masked) {
		return View{Revision: p.revision}, false
	}
	view.lists = p.anybody(who)
	return view, true
}

func sameNames(a, b map[string]map[string]bool) bool {
	if len(a) != len(b) {
		return false
	}
	for kind, names := range a {
		other, ok := b[kind]
		if !ok || len(names) != len(other) {
			return false
		}
		for name := range names {
			if !other[name] {
				return false
			}
		}
	}
	return true
}

func (p *Policy) anybody(who Principal) *lists {
	return p.views.listsOf("?"+who.key(false), func() *lists { return newLists(p, who, nil) })
}

// key is what the answers about a principal are kept by: their roles and, of lists, all that list rules may read.
func (p *Principal) key(lists bool) string {
	parts := append([]string{p.Tier(), strconv.FormatBool(p.System), strings.Join(p.Roles, "\x00")}, strconv.FormatBool(p.DelegateOf))
	if lists {
		parts = append(parts, p.Name, strconv.FormatInt(p.UserID, 10), p.Reach.key())
	}
	return strings.Join(parts, "\x01")
}

// reading answers what is masked and what is on the menu, for all who have the same roles.
func (p *Policy) reading(ctx context.Context, who Principal) (View, error) {
	key := who.key(false)
	if view, ok := p.views.get(key); ok {
		return view, nil
	}
	view, err := p.view(ctx, who, 4*p.limits.Timeout) // asked once for many readings, and whoever waits for it waits in vain if it fails
	if err != nil {
		p.limits.Logger.ErrorContext(ctx, "policy gave no usable answer", "revision", p.revision, "cause", err)
		return View{Revision: p.revision}, fmt.Errorf("policy: what may be seen: %w", err)
	}
	p.views.put(key, view)
	return view, nil
}

// view evaluates what those with the same roles may see. Name, user and clock are left out, because the answer is kept.
func (p *Policy) view(ctx context.Context, who Principal, budget time.Duration) (View, error) {
	b := &builder{}
	input := b.object(pair{kAction, b.word(ActionRead)}, pair{kPrincipal, b.object(
		pair{kDelegateOf, ast.InternedTerm(who.DelegateOf)},
		pair{kRoles, b.texts(who.Roles)},
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

func (v *views) listsOf(key string, begin func() *lists) *lists {
	v.mu.RLock()
	known := v.lists[key]
	v.mu.RUnlock()
	if known != nil {
		return known
	}
	next := begin()
	v.mu.Lock()
	defer v.mu.Unlock()
	if known := v.lists[key]; known != nil {
		return known
	}
	if v.lists == nil || len(v.lists) >= maxViews {
		v.lists = map[string]*lists{}
	}
	v.lists[key] = next
	return next
}

var (
	kActions = ast.StringTerm("actions")
	kMasked  = ast.StringTerm("masked")
)

func decodeView(term *ast.Term) (View, error) {
	answer, ok := objectOf(term)
	if !ok {
		return View{}, errShape
	}
	var view View
	var err error
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
