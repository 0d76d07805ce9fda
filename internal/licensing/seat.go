package licensing

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// SeatState is where a seat stands (semantics.md §1).
type SeatState string

// The states of a seat. None is a seat that is not there: before it exists and after its last reason ended.
const (
	None    SeatState = ""
	Active  SeatState = "ACTIVE"
	Waiting SeatState = "WAITING"
	Failed  SeatState = "ERROR"
)

// ReasonState is where one reason of a seat stands.
type ReasonState string

// The states of a reason: New until it is settled, Served when the seat is charged to its pool, Standby when another reason is
// served, Queued when it waits at its pool, Erred when something other than room stands against it.
const (
	New     ReasonState = ""
	Served  ReasonState = "SERVED"
	Standby ReasonState = "STANDBY"
	Queued  ReasonState = "WAITING"
	Erred   ReasonState = "ERROR"
)

// Verdict is what the policy said about one user and one reason.
type Verdict struct {
	Denials  []Violation // the user is not served by this reason at all
	Errors   []Violation // the intent is kept and tried again
	Warnings []Violation
	Priority float64
}

// Reason is why a user should have a seat: a direct assignment, or a group license.
type Reason struct {
	ID           int64 // 0 until stored
	GroupLicense int64 // 0: direct
	Bundle       int64 // the group whose all-or-nothing set this belongs to; 0: none
	Pool         *Pool
	State        ReasonState
	Created      time.Time
	Priority     float64
	WaitingSince time.Time // zero unless Queued
	Disabled     []int     // plans a direct assignment switches off
	DenyWhenFull bool      // rather than wait, a new direct reason is dropped

	Verdict *Verdict // nil until asked in this transaction
	stale   bool     // it was asked, and what it knew has changed
	// reconsidered tells that the policy is to be asked although the reason is served or stands by.
	reconsidered bool
	ended        bool
	seat         *Seat
	stored       reasonImage
}

type reasonImage struct {
	there    bool
	state    ReasonState
	pool     PoolKey
	priority float64
	since    time.Time
}

// Seat is one user's hold on one license.
type Seat struct {
	ID         int64 // 0 until stored
	License    int64
	User       *User
	State      SeatState
	Pool       *Pool // charged when Active; else the pool of the oldest reason
	Since      time.Time
	Created    time.Time
	Violations []Violation
	Reasons    []*Reason // oldest first

	Asked    int         // the place in the request, where the request gives an order
	Turn     int         // the Book's turn in which the seat last changed
	Refused  []Violation // why reasons that came in this transaction were dropped
	Warnings []Violation // what the policy or the ledger remarked on while serving
	stored   seatImage
	shaken   bool // a reason came or ended, or something about the user changed
	rounds   int
	listed   bool
}

type seatImage struct {
	state      SeatState
	pool       PoolKey
	violations string
}

// User is what the ledger knows of a user.
type User struct {
	ID int64
	// Seats are in the order of their licenses: what one seat does to the others of its user comes in the same order each time, so that
	// the same requests have the same outcome.
	Seats []*Seat
}

// Find gives the user's seat of a license; nil if there is none.
func (u *User) Find(license int64) *Seat {
	if at, found := u.search(license); found {
		return u.Seats[at]
	}
	return nil
}

func (u *User) search(license int64) (int, bool) {
	return slices.BinarySearchFunc(u.Seats, license, func(s *Seat, license int64) int { return cmp.Compare(s.License, license) })
}

// Seat gives the user's seat of a license, making an empty one if there is none.
func (u *User) Seat(license int64) *Seat {
	at, found := u.search(license)
	if !found {
		u.Seats = slices.Insert(u.Seats, at, &Seat{License: license, User: u})
	}
	return u.Seats[at]
}

// LoadSeat puts a stored seat under the user.
func (u *User) LoadSeat(seat *Seat) {
	seat.User = u
	seat.stored = seatImage{state: seat.State, pool: poolKey(seat.Pool), violations: signature(seat.Violations)}
	if at, found := u.search(seat.License); found {
		u.Seats[at] = seat
	} else {
		u.Seats = slices.Insert(u.Seats, at, seat)
	}
}

// LoadReason puts a stored reason under its seat; reasons must come oldest first.
func (s *Seat) LoadReason(r *Reason) {
	r.seat = s
	r.stored = reasonImage{there: true, state: r.State, pool: poolKey(r.Pool), priority: r.Priority, since: r.WaitingSince}
	s.Reasons = append(s.Reasons, r)
}

func (s *Seat) add(r *Reason) {
	r.seat = s
	s.Reasons = append(s.Reasons, r)
	slices.SortStableFunc(s.Reasons, func(a, b *Reason) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.order(), b.order()))
	})
}

// order puts stored reasons of the same time before new ones, in the order they were stored.
func (r *Reason) order() int64 {
	if r.ID == 0 {
		return 1<<63 - 1
	}
	return r.ID
}

// Seat gives the seat this is a reason of.
func (r *Reason) Seat() *Seat { return r.seat }

// Ended tells whether the reason is gone.
func (r *Reason) Ended() bool { return r.ended }

// Find gives the live reason of a group license, or the direct one for 0; nil if there is none.
func (s *Seat) Find(groupLicense int64) *Reason {
	for _, r := range s.Reasons {
		if r.GroupLicense == groupLicense && !r.ended {
			return r
		}
	}
	return nil
}

// Live gives the reasons that have not ended, oldest first.
func (s *Seat) Live() []*Reason {
	live := make([]*Reason, 0, len(s.Reasons))
	for _, r := range s.Reasons {
		if !r.ended {
			live = append(live, r)
		}
	}
	return live
}

func (s *Seat) served() *Reason {
	for _, r := range s.Reasons {
		if r.State == Served {
			return r
		}
	}
	return nil
}

// signature tells two explanations apart without their figures, which change with every write elsewhere.
func signature(violations []Violation) string {
	var b strings.Builder
	for _, v := range violations {
		fmt.Fprintf(&b, "%s %v\n", v.Code, keyOf(v.Pool))
	}
	return b.String()
}

func keyOf(key *PoolKey) PoolKey {
	if key == nil {
		return PoolKey{}
	}
	return *key
}

func poolKey(p *Pool) PoolKey {
	if p == nil {
		return PoolKey{}
	}
	return p.Key
}

// Transition is the difference between what is stored of a seat and what it is now.
type Transition int

// What is to be done with a row.
const (
	Keep Transition = iota
	Insert
	Update
	Delete
)

// Transition tells what is to be written of the seat.
func (s *Seat) Transition() Transition {
	switch now := (seatImage{state: s.State, pool: poolKey(s.Pool), violations: signature(s.Violations)}); {
	case s.stored.state == None && s.State == None:
		return Keep
	case s.stored.state == None:
		return Insert
	case s.State == None:
		return Delete
	case now != s.stored:
		return Update
	}
	return Keep
}

// Was gives the stored state of the seat.
func (s *Seat) Was() SeatState { return s.stored.state }

// WasIn gives the pool the seat was stored with.
func (s *Seat) WasIn() PoolKey { return s.stored.pool }

// Transition tells what is to be written of the reason.
func (r *Reason) Transition() Transition {
	now := reasonImage{there: !r.ended, state: r.State, pool: poolKey(r.Pool), priority: r.Priority, since: r.WaitingSince}
	switch {
	case !r.stored.there && r.ended, now == r.stored:
		return Keep
	case !r.stored.there:
		return Insert
	case r.ended:
		return Delete
	}
	return Update
}
