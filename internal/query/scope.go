package query

import (
	"maps"
	"slices"
	"strings"

	"github.com/ringfence/ringfence/internal/policy"
)

// The types of the policy's answer about what may be seen, each under the name it has there.
const (
	kindVendor       = "vendor"
	kindProduct      = "product"
	kindPlan         = "service_plan"
	kindContract     = "contract"
	kindLicense      = "license"
	kindAllotment    = "allotment"
	kindUser         = "user"
	kindGroup        = "group"
	kindGroupLicense = "group_license"
	kindSeat         = "seat"
	kindDecision     = "decision"
	kindEvent        = "event"
	kindPolicy       = "policy"
	kindDeployment   = "deployment"
	kindAllocation   = "allocation"
	kindPurchase     = "purchase_reservation"
)

// visible is the condition under which a row of a kind, under an alias, may be seen: nil for everything, never for nothing.
// A scope that is not known here shows nothing.
func (s *session) visible(f *facts, kind, alias string) condition {
	if f.view.All(kind) || f.unbounded(kind) {
		return nil
	}
	var shown []condition
	// In one order, so that the same question is the same text and its prepared statement is found again.
	for _, scope := range slices.Sorted(maps.Keys(f.view.Visible[kind])) {
		if f.view.Visible[kind][scope] {
			shown = append(shown, s.scope(f, kind, scope, alias))
		}
	}
	return or(shown...)
}

// unbounded tells whether the principal's allotments show them everything of a kind, because what they may serve is not
// limited.
func (f *facts) unbounded(kind string) bool {
	if len(f.delegated) == 0 || !f.view.Visible[kind][policy.ScopeDelegated] {
		return false
	}
	return kind == kindUser && f.reach.everyone || kind == kindGroup && (f.reach.everyone || f.reach.allGroups)
}

func (s *session) scope(f *facts, kind, scope, alias string) condition {
	switch kind {
	case kindVendor, kindProduct, kindPlan, kindContract, kindLicense:
		return f.entitlements(kind, scope, alias)
	case kindAllotment:
		return f.allotments(scope, alias)
	case kindSeat:
		return f.seats(scope, alias)
	case kindUser:
		return f.users(scope, alias)
	case kindGroup, kindGroupLicense:
		return f.groups(kind, scope, alias)
	case kindDecision, kindEvent:
		return s.records(f, kind, scope, alias)
	}
	return nil
}

// draws is the condition that a row belongs to one of the principal's allotments. The license is named, too, because the
// indexes begin with it.
func (f *facts) draws(alias string) condition {
	return and(in(alias+".license_id", f.licenses), in(alias+".allotment_id", f.delegated))
}

// entitlements are the licenses of the principal's seats or allotments, and what these licenses belong to.
func (f *facts) entitlements(kind, scope, alias string) condition {
	var theirs func(column string) condition
	switch scope {
	case policy.ScopeHeld:
		theirs = func(column string) condition {
			return sqlf(column+" IN (SELECT hs.license_id FROM seats hs WHERE hs.user_id = ?)", f.user)
		}
	case policy.ScopeDelegated:
		theirs = func(column string) condition { return in(column, f.licenses) }
	default:
		return nil
	}
	switch kind {
	case kindLicense:
		return theirs(alias + ".id")
	case kindContract:
		return sqlf(alias+".id IN (SELECT el.contract_id FROM licenses el WHERE ?)", theirs("el.id"))
	case kindProduct:
		return sqlf(alias+".id IN (SELECT el.product_id FROM licenses el WHERE ?)", theirs("el.id"))
	case kindPlan:
		return sqlf(alias+`.id IN (SELECT ep.plan_id FROM product_plans ep JOIN licenses el ON el.product_id = ep.product_id
			WHERE ?)`, theirs("el.id"))
	case kindVendor:
		return sqlf(alias+`.id IN (SELECT ep.vendor_id FROM licenses el JOIN products ep ON ep.id = el.product_id WHERE ?
			UNION SELECT ec.vendor_id FROM licenses el JOIN contracts ec ON ec.id = el.contract_id WHERE ?)`,
			theirs("el.id"), theirs("el.id"))
	}
	return nil
}

func (f *facts) allotments(scope, alias string) condition {
	switch scope {
	case policy.ScopeDelegated:
		return in(alias+".id", f.delegated)
	case policy.ScopeHeld:
		return sqlf(alias+".id IN (SELECT hr.allotment_id FROM seat_reasons hr WHERE hr.user_id = ?)", f.user)
	}
	return nil
}

func (f *facts) seats(scope, alias string) condition {
	switch scope {
	case policy.ScopeSelf, policy.ScopeOwn, policy.ScopeHeld:
		return sqlf(alias+".user_id = ?", f.user)
	case policy.ScopeDelegated:
		// A seat may be charged elsewhere while one of its reasons draws on a delegate's allotment.
		return or(f.draws(alias), sqlf(`EXISTS (SELECT 1 FROM seat_reasons sr
			WHERE sr.license_id = `+alias+`.license_id AND sr.user_id = `+alias+`.user_id AND ?)`, in("sr.allotment_id", f.delegated)))
	}
	return nil
}

func (f *facts) users(scope, alias string) condition {
	switch scope {
	case policy.ScopeSelf:
		return sqlf(alias+".id = ?", f.user)
	case policy.ScopeDelegated:
		if len(f.delegated) == 0 {
			return nil
		}
		return or(
			in(alias+".department", f.reach.departments),
			in(alias+".usage_location", f.reach.countries),
			sqlf(alias+".id IN (SELECT um.user_id FROM memberships um WHERE ?)", in("um.group_id", f.reach.groups)),
			// Whoever has a seat of the allotment, or waits for one, stays in sight after leaving its scope.
			sqlf(alias+".id IN (SELECT us.user_id FROM seats us WHERE ?)", f.draws("us")),
		)
	}
	return nil
}

func (f *facts) groups(kind, scope, alias string) condition {
	column := alias + ".id"
	if kind == kindGroupLicense {
		column = alias + ".group_id"
	}
	switch {
	case scope == policy.ScopeMember:
		return sqlf(column+" IN (SELECT gm.group_id FROM memberships gm WHERE gm.user_id = ?)", f.user)
	case scope != policy.ScopeDelegated, len(f.delegated) == 0:
		return nil
	case kind == kindGroupLicense:
		return f.draws(alias)
	}
	return or(in(column, f.reach.groups),
		sqlf(column+" IN (SELECT gl.group_id FROM group_licenses gl WHERE ?)", f.draws("gl")))
}

// records are decisions and events: one's own, those about oneself, those about one's allotments.
func (s *session) records(f *facts, kind, scope, alias string) condition {
	author := alias + ".principal"
	if kind == kindEvent {
		author = alias + ".actor"
	}
	switch {
	case scope == policy.ScopeOwn:
		return sqlf("LOWER("+author+") = ?", strings.ToLower(s.who.UserName))
	case scope == policy.ScopeDelegated:
		return f.draws(alias)
	case scope == policy.ScopeSelf && kind == kindEvent && f.user != 0:
		return sqlf(alias+".user_id = ?", f.user)
	}
	return nil
}
