package policy

import (
	"slices"
	"time"

	"github.com/ringfence/ringfence/internal/licensing"
)

// Actions that are no root field of the API. All others carry the name of their mutation.
const (
	// ActionPromoteSeats gives waiting users the units that became free.
	ActionPromoteSeats = "promoteSeats"
	// ActionLicenseMembers gives or takes the seats that follow from a group license when a membership or a user changes.
	ActionLicenseMembers = "licenseMembers"
	// ActionActivatePurchases makes the units of purchase reservations count, whose day has come.
	ActionActivatePurchases = "activatePurchaseReservations"
	// ActionRead is the action of the read side. It never reaches Decide; Visibility answers for it.
	ActionRead = "read"
)

// Modes of a pool as the policy sees them.
const (
	ModeReserved = "RESERVED"
	ModeCeiling  = "CEILING"
	ModeLicense  = "LICENSE"
)

// How a subject comes to a seat.
const (
	ViaDirect = "direct"
	ViaGroup  = "group"
)

// Input is everything a decision may rest on. All of it is read inside the transaction that will write, after the pools
// are locked; the policy has no other source of facts. In Rego the names are in snake_case. What does not apply is
// absent there, never null: a nil limit is `unlimited: true` without `limit`.
type Input struct {
	Now       time.Time        // whole seconds since 1970 in Rego; there is no other clock
	Action    string           // root field of the mutation, or one of the Action constants
	Principal Principal        // who asks
	License   *License         // the license the request is about; nil when there is none
	Pools     []Pool           // the target pool first, then its ancestors up to and including the license
	Subjects  []Subject        // users who would get or lose a seat, at most 10,000
	Allotment *AllotmentChange // only createAllotment and updateAllotment
	Group     *Group           // only group licenses and group memberships
	Purchase  *Purchase        // only purchase reservations
	Renewals  []Renewal        // only planRenewal and renewContract; absent in Rego when empty
	Confirms  *Confirmation    // only createAllotment and updateAllotment that name a decision
	Args      any              // other arguments of the command, small and fit for JSON; nil is left out
}

// Principal is who asks.
type Principal struct {
	Name       string
	Roles      []string
	System     bool  // the service itself; never set from a token
	UserID     int64 // 0 when no user of the directory carries the name
	DelegateOf bool  // is a delegate of any allotment, directly or through a group
	Reach      Reach // what list rules may know besides; decisions do not
}

// License is the license a request is about.
type License struct {
	ID               int64
	ProductKind      string
	SKU              string
	Quantity         int64
	Unlimited        bool
	BlockedLocations []string // usage locations the product must not be used in
	Plans            []string // service plans the request would switch on, those of RelevantPlans only
	StartsAt, EndsAt *time.Time
}

// Pool is one pool of the chain a request draws on. Counts are whole units.
//
// For createAllotment the first pool is the parent; for updateAllotment and deleteAllotment it is the allotment itself,
// followed by its parent.
type Pool struct {
	Key              licensing.PoolKey // "id" in Rego: "license:12" or "allotment:34"
	Name             string
	Mode             string // ModeReserved, ModeCeiling or ModeLicense
	Limit            *int64 // nil: unlimited
	Used, Reserved   int64
	Available        *int64 // nil: unlimited; never negative
	Requested        int64  // units the request would take from this pool
	Draws            bool   // the request charges this pool: the target, and upwards to the first RESERVED one
	Delegate         bool   // the principal is a delegate of exactly this pool, directly or through a group
	Scope            Scope
	StartsAt, EndsAt *time.Time
}

// Scope says whom an allotment is for: anyone who matches one of the values. The empty scope is everyone; it is absent
// in Rego.
type Scope struct {
	Groups      []int64
	Departments []string
	Countries   []string // usage locations
}

// Empty tells whether the scope admits everyone.
func (s *Scope) Empty() bool {
	return len(s.Groups) == 0 && len(s.Departments) == 0 && len(s.Countries) == 0
}

// Subject is a user, or a number of users with the same profile, who would get or lose a seat.
type Subject struct {
	UserID        int64
	Type          string // MEMBER, GUEST or SERVICE_ACCOUNT
	Enabled       bool
	Department    string   // absent in Rego when empty
	UsageLocation string   // absent in Rego when empty
	Groups        []int64  // the user's groups among those named in some scope of the chain
	HeldPlans     []string // plans of RelevantPlans active on the user's other licenses
	MemberOf      []string // names of the user's groups among RelevantGroups; absent in Rego when empty
	Via           string   // ViaDirect or ViaGroup
	Count         int64    // how many users share this profile; 0 counts as 1
}

// ordinary tells whether every subject is enabled, no guest, and in the scope of every pool. The rules about those who are not are
// not even opened then.
func (in *Input) ordinary() bool {
	for i := range in.Subjects {
		if s := &in.Subjects[i]; !s.Enabled || s.Type == "GUEST" || !in.admits(s) {
			return false
		}
	}
	return true
}

func (in *Input) admits(s *Subject) bool {
	for i := range in.Pools {
		if scope := &in.Pools[i].Scope; !scope.Empty() && !scope.admits(s) {
			return false
		}
	}
	return true
}

// admits tells whether a scope names the subject: one match is enough. The empty scope names nobody.
func (s *Scope) admits(subject *Subject) bool {
	return slices.Contains(s.Departments, subject.Department) || slices.Contains(s.Countries, subject.UsageLocation) ||
		slices.ContainsFunc(subject.Groups, func(group int64) bool { return slices.Contains(s.Groups, group) })
}

// AllotmentChange is what createAllotment or updateAllotment would make of an allotment: its state afterwards, not the
// difference.
type AllotmentChange struct {
	Mode             string
	Limit            *int64 // nil: unlimited
	PreviousLimit    *int64 // nil on creation, and when it was unlimited
	Requested        int64  // units the chain above must give
	Scope            Scope
	StartsAt, EndsAt *time.Time
	Fields           []string // names of the input fields that change
}

// Group is the group that a group license or a change of membership is about.
type Group struct {
	ID      int64
	Members int64 // direct members, or nested ones too where the request includes them
}

// Purchase is the purchase reservation a request is about. Days and months are counted from the day of Now, UTC.
type Purchase struct {
	Quantity    int64
	StartsAt    time.Time // the first instant of the day on which it starts
	DaysAhead   int       // until it starts; negative if that is past
	MonthsAhead int       // the fewest calendar months ahead that reach it
	// DaysToAnniversary are the days to the next anniversary of the contract, and DaysBeforeAnniversary those from the start to the
	// next one then; 0 is the day itself, nil that the contract has none.
	DaysToAnniversary, DaysBeforeAnniversary *int64
	Override                                 bool // the caller says that it is to be taken back although it is binding
}

// Confirmation is what is known of the decision that a request names as the one it confirms. The zero value is a decision that did not
// refuse this very request, or is not there at all.
type Confirmation struct {
	Same      bool      // the decision refused the same request; the rest is only told then
	Principal string    // who was refused
	At        time.Time // when
	Codes     []string  // of the violations it was refused for
}

// Renewal is a license with the quantity that is planned from its renewal on.
type Renewal struct {
	Pool     licensing.PoolKey
	Name     string
	Quantity int64 // planned
	Consumed int64 // used and reserved now
}
