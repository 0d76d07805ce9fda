package licensing

import (
	"cmp"
	"math"
	"time"
)

// Mode says how an allotment draws on its parent (semantics.md §2).
type Mode string

// A Reserved allotment is carved out of its parent; a Ceiling allotment caps without a guarantee and charges its parent too.
// A license is Reserved: nothing is charged above it.
const (
	Reserved Mode = "RESERVED"
	Ceiling  Mode = "CEILING"
)

// MaxDepth is how deep allotments may nest (P6).
const MaxDepth = 8

// Pool is anything that can run out: a license or an allotment, with the figures of one moment and what a transaction has
// changed of them. A nil Limit is unlimited.
type Pool struct {
	Key      PoolKey
	Name     string
	Mode     Mode
	Parent   *Pool // nil for a license
	Limit    *int64
	Stock    *Stock // what the limit of a license is made of; nil for an allotment
	Ceiling  *int64 // what used + reserved may not pass in the database
	Used     int64
	Reserved int64
	Waiting  int64
	Errors   int64
	StartsAt *time.Time
	EndsAt   *time.Time

	granted *int64 // how far the policy lets the present request fill the pool, if further than the limit
	lifted  int64  // the most that was held beyond the limit under such a grant
	stored  figures
	touched bool
}

type figures struct {
	used, reserved, waiting, errors int64
	ceiling                         *int64
	limit                           *int64
	stock                           Stock
}

// Load marks the present figures as the stored ones.
func (p *Pool) Load() *Pool {
	p.stored = p.figures()
	return p
}

func (p *Pool) figures() figures {
	f := figures{used: p.Used, reserved: p.Reserved, waiting: p.Waiting, errors: p.Errors, ceiling: p.Ceiling, limit: p.Limit}
	if p.Stock != nil {
		f.stock = *p.Stock
	}
	return f
}

// Chain gives the pools a seat of this pool charges: itself and, as long as a pool is a CEILING, its parent.
func (p *Pool) Chain() []*Pool {
	chain := []*Pool{p}
	for p.Mode == Ceiling && p.Parent != nil {
		p = p.Parent
		chain = append(chain, p)
	}
	return chain
}

// Line gives the pool and everything above it, up to the license.
func (p *Pool) Line() []*Pool {
	var line []*Pool
	for ; p != nil; p = p.Parent {
		line = append(line, p)
	}
	return line
}

// Base gives the pool at the upper end of the chain: the one whose units the whole chain shares.
func (p *Pool) Base() *Pool {
	for p.Mode == Ceiling && p.Parent != nil {
		p = p.Parent
	}
	return p
}

// Grant lets this transaction fill the pool up to a number above its limit, as the policy said (semantics.md §7, ceiling). A
// number at or below the limit changes nothing.
func (p *Pool) Grant(upTo int64) {
	if p.Limit != nil && upTo > *p.Limit {
		p.granted = &upTo
	}
}

// Revoke ends what Grant gave.
func (p *Pool) Revoke() { p.granted = nil }

// Room tells how many more units this pool itself can take; never negative. An unlimited pool has room without end.
func (p *Pool) Room() int64 {
	if p.Limit == nil {
		return math.MaxInt64
	}
	top := *p.Limit
	if p.granted != nil {
		top = *p.granted
	}
	return max(0, top-p.Used-p.Reserved)
}

// InEffect tells whether something can be assigned from the pool now: it and all above it are within their dates.
func (p *Pool) InEffect(now time.Time) bool {
	for _, pool := range p.Line() {
		if pool.StartsAt != nil && now.Before(*pool.StartsAt) || pool.EndsAt != nil && !now.Before(*pool.EndsAt) {
			return false
		}
	}
	return true
}

// Held is what the pool has given away.
func (p *Pool) Held() int64 { return p.Used + p.Reserved }

// Carve is what a RESERVED allotment takes out of its parent: its limit or, while it holds more than that because the limit was
// lowered or the policy granted an overage, what it holds. So a unit is never counted in two places.
func (p *Pool) Carve() int64 {
	if p.Limit == nil {
		return p.Held()
	}
	return max(*p.Limit, p.Held())
}

// Binding gives the pool that has no room for n more units drawn here, the lowest one if several have none, or nil when all
// have. What a RESERVED pool holds beyond its limit has to find room in its parent.
func (p *Pool) Binding(n int64) *Pool {
	for pool := p; pool != nil; {
		for _, link := range pool.Chain() {
			if link.Room() < n {
				return link
			}
		}
		base := pool.Base()
		over := base.Held() + n - base.Carve()
		if over <= 0 || base.Parent == nil {
			return nil
		}
		pool, n = base.Parent, over
	}
	return nil
}

// Draws gives how many units can be drawn here at most before some pool binds, counting no overage that the policy grants.
func (p *Pool) Draws() int64 {
	room := int64(math.MaxInt64)
	for _, link := range p.Chain() {
		room = min(room, link.Room())
	}
	return room
}

// Shortage explains that a pool could not give what was asked (semantics.md §7, INSUFFICIENT_POOL).
func Shortage(pool *Pool, requested int64) Violation {
	key, limit, used := pool.Key, pool.Limit, pool.Used
	available := pool.Room()
	short := requested - available
	return Violation{
		Code: InsufficientPool, Message: "not enough units left in " + pool.Name, Pool: &key,
		Limit: limit, Used: &used, Requested: &requested, Available: &available, ShortBy: &short,
	}
}

// Charge counts n more seats here and along the chain; a negative n gives them back.
func (p *Pool) Charge(n int64) { p.draw(n, 0) }

// Reserve carves n units out of the pool for a RESERVED allotment below it, or gives them back when n is negative.
func (p *Pool) Reserve(n int64) { p.draw(0, n) }

func (p *Pool) draw(used, reserved int64) {
	base := p.Base()
	carved := base.Carve()
	for _, link := range p.Chain() {
		link.Used += used
		link.Reserved += reserved
		link.touched = true
		if link.granted != nil {
			link.lifted = max(link.lifted, link.Held())
		}
	}
	base.passOn(carved)
}

// passOn takes what the pool now carves out of its parent beyond a former figure.
func (p *Pool) passOn(carved int64) {
	if p.Parent != nil && p.Mode == Reserved && p.Carve() != carved {
		p.Parent.Reserve(p.Carve() - carved)
	}
}

// SetLimit gives the pool another limit; nil is unlimited. Nothing that is held is taken away, and a RESERVED allotment's
// parent gives or gets the difference.
func (p *Pool) SetLimit(limit *int64) {
	carved := p.Carve()
	p.Limit = limit
	p.touched = true
	p.passOn(carved)
}

// Change is what a transaction has to write of a pool: differences for the counts, so that a wrong program cannot overwrite
// them, and the new limit and ceiling.
type Change struct {
	Key                             PoolKey
	Used, Reserved, Waiting, Errors int64
	Limit, Ceiling                  *int64
	Stock                           *Stock // what the limit is made of, if that changed
}

// Change gives what is to be written, and whether anything is. The ceiling rises only when the limit rose or the policy granted
// it, and comes down with use: so the database's own check refuses what neither allowed.
func (p *Pool) Change() (Change, bool) {
	ceiling := p.nextCeiling()
	now := p.figures()
	now.ceiling = ceiling
	if !p.touched && now.waiting == p.stored.waiting && now.errors == p.stored.errors {
		return Change{}, false
	}
	change := Change{
		Key: p.Key, Used: p.Used - p.stored.used, Reserved: p.Reserved - p.stored.reserved,
		Waiting: p.Waiting - p.stored.waiting, Errors: p.Errors - p.stored.errors, Limit: p.Limit, Ceiling: ceiling,
	}
	if p.Stock != nil && now.stock != p.stored.stock {
		change.Stock = p.Stock
	}
	return change, true
}

func (p *Pool) nextCeiling() *int64 {
	if p.Limit == nil {
		return nil
	}
	top := max(*p.Limit, p.lifted) // what was neither granted nor held before may not be held now
	if p.stored.ceiling != nil {
		top = max(top, *p.stored.ceiling)
	} else {
		top = max(top, p.stored.used+p.stored.reserved)
	}
	ceiling := min(top, max(*p.Limit, p.Held()))
	return &ceiling
}

// OverLimit tells whether more is held than the limit says.
func (p *Pool) OverLimit() bool { return p.Limit != nil && p.Held() > *p.Limit }

// Keep lets a unit that was just given back be taken again although the pool is over its limit: handing a seat from one reason
// to the next takes nothing new.
func (p *Pool) Keep() {
	for _, link := range p.Chain() {
		link.lifted = max(link.lifted, link.Held()+1)
	}
}

// Compare orders pools by license, a license before its allotments.
func (k PoolKey) Compare(other PoolKey) int {
	return cmp.Or(cmp.Compare(k.License, other.License), cmp.Compare(k.Allotment, other.Allotment))
}
