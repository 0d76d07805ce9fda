package operation

import (
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/internal/id"
)

// CreateAllotment carves a share out of a license or a parent allotment (exactly one of the two). A RESERVED allotment needs a
// limit. Scope and dates that are left out are the parent's.
type CreateAllotment struct {
	Request
	LicenseID        *id.ID
	ParentID         *id.ID
	Name             string
	Limit            *int
	Mode             *string // RESERVED by default
	DelegateUserIDs  []id.ID
	DelegateGroupIDs []id.ID
	Scope            *ScopeInput
	StartsAt         *time.Time
	EndsAt           *time.Time
	// Confirms is a decision that refused this very request to somebody else.
	Confirms *id.ID `json:",omitempty"`
}

// UpdateAllotment changes an allotment. What is left out stays as it is; a null limit is unlimited (CEILING only).
type UpdateAllotment struct {
	Request
	AllotmentID      id.ID
	Name             *string
	Limit            graphql.Omittable[*int]        `json:",omitzero"`
	DelegateUserIDs  graphql.Omittable[[]id.ID]     `json:",omitzero"`
	DelegateGroupIDs graphql.Omittable[[]id.ID]     `json:",omitzero"`
	Scope            graphql.Omittable[*ScopeInput] `json:",omitzero"`
	StartsAt         graphql.Omittable[*time.Time]  `json:",omitzero"`
	EndsAt           graphql.Omittable[*time.Time]  `json:",omitzero"`
	Confirms         *id.ID                         `json:",omitempty"` // as for CreateAllotment
}

// AllotmentPayload answers a change of an allotment.
type AllotmentPayload struct {
	Reply
	Allotment *ent.Allotment
}

// DeleteAllotment removes an allotment that is empty; or moves its seats, queue and group licenses to the parent
// (MoveSeatsTo PARENT) if the parent has room, its own carve-out counting as room; or releases them (ReleaseSeats).
type DeleteAllotment struct {
	Request
	AllotmentID  id.ID
	MoveSeatsTo  *string // PARENT
	ReleaseSeats *bool
}

// DeleteAllotmentPayload answers DeleteAllotment.
type DeleteAllotmentPayload struct {
	Reply
	DeletedID id.ID
	Moved     int64
	Released  int64
	License   *ent.License
}
