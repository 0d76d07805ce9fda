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

// Period turns the first and the last day of a license, YYYY-MM-DD in UTC and inclusive, into the instant from which and the
// instant before which it is in effect. What is absent, or no date, does not bound it.
func Period(startsOn, endsOn *string) (startsAt, endsAt *time.Time) {
	if day := dayOf(startsOn); day != nil {
		startsAt = day
	}
	if day := dayOf(endsOn); day != nil {
		next := day.AddDate(0, 0, 1)
		endsAt = &next
	}
	return startsAt, endsAt
}

func dayOf(text *string) *time.Time {
	if text == nil {
		return nil
	}
	day, err := time.Parse(time.DateOnly, *text)
	if err != nil {
		return nil
	}
	return &day
}
