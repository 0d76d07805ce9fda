package licensing

// Settle brings one seat in line with its reasons, after the policy has judged those that are new or in error: it is served by
// the oldest reason whose pool has room, else it waits, is in error, or does not come to be (semantics.md §4).
func (b *Book) Settle(seat *Seat) {
	b.admit(seat)
	live := seat.Live()
	switch {
	case seat.State == Active:
		b.keep(seat, live)
		return
	case len(live) == 0:
		if seat.State != None {
			b.place(seat, None, seat.Pool, nil)
			b.retryOthers(seat)
		}
		return
	}
	if errors := verdictErrors(live); len(errors) > 0 {
		b.fail(seat, errors)
		return
	}
	b.seek(seat, live)
}

// keep has a seat that is held stand by its reasons. What is found against a reason that stands by puts that reason alone in error;
// what is found against the one that is served ends its service.
func (b *Book) keep(seat *Seat, live []*Reason) {
	for _, r := range live {
		if r.State != Served && !r.hindered() {
			r.State = Standby
		} else if r.State != Served {
			r.State = Erred
		}
	}
	if served := seat.served(); served != nil && served.hindered() {
		b.handOver(seat, served)
		return
	}
	b.place(seat, Active, seat.Pool, seat.objections())
	b.leaveReplaced(seat)
}

// hindered tells whether something other than room stands against a reason.
func (r *Reason) hindered() bool {
	if r.Verdict == nil {
		return r.State == Erred
	}
	return len(r.Verdict.Errors) > 0
}

// objections are what stands against reasons of a seat that is held by another reason.
func (s *Seat) objections() []Violation {
	for _, r := range s.Live() {
		switch {
		case r.State != Erred:
		case r.Verdict != nil:
			return r.Verdict.Errors
		default:
			return s.Violations
		}
	}
	return nil
}

// seek tries the reasons from the oldest on and leaves the seat served, waiting, in error or gone.
func (b *Book) seek(seat *Seat, live []*Reason) {
	var first obstacle
	undecided := false
	for _, r := range live {
		against := b.try(r)
		if against.none() {
			return
		}
		undecided = undecided || against.undecided
		if first.none() {
			first = against
		}
	}
	if undecided { // the companion's seat comes later in this transaction; if it does not settle this one with it, Next comes back
		b.undecided = append(b.undecided, seat)
		return
	}
	if len(first.errors) > 0 {
		b.failUnit(live[0], first.errors)
		return
	}
	b.await(seat, first)
}

// await queues a seat that found no room, or drops what would rather be denied than wait.
func (b *Book) await(seat *Seat, against obstacle) {
	shortage := []Violation{Shortage(against.pool, 1)}
	for _, r := range seat.Live() {
		if r.DenyWhenFull && r.State == New {
			r.ended = true
			seat.Refused = append(seat.Refused, shortage...)
		}
	}
	live := seat.Live()
	if len(live) == 0 {
		return
	}
	b.queueAll(seat)
	for _, r := range live {
		for _, companion := range b.unit(r) {
			if companion != r && companion.State != Queued {
				b.queueAll(companion.seat)
				b.place(companion.seat, Waiting, companion.seat.Live()[0].Pool, shortage)
				b.touch(companion.seat)
			}
		}
	}
	if !against.elsewhere {
		shortage = nil // the seat's own pools say so, with figures of the moment they are read
	}
	b.place(seat, Waiting, live[0].Pool, shortage)
}

func (b *Book) fail(seat *Seat, errors []Violation) {
	live := seat.Live()
	for _, r := range live {
		b.dequeue(r)
		r.State = Erred
	}
	b.place(seat, Failed, live[0].Pool, errors)
	b.touch(seat)
	for _, r := range live { // whoever must come together with this seat cannot come either
		for _, companion := range b.unit(r) {
			if companion.seat != seat && companion.Verdict != nil && (companion.seat.State != Failed || companion.State == New) {
				b.failUnit(companion, errors)
			}
		}
	}
}

// failUnit puts the seat of a reason that cannot be served because of an error into error itself.
func (b *Book) failUnit(r *Reason, errors []Violation) {
	for _, other := range r.seat.Live() {
		b.dequeue(other)
		other.State = Erred
	}
	b.place(r.seat, Failed, r.seat.Live()[0].Pool, errors)
	b.touch(r.seat)
}

// admit acts on denials: a new reason is dropped, with those that must come together with it; one that was there before keeps
// its intent as an error.
func (b *Book) admit(seat *Seat) {
	for _, r := range seat.Live() {
		if r.Verdict == nil || len(r.Verdict.Denials) == 0 || r.State == Served {
			continue // nobody loses a seat because the policy would not give it again
		}
		if r.stored.there {
			r.Verdict.Errors = append(r.Verdict.Errors, r.Verdict.Denials...)
			continue
		}
		for _, companion := range b.unit(r) {
			if companion != r && companion.State == New {
				companion.ended = true
				companion.seat.Refused = append(companion.seat.Refused, r.Verdict.Denials...)
				b.shake(companion.seat) // it may have been left undecided, with other reasons
			}
		}
		r.ended = true
		seat.Refused = append(seat.Refused, r.Verdict.Denials...)
	}
}

func verdictErrors(reasons []*Reason) []Violation {
	for _, r := range reasons {
		if r.Verdict != nil && len(r.Verdict.Errors) > 0 {
			return r.Verdict.Errors
		}
	}
	return nil
}

// obstacle is what stood against serving a reason.
type obstacle struct {
	pool      *Pool // has no room
	elsewhere bool  // the pool belongs to another license of the same bundle
	part      *Reason
	errors    []Violation
	undecided bool // the policy has still to judge a companion
}

func (o obstacle) none() bool { return o.pool == nil && len(o.errors) == 0 && !o.undecided }

// Unit gives the reasons that are served together or not at all, the given one first.
func (b *Book) Unit(r *Reason) []*Reason { return b.unit(r) }

// unit gives what must be served together with a reason: for an all-or-nothing group, the user's reasons of the same group
// whose seats are not held yet.
func (b *Book) unit(r *Reason) []*Reason {
	unit := []*Reason{r}
	if r.Bundle == 0 {
		return unit
	}
	for _, seat := range r.seat.User.Seats {
		if seat == r.seat || seat.State == Active {
			continue
		}
		for _, other := range seat.Reasons {
			if other.Bundle == r.Bundle && !other.ended {
				unit = append(unit, other)
			}
		}
	}
	return unit
}

// try serves a reason and its unit, or tells what stands against it and leaves everything as it was.
func (b *Book) try(r *Reason) obstacle {
	unit := b.unit(r)
	for _, part := range unit {
		switch {
		case part.State == New && part.Verdict == nil:
			return obstacle{undecided: true}
		case part.Verdict == nil && part.State == Erred:
			return obstacle{errors: part.seat.Violations}
		case part.Verdict != nil && len(part.Verdict.Errors) > 0:
			return obstacle{errors: part.Verdict.Errors}
		case !part.Pool.InEffect(b.Now):
			return obstacle{errors: []Violation{notInEffect(part.Pool)}}
		}
	}
	for i, part := range unit {
		if pool := part.Pool.Binding(1); pool != nil {
			for _, charged := range unit[:i] {
				charged.Pool.Charge(-1)
			}
			return obstacle{pool: pool, elsewhere: part != r, part: part}
		}
		part.Pool.Charge(1)
	}
	for _, part := range unit {
		b.serve(part)
	}
	return obstacle{}
}

// serve makes a reason whose pool was charged the one its seat stands on.
func (b *Book) serve(r *Reason) {
	seat := r.seat
	for _, other := range seat.Live() {
		b.dequeue(other)
		if other.hindered() {
			other.State = Erred
		} else {
			other.State = Standby
		}
	}
	r.State = Served
	came := seat.State != Active
	b.place(seat, Active, r.Pool, seat.objections())
	b.touch(seat)
	if r.Verdict != nil {
		seat.Warnings = append(seat.Warnings, r.Verdict.Warnings...)
	}
	for _, link := range r.Pool.Line() {
		if link.OverLimit() && link.granted != nil {
			seat.Warnings = append(seat.Warnings, overLimit(link))
		}
	}
	if came {
		b.doubt(seat)
		b.retryOthers(seat)
		b.freeCompanions(seat)
	}
	b.leaveReplaced(seat)
}

// doubt takes back what the policy said about the other seats the user waits for: it did not know of this one.
func (b *Book) doubt(seat *Seat) {
	for _, other := range seat.User.Seats {
		for _, r := range other.Reasons {
			if other != seat && r.State == Queued && r.Verdict != nil {
				r.Verdict, r.stale = nil, true
			}
		}
	}
}

// freeCompanions notes the reasons that stood back because an all-or-nothing companion had no room: it is held now, perhaps
// by another reason.
func (b *Book) freeCompanions(seat *Seat) {
	for _, r := range seat.Live() {
		if r.Bundle == 0 {
			continue
		}
		for _, other := range seat.User.Seats {
			for _, companion := range other.Reasons {
				switch {
				case other == seat, companion.Bundle != r.Bundle, companion.ended:
				case companion.State == Queued:
					b.freed = append(b.freed, companion)
				case companion.State == New && companion.Verdict != nil: // left undecided for the sake of this one
					b.shake(other)
				}
			}
		}
	}
}

// leaveReplaced ends what a swap replaced, now that the new seat is held.
func (b *Book) leaveReplaced(seat *Seat) {
	for _, r := range seat.Live() {
		if r.GroupLicense == 0 || r.State == Erred {
			continue
		}
		for _, old := range b.Replaces[r.GroupLicense] {
			for _, other := range seat.User.Seats {
				if gone := other.Find(old); gone != nil {
					b.End(gone)
				}
			}
		}
	}
}

// Promote serves a waiting reason if there is room for it. It tells whether the seat is held now.
func (b *Book) Promote(r *Reason) bool {
	if r.ended || r.State != Queued {
		return false
	}
	if r.stale && r.Verdict == nil { // judged before another seat of the user came: once more
		b.freed = append(b.freed, r)
		return false
	}
	if r.Verdict != nil {
		if errors := append(r.Verdict.Errors, r.Verdict.Denials...); len(errors) > 0 {
			b.fail(r.seat, errors)
			return false
		}
	}
	against := b.try(r)
	switch {
	case len(against.errors) > 0 && r.Pool.InEffect(b.Now):
		b.failUnit(r, against.errors)
	case against.elsewhere: // there is room here, so it is the other pool that has to be named
		b.place(r.seat, Waiting, r.seat.Pool, []Violation{Shortage(against.pool, 1)})
		b.touch(r.seat)
		if other := against.part.seat; other.State == Waiting {
			b.place(other, Waiting, other.Pool, nil)
			b.touch(other)
		}
	}
	return against.none()
}

func notInEffect(pool *Pool) Violation {
	key := pool.Key
	return Violation{Code: NotInEffect, Message: pool.Name + " is not in effect today", Pool: &key}
}

func overLimit(pool *Pool) Violation {
	v := Shortage(pool, 0)
	v.Code, v.Message = OverLimitGranted, "the policy allows "+pool.Name+" to be over its limit"
	v.Requested, v.ShortBy = nil, nil
	return v
}
