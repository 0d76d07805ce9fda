package cost

import (
	"math/big"
	"slices"
	"sort"
	"time"

	"github.com/shopspring/decimal"
)

// Tally is unit-time, in whole seconds, kept apart by the number of days that the unit price is divided by. So sums of it are
// exact however many are added.
type Tally struct{ parts []part }

type part struct{ days, seconds int64 }

func (t *Tally) add(days, seconds int64) {
	if seconds == 0 {
		return
	}
	i, found := slices.BinarySearchFunc(t.parts, days, func(p part, days int64) int { return int(p.days - days) })
	if !found {
		t.parts = slices.Insert(t.parts, i, part{days: days})
	}
	t.parts[i].seconds += seconds
}

// Add counts a number of units from one instant to another, each cut to its second, over spans that are in order.
func (t *Tally) Add(spans []Span, units int64, from, to time.Time) {
	from, to = from.Truncate(time.Second), to.Truncate(time.Second)
	first := sort.Search(len(spans), func(i int) bool { return spans[i].To.After(from) })
	for _, span := range spans[first:] {
		if !span.From.Before(to) {
			return
		}
		begins, ends := later(from, span.From), earlier(to, span.To)
		if begins.Before(ends) {
			t.add(span.Days, units*int64(ends.Sub(begins)/time.Second))
		}
	}
}

// Merge adds another tally.
func (t *Tally) Merge(other *Tally) {
	for _, p := range other.parts {
		t.add(p.days, p.seconds)
	}
}

// Seconds gives the whole time, paid for or not.
func (t *Tally) Seconds() int64 {
	var sum int64
	for _, p := range t.parts {
		sum += p.seconds
	}
	return sum
}

// UnitDays gives the whole time in days, exactly.
func (t *Tally) UnitDays() *big.Rat { return big.NewRat(t.Seconds(), Day) }

// Shares gives what part of the months, years or terms that the price pays for the time is, exactly.
func (t *Tally) Shares() *big.Rat {
	sum := new(big.Rat)
	for _, p := range t.parts {
		if p.days != 0 {
			sum.Add(sum, new(big.Rat).SetFrac(big.NewInt(p.seconds), new(big.Int).Mul(big.NewInt(Day), big.NewInt(p.days))))
		}
	}
	return sum
}

// Cost gives what the time costs at a unit price, exactly.
func (t *Tally) Cost(unit decimal.Decimal) *big.Rat {
	sum := t.Shares()
	return sum.Mul(sum, unit.Rat())
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
