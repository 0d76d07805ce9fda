package licensing_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/licensing"
)

// ledger is a database of maps. It stores what a book has changed as the store does: counts as differences, under the checks of
// the tables, seats and reasons as rows.
type ledger struct {
	now      time.Time
	licenses int64  // how many
	pools    []*row // parents before children
	seats    map[[2]int64]seatRow
	reasons  []reasonRow
	next     int64
	blocked  map[int64]bool // users against whom the policy finds an error
	ranks    map[int64]float64
}

type row struct {
	key, parent                     licensing.PoolKey
	mode                            licensing.Mode
	limit, ceiling                  *int64
	stock                           *licensing.Stock // of a license
	used, reserved, waiting, errors int64
}

type seatRow struct {
	state      licensing.SeatState
	pool       licensing.PoolKey
	violations []licensing.Violation
}

type reasonRow struct {
	id, user, grant, bundle int64
	pool                    licensing.PoolKey
	state                   licensing.ReasonState
	created, since          time.Time
	priority                float64
}

// open reads everything into a book.
func (l *ledger) open() *licensing.Book {
	l.now = l.now.Add(time.Second)
	b := licensing.NewBook(l.now)
	b.Replace(30, 31) // the third group is being moved from the first license to the second
	for _, r := range l.pools {
		b.Pools[r.key] = (&licensing.Pool{
			Key: r.key, Name: fmt.Sprint(r.key), Mode: r.mode, Parent: b.Pools[r.parent], Limit: r.limit, Stock: r.stock, Ceiling: r.ceiling,
			Used: r.used, Reserved: r.reserved, Waiting: r.waiting, Errors: r.errors,
		}).Load()
	}
	for at, s := range l.seats {
		b.User(at[1]).LoadSeat(&licensing.Seat{ID: 1, License: at[0], State: s.state, Pool: b.Pools[s.pool], Violations: s.violations})
	}
	for _, r := range l.reasons {
		b.Users[r.user].Find(r.pool.License).LoadReason(&licensing.Reason{
			ID: r.id, GroupLicense: r.grant, Bundle: r.bundle, Pool: b.Pools[r.pool], State: r.state, Created: r.created, WaitingSince: r.since, Priority: r.priority,
		})
	}
	return b
}

// settle is what an operation does with a book: what ended makes room, the queues move, what is new is judged, until all is done.
func (l *ledger) settle(b *licensing.Book) {
	for {
		b.Release()
		l.promote(b)
		seats := b.Next()
		if seats == nil {
			return
		}
		for _, seat := range seats {
			for _, r := range seat.Unjudged() {
				r.Verdict = l.verdict(r)
			}
		}
		slices.SortStableFunc(seats, func(x, y *licensing.Seat) int { return cmp.Compare(x.User.ID, y.User.ID) })
		for _, seat := range seats {
			b.Settle(seat)
		}
	}
}

func (l *ledger) verdict(r *licensing.Reason) *licensing.Verdict {
	v := &licensing.Verdict{Priority: l.ranks[r.Seat().User.ID]}
	if l.blocked[r.Seat().User.ID] {
		v.Errors = []licensing.Violation{{Code: licensing.UsageLocationNotAllowed}}
	}
	return v
}

func (l *ledger) promote(b *licensing.Book) {
	for moved := true; moved; {
		moved = false
		var queue []*licensing.Reason
		for _, user := range b.Users {
			for _, seat := range user.Seats {
				for _, r := range seat.Live() {
					if r.State == licensing.Queued && r.Pool.Binding(1) == nil {
						queue = append(queue, r)
					}
				}
			}
		}
		slices.SortFunc(queue, func(x, y *licensing.Reason) int {
			return cmp.Or(-cmp.Compare(x.Priority, y.Priority), x.WaitingSince.Compare(y.WaitingSince), cmp.Compare(x.Seat().User.ID, y.Seat().User.ID),
				cmp.Compare(x.Pool.Key.Allotment, y.Pool.Key.Allotment), cmp.Compare(x.Pool.Key.License, y.Pool.Key.License), x.Created.Compare(y.Created), cmp.Compare(x.ID, y.ID), cmp.Compare(x.GroupLicense, y.GroupLicense))
		})
		for _, r := range queue {
			r.Verdict = l.verdict(r)
			moved = b.Promote(r) || moved
		}
		b.Release()
	}
}

// commit stores what the book has changed.
func (l *ledger) commit(t *testing.T, b *licensing.Book) {
	t.Helper()
	for _, r := range l.pools {
		change, changed := b.Pools[r.key].Change()
		if !changed {
			continue
		}
		r.used, r.reserved, r.waiting, r.errors = r.used+change.Used, r.reserved+change.Reserved, r.waiting+change.Waiting, r.errors+change.Errors
		r.limit, r.ceiling = change.Limit, change.Ceiling
		if change.Stock != nil {
			r.stock = change.Stock
		}
		if r.used < 0 || r.reserved < 0 || r.waiting < 0 || r.errors < 0 || r.ceiling != nil && (*r.ceiling < *r.limit || r.used+r.reserved > *r.ceiling) {
			t.Fatalf("a CHECK refuses %+v of %v", *r, change)
		}
	}
	for _, seat := range b.Touched() {
		at := [2]int64{seat.License, seat.User.ID}
		_, there := l.seats[at]
		switch seat.Transition() {
		case licensing.Insert:
			if there {
				t.Fatalf("two seats of user %d", seat.User.ID)
			}
			l.seats[at] = seatRow{seat.State, seat.Pool.Key, seat.Violations}
		case licensing.Update:
			l.seats[at] = seatRow{seat.State, seat.Pool.Key, seat.Violations}
		case licensing.Delete:
			delete(l.seats, at)
		case licensing.Keep:
		}
		for _, r := range seat.Reasons {
			l.store(t, r)
		}
	}
}

func (l *ledger) store(t *testing.T, r *licensing.Reason) {
	t.Helper()
	stored := reasonRow{r.ID, r.Seat().User.ID, r.GroupLicense, r.Bundle, r.Pool.Key, r.State, r.Created, r.WaitingSince, r.Priority}
	at := slices.IndexFunc(l.reasons, func(x reasonRow) bool { return x.id == r.ID })
	switch r.Transition() {
	case licensing.Insert:
		if r.State == licensing.New {
			t.Fatalf("a reason of user %d was left unsettled", stored.user)
		}
		l.next++
		stored.id = l.next
		l.reasons = append(l.reasons, stored)
	case licensing.Update:
		l.reasons[at] = stored
	case licensing.Delete:
		l.reasons = slices.Delete(l.reasons, at, at+1)
	case licensing.Keep:
		if !r.Ended() && (at < 0 || l.reasons[at] != stored) {
			t.Fatalf("a change of %+v was not noticed", stored)
		}
	}
}

// checkSwaps fails if somebody keeps what a swap replaced although the new seat is held.
func (l *ledger) checkSwaps(t *testing.T) {
	t.Helper()
	moved := map[int64]bool{}
	for _, r := range l.reasons {
		moved[r.user] = moved[r.user] || r.grant == 31 && r.state != licensing.Erred && l.seats[[2]int64{r.pool.License, r.user}].state == licensing.Active
	}
	for _, r := range l.reasons {
		if r.grant == 30 && moved[r.user] {
			t.Fatalf("user %d holds both sides of a swap", r.user)
		}
	}
}

// heldBack tells whether a reason waits for an all-or-nothing companion that has no room.
func (l *ledger) heldBack(b *licensing.Book, r reasonRow) bool {
	return slices.ContainsFunc(l.reasons, func(x reasonRow) bool {
		return r.bundle != 0 && x.user == r.user && x.bundle == r.bundle && x.id != r.id &&
			l.seats[[2]int64{x.pool.License, x.user}].state != licensing.Active && b.Pools[x.pool].Binding(1) != nil
	})
}

// check recounts: P1 as far as it can be told, P2, P3 (by the key of the map), P5, and that seats and reasons agree.
func (l *ledger) check(t *testing.T) {
	t.Helper()
	b := l.open()
	type counts struct{ used, reserved, waiting, errors int64 }
	counted := map[licensing.PoolKey]*counts{}
	for _, r := range l.pools {
		counted[r.key] = &counts{}
	}
	states := map[[2]int64]map[licensing.ReasonState]int{}
	for _, r := range l.reasons {
		at := [2]int64{r.pool.License, r.user}
		if states[at] == nil {
			states[at] = map[licensing.ReasonState]int{}
		}
		states[at][r.state]++
		if r.state == licensing.Queued {
			counted[r.pool].waiting++
			if b.Pools[r.pool].Binding(1) == nil && !l.heldBack(b, r) {
				t.Fatalf("P5: user %d waits for %v, which has room", r.user, r.pool)
			}
		}
	}
	l.checkSwaps(t)
	for at, s := range l.seats {
		total := states[at][licensing.Served] + states[at][licensing.Standby] + states[at][licensing.Queued] + states[at][licensing.Erred]
		agree := map[licensing.SeatState]bool{
			licensing.Active:  states[at][licensing.Served] == 1 && states[at][licensing.Standby]+states[at][licensing.Erred] == total-1,
			licensing.Waiting: states[at][licensing.Queued] == total && total > 0,
			licensing.Failed:  states[at][licensing.Erred] == total && total > 0,
		}
		if !agree[s.state] {
			t.Fatalf("seat %v is %s, its reasons %v", at, s.state, states[at])
		}
		delete(states, at)
		if s.state == licensing.Failed {
			counted[s.pool].errors++
		}
		if s.state == licensing.Active {
			for _, link := range b.Pools[s.pool].Chain() {
				counted[link.Key].used++
			}
		}
	}
	if len(states) > 0 {
		t.Fatalf("reasons without a seat: %v", states)
	}
	for _, r := range slices.Backward(l.pools) {
		c := counted[r.key]
		if r.parent.License != 0 && r.mode == licensing.Reserved {
			for _, link := range b.Pools[r.parent].Chain() {
				counted[link.Key].reserved += max(*r.limit, c.used+c.reserved)
			}
		}
		if got := (counts{r.used, r.reserved, r.waiting, r.errors}); got != *c {
			t.Fatalf("P2: %v says %+v, counted %+v", r.key, got, *c)
		}
	}
}
