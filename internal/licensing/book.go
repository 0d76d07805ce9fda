package licensing

import (
	"slices"
	"time"
)

// maxRounds bounds how often one seat is settled in a transaction. A seat is settled again when another seat of the same user
// came or went, so the number of licenses a user can hold bounds it in practice.
const maxRounds = 16

// Book is the working set of one transaction: the pools that are locked, and the users whose seats change. It holds the rules
// of semantics.md §4 and nothing else; what the policy says reaches it as verdicts on reasons.
type Book struct {
	Now   time.Time
	Pools map[PoolKey]*Pool
	Users map[int64]*User
	// Replaces names, for a group license that a swap introduced, those its members leave once they hold the new seat: several if a
	// swap was swapped before it was through.
	Replaces map[int64][]int64

	// Turn numbers the request that is being carried out, where one transaction carries out several.
	Turn int

	shaken  []*Seat
	touched []*Seat
	queued  []*Reason // queued in this transaction, not yet in the stored queue
	freed   []*Reason // waiting, and no longer held back by a companion

	roots []*Pool // the licenses among the pools, when there were so many pools
	seen  int

	undecided []*Seat // left for the sake of a companion that was still to be judged
}

// NewBook makes an empty working set at a point in time.
func NewBook(now time.Time) *Book {
	return &Book{Now: now, Pools: map[PoolKey]*Pool{}, Users: map[int64]*User{}, Replaces: map[int64][]int64{}}
}

// Replace notes that members of one group license leave it once they hold a seat by another.
func (b *Book) Replace(old, by int64) {
	for other := range b.Replaces {
		b.Replaces[other] = slices.DeleteFunc(b.Replaces[other], func(id int64) bool { return id == old })
	}
	b.Replaces[by] = append(b.Replaces[by], old)
}

// Replaced gives the group licenses that others replace.
func (b *Book) Replaced() map[int64]bool {
	replaced := map[int64]bool{}
	for _, olds := range b.Replaces {
		for _, old := range olds {
			replaced[old] = true
		}
	}
	return replaced
}

// User gives the user with the id, known or not yet known to hold anything.
func (b *Book) User(id int64) *User {
	user := b.Users[id]
	if user == nil {
		user = &User{ID: id}
		b.Users[id] = user
	}
	return user
}

// Below gives the locked pools directly below one, in the order of their keys.
func (b *Book) Below(pool *Pool) []*Pool {
	var children []*Pool
	for _, child := range b.Pools {
		if child.Parent == pool {
			children = append(children, child)
		}
	}
	slices.SortFunc(children, func(x, y *Pool) int { return x.Key.Compare(y.Key) })
	return children
}

// Touched gives the seats that may have something to write, in the order they were first touched.
func (b *Book) Touched() []*Seat { return b.touched }

// Queued gives the reasons that were queued in this transaction and still wait.
func (b *Book) Queued() []*Reason {
	return slices.DeleteFunc(slices.Clone(b.queued), func(r *Reason) bool { return r.ended || r.State != Queued })
}

// Freed gives, once, the waiting reasons that an all-or-nothing companion held back until now.
func (b *Book) Freed() []*Reason {
	freed := slices.DeleteFunc(b.freed, func(r *Reason) bool { return r.ended || r.State != Queued })
	b.freed = nil
	return freed
}

// Want adds a reason to a user's seat of the license its pool belongs to. It counts once it is settled.
func (b *Book) Want(user *User, r *Reason) {
	r.Created = b.Now
	seat := user.Seat(r.Pool.Key.License)
	seat.add(r)
	b.shake(seat)
}

// End takes a reason away. What it held is handed over or released when the seat is settled.
func (b *Book) End(r *Reason) {
	if r.ended {
		return
	}
	b.dequeue(r)
	r.ended = true
	b.shake(r.seat)
}

// Retry has the seats of a user that are in error judged again.
func (b *Book) Retry(user *User) {
	for _, seat := range user.Seats {
		b.retry(seat)
	}
}

func (b *Book) retry(seat *Seat) {
	erred := seat.State == Failed
	for _, r := range seat.Reasons {
		if r.State == Erred && !r.ended {
			r.Verdict, erred = nil, true
		}
	}
	if erred {
		b.shake(seat)
	}
}

// Reconsider has a reason judged again, because what it asks for became more.
func (b *Book) Reconsider(r *Reason) {
	if r.State != Served && r.State != Standby {
		return // it is judged anyway, before it is served
	}
	r.Verdict, r.reconsidered = nil, true
	b.shake(r.seat)
}

// Fail puts a seat into error whatever it was, keeping the intent: what it held is released.
func (b *Book) Fail(seat *Seat, violations []Violation) {
	if seat.State == Active {
		seat.Pool.Charge(-1)
		seat.Pool.root().shrink()
	}
	if served := seat.served(); served != nil {
		served.State = New
	}
	live := seat.Live()
	for _, r := range live {
		b.dequeue(r)
		r.State = Erred
	}
	b.place(seat, Failed, live[0].Pool, violations)
	b.touch(seat)
}

func (b *Book) shake(seat *Seat) {
	b.touch(seat)
	if !seat.shaken && seat.rounds < maxRounds {
		seat.shaken = true
		b.shaken = append(b.shaken, seat)
	}
}

func (b *Book) touch(seat *Seat) {
	if !seat.listed {
		seat.listed = true
		b.touched = append(b.touched, seat)
	}
}

// Release settles what has ended: a seat whose served reason is gone passes to the next oldest reason whose pool has room,
// waits if none has, and is released when no reason is left (semantics.md §4). Of a license whose overage shrinks, what was released
// or given back is gone before anybody can have it (semantics.md §6).
func (b *Book) Release() {
	for _, seat := range b.shaken {
		if served := seat.served(); served != nil && served.ended {
			b.handOver(seat, served)
		} else if seat.State != Active && seat.State != None && len(seat.Live()) == 0 {
			b.place(seat, None, seat.Pool, nil)
			b.retryOthers(seat)
		}
	}
	for _, license := range b.licenses() {
		license.shrink()
	}
}

// licenses gives the pools that are licenses: few, where pools may be many.
func (b *Book) licenses() []*Pool {
	if b.seen == len(b.Pools) {
		return b.roots
	}
	b.seen, b.roots = len(b.Pools), nil
	for key, pool := range b.Pools {
		if key.IsLicense() {
			b.roots = append(b.roots, pool)
		}
	}
	return b.roots
}

func (b *Book) handOver(seat *Seat, served *Reason) {
	served.State = New
	from := seat.Pool
	from.Charge(-1)
	live := seat.Live()
	for _, r := range live {
		if r.State != Standby && r.State != Queued {
			continue
		}
		if same := r.Pool == from; same || r.Pool.InEffect(b.Now) && r.Pool.Binding(1) == nil {
			if same && r.Pool.Binding(1) != nil {
				r.Pool.Keep()
			}
			r.Pool.Charge(1)
			b.serve(r)
			return
		}
	}
	from.root().shrink() // handing over takes nothing back; this does
	if len(live) == 0 {
		b.place(seat, None, from, nil)
		b.retryOthers(seat)
		return
	}
	switch {
	case slices.ContainsFunc(live, (*Reason).hindered): // nothing else can serve: the seat is in error as a whole, and judged so next
		errors := verdictErrors(live)
		if len(errors) == 0 {
			errors = seat.Violations
		}
		b.fail(seat, errors)
	case b.queueAll(seat):
		b.place(seat, Waiting, live[0].Pool, nil)
	default: // what is left is new, and judged next
		b.place(seat, None, from, nil)
	}
	b.retryOthers(seat)
}

// queueAll queues every judged reason of a seat and tells whether there was one.
func (b *Book) queueAll(seat *Seat) bool {
	any := false
	for _, r := range seat.Live() {
		if r.State != New || r.Verdict != nil {
			b.enqueue(r)
			any = true
		}
	}
	return any
}

// Next gives the seats of one license that are still to be judged, and takes them off the list; nil when all are settled.
// Licenses come one after the other, so that a verdict on the second sees what the first has become.
func (b *Book) Next() []*Seat {
	if len(b.shaken) == 0 {
		for _, seat := range b.undecided {
			if slices.ContainsFunc(seat.Live(), func(r *Reason) bool { return r.State == New }) {
				b.shake(seat)
			}
		}
		b.undecided = nil
	}
	var next, rest []*Seat
	for _, seat := range b.shaken {
		if len(next) == 0 || seat.License < next[0].License {
			rest = append(rest, next...)
			next = []*Seat{seat}
		} else if seat.License == next[0].License {
			next = append(next, seat)
		} else {
			rest = append(rest, seat)
		}
	}
	b.shaken = rest
	for _, seat := range next {
		seat.shaken = false
		seat.rounds++
	}
	return next
}

// Unjudged gives the live reasons of a seat on which the policy has still to be asked.
func (s *Seat) Unjudged() []*Reason {
	var reasons []*Reason
	for _, r := range s.Reasons {
		if !r.ended && r.Verdict == nil && (r.State == New || r.State == Erred || r.reconsidered) {
			reasons = append(reasons, r)
		}
	}
	return reasons
}

func (b *Book) enqueue(r *Reason) {
	if r.State == Queued {
		return
	}
	r.State = Queued
	r.WaitingSince = b.Now
	if r.Verdict != nil {
		r.Priority = r.Verdict.Priority
	}
	r.Pool.Waiting++
	b.queued = append(b.queued, r)
}

func (b *Book) dequeue(r *Reason) {
	if r.State == Queued {
		r.State = Standby
		r.WaitingSince = time.Time{}
		r.Pool.Waiting--
	}
}

// place moves a seat into a state, and keeps the pools' count of errors.
func (b *Book) place(seat *Seat, state SeatState, pool *Pool, violations []Violation) {
	if seat.State == Failed {
		seat.Pool.Errors--
	}
	if state == Failed {
		pool.Errors++
	}
	if seat.State != state {
		seat.Since = b.Now
	}
	if seat.stored.state == None && seat.State == None {
		seat.Created = b.Now
	}
	seat.State, seat.Pool, seat.Violations, seat.Turn = state, pool, violations, b.Turn
}

// retryOthers has the user's seats in error judged again: something relevant changed.
func (b *Book) retryOthers(changed *Seat) {
	for _, seat := range changed.User.Seats {
		if seat != changed {
			b.retry(seat)
		}
	}
}

// SettleNow settles one seat whose new reasons are judged already, at once: for requests that serve their users in the order
// they name them.
func (b *Book) SettleNow(seat *Seat) {
	seat.shaken = false
	b.shaken = slices.DeleteFunc(b.shaken, func(s *Seat) bool { return s == seat })
	b.Settle(seat)
}
