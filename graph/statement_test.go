package graph_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/ent/allotment"
	"github.com/ringfence/ringfence/ent/seat"
	"github.com/ringfence/ringfence/ent/seatreason"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/store"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

// allotmentPage is the page of the issue: allotments with their seats, users, reasons and queues.
const allotmentPage = `query($allotments: Int, $seats: Int) {
  allotments(first: $allotments) {
    totalCount
    pageInfo { hasNextPage }
    nodes {
      id name limit used reserved available overBy state waitingCount errorCount
      license { product { name vendor { name } servicePlans { name } } contract { number } state }
      parent { name state }
      children { totalCount }
      delegates { users { userName } groups { name memberCount } }
      scope { groups { name } departments }
      groupLicenses { totalCount nodes { group { name } disabledPlans { name } summary { active waiting errors } exclusions { totalCount } } }
      seats(first: $seats) {
        totalCount
        edges {
          cursor
          node {
            state
            user { userName groups { totalCount nodes { name } } }
            allotment { name }
            reasons { direct group { name } allotment { name } groupLicense { id } state since }
            disabledPlans { name }
            violations { code pool { state } }
            position waitingSince priority
          }
        }
      }
      waiting(first: $seats) { totalCount nodes { position user { userName } violations { code shortBy } } }
    }
  }
}`

// An allotment page costs the same number of statements however many allotments, seats and users are on it.
func TestStatementsDoNotGrow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		e := build(t, s)
		write(t, s, func(ctx context.Context, c *ent.Client) { crowd(&builder{ctx, c, e}) })
		a := open(t, s)
		count := func(allotments, seats int) int64 {
			a.statements.Store(0)
			got := a.ask(root, allotmentPage, object{"allotments": allotments, "seats": seats})
			nodes, _ := got.at("allotments", "nodes").([]any)
			if len(nodes) != allotments {
				t.Fatalf("%d allotments, want %d", len(nodes), allotments)
			}
			// The allotments of crowd are the last.
			last, _ := got.at("allotments", "nodes", allotments-1, "seats", "edges").([]any)
			if allotments > 5 && len(last) != seats {
				t.Fatalf("%d seats, want %d", len(last), seats)
			}
			return a.statements.Load()
		}
		// The first four allotments with five seats each have one of everything, so nothing is left out for want of rows.
		small, large := count(5, 5), count(24, 25)
		t.Logf("%d statements", large)
		if small != large || large == 0 || large > 60 {
			t.Errorf("%d statements for 5 allotments with 5 seats, %d for 24 with 25", small, large)
		}
	})
}

// crowd adds 20 allotments, each with 20 seats that are held and 10 that wait.
func crowd(b *builder) {
	license := b.key("e3")
	for i := range 20 {
		pool := b.put(fmt.Sprint("pool ", i), id.Allotment, b.c.Allotment.Create().SetLicenseID(license).SetDepth(1).SetName(fmt.Sprint("pool ", i)).
			SetMode(allotment.ModeCEILING).SetCapacity(20).SetCeiling(20).SetUsed(20).SetWaiting(10).SaveX(b.ctx).ID)
		var people []*ent.UserCreate
		for j := range 30 {
			name := fmt.Sprintf("p%d-%d", i, j)
			people = append(people, b.c.User.Create().SetUserName(name).SetNameKey(name))
		}
		var holds []*ent.SeatCreate
		var reasons []*ent.SeatReasonCreate
		for j, person := range b.c.User.CreateBulk(people...).SaveX(b.ctx) {
			at := today.Add(-time.Duration(100-j) * time.Minute)
			hold := b.c.Seat.Create().SetLicenseID(license).SetUserID(person.ID).SetAllotmentID(pool).SetSince(at).SetState(seat.StateACTIVE)
			reason := b.c.SeatReason.Create().SetLicenseID(license).SetUserID(person.ID).SetAllotmentID(pool).SetState(seatreason.StateSERVED)
			if j%3 == 2 {
				hold.SetState(seat.StateWAITING)
				reason.SetState(seatreason.StateWAITING).SetWaitingSince(at)
			}
			holds, reasons = append(holds, hold), append(reasons, reason)
		}
		b.c.Seat.CreateBulk(holds...).ExecX(b.ctx)
		b.c.SeatReason.CreateBulk(reasons...).ExecX(b.ctx)
	}
}

// The total is counted only when it is asked for.
func TestTotalsAreCountedOnlyWhenAsked(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		build(t, s)
		a := open(t, s)
		count := func(document string) int64 {
			a.statements.Store(0)
			a.ask(root, document, nil)
			return a.statements.Load()
		}
		without := count(`{ groups { nodes { name members { nodes { id } } } } }`)
		with := count(`{ groups { totalCount nodes { name members { totalCount nodes { id } } } } }`)
		if with != without+2 {
			t.Errorf("%d statements without totals, %d with one for each level", without, with)
		}
	})
}
