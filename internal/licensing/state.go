package licensing

import "time"

// PoolState says in one word what a pool can give now (semantics.md §2).
type PoolState string

// The states of a pool.
const (
	OK           PoolState = "OK"
	Full         PoolState = "FULL"
	OverLimit    PoolState = "OVER_LIMIT"
	NotEffective PoolState = "NOT_IN_EFFECT"
)

// Available gives the units left of the pool's own figure, never negative; nil when it is unlimited.
func (p *Pool) Available() *int64 {
	if p.Limit == nil {
		return nil
	}
	left := max(0, *p.Limit-p.Held())
	return &left
}

// OverBy gives the units given out beyond the limit.
func (p *Pool) OverBy() int64 {
	if p.Limit == nil {
		return 0
	}
	return max(0, p.Held()-*p.Limit)
}

// State gives the state of the pool at an instant. Dates come first: nothing can be given outside them, whatever is left.
func (p *Pool) State(now time.Time) PoolState {
	switch available := p.Available(); {
	case !p.InEffect(now):
		return NotEffective
	case p.OverBy() > 0:
		return OverLimit
	case available != nil && *available == 0:
		return Full
	}
	return OK
}
