package query

import (
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/policy"
)

// maskable lists the fields that a policy may mask, by type.
var maskable = map[string][]string{
	kindUser: {
		"user_name", "display_name", "email", "external_id", "type", "department", "cost_center", "usage_location", "enabled", "roles",
	},
	kindGroup:    {"external_id"},
	kindContract: {"starts_on", "ends_on", "notes"},
	kindLicense:  {"starts_on", "ends_on", "unit_price", "currency", "notes"},
	kindPurchase: {"order_number", "notes"},
	kindDecision: {"principal", "input"},
	kindEvent:    {"actor", "data"},
	kindFeed:     {"actor"},
	kindPolicy:   {"author"},
}

// hideUnmaskable takes away a whole type of which the policy masks a field that cannot be masked: showing it all the same
// would show more than the policy says.
func hideUnmaskable(view *policy.View) {
	hidden := map[string]bool{}
	for kind, fields := range view.Masked {
		known := map[string]bool{}
		for _, field := range maskable[kind] {
			known[field] = true
		}
		for field, masked := range fields {
			if masked && !known[field] {
				hidden[kind] = true
			}
		}
	}
	if len(hidden) > 0 {
		*view = view.Without(hidden)
	}
}

// Maskable tells whether a policy may mask a field of a type, under the names it uses for them.
func Maskable(kind, field string) bool {
	for _, known := range maskable[kind] {
		if known == field {
			return true
		}
	}
	return false
}

// unmasked gives a pointer to a value, or nil if the field is masked.
func unmasked[T any](f *facts, kind, field string, value T) *T {
	if f.view.Masks(kind, field) {
		return nil
	}
	return &value
}

// anonymous tells whether the names of people are hidden, so that free text that may hold them is hidden, too.
func (f *facts) anonymous() bool {
	return f.view.Masks(kindUser, "user_name") || f.view.Masks(kindUser, "display_name")
}

// open refuses a condition or an order on a masked field: the answer would tell what the mask hides.
func (f *facts) open(kind, argument string, fields ...string) error {
	for _, field := range fields {
		if f.view.Masks(kind, field) {
			return &fault.Error{Code: fault.PolicyDenied, Field: argument, Message: "you may not search or order by a field you may not see"}
		}
	}
	return nil
}

// masked gives a value that may be absent, or nil if the field is masked.
func masked[T any](f *facts, kind, field string, value *T) *T {
	if f.view.Masks(kind, field) {
		return nil
	}
	return value
}
