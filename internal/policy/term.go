package policy

import (
	"slices"
	"strconv"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ringfence/ringfence/internal/licensing"
)

// pair is one entry of an object under construction.
type pair = [2]*ast.Term

// Keys and closed vocabularies are made once; building them per decision would cost as much as the evaluation.
var (
	kAction           = ast.StringTerm("action")
	kAllotment        = ast.StringTerm("allotment")
	kArgs             = ast.StringTerm("args")
	kAvailable        = ast.StringTerm("available")
	kBlockedLocations = ast.StringTerm("blocked_locations")
	kCount            = ast.StringTerm("count")
	kCountries        = ast.StringTerm("countries")
	kDelegate         = ast.StringTerm("delegate")
	kDelegateOf       = ast.StringTerm("delegate_of")
	kDepartment       = ast.StringTerm("department")
	kDepartments      = ast.StringTerm("departments")
	kDraws            = ast.StringTerm("draws")
	kEnabled          = ast.StringTerm("enabled")
	kEndsAt           = ast.StringTerm("ends_at")
	kFields           = ast.StringTerm("fields")
	kGroup            = ast.StringTerm("group")
	kGroups           = ast.StringTerm("groups")
	kHeldPlans        = ast.StringTerm("held_plans")
	kID               = ast.StringTerm("id")
	kLicense          = ast.StringTerm("license")
	kLimit            = ast.StringTerm("limit")
	kMembers          = ast.StringTerm("members")
	kMode             = ast.StringTerm("mode")
	kName             = ast.StringTerm("name")
	kNow              = ast.StringTerm("now")
	kPlans            = ast.StringTerm("plans")
	kPools            = ast.StringTerm("pools")
	kPreviousLimit    = ast.StringTerm("previous_limit")
	kPrincipal        = ast.StringTerm("principal")
	kProductKind      = ast.StringTerm("product_kind")
	kQuantity         = ast.StringTerm("quantity")
	kRequested        = ast.StringTerm("requested")
	kReserved         = ast.StringTerm("reserved")
	kRoles            = ast.StringTerm("roles")
	kScope            = ast.StringTerm("scope")
	kSKU              = ast.StringTerm("sku")
	kStartsAt         = ast.StringTerm("starts_at")
	kSubjects         = ast.StringTerm("subjects")
	kSystem           = ast.StringTerm("system")
	kTier             = ast.StringTerm("tier")
	kType             = ast.StringTerm("type")
	kUnlimited        = ast.StringTerm("unlimited")
	kUsageLocation    = ast.StringTerm("usage_location")
	kUsed             = ast.StringTerm("used")
	kUserID           = ast.StringTerm("user_id")
	kVia              = ast.StringTerm("via")

	words = vocabulary(ModeReserved, ModeCeiling, ModeLicense, ViaDirect, ViaGroup, "MEMBER", "GUEST", "SERVICE_ACCOUNT",
		"SUBSCRIPTION", "PERPETUAL", "STORE_APP", "CLOUD_RESOURCE", "assignSeats", "unassignSeats", "licenseGroup",
		ActionPromoteSeats, ActionLicenseMembers)
)

func vocabulary(list ...string) map[string]*ast.Term {
	terms := make(map[string]*ast.Term, len(list))
	for _, word := range list {
		terms[word] = ast.StringTerm(word)
	}
	return terms
}

// word gives the term of a string from a closed vocabulary, or a new one.
func word(s string) *ast.Term {
	if term, ok := words[s]; ok {
		return term
	}
	return ast.StringTerm(s)
}

// term builds the document the policy evaluates. JSON prints this very document, so the two cannot differ.
func (in *Input) term() (*ast.Term, error) {
	pairs := make([]pair, 0, 9)
	pairs = append(pairs,
		pair{kAction, word(in.Action)},
		pair{kNow, number(in.Now.Unix())},
		pair{kPools, list(in.Pools, (*Pool).term)},
		pair{kPrincipal, in.Principal.term()},
		pair{kSubjects, list(in.Subjects, (*Subject).term)},
	)
	if in.License != nil {
		pairs = append(pairs, pair{kLicense, in.License.term()})
	}
	if in.Allotment != nil {
		pairs = append(pairs, pair{kAllotment, in.Allotment.term()})
	}
	if in.Group != nil {
		pairs = append(pairs, pair{kGroup, object(pair{kID, number(in.Group.ID)}, pair{kMembers, number(in.Group.Members)})})
	}
	if in.Args != nil {
		value, err := ast.InterfaceToValue(in.Args)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, pair{kArgs, ast.NewTerm(value)})
	}
	return object(pairs...), nil
}

func (p *Principal) term() *ast.Term {
	return object(
		pair{kDelegateOf, boolean(p.DelegateOf)},
		pair{kName, ast.StringTerm(p.Name)},
		pair{kRoles, texts(p.Roles)},
		pair{kSystem, boolean(p.System)},
		pair{kTier, word(p.Tier())},
		pair{kUserID, number(p.UserID)},
	)
}

func (l *License) term() *ast.Term {
	pairs := make([]pair, 0, 9)
	pairs = append(pairs,
		pair{kBlockedLocations, texts(l.BlockedLocations)},
		pair{kID, number(l.ID)},
		pair{kPlans, texts(l.Plans)},
		pair{kProductKind, word(l.ProductKind)},
		pair{kQuantity, number(l.Quantity)},
		pair{kSKU, ast.StringTerm(l.SKU)},
		pair{kUnlimited, boolean(l.Unlimited)},
	)
	return object(dates(pairs, l.StartsAt, l.EndsAt)...)
}

func (p *Pool) term() *ast.Term {
	pairs := make([]pair, 0, 14)
	pairs = append(pairs,
		pair{kDelegate, boolean(p.Delegate)},
		pair{kDraws, boolean(p.Draws)},
		pair{kID, ast.StringTerm(PoolID(p.Key))},
		pair{kMode, word(p.Mode)},
		pair{kName, ast.StringTerm(p.Name)},
		pair{kRequested, number(p.Requested)},
		pair{kReserved, number(p.Reserved)},
		pair{kUnlimited, boolean(p.Limit == nil)},
		pair{kUsed, number(p.Used)},
	)
	pairs = optional(pairs, kLimit, p.Limit)
	pairs = optional(pairs, kAvailable, p.Available)
	pairs = p.Scope.appendTo(pairs)
	return object(dates(pairs, p.StartsAt, p.EndsAt)...)
}

func (s *Scope) appendTo(pairs []pair) []pair {
	if s.Empty() {
		return pairs
	}
	return append(pairs, pair{kScope, object(
		pair{kCountries, texts(s.Countries)},
		pair{kDepartments, texts(s.Departments)},
		pair{kGroups, numbers(s.Groups)},
	)})
}

func (s *Subject) term() *ast.Term {
	pairs := make([]pair, 0, 9)
	pairs = append(pairs,
		pair{kCount, number(max(s.Count, 1))},
		pair{kEnabled, boolean(s.Enabled)},
		pair{kGroups, numbers(s.Groups)},
		pair{kHeldPlans, texts(s.HeldPlans)},
		pair{kType, word(s.Type)},
		pair{kUserID, number(s.UserID)},
		pair{kVia, word(s.Via)},
	)
	if s.Department != "" {
		pairs = append(pairs, pair{kDepartment, ast.StringTerm(s.Department)})
	}
	if s.UsageLocation != "" {
		pairs = append(pairs, pair{kUsageLocation, ast.StringTerm(s.UsageLocation)})
	}
	return object(pairs...)
}

func (c *AllotmentChange) term() *ast.Term {
	pairs := make([]pair, 0, 9)
	pairs = append(pairs,
		pair{kFields, texts(c.Fields)},
		pair{kMode, word(c.Mode)},
		pair{kRequested, number(c.Requested)},
		pair{kUnlimited, boolean(c.Limit == nil)},
	)
	pairs = optional(pairs, kLimit, c.Limit)
	pairs = optional(pairs, kPreviousLimit, c.PreviousLimit)
	pairs = c.Scope.appendTo(pairs)
	return object(dates(pairs, c.StartsAt, c.EndsAt)...)
}

// PoolID is the name of a pool in policies: "license:12" or "allotment:34".
func PoolID(key licensing.PoolKey) string {
	if key.IsLicense() {
		return "license:" + strconv.FormatInt(key.License, 10)
	}
	return "allotment:" + strconv.FormatInt(key.Allotment, 10)
}

func object(pairs ...pair) *ast.Term { return &ast.Term{Value: ast.NewObject(pairs...)} }

func number(n int64) *ast.Term { return ast.InternedTerm(n) }

func boolean(b bool) *ast.Term { return ast.InternedTerm(b) }

func optional(pairs []pair, key *ast.Term, n *int64) []pair {
	if n == nil {
		return pairs
	}
	return append(pairs, pair{key, number(*n)})
}

func dates(pairs []pair, starts, ends *time.Time) []pair {
	if starts != nil {
		pairs = append(pairs, pair{kStartsAt, number(starts.Unix())})
	}
	if ends != nil {
		pairs = append(pairs, pair{kEndsAt, number(ends.Unix())})
	}
	return pairs
}

func list[T any](items []T, term func(*T) *ast.Term) *ast.Term {
	if len(items) == 0 {
		return ast.InternedEmptyArray
	}
	terms := make([]*ast.Term, len(items))
	for i := range items {
		terms[i] = term(&items[i])
	}
	return &ast.Term{Value: ast.NewArray(terms...)}
}

func texts(items []string) *ast.Term {
	return list(items, func(s *string) *ast.Term { return ast.StringTerm(*s) })
}

func numbers(items []int64) *ast.Term {
	return list(items, func(n *int64) *ast.Term { return number(*n) })
}

// Tier is the highest of the principal's roles in a fixed order, "SYSTEM" for the service itself and "USER" without any
// known role. Rules of the default policy compare it because one comparison is cheaper than a walk over the roles.
func (p *Principal) Tier() string {
	if p.System {
		return "SYSTEM"
	}
	for _, tier := range tiers {
		if slices.Contains(p.Roles, tier) {
			return tier
		}
	}
	return "USER"
}
