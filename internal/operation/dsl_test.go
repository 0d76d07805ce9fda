package operation_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/app"
	"github.com/ringfence/ringfence/internal/app/apptest"
	past "github.com/ringfence/ringfence/internal/history"
)

// in is the input of a mutation.
type in = map[string]any

// world is a running service and the words a test needs to speak with it. Its own words are those of a global administrator.
type world struct {
	*apptest.Service
	*testing.T
	actor
	made             int
	vendor, contract string
}

// actor is somebody who asks.
type actor struct {
	w      *world
	client *apptest.Client
}

// each runs a test on both databases, and when it is through audits the books and replays the decisions.
func each(t *testing.T, run func(w *world), options ...apptest.Option) {
	t.Helper()
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		w := &world{Service: s, T: t}
		w.actor = actor{w, s.Admin()}
		run(w)
		w.audit()
		w.replay()
		if os.Getenv("HISTORY") != "" { // it doubles the time
			w.again()
		}
	}, options...)
}

// again runs all that the test did again, and fails if anything comes out otherwise.
func (w *world) again() {
	w.Helper()
	r, err := app.Simulate(w.Context(), past.Config{
		Recorded: w.Store, Policy: w.Policy.Current(), DefaultLocation: w.Config.DefaultLocation, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		w.Error(err)
		return
	}
	for _, d := range r.Differences {
		w.Errorf("%+v", *d)
	}
	if !r.Nothing() {
		w.Errorf("the history is another one: %+v, users %+v, pools %+v", r.Changes, r.Users, r.Pools)
	}
}

// as gives somebody else to ask.
func (w *world) as(user string, roles ...string) actor { return actor{w, w.As(user, roles...)} }

// mutation writes the document of a mutation, with all its payload has.
func mutation(name string) string {
	input := strings.ToUpper(name[:1]) + name[1:] + "Input!"
	if strings.HasSuffix(name, "GroupMembers") {
		input = "GroupMembersInput!"
	}
	return fmt.Sprintf(`mutation($input: %s) { answer: %s(input: $input) { dryRun decision { id at principal action allow revision dryRun
		violations { code message field } warnings { code message } } %s } }`, input, name, payloads[name])
}

const (
	figuresFields = `limit used reserved available overBy state waitingCount errorCount`
	licenseFields = `license { id quantity unlimitedQuantity overage metric startsOn endsOn unitPrice currency notes ` + figuresFields + ` }`
	reasonFields  = `violations { code message field limit used requested available shortBy pool { ... on Node { id } } }`
	grantFields   = `groupLicense { id includeNested allOrNothing whenFull disabledPlans { name } } ` + summaryFields
	summaryFields = `summary { active waiting errors pending skipped { code count } }`
	seatFields    = `id state allotment { id } position waitingSince priority disabledPlans { name } ` + reasonFields +
		` reasons { direct state group { id } allotment { id } }`
	resultFields   = `results { user { id } seat { id state } ` + reasonFields + ` }`
	purchaseFields = `purchaseReservation { id quantity startsOn state cancellableUntil orderNumber notes }
		license { id quantity committed overage ` + figuresFields + ` }`
	productFields = `product { id name sku skuId kind blockedLocations servicePlans { id name } }`
)

var payloads = map[string]string{
	"createVendor":            `vendor { id name }`,
	"deleteVendor":            `deletedId`,
	"createProduct":           productFields,
	"updateProduct":           productFields,
	"deleteProduct":           `deletedId`,
	"createContract":          `contract { id number name startsOn endsOn notes }`,
	"updateContract":          `contract { id number name startsOn endsOn notes }`,
	"deleteContract":          `deletedId`,
	"createLicense":           licenseFields,
	"updateLicense":           licenseFields,
	"deleteLicense":           `deletedId`,
	"recordDeployments":       `created changed deployments { id product users installs }`,
	"createAllocation":        `allocation { id ` + licenseFields + ` }`,
	"updateAllocation":        `allocation { id ` + licenseFields + ` }`,
	"deleteAllocation":        `deletedId ` + licenseFields,
	"upsertUsers":             `users { id externalId userName displayName email type department usageLocation enabled roles }`,
	"deleteUsers":             `deletedIds`,
	"upsertGroups":            `groups { id externalId name memberCount }`,
	"deleteGroup":             `deletedId`,
	"addGroupMembers":         `changed group { id name memberCount }`,
	"removeGroupMembers":      `changed group { id name memberCount }`,
	"createAllotment":         allotmentFields,
	"updateAllotment":         allotmentFields,
	"deleteAllotment":         `deletedId moved released ` + licenseFields,
	"assignSeats":             resultFields,
	"unassignSeats":           resultFields,
	"retrySeats":              summaryFields,
	"licenseGroup":            grantFields,
	"updateGroupLicense":      grantFields,
	"unlicenseGroup":          `deletedId released pending`,
	"swapGroupLicense":        grantFields,
	"excludeFromGroupLicense": grantFields,
	"includeInGroupLicense":   grantFields,

	"removeUnusedOverage":        `licenses { id overage overageShrinks ` + figuresFields + ` } plan { license { id } overageBefore overageAfter removed limitAfter }`,
	"placePurchaseReservation":   purchaseFields,
	"cancelPurchaseReservation":  purchaseFields,
	"fulfillPurchaseReservation": purchaseFields,
	"planRenewal":                `license { id quantity renewalQuantity renewalShortfall ` + figuresFields + ` } check { consumed renewalQuantity shortfall }`,
	"renewContract":              `contract { id endsOn lifecycle } licenses { id quantity renewalQuantity endsOn expiresOn ` + figuresFields + ` }`,
}

const allocationTerms = `deployment { product } name quantity unlimited metric costCenter`

// allocation is an allocation as it is shown.
type allocation struct {
	Deployment *struct{ Product string }
	Name       *string
	Quantity   *int
	Metric     string
	CostCenter *string
}

// String writes an allocation as tests expect it: Office 30 USERS.
func (a allocation) String() string {
	var words []string
	if a.Deployment != nil {
		words = append(words, a.Deployment.Product)
	}
	if a.Name != nil {
		words = append(words, *a.Name)
	}
	if a.Quantity != nil {
		words = append(words, fmt.Sprint(*a.Quantity))
	}
	words = append(words, a.Metric)
	if a.CostCenter != nil {
		words = append(words, *a.CostCenter)
	}
	return strings.Join(words, " ")
}

const allotmentFields = `allotment { id name depth mode startsAt endsAt scope { groups { id } departments countries } ` + figuresFields + ` }`

// payload is what mutations answer with, each a part of it.
type payload struct {
	DryRun   bool
	Decision decision
	Vendor   struct{ ID, Name string }
	Product  struct {
		ID           string
		ServicePlans []struct{ ID, Name string }
	}
	Contract   struct{ ID string }
	License    pool
	Allotment  pool
	Allocation struct {
		ID      string
		License pool
	}
	Deployments []struct {
		ID    string
		Users int
	}
	Created      int
	Users        []struct{ ID, UserName string }
	Groups       []struct{ ID string }
	Group        struct{ MemberCount int }
	GroupLicense struct{ ID string }
	Summary      summary
	Results      []result
	Licenses     []pool
	Plan         []overageStep
	Check        *struct{ Consumed, RenewalQuantity, Shortfall int }

	PurchaseReservation struct {
		ID, State, StartsOn string
		CancellableUntil    *time.Time
		OrderNumber         *string
	}
	DeletedID  string
	DeletedIDs []string
	Changed    int
	Moved      int
	Released   int
}

// overageStep is what is taken from one license, as it is shown.
type overageStep struct {
	License                              struct{ ID string }
	OverageBefore, OverageAfter, Removed int
	LimitAfter                           *int
}

type decision struct {
	ID, Principal, Action, Revision string
	At                              time.Time
	Allow, DryRun                   bool
	Violations, Warnings            []apptest.Violation
}

type pool struct {
	ID, Name, State          string
	Depth                    int
	Limit, Available         *int
	Used, Reserved, OverBy   int
	WaitingCount, ErrorCount int
	StartsAt, EndsAt         *time.Time
	Scope                    struct{ Departments, Countries []string }
	Quantity, Overage        int
	UnlimitedQuantity        bool
	OverageShrinks           bool
	Committed                int
	EndsOn, ExpiresOn        *string
	RenewalQuantity          *int
	RenewalShortfall         *int
}

type summary struct {
	Active, Waiting, Errors, Pending int
	Skipped                          []struct {
		Code  string
		Count int
	}
}

// String writes a summary as tests expect it: 2 active 1 waiting 0 errors GUEST_NOT_ALLOWED:1.
func (s summary) String() string {
	text := fmt.Sprintf("%d active %d waiting %d errors", s.Active, s.Waiting, s.Errors)
	for _, skipped := range s.Skipped {
		text += fmt.Sprintf(" %s:%d", skipped.Code, skipped.Count)
	}
	return text
}

type result struct {
	User       struct{ ID string }
	Seat       *seat
	Violations []violation
}

// String writes a result as tests expect it: ACTIVE, WAITING, INSUFFICIENT_POOL, ERROR USER_DISABLED.
func (r result) String() string {
	var words []string
	if r.Seat != nil {
		words = append(words, r.Seat.State)
	}
	for _, v := range r.Violations {
		words = append(words, v.Code)
	}
	return strings.Join(slices.Compact(words), " ")
}

type violation struct {
	Code, Message, Field                       string
	Limit, Used, Requested, Available, ShortBy *int
	Pool                                       *struct{ ID string }
}

type seat struct {
	ID, State     string
	License       struct{ ID string }
	User          struct{ ID string }
	Allotment     *struct{ ID string }
	Position      *int
	WaitingSince  *time.Time
	Priority      *float64
	DisabledPlans []struct{ Name string }
	Violations    []violation
	Reasons       []struct {
		Direct           bool
		State            string
		Group, Allotment *struct{ ID string }
	}
}

// do carries out a mutation that must succeed.
func (a actor) do(name string, input in) payload {
	a.w.Helper()
	var answer struct{ Answer payload }
	a.client.Do(mutation(name), apptest.Vars{"input": input}, &answer)
	return answer.Answer
}

// fails carries out a mutation that must fail with a code.
func (a actor) fails(code, name string, input in) apptest.Error {
	a.w.Helper()
	return a.client.Fails(code, mutation(name), apptest.Vars{"input": input})
}

// denied carries out a mutation that must be denied with a violation, and gives that violation.
func (a actor) denied(code, name string, input in) apptest.Violation {
	a.w.Helper()
	e := a.fails("POLICY_DENIED", name, input)
	if len(e.Extensions.Violations) == 0 || e.Extensions.Violations[0].Code != code {
		a.w.Fatalf("%s: want violation %s, got %+v", name, code, e.Extensions.Violations)
	}
	return e.Extensions.Violations[0]
}

// invalid carries out a mutation that must be INVALID_INPUT, naming the field.
func (a actor) invalid(field, name string, input in) {
	a.w.Helper()
	if e := a.fails("INVALID_INPUT", name, input); e.Extensions.Field != field {
		a.w.Errorf("%s: the error names %q, want %q (%s)", name, e.Extensions.Field, field, e.Message)
	}
}

// ask reads.
func (a actor) ask(query string, vars in, out any) {
	a.w.Helper()
	a.client.Do(query, apptest.Vars(vars), out)
}

// with gives a copy of an input with more in it.
func with(input in, more ...in) in {
	out := in{}
	for _, part := range append([]in{input}, more...) {
		for key, value := range part {
			out[key] = value
		}
	}
	return out
}

func (w *world) fresh(word string) string {
	w.made++
	return fmt.Sprintf("%s %d", word, w.made)
}

// want compares what is shown with what is expected.
func (w *world) want(got, want any) {
	w.Helper()
	if g, v := text(got), text(want); g != v {
		w.Errorf("got  %s\nwant %s", g, v)
	}
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case fmt.Stringer:
		return v.String()
	}
	out, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(out)
}
