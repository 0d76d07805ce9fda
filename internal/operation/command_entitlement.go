package operation

import (
	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/internal/id"
)

// RemoveUnusedOverage takes back what was allowed beyond what was bought and is not in use (semantics.md §6). Exactly one of
// LicenseID and All is given.
type RemoveUnusedOverage struct {
	Request
	LicenseID *id.ID
	All       *bool // every license with an overage
}

// RemoveUnusedOveragePayload answers RemoveUnusedOverage: the licenses, and what was taken from each, in the same order.
type RemoveUnusedOveragePayload struct {
	Reply
	Licenses []*ent.License
	Plan     []OverageStep
}

// OverageStep is what is taken from one license, in units. A nil LimitAfter is unlimited.
type OverageStep struct {
	License       *ent.License
	OverageBefore int64
	OverageAfter  int64
	Removed       int64
	LimitAfter    *int64
}

// PlacePurchaseReservation commits to units from a day on (semantics.md §6). They count from StartsOn, at 00:00 UTC.
type PlacePurchaseReservation struct {
	Request
	LicenseID id.ID
	Quantity  int
	StartsOn  string
	Notes     *string
}

// CancelPurchaseReservation takes back a purchase reservation before it is binding, or later with OverrideDeadline.
type CancelPurchaseReservation struct {
	Request
	PurchaseReservationID id.ID
	OverrideDeadline      *bool
}

// FulfillPurchaseReservation records the order: the units move into the quantity of the license.
type FulfillPurchaseReservation struct {
	Request
	PurchaseReservationID id.ID
	OrderNumber           string
}

// PurchasePayload answers the operations on purchase reservations.
type PurchasePayload struct {
	Reply
	PurchaseReservation *ent.PurchaseReservation
	License             *ent.License
}

// PlanRenewal notes the quantity a license is to have from its renewal on; nil clears.
type PlanRenewal struct {
	Request
	LicenseID       id.ID
	RenewalQuantity *int
}

// PlanRenewalPayload answers PlanRenewal. Check is nil when nothing is planned.
type PlanRenewalPayload struct {
	Reply
	License *ent.License
	Check   *RenewalCheck
}

// RenewalCheck holds a planned quantity against what is in use now.
type RenewalCheck struct {
	Consumed        int64
	RenewalQuantity int64
	Shortfall       int64
}

// RenewContract moves the last day of a contract, and of those of its licenses that end with it, and puts planned quantities in force.
type RenewContract struct {
	Request
	ContractID             id.ID
	EndsOn                 string
	ApplyPlannedQuantities *bool // true by default
	AllowOverLimit         *bool
}

// RenewContractPayload answers RenewContract with the licenses that were renewed, oldest first.
type RenewContractPayload struct {
	Reply
	Contract *ent.Contract
	Licenses []*ent.License
}
