package licensing_test

import (
	"testing"

	"github.com/ringfence/ringfence/internal/licensing"
)

// WX-19 of semantics.md, and what follows from it.
func TestUnusedOverage(t *testing.T) {
	for _, c := range []struct {
		stock         licensing.Stock
		held          int64
		overage       int64
		limit         int64
		shrinks, same bool
	}{
		{stock: licensing.Stock{Quantity: 1000, Overage: 200}, held: 1100, overage: 100, limit: 1100, shrinks: true},
		{stock: licensing.Stock{Quantity: 1000, Overage: 200}, held: 900, overage: 0, limit: 1000},
		{stock: licensing.Stock{Quantity: 1000, Overage: 200}, held: 1200, overage: 200, limit: 1200, shrinks: true},
		{stock: licensing.Stock{Quantity: 1000, Overage: 200}, held: 1300, overage: 200, limit: 1200, shrinks: true}, // the limit was lowered, or the policy let it be passed
		{stock: licensing.Stock{Quantity: 1000, Committed: 50, Overage: 200}, held: 1100, overage: 50, limit: 1100, shrinks: true},
		{stock: licensing.Stock{Quantity: 1000}, held: 1100, overage: 0, limit: 1000},
	} {
		got := c.stock.WithoutUnused(c.held)
		if got.Overage != c.overage || *got.Limit() != c.limit || got.Shrinks != c.shrinks {
			t.Errorf("%+v with %d held becomes %+v", c.stock, c.held, got)
		}
		if got.WithoutUnused(c.held) != got {
			t.Errorf("%+v: twice is more than once", c.stock)
		}
	}
	boundless := licensing.Stock{Unlimited: true, Overage: 5}.WithoutUnused(100)
	if boundless.Overage != 0 || boundless.Shrinks || boundless.Limit() != nil {
		t.Errorf("nothing needs an overage without a limit: %+v", boundless)
	}
}

// A seat that is released takes the overage down before the queue moves; one that is handed over does not.
func TestAnOverageShrinksBeforeTheQueueMoves(t *testing.T) {
	l := stocked(licensing.Stock{Quantity: 1, Overage: 1, Shrinks: true}, 2)
	b := book(l)
	direct, second := holder(b, l, 1, 0, 7), holder(b, l, 2, 0)
	waiting := queued(b, l, 3)

	b.End(direct.Find(0)) // another reason stands by
	b.Release()
	if direct.State != licensing.Active || l.Stock.Overage != 1 || *l.Limit != 2 {
		t.Fatalf("a seat that was handed over: %s, %+v", direct.State, *l.Stock)
	}
	b.End(second.Find(0))
	b.Release()
	if l.Stock.Overage != 0 || *l.Limit != 1 || l.Used != 1 || l.Stock.Shrinks || b.Promote(waiting) {
		t.Fatalf("a seat that was released: %+v, limit %d, used %d", *l.Stock, *l.Limit, l.Used)
	}
	b.End(direct.Find(7))
	b.Release()
	if *l.Limit != 1 || l.Used != 0 || !b.Promote(waiting) {
		t.Fatalf("without an overage the queue moves: limit %d, used %d", *l.Limit, l.Used)
	}
	change, changed := l.Change()
	if !changed || change.Stock == nil || change.Stock.Overage != 0 || *change.Limit != 1 || change.Used != -1 {
		t.Errorf("to be written: %+v", change)
	}
}

// What a lowered or deleted share gives back goes the same way.
func TestAnOverageShrinksWithWhatIsGivenBack(t *testing.T) {
	l := stocked(licensing.Stock{Quantity: 5, Overage: 5, Shrinks: true}, 0)
	l.Reserved = 10
	b := book(l.Load())
	l.Reserve(-3)
	b.Release()
	if l.Stock.Overage != 2 || *l.Limit != 7 {
		t.Errorf("%+v, limit %d", *l.Stock, *l.Limit)
	}
	l.Restock(licensing.Stock{Quantity: 6, Overage: 2, Shrinks: true}) // one more is bought
	b.Release()
	if l.Stock.Overage != 1 || *l.Limit != 7 {
		t.Errorf("%+v, limit %d: what is bought takes the place of what was not", *l.Stock, *l.Limit)
	}
}

func stocked(s licensing.Stock, used int64) *licensing.Pool {
	return (&licensing.Pool{Key: licensing.PoolKey{License: 1}, Mode: licensing.Reserved, Stock: &s, Limit: s.Limit(), Ceiling: s.Limit(), Used: used}).Load()
}

func book(l *licensing.Pool) *licensing.Book {
	b := licensing.NewBook(noon)
	b.Pools[l.Key] = l
	return b
}

// holder gives a user a seat that stands on the first of some reasons: 0 is direct, anything else a group license.
func holder(b *licensing.Book, l *licensing.Pool, user int64, reasons ...int64) *licensing.Seat {
	seat := &licensing.Seat{ID: user, License: 1, State: licensing.Active, Pool: l}
	b.User(user).LoadSeat(seat)
	for i, grant := range reasons {
		state := licensing.Standby
		if i == 0 {
			state = licensing.Served
		}
		seat.LoadReason(&licensing.Reason{ID: 10*user + int64(i), GroupLicense: grant, Pool: l, State: state})
	}
	return seat
}

func queued(b *licensing.Book, l *licensing.Pool, user int64) *licensing.Reason {
	seat := &licensing.Seat{ID: user, License: 1, State: licensing.Waiting, Pool: l}
	b.User(user).LoadSeat(seat)
	r := &licensing.Reason{ID: 10 * user, Pool: l, State: licensing.Queued, Verdict: &licensing.Verdict{}}
	seat.LoadReason(r)
	l.Waiting++
	l.Load()
	return r
}
