package remedy

import (
	"slices"

	"github.com/ringfence/ringfence/internal/licensing"
)

// cure proposes plans against violations of one code, about one pool where it is about a shortage. A nil plan is none.
type cure func(c *search, violations []licensing.Violation) []*plan

// byCode are the cures of the codes of the default policy. A code is here or in hopeless; a census of licensing's codes sees to that.
var byCode = map[string]cure{
	licensing.InsufficientPool:        cureShortage,
	licensing.NotDelegated:            cureRight,
	licensing.RoleRequired:            cureRight,
	licensing.ReadOnly:                cureRight,
	licensing.OutOfScope:              cureScope,
	licensing.GuestNotAllowed:         cureGuest,
	licensing.UserDisabled:            cureDisabled,
	licensing.UsageLocationNotAllowed: cureLocation,
	licensing.MutuallyExclusive:       cureConflict,
	licensing.MissingDependency:       cureDependency,
	licensing.NotInEffect:             cureDates,
	licensing.LimitExceedsParent:      cureLimit,
	licensing.ScopeExceedsParent:      cureWider,
}

// hopeless are codes against which nothing can be offered, and why.
var hopeless = map[string]string{
	licensing.ProductNotEligible: "what kind of product a license is of does not change: allotments and seats come from a license of a SUBSCRIPTION",
	licensing.PolicyError:        "the policy gave no usable answer: its author has to mend it",
	licensing.OverLimitGranted:   "it is a warning and denied nothing",
}

// Hopeless gives why nothing can be offered against a code; empty if something may be, or the code is not known here.
func Hopeless(code string) string { return hopeless[code] }

// Covers tells whether a code has a cure or a reason why there is none.
func Covers(code string) bool { return byCode[code] != nil || hopeless[code] != "" }

// cures proposes plans against everything that stands against the request, code by code.
func (c *search) cures(violations []licensing.Violation) ([]*plan, error) {
	groups := map[string][]licensing.Violation{}
	var order []string
	for _, v := range violations {
		key := keyOf(v)
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], v)
	}
	var plans []*plan
	for _, key := range order {
		if cure := byCode[groups[key][0].Code]; cure != nil {
			plans = append(plans, cure(c, groups[key])...)
		}
	}
	plans = slices.DeleteFunc(plans, func(p *plan) bool { return p == nil })
	for _, p := range plans {
		if p.input == nil {
			p.input = c.input
		}
		if p.plain == "" {
			p.plain = p.text
		}
	}
	return plans, c.failure
}
