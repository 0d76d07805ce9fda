package graph_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/ent/allocation"
	"github.com/ringfence/ringfence/ent/allotment"
	"github.com/ringfence/ringfence/ent/allotmentscope"
	"github.com/ringfence/ringfence/ent/product"
	"github.com/ringfence/ringfence/ent/seat"
	"github.com/ringfence/ringfence/ent/seatreason"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/store"
)

// estate is a small organization in a database.
//
//	Microsoft ── E5 (plans Forms, Stream, Yammer), E3      Oracle ── DB (PERPETUAL)
//	MS-1 ── license e5 (275)            MS-2 ── license e3 (unlimited, ended)      OR-1 ── license db (10)
//	e5 ── sales (RESERVED 100, department Sales, delegate dora)
//	        ── inside (CEILING 2, delegates: group leads) with a queue
//	   ── free (RESERVED 50, no scope, delegate bob)
//	   ── past (CEILING, ended)
//	e5 has a purchase reservation of 20; db is planned to be renewed with 8
//	e3 ── tracks Office (120 users, 30 installs) without a limit, and 5 for the purpose "spare"; the deployment Server is tracked by nothing
//
// Users are dora, bob, lea (of leads), s0 … s5 in Sales, h0 … h3 in HR. Groups are leads (lea), sales (s0 … s5), hr (h0 … h3).
type estate struct {
	id map[string]id.ID
}

func (e *estate) key(name string) int64 {
	found, ok := e.id[name]
	if !ok {
		panic("no " + name)
	}
	return found.N
}

// builder writes the estate. It panics instead of answering errors; the test that runs it fails then.
type builder struct {
	ctx context.Context
	c   *ent.Client
	*estate
}

func (b *builder) put(name string, noun id.Noun, key int64) int64 {
	b.id[name] = id.Of(noun, key)
	return key
}

var past = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func build(t *testing.T, s *store.Store) *estate {
	t.Helper()
	e := &estate{id: map[string]id.ID{}}
	write(t, s, func(ctx context.Context, c *ent.Client) {
		b := &builder{ctx, c, e}
		b.catalog()
		b.directory()
		b.pools()
		b.inUse()
		b.seats()
		b.records()
	})
	return e
}

// write changes the database as nothing but the store may.
func write(t *testing.T, s *store.Store, change func(ctx context.Context, c *ent.Client)) {
	t.Helper()
	err := s.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		change(ctx, tx.Client())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (b *builder) catalog() {
	microsoft := b.put("microsoft", id.Vendor, b.c.Vendor.Create().SetName("Microsoft").SaveX(b.ctx).ID)
	oracle := b.put("oracle", id.Vendor, b.c.Vendor.Create().SetName("Oracle").SaveX(b.ctx).ID)
	var plans []int64
	for _, name := range []string{"Forms", "Stream", "Yammer"} {
		plans = append(plans, b.put(name, id.ServicePlan, b.c.ServicePlan.Create().SetPlanID("guid-"+name).SetName(name).SaveX(b.ctx).ID))
	}
	e5 := b.put("E5", id.Product, b.c.Product.Create().SetVendorID(microsoft).SetName("Microsoft 365 E5").SetSku("SPE_E5").AddPlanIDs(plans...).SaveX(b.ctx).ID)
	e3 := b.put("E3", id.Product, b.c.Product.Create().SetVendorID(microsoft).SetName("Microsoft 365 E3").SetSku("SPE_E3").SaveX(b.ctx).ID)
	db := b.put("DB", id.Product, b.c.Product.Create().SetVendorID(oracle).SetName("Database").SetKind(product.KindPERPETUAL).SaveX(b.ctx).ID)
	ms1 := b.put("MS-1", id.Contract, b.c.Contract.Create().SetVendorID(microsoft).SetNumber("MS-1").SetName("Enterprise").SetEndsOn("2027-06-30").SaveX(b.ctx).ID)
	ms2 := b.put("MS-2", id.Contract, b.c.Contract.Create().SetVendorID(microsoft).SetNumber("MS-2").SetName("Former").SetEndsOn("2026-03-31").SaveX(b.ctx).ID)
	or1 := b.put("OR-1", id.Contract, b.c.Contract.Create().SetVendorID(oracle).SetNumber("OR-1").SetName("Database").SaveX(b.ctx).ID)
	b.put("e5", id.License, b.c.License.Create().SetContractID(ms1).SetProductID(e5).SetQuantity(275).SetCapacity(275).SetCeiling(275).
		SetReserved(150).SetUnitPrice("12.50").SetCurrency("EUR").SaveX(b.ctx).ID)
	b.put("e3", id.License, b.c.License.Create().SetContractID(ms2).SetProductID(e3).SetUnlimitedQuantity(true).SetReserved(5).SetEndsOn("2026-03-31").SaveX(b.ctx).ID)
	b.put("db", id.License, b.c.License.Create().SetContractID(or1).SetProductID(db).SetQuantity(10).SetCapacity(10).SetCeiling(10).
		SetRenewalQuantity(8).SaveX(b.ctx).ID)
	b.put("purchase", id.Purchase, b.c.PurchaseReservation.Create().SetLicenseID(b.key("e5")).SetQuantity(20).SetStartsOn("2026-09-01").SaveX(b.ctx).ID)
	b.c.PurchaseReservation.Create().SetLicenseID(b.key("db")).SetQuantity(2).SetStartsOn("2026-08-01").SetState("CANCELED").ExecX(b.ctx)
}

func (b *builder) user(name, department string) int64 {
	return b.put(name, id.User, b.c.User.Create().SetUserName(name).SetNameKey(strings.ToLower(name)).SetDisplayName("Name of "+name).
		SetEmail(name+"@example.com").SetExternalID("x-"+name).SetDepartment(department).SetCostCenter("CC "+department).SetUsageLocation("DE").SaveX(b.ctx).ID)
}

func (b *builder) group(name string, members ...string) {
	group := b.put("group "+name, id.Group, b.c.Group.Create().SetName(name).SetMembers(int64(len(members))).SaveX(b.ctx).ID)
	for _, member := range members {
		b.c.Membership.Create().SetGroupID(group).SetUserID(b.key(member)).ExecX(b.ctx)
	}
}

func (b *builder) directory() {
	b.user("Dora", "Board")
	b.user("bob", "Board")
	b.user("lea", "Board")
	names := map[string][]string{}
	for department, n := range map[string]int{"Sales": 6, "HR": 4} {
		for i := range n {
			name := fmt.Sprintf("%s%d", strings.ToLower(department[:1]), i)
			names[department] = append(names[department], name)
		}
	}
	for _, department := range []string{"Sales", "HR"} {
		for _, name := range names[department] {
			b.user(name, department)
		}
	}
	b.put("token", id.ServiceToken, b.c.ServiceToken.Create().SetName("Entra").SetHash("h1").SetPurpose("SCIM").SetCreatedBy("root").SaveX(b.ctx).ID)
	b.c.ServiceToken.Create().SetName("old").SetHash("h2").SetPurpose("API").SetCreatedBy("root").SetExpiresAt(past).ExecX(b.ctx)
	b.put("publication", id.PolicyPublication, b.c.PolicyPublication.Create().SetKind("PUBLISH").SetRevision("r1").SetPrevious("r0").SetAuthor("root").SaveX(b.ctx).ID)
	b.put("trial", id.PolicyTrial, b.c.PolicyTrial.Create().SetRevision("r1").SetShare(100).SetAuthor("root").SetEndedAt(past).SaveX(b.ctx).ID)
	b.c.PolicyTrial.Create().SetRevision("r2").SetShare(1000).SetAuthor("root").SetEndedAt(past).ExecX(b.ctx)
	b.put("feed", id.Feed, b.c.Feed.Create().SetKind("users").SetName("people.csv").SetDigest("d1").SetActor("root").SetState("DONE").SetPages(1).SetRows(3).
		SetSummary(`{"counts":{}}`).SaveX(b.ctx).ID)
	b.c.Feed.Create().SetKind("graph-groups").SetName("page1.json").SetDigest("d2").SetActor("grace").SetPages(1).ExecX(b.ctx)
	b.group("leads", "lea")
	b.group("sales", names["Sales"]...)
	b.group("hr", names["HR"]...)
	b.c.GroupNesting.Create().SetParentID(b.key("group sales")).SetChildID(b.key("group leads")).ExecX(b.ctx)
}

func (b *builder) pools() {
	e5 := b.key("e5")
	sales := b.put("sales", id.Allotment, b.c.Allotment.Create().SetLicenseID(e5).SetDepth(1).SetName("sales").SetCapacity(100).SetCeiling(100).
		SetUsed(4).SaveX(b.ctx).ID)
	inside := b.put("inside", id.Allotment, b.c.Allotment.Create().SetLicenseID(e5).SetParentID(sales).SetDepth(2).SetName("inside").
		SetMode(allotment.ModeCEILING).SetCapacity(2).SetCeiling(2).SetUsed(2).SetWaiting(2).SaveX(b.ctx).ID)
	free := b.put("free", id.Allotment, b.c.Allotment.Create().SetLicenseID(e5).SetDepth(1).SetName("free").SetCapacity(50).SetCeiling(50).
		SetUsed(2).SetErrors(1).SaveX(b.ctx).ID)
	b.put("past", id.Allotment, b.c.Allotment.Create().SetLicenseID(e5).SetDepth(1).SetName("past").SetMode(allotment.ModeCEILING).
		SetStartsAt(past).SetEndsAt(past.AddDate(0, 1, 0)).SaveX(b.ctx).ID)
	b.c.AllotmentScope.Create().SetAllotmentID(sales).SetKind(allotmentscope.KindDEPARTMENT).SetValue("Sales").ExecX(b.ctx)
	b.c.AllotmentScope.Create().SetAllotmentID(sales).SetKind(allotmentscope.KindGROUP).SetGroupID(b.key("group sales")).ExecX(b.ctx)
	b.c.AllotmentDelegate.Create().SetAllotmentID(sales).SetUserID(b.key("Dora")).ExecX(b.ctx)
	b.c.AllotmentDelegate.Create().SetAllotmentID(inside).SetGroupID(b.key("group leads")).ExecX(b.ctx)
	b.c.AllotmentDelegate.Create().SetAllotmentID(free).SetUserID(b.key("bob")).ExecX(b.ctx)
	b.put("gl sales", id.GroupLicense, b.c.GroupLicense.Create().SetGroupID(b.key("group sales")).SetLicenseID(e5).SetAllotmentID(sales).
		SetDisabledPlans([]int{int(b.key("Stream")), int(b.key("Yammer"))}).SaveX(b.ctx).ID)
	b.put("gl hr", id.GroupLicense, b.c.GroupLicense.Create().SetGroupID(b.key("group hr")).SetLicenseID(e5).SetAllotmentID(free).SaveX(b.ctx).ID)
	b.c.Exclusion.Create().SetGroupLicenseID(b.key("gl hr")).SetUserID(b.key("h3")).SetNote("on leave").ExecX(b.ctx)
}

func (b *builder) inUse() {
	office := b.c.Deployment.Create().SetVendorID(b.key("microsoft")).SetProduct("Office").SetProductKey("office").SetUsers(120).SetInstalls(30).
		SetObservedAt(past).SetSource("scan").SaveX(b.ctx).ID
	b.put("office", id.Deployment, office)
	b.c.Observation.Create().SetDeploymentID(office).SetObservedAt(past).SetRecordedAt(past).SetUsers(120).SetInstalls(30).SetSource("scan").ExecX(b.ctx)
	b.put("server", id.Deployment, b.c.Deployment.Create().SetVendorID(b.key("oracle")).SetProduct("Server").SetProductKey("server").SetInstalls(5).
		SetObservedAt(past).SetSource("hand").SaveX(b.ctx).ID)
	b.put("track", id.Allocation, b.c.Allocation.Create().SetLicenseID(b.key("e3")).SetType(allocation.TypeTRACK_DEPLOYMENT).SetDeploymentID(office).
		SetUnlimited(true).SaveX(b.ctx).ID)
	b.put("spare", id.Allocation, b.c.Allocation.Create().SetLicenseID(b.key("e3")).SetType(allocation.TypeCUSTOM_RESERVATION).SetName("spare").
		SetQuantity(5).SetMetric(allocation.MetricINSTALLS).SetCostCenter("4711").SaveX(b.ctx).ID)
}

// seat writes a seat of e5 with one reason.
func (b *builder) seat(holder, pool, grant string, state seat.State, minute int) {
	at := today.Add(time.Duration(minute-600) * time.Minute)
	create := b.c.Seat.Create().SetLicenseID(b.key("e5")).SetUserID(b.key(holder)).SetAllotmentID(b.key(pool)).SetState(state).SetSince(at).SetCreatedAt(at)
	if state == seat.StateERROR {
		create.SetViolations([]licensing.Violation{{Code: licensing.UsageLocationNotAllowed, Message: holder + " is in the wrong country"}})
	}
	b.put("seat "+holder, id.Seat, create.SaveX(b.ctx).ID)
	b.reason(holder, pool, grant, map[seat.State]seatreason.State{
		seat.StateACTIVE: seatreason.StateSERVED, seat.StateWAITING: seatreason.StateWAITING, seat.StateERROR: seatreason.StateERROR,
	}[state], at)
}

func (b *builder) reason(holder, pool, grant string, state seatreason.State, at time.Time) {
	create := b.c.SeatReason.Create().SetLicenseID(b.key("e5")).SetUserID(b.key(holder)).SetAllotmentID(b.key(pool)).SetState(state).SetCreatedAt(at)
	if state == seatreason.StateWAITING {
		create.SetWaitingSince(at)
	}
	if grant != "" {
		create.SetGroupLicenseID(b.key(grant))
	} else {
		create.SetDisabledPlans([]int{int(b.key("Forms")), int(b.key("Stream"))})
	}
	create.ExecX(b.ctx)
}

func (b *builder) seats() {
	b.seat("s0", "sales", "gl sales", seat.StateACTIVE, 0)
	b.reason("s0", "sales", "", seatreason.StateSTANDBY, today)
	b.seat("s1", "sales", "gl sales", seat.StateACTIVE, 1)
	b.seat("s2", "inside", "", seat.StateACTIVE, 2)
	b.seat("s3", "inside", "", seat.StateACTIVE, 3)
	b.seat("s5", "inside", "", seat.StateWAITING, 4)
	b.seat("s4", "inside", "", seat.StateWAITING, 5)
	b.seat("h0", "free", "gl hr", seat.StateACTIVE, 6)
	b.seat("h1", "free", "gl hr", seat.StateACTIVE, 7)
	b.seat("h2", "free", "gl hr", seat.StateERROR, 8)
}

func (b *builder) records() {
	e5, sales := b.key("e5"), b.key("sales")
	violation := licensing.Violation{Code: licensing.InsufficientPool, Message: "not enough for Dora", Pool: &licensing.PoolKey{License: e5, Allotment: sales}}
	b.put("denial", id.Decision, b.c.Decision.Create().SetAt(past).SetPrincipal("dora").SetAction("assignSeats").SetAllow(false).SetRevision("r1").
		SetInput(`{"action":"assignSeats"}`).SetLicenseID(e5).SetAllotmentID(sales).SetViolations([]licensing.Violation{violation}).SaveX(b.ctx).ID)
	b.put("grant", id.Decision, b.c.Decision.Create().SetAt(past.Add(time.Hour)).SetPrincipal("Bob").SetAction("assignSeats").SetAllow(true).SetRevision("r1").
		SetInput(`{}`).SetLicenseID(e5).SetAllotmentID(b.key("free")).SaveX(b.ctx).ID)
	b.put("upsert", id.Decision, b.c.Decision.Create().SetAt(past.Add(2*time.Hour)).SetPrincipal("admin").SetAction("upsertUsers").SetAllow(true).
		SetRevision("r2").SetInput(`{}`).SaveX(b.ctx).ID)
	b.c.JournalHead.Create().SetID(1).SetLast(1).SetHash("h").ExecX(b.ctx)
	b.c.Journal.Create().SetID(1).SetAt(past).SetEvents(2).SetHash("h").ExecX(b.ctx)
	b.put("assigned", id.Event, b.c.Event.Create().SetJournalID(1).SetDecisionID(b.key("grant")).SetAt(past.Add(time.Hour)).SetActor("bob").
		SetType("SEAT_ASSIGNED").SetNoun("seat").SetSubjectID(b.key("seat h0")).SetLicenseID(e5).SetAllotmentID(b.key("free")).
		SetUserID(b.key("h0")).SetData(`{"state":"ACTIVE"}`).SaveX(b.ctx).ID)
	b.put("created", id.Event, b.c.Event.Create().SetJournalID(1).SetDecisionID(b.key("upsert")).SetAt(past.Add(2*time.Hour)).SetActor("admin").
		SetType("USER_CREATED").SetNoun("user").SetSubjectID(b.key("s0")).SetUserID(b.key("s0")).SaveX(b.ctx).ID)
}
