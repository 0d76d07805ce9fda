package cost

import (
	"math/big"
	"time"

	"github.com/shopspring/decimal"
)

// Per is what a unit price pays for.
type Per string

// What a unit price can pay for: a calendar month, a year that runs from the first day of the license, or all of its term.
const (
	Month Per = "MONTH"
	Year  Per = "YEAR"
	Term  Per = "TERM"
)

// Day is the number of seconds in a day of UTC.
const Day = 86_400

// Price is the price of one unit of a license, and the days on which it is to be paid. Without a first or a last day there is
// no bound on that side.
type Price struct {
	Unit     decimal.Decimal
	Currency string
	Per      Per
	StartsOn *string // YYYY-MM-DD
	EndsOn   *string // YYYY-MM-DD, itself included
}

// Parse makes a price of what a license has recorded. There is none without an amount and a currency, nor for a term of which
// the first or the last day is not known.
func Parse(unit, currency *string, per Per, startsOn, endsOn *string) (*Price, bool) {
	if unit == nil || currency == nil || *currency == "" || per == Term && (startsOn == nil || endsOn == nil) {
		return nil, false
	}
	amount, err := decimal.NewFromString(*unit)
	if err != nil {
		return nil, false
	}
	return &Price{Unit: amount, Currency: *currency, Per: per, StartsOn: startsOn, EndsOn: endsOn}, true
}

// Yearly gives what a unit costs in a year: twelve times a month's price, or 365 days of a term's.
func (p *Price) Yearly() *big.Rat {
	unit := p.Unit.Rat()
	switch p.Per {
	case Month:
		return unit.Mul(unit, big.NewRat(12, 1))
	case Term:
		return unit.Mul(unit, big.NewRat(365, p.termDays()))
	case Year:
	}
	return unit
}

func (p *Price) termDays() int64 {
	return int64(dayAfter(p.EndsOn).Sub(dayOf(p.StartsOn)) / (Day * time.Second))
}

// Span is a part of a period on each day of which a unit costs the same: the unit price divided by Days. Days is 0 where
// nothing is to be paid, because the license has not begun or is over.
type Span struct {
	From, To time.Time
	Days     int64
}

// Spans cuts a period of whole days into spans, in order and without gaps. A nil price costs nothing on any day.
func (p *Price) Spans(from, to time.Time) []Span {
	if p == nil {
		return []Span{{From: from, To: to}}
	}
	var spans []Span
	for at := from; at.Before(to); {
		span := p.around(at)
		span.From = at
		if to.Before(span.To) {
			span.To = to
		}
		spans = append(spans, span)
		at = span.To
	}
	return spans
}

// around gives the span that a day belongs to; only its end and its price are right.
func (p *Price) around(day time.Time) Span {
	if p.StartsOn != nil && day.Before(dayOf(p.StartsOn)) {
		return Span{To: dayOf(p.StartsOn)}
	}
	last := time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	if p.EndsOn != nil {
		if last = dayAfter(p.EndsOn); !day.Before(last) {
			return Span{To: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)}
		}
	}
	begins, ends := p.paidAround(day)
	span := Span{To: ends, Days: int64(ends.Sub(begins) / (Day * time.Second))}
	if last.Before(ends) {
		span.To = last
	}
	return span
}

// paidAround gives the month, the year or the term that a day is in.
func (p *Price) paidAround(day time.Time) (begins, ends time.Time) {
	switch p.Per {
	case Month:
		begins = time.Date(day.Year(), day.Month(), 1, 0, 0, 0, 0, time.UTC)
		return begins, begins.AddDate(0, 1, 0)
	case Term:
		return dayOf(p.StartsOn), dayAfter(p.EndsOn)
	case Year:
	}
	first := time.Date(day.Year(), 1, 1, 0, 0, 0, 0, time.UTC)
	if p.StartsOn != nil {
		first = dayOf(p.StartsOn)
	}
	// Years are counted from the first one, so that one that begins on 29 February does so again in the next leap year.
	n := day.Year() - first.Year()
	if first.AddDate(n, 0, 0).After(day) {
		n--
	}
	return first.AddDate(n, 0, 0), first.AddDate(n+1, 0, 0)
}

// dayOf reads a day that the database has checked.
func dayOf(day *string) time.Time {
	at, _ := time.Parse(time.DateOnly, *day)
	return at
}

func dayAfter(day *string) time.Time { return dayOf(day).AddDate(0, 0, 1) }
