package history

import (
	"cmp"
	"context"
	"maps"
	"math/big"
	"slices"
	"time"

	"github.com/ringfence/ringfence/internal/cost"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
)

// most is how many users and pools a report names.
const most = 20

// rank is the order of directions, the dangerous first.
var rank = map[Direction]int{Looser: 0, Stricter: 1, Gone: 2, Failed: 3, Otherwise: 4}

// report tells how requests are decided otherwise.
func (r *replay) report() *Report {
	p := &Report{Revision: r.Policy.Revision(), From: r.first, Until: r.record.until, Counts: r.counts, Differences: slices.Collect(maps.Values(r.groups))}
	p.Counts.Skipped = r.record.skipped
	slices.SortFunc(p.Differences, func(a, b *Difference) int {
		return cmp.Or(cmp.Compare(rank[a.Direction], rank[b.Direction]), -cmp.Compare(a.Count, b.Count), cmp.Compare(a.Action, b.Action), cmp.Compare(a.Was, b.Was),
			cmp.Compare(a.Is, b.Is))
	})
	return p
}

// side is what became of everything in one of the two databases, by keys of the record.
type side struct {
	*course
	overage  map[int64]excess
	products map[int64]product
	peaks    map[licensing.PoolKey]peak
	waits    map[holder]wait
	costs    map[int64]*big.Rat
}

// compare tells what became of seats, pools and money then and now.
func (r *replay) compare(ctx context.Context, p *Report) error {
	then, err := r.side(ctx, true)
	if err != nil {
		return err
	}
	now, err := r.side(ctx, false)
	if err != nil {
		return err
	}
	p.SameCourse = then.same(now.course)
	p.Changes = Pair{int64(len(then.changes)), int64(len(now.changes))}
	p.Users, p.MoreUsers = users(then, now)
	p.Pools, p.MorePools = pools(then, now)
	p.Licenses = licenses(then, now)
	p.Costs = totals(then, now)
	return nil
}

func (r *replay) side(ctx context.Context, recorded bool) (*side, error) {
	from, journal, canon := r.Scratch, int64(1<<62), r.names.from
	if recorded {
		from, journal, canon = r.Recorded, r.record.journal, func(_ id.Noun, key int64) int64 { return key }
	}
	s := &side{}
	var err error
	until := r.record.until
	if s.course, err = follow(ctx, from, until, journal, canon); err != nil {
		return nil, err
	}
	if s.overage, err = overages(ctx, from, until, canon); err != nil {
		return nil, err
	}
	if s.products, err = products(ctx, from, canon); err != nil {
		return nil, err
	}
	s.peaks, s.waits, s.costs = s.course.peaks(), s.course.waits(until), s.course.costs(s.products, r.first, until)
	return s, nil
}

// label is a key as clients see it; empty for what is not in the record.
func label(noun id.Noun, key int64) string {
	if key <= 0 {
		return ""
	}
	return id.Of(noun, key).String()
}

// both are the keys of two maps, in order.
func both[K comparable, A, B any](a map[K]A, b map[K]B, order func(x, y K) int) []K {
	all := map[K]bool{}
	for k := range a {
		all[k] = true
	}
	for k := range b {
		all[k] = true
	}
	return slices.SortedFunc(maps.Keys(all), order)
}

func byHolder(a, b holder) int {
	return cmp.Or(cmp.Compare(a.license, b.license), cmp.Compare(a.user, b.user))
}

// users are those who stand otherwise at the end, and those who waited otherwise: first who won or lost a seat, then who waited most
// longer or shorter.
func users(then, now *side) (list []User, more int) {
	for _, who := range slices.SortedFunc(maps.Keys(seen(then, now)), byHolder) {
		was, is := then.stands[who], now.stands[who]
		waited := Pair{seconds(then.waits[who].sum), seconds(now.waits[who].sum)}
		if was == is && waited.Then == waited.Now {
			continue
		}
		list = append(list, User{ID: label(id.User, who.user), License: label(id.License, who.license), Then: string(was.state), Now: string(is.state), Waited: waited})
	}
	slices.SortStableFunc(list, func(a, b User) int {
		return cmp.Or(cmp.Compare(urgency(a), urgency(b)), -cmp.Compare(abs(a.Waited.Now-a.Waited.Then), abs(b.Waited.Now-b.Waited.Then)))
	})
	return cut(list)
}

// urgency puts those first whose state is another one.
func urgency(u User) int {
	if u.Then != u.Now {
		return 0
	}
	return 1
}

func seen(then, now *side) map[holder]bool {
	all := map[holder]bool{}
	for _, of := range []*side{then, now} {
		for who := range of.stands {
			all[who] = true
		}
		for who := range of.waits {
			all[who] = true
		}
	}
	return all
}

func abs(n int64) int64 { return max(n, -n) }

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// cut gives the first of a list and how many are left out.
func cut[T any](list []T) (first []T, more int) {
	if len(list) <= most {
		return list, 0
	}
	return list[:most], len(list) - most
}

// pools are those whose peak is another one, those first whose peak differs most.
func pools(then, now *side) (list []Pool, more int) {
	for _, key := range both(then.peaks, now.peaks, func(a, b licensing.PoolKey) int {
		return cmp.Or(cmp.Compare(a.License, b.License), cmp.Compare(a.Allotment, b.Allotment))
	}) {
		was, is := then.peaks[key], now.peaks[key]
		if was.used == is.used {
			continue
		}
		p := Pool{ID: label(id.License, key.License), Name: nameOf(then, now, key.License), Peak: Pair{was.used, is.used}, ThenAt: was.at, NowAt: is.at}
		if key.Allotment != 0 {
			p.ID, p.Name = label(id.Allotment, key.Allotment), cmp.Or(then.shares[key.Allotment].name, now.shares[key.Allotment].name)
		}
		list = append(list, p)
	}
	slices.SortStableFunc(list, func(a, b Pool) int { return -cmp.Compare(abs(a.Peak.Now-a.Peak.Then), abs(b.Peak.Now-b.Peak.Then)) })
	return cut(list)
}

func nameOf(then, now *side, license int64) string {
	return cmp.Or(then.products[license].name, now.products[license].name)
}

// licenses tells of every license what became of it.
func licenses(then, now *side) []License {
	var list []License
	for _, key := range both(then.products, now.products, cmp.Compare[int64]) {
		l := License{ID: label(id.License, key), Name: nameOf(then, now, key), Overage: Pair{then.overage[key].most, now.overage[key].most},
			OverageHours: Pair{int64(then.overage[key].unitHours), int64(now.overage[key].unitHours)}}
		if price := cmp.Or(then.products[key].price, now.products[key].price); price != nil {
			l.Cost = Amount{amount(then.costs[key], price.Currency), amount(now.costs[key], price.Currency), price.Currency}
		}
		list = append(list, l)
	}
	at := map[int64]*License{}
	for i, key := range both(then.products, now.products, cmp.Compare[int64]) {
		at[key] = &list[i]
	}
	for who := range seen(then, now) {
		if l := at[who.license]; l != nil {
			l.count(then.stands[who].state, now.stands[who].state)
			l.Waited.Then += seconds(then.waits[who].sum)
			l.Waited.Now += seconds(now.waits[who].sum)
			l.LongestWait.Then = max(l.LongestWait.Then, seconds(then.waits[who].longest))
			l.LongestWait.Now = max(l.LongestWait.Now, seconds(now.waits[who].longest))
		}
	}
	return list
}

// count adds a user to the license.
func (l *License) count(was, is licensing.SeatState) {
	for _, of := range []struct {
		state licensing.SeatState
		pair  *Pair
	}{{licensing.Active, &l.Active}, {licensing.Waiting, &l.Waiting}, {licensing.Failed, &l.Errors}} {
		if was == of.state {
			of.pair.Then++
		}
		if is == of.state {
			of.pair.Now++
		}
	}
	if was != licensing.Active && is == licensing.Active {
		l.Gained++
	}
	if was == licensing.Active && is != licensing.Active {
		l.Lost++
	}
}

func amount(money *big.Rat, currency string) string {
	if money == nil {
		money = new(big.Rat)
	}
	places := cost.Places(currency)
	return cost.Round(money, places).StringFixed(places)
}

// totals adds up what seats cost, by currency.
func totals(then, now *side) []Cost {
	sums := map[string]*[2]*big.Rat{}
	for i, of := range []*side{then, now} {
		for license, money := range of.costs {
			currency := of.products[license].price.Currency
			if sums[currency] == nil {
				sums[currency] = &[2]*big.Rat{new(big.Rat), new(big.Rat)}
			}
			sums[currency][i].Add(sums[currency][i], money)
		}
	}
	var list []Cost
	for _, currency := range slices.Sorted(maps.Keys(sums)) {
		list = append(list, Cost{currency, amount(sums[currency][0], currency), amount(sums[currency][1], currency)})
	}
	return list
}
