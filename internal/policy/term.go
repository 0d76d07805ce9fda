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
	kAt               = ast.StringTerm("at")
	kCodes            = ast.StringTerm("codes")
	kConfirms         = ast.StringTerm("confirms")
	kConsumed         = ast.StringTerm("consumed")
	kCount            = ast.StringTerm("count")
	kCountries        = ast.StringTerm("countries")
	kDaysAhead        = ast.StringTerm("days_ahead")
	kDaysBefore       = ast.StringTerm("days_before_anniversary")
	kDaysTo           = ast.StringTerm("days_to_anniversary")
	kDelegate         = ast.StringTerm("delegate")
	kDelegateOf       = ast.StringTerm("delegate_of")
	kDelegateAbove    = ast.StringTerm("delegate_above")
	kDelegateHere     = ast.StringTerm("delegate_here")
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
	kMemberOf         = ast.StringTerm("member_of")
	kMembers          = ast.StringTerm("members")
	kMode             = ast.StringTerm("mode")
	kMonthsAhead      = ast.StringTerm("months_ahead")
	kName             = ast.StringTerm("name")
	kNow              = ast.StringTerm("now")
	kOpen             = ast.StringTerm("open")
	kOrdinary         = ast.StringTerm("ordinary")
	kOverride         = ast.StringTerm("override")
	kPlans            = ast.StringTerm("plans")
	kPool             = ast.StringTerm("pool")
	kPools            = ast.StringTerm("pools")
	kPreviousLimit    = ast.StringTerm("previous_limit")
	kPrincipal        = ast.StringTerm("principal")
	kProductKind      = ast.StringTerm("product_kind")
	kPurchase         = ast.StringTerm("purchase")
	kQuantity         = ast.StringTerm("quantity")
	kRenewals         = ast.StringTerm("renewals")
	kRequested        = ast.StringTerm("requested")
	kReserved         = ast.StringTerm("reserved")
	kRoles            = ast.StringTerm("roles")
	kSame             = ast.StringTerm("same")
	kScope            = ast.StringTerm("scope")
	kShortBy          = ast.StringTerm("short_by")
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
	kWindow           = ast.StringTerm("window")

	words = interned(ModeReserved, ModeCeiling, ModeLicense, ViaDirect, ViaGroup, "MEMBER", "GUEST", "SERVICE_ACCOUNT",
		"SUBSCRIPTION", "PERPETUAL", "STORE_APP", "CLOUD_RESOURCE", "assignSeats", "unassignSeats", "licenseGroup",
		ActionPromoteSeats, ActionLicenseMembers)
)

func interned(list ...string) map[string]*ast.Term {
	terms := make(map[string]*ast.Term, len(list))
	for _, word := range list {
		terms[word] = ast.StringTerm(word)
	}
	return terms
}

// builder makes the terms of one document. Terms come out of a slab, because one allocation for each of some hundred
// terms was a third of the cost of building the input.
type builder struct{ slab []ast.Term }

// term builds the document the policy evaluates. JSON prints this very document, so the two cannot differ.
func (in *Input) term() (*ast.Term, error) {
	b := &builder{slab: make([]ast.Term, 0, 24+12*len(in.Pools)+8*len(in.Subjects))}
	pairs := make([]pair, 0, 12)
	pairs = append(pairs,
		pair{kAction, b.word(in.Action)},
		pair{kNow, b.number(in.Now.Unix())},
		pair{kOrdinary, ast.InternedTerm(in.ordinary())},
		pair{kPools, list(b, in.Pools, b.pool)},
		pair{kPrincipal, b.principal(in)},
		pair{kSubjects, list(b, in.Subjects, b.subject)},
		pair{kWindow, b.window(in.Pools, in.Now.Unix())},
	)
	if in.License != nil {
		pairs = append(pairs, pair{kLicense, b.license(in.License)})
	}
	if in.Allotment != nil {
		pairs = append(pairs, pair{kAllotment, b.change(in.Allotment)})
	}
	if in.Group != nil {
		pairs = append(pairs, pair{kGroup, b.object(pair{kID, b.number(in.Group.ID)}, pair{kMembers, b.number(in.Group.Members)})})
	}
	if in.Purchase != nil {
		pairs = append(pairs, pair{kPurchase, b.purchase(in.Purchase)})
	}
	if len(in.Renewals) > 0 {
		pairs = append(pairs, pair{kRenewals, list(b, in.Renewals, b.renewal)})
	}
	if in.Confirms != nil {
		pairs = append(pairs, pair{kConfirms, b.confirmation(in.Confirms)})
	}
	if in.Args != nil {
		value, err := ast.InterfaceToValue(in.Args)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, pair{kArgs, b.wrap(value)})
	}
	return b.object(pairs...), nil
}

// principal adds what the chain says about the principal: whether they are a delegate of the target, or of a pool above
// it. Rules compare these instead of walking the pools.
func (b *builder) principal(in *Input) *ast.Term {
	p := &in.Principal
	here, above := false, false
	for i := range in.Pools {
		if in.Pools[i].Delegate {
			here, above = here || i == 0, above || i > 0
		}
	}
	return b.object(
		pair{kDelegateAbove, ast.InternedTerm(above)},
		pair{kDelegateHere, ast.InternedTerm(here)},
		pair{kDelegateOf, ast.InternedTerm(p.DelegateOf)},
		pair{kName, b.text(p.Name)},
		pair{kRoles, b.texts(p.Roles)},
		pair{kSystem, ast.InternedTerm(p.System)},
		pair{kTier, b.word(p.Tier())},
		pair{kUserID, b.number(p.UserID)},
	)
}

// window says whether all pools of the chain are in effect now, and since when and until when: from the latest start to
// before the earliest end.
func (b *builder) window(pools []Pool, now int64) *ast.Term {
	var starts, ends *time.Time
	for i := range pools {
		p := &pools[i]
		if p.StartsAt != nil && (starts == nil || p.StartsAt.After(*starts)) {
			starts = p.StartsAt
		}
		if p.EndsAt != nil && (ends == nil || p.EndsAt.Before(*ends)) {
			ends = p.EndsAt
		}
	}
	open := (starts == nil || starts.Unix() <= now) && (ends == nil || now < ends.Unix())
	pairs := make([]pair, 0, 3)
	return b.object(b.dates(append(pairs, pair{kOpen, ast.InternedTerm(open)}), starts, ends)...)
}

func (b *builder) license(l *License) *ast.Term {
	pairs := make([]pair, 0, 9)
	pairs = append(pairs,
		pair{kBlockedLocations, b.texts(l.BlockedLocations)},
		pair{kID, b.number(l.ID)},
		pair{kPlans, b.texts(l.Plans)},
		pair{kProductKind, b.word(l.ProductKind)},
		pair{kQuantity, b.number(l.Quantity)},
		pair{kSKU, b.text(l.SKU)},
		pair{kUnlimited, ast.InternedTerm(l.Unlimited)},
	)
	return b.object(b.dates(pairs, l.StartsAt, l.EndsAt)...)
}

func (b *builder) pool(p *Pool) *ast.Term {
	pairs := make([]pair, 0, 14)
	pairs = append(pairs,
		pair{kDelegate, ast.InternedTerm(p.Delegate)},
		pair{kDraws, ast.InternedTerm(p.Draws)},
		pair{kID, b.text(PoolID(p.Key))},
		pair{kMode, b.word(p.Mode)},
		pair{kName, b.text(p.Name)},
		pair{kRequested, b.number(p.Requested)},
		pair{kReserved, b.number(p.Reserved)},
		pair{kUnlimited, ast.InternedTerm(p.Limit == nil)},
		pair{kUsed, b.number(p.Used)},
	)
	pairs = b.optional(pairs, kLimit, p.Limit)
	pairs = b.optional(pairs, kAvailable, p.Available)
	pairs = b.scope(pairs, &p.Scope)
	return b.object(b.dates(pairs, p.StartsAt, p.EndsAt)...)
}

func (b *builder) scope(pairs []pair, s *Scope) []pair {
	if s.Empty() {
		return pairs
	}
	return append(pairs, pair{kScope, b.object(
		pair{kCountries, b.texts(s.Countries)},
		pair{kDepartments, b.texts(s.Departments)},
		pair{kGroups, b.numbers(s.Groups)},
	)})
}

func (b *builder) subject(s *Subject) *ast.Term {
	pairs := make([]pair, 0, 10)
	pairs = append(pairs,
		pair{kCount, b.number(max(s.Count, 1))},
		pair{kEnabled, ast.InternedTerm(s.Enabled)},
		pair{kGroups, b.numbers(s.Groups)},
		pair{kHeldPlans, b.texts(s.HeldPlans)},
		pair{kType, b.word(s.Type)},
		pair{kUserID, b.number(s.UserID)},
		pair{kVia, b.word(s.Via)},
	)
	if s.Department != "" {
		pairs = append(pairs, pair{kDepartment, b.text(s.Department)})
	}
	if s.UsageLocation != "" {
		pairs = append(pairs, pair{kUsageLocation, b.text(s.UsageLocation)})
	}
	if len(s.MemberOf) > 0 {
		pairs = append(pairs, pair{kMemberOf, b.texts(s.MemberOf)})
	}
	return b.object(pairs...)
}

func (b *builder) change(c *AllotmentChange) *ast.Term {
	pairs := make([]pair, 0, 9)
	pairs = append(pairs,
		pair{kFields, b.texts(c.Fields)},
		pair{kMode, b.word(c.Mode)},
		pair{kRequested, b.number(c.Requested)},
		pair{kUnlimited, ast.InternedTerm(c.Limit == nil)},
	)
	pairs = b.optional(pairs, kLimit, c.Limit)
	pairs = b.optional(pairs, kPreviousLimit, c.PreviousLimit)
	pairs = b.scope(pairs, &c.Scope)
	return b.object(b.dates(pairs, c.StartsAt, c.EndsAt)...)
}

func (b *builder) purchase(p *Purchase) *ast.Term {
	pairs := make([]pair, 0, 7)
	pairs = append(pairs,
		pair{kDaysAhead, b.number(int64(p.DaysAhead))},
		pair{kMonthsAhead, b.number(int64(p.MonthsAhead))},
		pair{kOverride, ast.InternedTerm(p.Override)},
		pair{kQuantity, b.number(p.Quantity)},
		pair{kStartsAt, b.number(p.StartsAt.Unix())},
	)
	pairs = b.optional(pairs, kDaysTo, p.DaysToAnniversary)
	return b.object(b.optional(pairs, kDaysBefore, p.DaysBeforeAnniversary)...)
}

func (b *builder) renewal(r *Renewal) *ast.Term {
	return b.object(
		pair{kConsumed, b.number(r.Consumed)},
		pair{kName, b.text(r.Name)},
		pair{kPool, b.text(PoolID(r.Pool))},
		pair{kQuantity, b.number(r.Quantity)},
		pair{kShortBy, b.number(max(0, r.Consumed-r.Quantity))},
	)
}

func (b *builder) confirmation(c *Confirmation) *ast.Term {
	if !c.Same {
		return b.object(pair{kSame, ast.InternedTerm(false)})
	}
	return b.object(
		pair{kAt, b.number(c.At.Unix())},
		pair{kCodes, b.texts(c.Codes)},
		pair{kPrincipal, b.text(c.Principal)},
		pair{kSame, ast.InternedTerm(true)},
	)
}

// wrap takes the next term of the slab. A full slab is left to the terms in it and a new one begun.
func (b *builder) wrap(v ast.Value) *ast.Term {
	if len(b.slab) == cap(b.slab) {
		b.slab = make([]ast.Term, 0, 64)
	}
	b.slab = append(b.slab, ast.Term{Value: v})
	return &b.slab[len(b.slab)-1]
}

func (b *builder) object(pairs ...pair) *ast.Term { return b.wrap(ast.NewObject(pairs...)) }

func (b *builder) text(s string) *ast.Term { return b.wrap(ast.String(s)) }

// word gives the term of a string from a closed vocabulary, or a new one.
func (b *builder) word(s string) *ast.Term {
	if term, ok := words[s]; ok {
		return term
	}
	return b.text(s)
}

func (b *builder) number(n int64) *ast.Term {
	if ast.HasInternedIntNumberTerm(int(n)) {
		return ast.InternedTerm(n)
	}
	return b.wrap(ast.Number(strconv.FormatInt(n, 10)))
}

func (b *builder) optional(pairs []pair, key *ast.Term, n *int64) []pair {
	if n == nil {
		return pairs
	}
	return append(pairs, pair{key, b.number(*n)})
}

func (b *builder) dates(pairs []pair, starts, ends *time.Time) []pair {
	if starts != nil {
		pairs = append(pairs, pair{kStartsAt, b.number(starts.Unix())})
	}
	if ends != nil {
		pairs = append(pairs, pair{kEndsAt, b.number(ends.Unix())})
	}
	return pairs
}

func (b *builder) texts(items []string) *ast.Term {
	return list(b, items, func(s *string) *ast.Term { return b.word(*s) })
}

func (b *builder) numbers(items []int64) *ast.Term {
	return list(b, items, func(n *int64) *ast.Term { return b.number(*n) })
}

func list[T any](b *builder, items []T, term func(*T) *ast.Term) *ast.Term {
	if len(items) == 0 {
		return ast.InternedEmptyArray
	}
	terms := make([]*ast.Term, len(items))
	for i := range items {
		terms[i] = term(&items[i])
	}
	return b.wrap(ast.NewArray(terms...))
}

// PoolID is the name of a pool in policies: "license:12" or "allotment:34".
func PoolID(key licensing.PoolKey) string {
	if key.IsLicense() {
		return "license:" + strconv.FormatInt(key.License, 10)
	}
	return "allotment:" + strconv.FormatInt(key.Allotment, 10)
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
