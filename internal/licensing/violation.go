package licensing

// Violation codes of the default policy (semantics.md §8). A policy may answer with codes of its own.
const (
	NotDelegated            = "NOT_DELEGATED"
	OutOfScope              = "OUT_OF_SCOPE"
	InsufficientPool        = "INSUFFICIENT_POOL"
	ProductNotEligible      = "PRODUCT_NOT_ELIGIBLE"
	GuestNotAllowed         = "GUEST_NOT_ALLOWED"
	UserDisabled            = "USER_DISABLED"
	UsageLocationNotAllowed = "USAGE_LOCATION_NOT_ALLOWED"
	MutuallyExclusive       = "MUTUALLY_EXCLUSIVE"
	MissingDependency       = "MISSING_DEPENDENCY"
	NotInEffect             = "NOT_IN_EFFECT"
	LimitExceedsParent      = "LIMIT_EXCEEDS_PARENT"
	ScopeExceedsParent      = "SCOPE_EXCEEDS_PARENT"
	RoleRequired            = "ROLE_REQUIRED"
	ReadOnly                = "READ_ONLY"

	// PolicyError is answered when the policy gave no usable answer: undefined, an error, a timeout, two answers, an
	// unknown shape (semantics.md §7: a policy that fails to evaluate denies).
	PolicyError = "POLICY_ERROR"
	// OverLimitGranted is the code of the warning that accompanies a seat handed out above a pool's limit because the
	// policy raised the ceiling (semantics.md §7, WX-18s).
	OverLimitGranted = "OVER_LIMIT_GRANTED"
)

// PoolKey names a pool: a license (Allotment 0) or an allotment of it.
type PoolKey struct {
	License   int64 `json:"license"`
	Allotment int64 `json:"allotment,omitempty"`
}

// IsLicense tells whether the pool is the license itself.
func (k PoolKey) IsLicense() bool { return k.Allotment == 0 }

// Violation says why a request, or one subject of it, was refused, with the numbers that decided (semantics.md §7).
// Counts are whole units; a nil number does not apply. Field names the input the violation is about.
type Violation struct {
	Code      string   `json:"code"`
	Message   string   `json:"message"`
	Pool      *PoolKey `json:"pool,omitempty"`
	Limit     *int64   `json:"limit,omitempty"`
	Used      *int64   `json:"used,omitempty"`
	Requested *int64   `json:"requested,omitempty"`
	Available *int64   `json:"available,omitempty"`
	ShortBy   *int64   `json:"shortBy,omitempty"`
	Field     string   `json:"field,omitempty"`

	// Effect is EffectDryRun for a finding that is recorded and does nothing else; empty for all that is told to the caller. Such a
	// finding counts the subjects it is about, none if it is about the whole request.
	Effect   string `json:"effect,omitempty"`
	Subjects int64  `json:"subjects,omitempty"`
}

// Claim is what a violation says, without its sentence: two that say the same have the same. A figure that does not apply is -1.
type Claim struct {
	Code, Field string
	Pool        PoolKey
	Figures     [5]int64 // limit, used, requested, available, short by
}

// Claim gives what the violation says.
func (v *Violation) Claim() Claim {
	c := Claim{Code: v.Code, Field: v.Field}
	if v.Pool != nil {
		c.Pool = *v.Pool
	}
	for i, figure := range []*int64{v.Limit, v.Used, v.Requested, v.Available, v.ShortBy} {
		c.Figures[i] = -1
		if figure != nil {
			c.Figures[i] = *figure
		}
	}
	return c
}
