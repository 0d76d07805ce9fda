package operation

import (
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/internal/id"
)

// AssignSeats gives users a seat directly, out of an allotment or out of the license itself (exactly one of the two). At most
// 10,000 users. Atomic: all or nothing. WhenFull is DENY by default; WAIT queues; DENY_ALL is the same as Atomic.
type AssignSeats struct {
	Request
	AllotmentID     *id.ID
	LicenseID       *id.ID
	UserIDs         []id.ID
	Atomic          *bool
	WhenFull        *string
	DisabledPlanIDs []id.ID
}

// UnassignSeats takes direct assignments back. What a group grants stays. With an allotment, only what was assigned from it.
type UnassignSeats struct {
	Request
	AllotmentID *id.ID
	LicenseID   *id.ID
	UserIDs     []id.ID
}

// SeatsPayload answers AssignSeats and UnassignSeats: one result per user, in order.
type SeatsPayload struct {
	Reply
	Results []*SeatResult
}

// LicenseGroup gives every member of a group a seat, charged to an allotment or to the license itself (exactly one of the two).
// WhenFull is WAIT by default; DENY_ALL licenses nobody unless everyone fits.
type LicenseGroup struct {
	Request
	GroupID         id.ID
	AllotmentID     *id.ID
	LicenseID       *id.ID
	DisabledPlanIDs []id.ID
	IncludeNested   *bool
	AllOrNothing    *bool // true by default
	WhenFull        *string
}

// GroupLicensePayload answers LicenseGroup, UpdateGroupLicense, SwapGroupLicense and the exclusions.
type GroupLicensePayload struct {
	Reply
	GroupLicense *ent.GroupLicense
	Summary      *SeatSummary
}

// UpdateGroupLicense changes which plans are off, whether nested groups count, and whether it is part of all-or-nothing.
type UpdateGroupLicense struct {
	Request
	GroupLicenseID  id.ID
	DisabledPlanIDs graphql.Omittable[[]id.ID] `json:",omitzero"`
	IncludeNested   *bool
	AllOrNothing    *bool
}

// UnlicenseGroup ends a group license: members lose what only it granted.
type UnlicenseGroup struct {
	Request
	GroupLicenseID id.ID
}

// UnlicenseGroupPayload answers UnlicenseGroup. Pending is not 0 while members are still worked through.
type UnlicenseGroupPayload struct {
	Reply
	DeletedID id.ID
	Released  int64
	Pending   int64
}

// SwapGroupLicense replaces a group license by one of another license in one step: a member's old seat goes only when the
// new one is held.
type SwapGroupLicense struct {
	Request
	GroupLicenseID  id.ID
	AllotmentID     *id.ID
	LicenseID       *id.ID
	DisabledPlanIDs []id.ID
}

// ExcludeFromGroupLicense keeps users out of a group license, until EndsAt if it is given.
type ExcludeFromGroupLicense struct {
	Request
	GroupLicenseID id.ID
	UserIDs        []id.ID
	EndsAt         *time.Time
	Note           *string
}

// IncludeInGroupLicense ends exclusions.
type IncludeInGroupLicense struct {
	Request
	GroupLicenseID id.ID
	UserIDs        []id.ID
}

// RetrySeats tries again what is in state ERROR or was skipped, and promotes where there is room: for one allotment, one license or
// one group license (exactly one).
type RetrySeats struct {
	Request
	AllotmentID    *id.ID
	LicenseID      *id.ID
	GroupLicenseID *id.ID
}

// RetrySeatsPayload answers RetrySeats with what changed.
type RetrySeatsPayload struct {
	Reply
	Summary *SeatSummary
}
