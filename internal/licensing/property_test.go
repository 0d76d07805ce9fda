package licensing_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/licensing"
)

// Random operations on random trees keep the ledger: after each transaction everything is recounted.
func TestRandomOperationsKeepTheBooks(t *testing.T) {
	seeds, steps := uint64(500), 120
	if testing.Short() {
		seeds = 20
	}
	for seed := range seeds {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1)) // the same run every time
			l := newLedger(r, 2)
			over := map[licensing.PoolKey]bool{}
			for range steps {
				b := l.open()
				t.Log(l.step(r, b, over)) // shown when the seed fails
				l.settle(b)
				for _, p := range b.Pools {
					p.Revoke()
				}
				before := l.stocks()
				l.commit(t, b)
				l.checkOverage(t, before)
				l.check(t)
				l.checkLimits(t, over)
			}
		})
	}
}

// The same operations have the same outcome, whatever else they are done with: what is recorded can be run again.
func TestTheSameOperationsHaveTheSameOutcome(t *testing.T) {
	run := func(seed uint64) string {
		r := rand.New(rand.NewPCG(seed, 3))
		l := newLedger(r, 5)
		over := map[licensing.PoolKey]bool{}
		for range 60 {
			b := l.open()
			l.step(r, b, over)
			l.settle(b)
			l.commit(t, b)
		}
		text := fmt.Sprint(l.reasons)
		for _, at := range slices.SortedFunc(maps.Keys(l.seats), func(a, b [2]int64) int { return slices.Compare(a[:], b[:]) }) {
			violations, err := json.Marshal(l.seats[at].violations)
			if err != nil {
				t.Fatal(err)
			}
			text += fmt.Sprint("\n", at, l.seats[at].state, l.seats[at].pool, string(violations))
		}
		return text
	}
	for seed := range uint64(200) {
		first := run(seed)
		for range 5 {
			if again := run(seed); again != first {
				t.Fatalf("seed %d: once\n%s\nand once\n%s", seed, first, again)
			}
		}
	}
}

const (
	people = 12
	groups = 4
)

// newLedger makes licenses with trees of allotments below them.
func newLedger(r *rand.Rand, licenses int64) *ledger {
	l := &ledger{licenses: licenses, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), seats: map[[2]int64]seatRow{}, blocked: map[int64]bool{}, ranks: map[int64]float64{}}
	for user := range int64(people) {
		l.ranks[user] = float64(r.IntN(2))
	}
	for key := range licenses {
		top := &row{key: licensing.PoolKey{License: key + 1}, mode: licensing.Reserved, stock: &licensing.Stock{Quantity: int64(r.IntN(12))}}
		top.limit, top.ceiling = top.stock.Limit(), top.stock.Limit()
		l.pools = append(l.pools, top)
		for n := range r.IntN(6) {
			l.addAllotment(r, key+1, int64(n+1))
		}
	}
	return l
}

// addAllotment makes an allotment below a pool of the license that has room for it.
func (l *ledger) addAllotment(r *rand.Rand, license, n int64) {
	b := l.open()
	var within []*licensing.Pool
	for _, x := range l.pools {
		if x.key.License == license {
			within = append(within, b.Pools[x.key])
		}
	}
	parent := within[r.IntN(len(within))]
	made := &row{key: licensing.PoolKey{License: license, Allotment: n}, parent: parent.Key, mode: licensing.Ceiling}
	if r.IntN(2) == 0 {
		made.mode = licensing.Reserved
	}
	if made.mode == licensing.Reserved || r.IntN(4) > 0 {
		limit := int64(r.IntN(5))
		if made.mode == licensing.Reserved && parent.Binding(limit) != nil {
			limit = 0
		}
		made.limit, made.ceiling = &limit, number(limit)
	}
	if made.mode == licensing.Reserved {
		for _, link := range parent.Chain() {
			for _, x := range l.pools {
				if x.key == link.Key {
					x.reserved += *made.limit
				}
			}
		}
	}
	l.pools = append(l.pools, made)
}

// step does one thing a command could do, and tells what. Pools that it puts over their limit, or could, are noted.
func (l *ledger) step(r *rand.Rand, b *licensing.Book, over map[licensing.PoolKey]bool) string {
	user := b.User(int64(r.IntN(people)))
	pool := b.Pools[l.pools[r.IntN(len(l.pools))].key]
	switch r.IntN(9) {
	case 0, 1:
		return l.assign(r, b, user, pool)
	case 2, 3:
		return l.join(r, b, user)
	case 4, 5:
		return l.end(r, b)
	case 6:
		return l.setLimit(r, pool, over)
	case 7:
		if r.IntN(2) == 0 && pool.Limit != nil {
			pool.Grant(*pool.Limit + 1)
			over[pool.Key] = true
			b.Want(user, &licensing.Reason{Pool: pool, GroupLicense: 1000 + l.next})
			return "grant an overage"
		}
		l.blocked[user.ID] = !l.blocked[user.ID]
		b.Retry(user)
		if r.IntN(2) == 0 {
			return "block or unblock"
		}
		for _, seat := range user.Seats {
			for _, reason := range seat.Live() {
				b.Reconsider(reason)
			}
		}
		return "block or unblock, and reconsider"
	default:
		for _, seat := range user.Seats {
			if len(seat.Live()) > 0 {
				b.Fail(seat, []licensing.Violation{{Code: licensing.UserDisabled}})
			}
		}
		return "disable"
	}
}

func (l *ledger) assign(r *rand.Rand, b *licensing.Book, user *licensing.User, pool *licensing.Pool) string {
	if user.Seat(pool.Key.License).Find(0) != nil {
		return "nothing"
	}
	b.Want(user, &licensing.Reason{Pool: pool, DenyWhenFull: r.IntN(2) == 0})
	return "assign"
}

// join gives the user what a group grants: one pool of each license. The first two groups are all or nothing.
func (l *ledger) join(r *rand.Rand, b *licensing.Book, user *licensing.User) string {
	group := int64(r.IntN(groups)) + 1
	for license := range l.licenses {
		grant := group*10 + license
		var pools []*licensing.Pool
		for _, x := range l.pools {
			if x.key.License == license+1 {
				pools = append(pools, b.Pools[x.key])
			}
		}
		if user.Seat(license+1).Find(grant) != nil || grant == 30 && user.Seat(2).Find(31) != nil {
			continue
		}
		reason := &licensing.Reason{GroupLicense: grant, Pool: pools[int(group*3+license)%len(pools)]}
		if group <= 2 {
			reason.Bundle = group
		}
		b.Want(user, reason)
	}
	return "join"
}

func (l *ledger) end(r *rand.Rand, b *licensing.Book) string {
	if len(l.reasons) == 0 {
		return "nothing"
	}
	gone := l.reasons[r.IntN(len(l.reasons))]
	for _, reason := range b.User(gone.user).Seat(gone.pool.License).Live() {
		if reason.ID == gone.id || gone.bundle != 0 && reason.Bundle == gone.bundle && r.IntN(2) == 0 {
			b.End(reason)
		}
	}
	return "end"
}

func (l *ledger) setLimit(r *rand.Rand, pool *licensing.Pool, over map[licensing.PoolKey]bool) string {
	if pool.Limit == nil {
		return "nothing"
	}
	limit := int64(r.IntN(12))
	if pool.Parent != nil && pool.Mode == licensing.Reserved {
		if more := max(limit, pool.Held()) - pool.Carve(); more > 0 && pool.Parent.Binding(more) != nil {
			return "nothing"
		}
	}
	over[pool.Key] = true
	if pool.Stock == nil {
		pool.SetLimit(&limit)
		return "set a limit"
	}
	stock := *pool.Stock
	switch r.IntN(3) {
	case 0:
		stock.Quantity = limit
		pool.Restock(stock)
		return "buy or give back"
	case 1:
		stock.Overage, stock.Shrinks = limit/2, false
		pool.Restock(stock)
		return "allow an overage"
	}
	pool.Restock(stock.WithoutUnused(pool.Held()))
	return "remove the unused overage"
}

// checkOverage holds an overage that shrinks to what is held beyond what was bought; without a step that says so it never grows.
func (l *ledger) checkOverage(t *testing.T, before map[licensing.PoolKey]licensing.Stock) {
	t.Helper()
	for _, r := range l.pools {
		if r.stock == nil {
			continue
		}
		if *r.limit != r.stock.Quantity+r.stock.Overage {
			t.Fatalf("%v has the limit %d of %+v", r.key, *r.limit, *r.stock)
		}
		if was := before[r.key]; r.stock.Shrinks && (r.stock.Unused(r.used+r.reserved) > 0 || was.Shrinks && r.stock.Overage > was.Overage) {
			t.Fatalf("%v holds %d and has an overage that shrinks: %+v, before %+v", r.key, r.used+r.reserved, *r.stock, was)
		}
	}
}

// stocks notes what the licenses' limits are made of.
func (l *ledger) stocks() map[licensing.PoolKey]licensing.Stock {
	all := map[licensing.PoolKey]licensing.Stock{}
	for _, r := range l.pools {
		if r.stock != nil {
			all[r.key] = *r.stock
		}
	}
	return all
}

// checkLimits is P1: nothing is held beyond the limit of a pool that was neither lowered nor granted an overage.
func (l *ledger) checkLimits(t *testing.T, over map[licensing.PoolKey]bool) {
	t.Helper()
	for _, r := range l.pools {
		if r.limit == nil {
			continue
		}
		if r.used+r.reserved <= *r.limit {
			delete(over, r.key)
		} else if !over[r.key] {
			t.Fatalf("P1: %v holds %d + %d of %d", r.key, r.used, r.reserved, *r.limit)
		}
	}
}
