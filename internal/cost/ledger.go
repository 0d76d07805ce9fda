package cost

import "time"

// Holding is the time for which a user held a seat that was charged to one pool. Allotment 0 is the license itself.
type Holding struct {
	User, Allotment int64
	From, To        time.Time
}

// Step is the number of units that were bought from a time on. A nil number is unlimited.
type Step struct {
	At    time.Time
	Units *int64
}

// Ledger follows the seats of one license, event after event, and tells who held one from when to when, and how many units
// were bought and held by nobody. Only active seats count.
type Ledger struct {
	steps  []Step // those to come
	bought *int64 // now; nil is unlimited
	held   map[int64]seat
	now    time.Time
	tell   func(Holding)
	spare  func(units int64, from, to time.Time)
}

type seat struct {
	allotment int64
	since     time.Time
}

// NewLedger opens a ledger at a time before the first event. Steps are in order; what was bought first was bought from then on.
// Each holding is told when it ends; spare gets the time in which units were held by nobody.
func NewLedger(begins time.Time, steps []Step, tell func(Holding), spare func(units int64, from, to time.Time)) *Ledger {
	l := &Ledger{held: map[int64]seat{}, now: begins, tell: tell, spare: spare}
	if len(steps) > 0 {
		l.bought, l.steps = steps[0].Units, steps[1:]
	}
	return l
}

// advance counts up to a time. Time does not go back: what was recorded later did not happen earlier.
func (l *Ledger) advance(to time.Time) time.Time {
	for len(l.steps) > 0 && !l.steps[0].At.After(to) {
		l.idle(l.steps[0].At)
		l.bought, l.steps = l.steps[0].Units, l.steps[1:]
	}
	l.idle(to)
	return l.now
}

func (l *Ledger) idle(to time.Time) {
	if !to.After(l.now) {
		return
	}
	if l.bought != nil && *l.bought > int64(len(l.held)) {
		l.spare(*l.bought-int64(len(l.held)), l.now, to)
	}
	l.now = to
}

// Hold notes that a user has a seat charged to a pool from a time on, whether or not they had one before.
func (l *Ledger) Hold(user, allotment int64, at time.Time) {
	at = l.advance(at)
	l.drop(user, at)
	l.held[user] = seat{allotment: allotment, since: at}
}

// Move notes that a seat, if it is held, is charged to another pool from a time on.
func (l *Ledger) Move(user, allotment int64, at time.Time) {
	if _, holds := l.held[user]; holds {
		l.Hold(user, allotment, at)
	}
}

// Drop notes that a user holds no seat from a time on.
func (l *Ledger) Drop(user int64, at time.Time) {
	l.drop(user, l.advance(at))
}

func (l *Ledger) drop(user int64, at time.Time) {
	s, holds := l.held[user]
	if !holds {
		return
	}
	delete(l.held, user)
	if at.After(s.since) {
		l.tell(Holding{User: user, Allotment: s.allotment, From: s.since, To: at})
	}
}

// Close tells what is still held at the end of the period.
func (l *Ledger) Close(at time.Time) {
	at = l.advance(at)
	for user := range l.held {
		l.drop(user, at)
	}
}
