package licensing

import "time"

// Lifecycle is where a contract or a license stands between its first day and long after its last.
type Lifecycle string

// The stages of a lifecycle, in their order. Nothing can be assigned from what is not Current, Expiring or, if the settings let
// it, InGrace; seats are kept throughout.
const (
	Upcoming Lifecycle = "UPCOMING" // before the first day
	Current  Lifecycle = "ACTIVE"   // and not about to end
	Expiring Lifecycle = "EXPIRING" // in the last days
	InGrace  Lifecycle = "IN_GRACE" // over, and still to be renewed
	Expired  Lifecycle = "EXPIRED"  // over
	Disabled Lifecycle = "DISABLED" // over for good
)

// Lifecycles lists the stages in their order.
func Lifecycles() []Lifecycle {
	return []Lifecycle{Upcoming, Current, Expiring, InGrace, Expired, Disabled}
}

// Terms are the settings of the policy that say how entitlements end, and how long a purchase reservation can be taken back.
type Terms struct {
	ExpiringDays  int  // how many days before the last day a contract or license is Expiring
	GraceDays     int  // how many days after it is InGrace
	ExpiredDays   int  // and how many more it is Expired, before it is Disabled
	AssignInGrace bool // whether something can be assigned while InGrace
	CancelHours   int  // how many hours before it starts a purchase reservation is binding
}

// DefaultTerms are what holds where the policy says nothing.
var DefaultTerms = Terms{ExpiringDays: 60, GraceDays: 30, ExpiredDays: 90, CancelHours: 72}

// Bounds are the first and last days, YYYY-MM-DD and inclusive, of what is in a stage on a given day. An empty text does not bound.
// Undated tells that what has no last day is in the stage, too.
type Bounds struct {
	StartsFrom, StartsUntil string
	EndsFrom, EndsUntil     string
	Undated                 bool
}

// Bounds gives what is in a stage on a day. It is the one place that says which days belong to which stage.
func (t Terms) Bounds(stage Lifecycle, today time.Time) Bounds {
	day := func(days int) string { return today.AddDate(0, 0, days).Format(time.DateOnly) }
	grace := t.GraceDays
	expired := grace + t.ExpiredDays
	switch stage {
	case Upcoming:
		return Bounds{StartsFrom: day(1), Undated: true}
	case Current:
		return Bounds{StartsUntil: day(0), EndsFrom: day(t.ExpiringDays + 1), Undated: true}
	case Expiring:
		return Bounds{StartsUntil: day(0), EndsFrom: day(0), EndsUntil: day(t.ExpiringDays)}
	case InGrace:
		return Bounds{StartsUntil: day(0), EndsFrom: day(-grace), EndsUntil: day(-1)}
	case Expired:
		return Bounds{StartsUntil: day(0), EndsFrom: day(-expired), EndsUntil: day(-grace - 1)}
	case Disabled:
		return Bounds{StartsUntil: day(0), EndsUntil: day(-expired - 1)}
	}
	return Bounds{StartsFrom: "~"} // no such stage
}

// holds tells whether days are within the bounds; a first day that is missing is long past.
func (b Bounds) holds(startsOn, endsOn *string) bool {
	starts := ""
	if startsOn != nil {
		starts = *startsOn
	}
	if starts < b.StartsFrom || b.StartsUntil != "" && starts > b.StartsUntil {
		return false
	}
	if endsOn == nil {
		return b.Undated
	}
	return *endsOn >= b.EndsFrom && (b.EndsUntil == "" || *endsOn <= b.EndsUntil)
}

// Lifecycle gives the stage on a day, and the last day of that stage: nil if it lasts. Days are YYYY-MM-DD and inclusive.
func (t Terms) Lifecycle(today time.Time, startsOn, endsOn *string) (Lifecycle, *string) {
	stage := Current
	for _, s := range Lifecycles() {
		if t.Bounds(s, today).holds(startsOn, endsOn) {
			stage = s
			break
		}
	}
	switch stage {
	case Upcoming:
		return stage, shifted(startsOn, -1)
	case Current:
		return stage, shifted(endsOn, -t.ExpiringDays-1)
	case Expiring:
		return stage, endsOn
	case InGrace:
		return stage, shifted(endsOn, t.GraceDays)
	case Expired:
		return stage, shifted(endsOn, t.GraceDays+t.ExpiredDays)
	case Disabled:
	}
	return stage, nil
}

// shifted gives the day that is a number of days after a day; nil if there is none.
func shifted(date *string, days int) *string {
	day := dayOf(date)
	if day == nil {
		return nil
	}
	text := day.AddDate(0, 0, days).Format(time.DateOnly)
	return &text
}

// Period gives the instants from which and before which something can be assigned from what has a first and a last day, both
// YYYY-MM-DD in UTC and inclusive. What is absent, or no date, does not bound it.
func (t Terms) Period(startsOn, endsOn *string) (startsAt, endsAt *time.Time) {
	startsAt = dayOf(startsOn)
	if day := dayOf(endsOn); day != nil {
		next := day.AddDate(0, 0, 1+t.graceForSeats())
		endsAt = &next
	}
	return startsAt, endsAt
}

// LastStart and FirstEnd are the days between which something can be assigned today: from what starts on LastStart or before and ends
// on FirstEnd or later.
func (t Terms) LastStart(today time.Time) string { return today.Format(time.DateOnly) }

// FirstEnd is explained at LastStart.
func (t Terms) FirstEnd(today time.Time) string {
	return today.AddDate(0, 0, -t.graceForSeats()).Format(time.DateOnly)
}

func (t Terms) graceForSeats() int {
	if t.AssignInGrace {
		return t.GraceDays
	}
	return 0
}

// Or gives the first of two days that is there: a license without a day of its own has that of its contract.
func Or(own, contract *string) *string {
	if own != nil {
		return own
	}
	return contract
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

// AddMonths gives the same day some months later, or the last day of that month where it has no such day.
func AddMonths(day time.Time, months int) time.Time {
	first := time.Date(day.Year(), day.Month(), 1, 0, 0, 0, 0, time.UTC).AddDate(0, months, 0)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(day.Day(), last)-1)
}

// MonthsAhead gives how many calendar months ahead of a day another one lies: the fewest months after which it is not later. A day
// that is not later lies 0 months ahead.
func MonthsAhead(from, day time.Time) int {
	months := max(0, (day.Year()-from.Year())*12+int(day.Month())-int(from.Month())-1)
	for day.After(AddMonths(from, months)) {
		months++
	}
	return months
}

// Days gives the days from one day to another, negative if it is earlier.
func Days(from, to time.Time) int { return int(to.Sub(from).Hours() / 24) }

// Day gives the day of an instant, UTC.
func Day(at time.Time) time.Time { return at.UTC().Truncate(24 * time.Hour) }

// Anniversary gives the first anniversary of a contract on a day or later: of the day and month of its first day (29 February is
// the 28th where there is none), else the day after its last; nil if the contract has neither or that day is past.
func Anniversary(from time.Time, startsOn, endsOn *string) *time.Time {
	if starts := dayOf(startsOn); starts != nil {
		for year := max(from.Year(), starts.Year()+1); ; year++ {
			day := AddMonths(*starts, 12*(year-starts.Year()))
			if !day.Before(from) {
				return &day
			}
		}
	}
	if ends := dayOf(endsOn); ends != nil {
		if day := ends.AddDate(0, 0, 1); !day.Before(from) {
			return &day
		}
	}
	return nil
}
