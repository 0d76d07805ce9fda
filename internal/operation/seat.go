package operation

import (
	"context"
	"fmt"
	"slices"

	"github.com/ringfence/ringfence/ent"
	entseat "github.com/ringfence/ringfence/ent/seat"
	entuser "github.com/ringfence/ringfence/ent/user"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
)

// maxUsers is how many users a direct request may name.
const maxUsers = 10_000

func (c *AssignSeats) action() string { return "assignSeats" }

func (c *AssignSeats) check() error {
	if err := targetOf(c.AllotmentID, c.LicenseID); err != nil {
		return err
	}
	if c.WhenFull != nil && !slices.Contains([]string{whenFullWait, whenFullDeny, whenFullDenyAll}, *c.WhenFull) {
		return fault.Invalid("whenFull", "whenFull is WAIT, DENY or DENY_ALL")
	}
	return checkUsers(c.UserIDs)
}

func checkUsers(ids []id.ID) error {
	if len(ids) == 0 || len(ids) > maxUsers {
		return fault.Invalid("userIds", "name 1 to %d users", maxUsers)
	}
	return nil
}

func (c *AssignSeats) whenFull() string {
	if c.WhenFull == nil {
		return whenFullDeny
	}
	return *c.WhenFull
}

func (c *AssignSeats) whole() bool {
	return c.Atomic != nil && *c.Atomic || c.whenFull() == whenFullDenyAll
}

// prepare reads for one command what the lane reads for many.
func (c *AssignSeats) prepare(ctx context.Context, r *reading) (*plan[SeatsPayload], error) {
	return prepareSeats(ctx, r, c)
}

// combinable is a request for seats of named users. Many of them can share one transaction.
type combinable interface {
	Command[SeatsPayload]
	where() (allotment, license *id.ID)
	users() []id.ID
	// whole tells that the request is refused as a whole if one user of it is: it needs a transaction it can give up.
	whole() bool
	// ask completes the question; pool and users are locked and known.
	ask(ctx context.Context, r *reading, pool *licensing.Pool, question *policy.Input) error
	// intend changes the reasons of the users in the book, and returns the outcome of each.
	intend(ctx context.Context, w *writing, pool *licensing.Pool) ([]*outcome, error)
}

// outcome is what becomes of one user of a request.
type outcome struct {
	user       int64
	seat       *licensing.Seat
	violations []licensing.Violation
	served     bool // a unit was given, queued or recorded
}

// prepareSeats locks, reads and asks for one request of its own.
func prepareSeats(ctx context.Context, r *reading, c combinable) (*plan[SeatsPayload], error) {
	t, err := r.find(ctx, first(c.where()), second(c.where()))
	if err != nil {
		return nil, err
	}
	if err := r.gather(ctx, []*target{t}, keys(c.users(), id.User)); err != nil {
		return nil, err
	}
	pool, ask, err := r.questionSeats(ctx, c, t)
	if err != nil {
		return nil, err
	}
	return &plan[SeatsPayload]{ask: ask, hidden: r.hides(ctx, pool, t), write: func(ctx context.Context, w *writing) (*SeatsPayload, error) {
		outcomes, err := w.carryOut(ctx, c, pool)
		if err != nil {
			return nil, err
		}
		if err := w.settle(ctx); err != nil {
			return nil, err
		}
		if err := w.flush(ctx); err != nil {
			return nil, err
		}
		return &SeatsPayload{Results: resultsOf(outcomes, w.facts.people)}, nil
	}}, nil
}

func first[A, B any](a A, _ B) A  { return a }
func second[A, B any](_ A, b B) B { return b }

// gather locks the licenses of the targets and the users, and reads all that decisions about them may rest on.
func (r *reading) gather(ctx context.Context, targets []*target, users []int64) error {
	var licenses []int64
	for _, t := range targets {
		licenses = append(licenses, t.key.License)
	}
	if err := r.lockLicenses(ctx, licenses); err != nil {
		return err
	}
	if err := r.loadPeople(ctx, users); err != nil {
		return err
	}
	return r.loadSeats(ctx, users)
}

// questionSeats puts the question for one request; its pool is locked, its users are known.
func (r *reading) questionSeats(ctx context.Context, c combinable, t *target) (*licensing.Pool, *policy.Input, error) {
	pool := r.book.Pools[t.key]
	if pool == nil {
		return nil, nil, t.missing()
	}
	ask := &policy.Input{
		Now: r.Now(), Action: c.action(), Principal: r.who.facts(),
		Pools: r.questionPools(pool, int64(len(c.users()))),
	}
	return pool, ask, c.ask(ctx, r, pool, ask)
}

func (c *AssignSeats) where() (allotment, license *id.ID) { return c.AllotmentID, c.LicenseID }

func (c *AssignSeats) users() []id.ID { return c.UserIDs }

func (c *AssignSeats) disabled() []int {
	plans := make([]int, 0, len(c.DisabledPlanIDs))
	for _, plan := range c.DisabledPlanIDs {
		plans = append(plans, int(plan.Key(id.ServicePlan)))
	}
	slices.Sort(plans)
	return slices.Compact(plans)
}

func (c *AssignSeats) ask(ctx context.Context, r *reading, pool *licensing.Pool, question *policy.Input) error {
	license := pool.Key.License
	if err := r.checkPlans(ctx, c.DisabledPlanIDs, license); err != nil {
		return err
	}
	question.License = r.questionLicense(license, c.disabled())
	for i, key := range keys(c.UserIDs, id.User) {
		u := r.facts.users[key]
		if u == nil && !r.mayBeHidden(ctx, pool) {
			return fault.Missing(fmt.Sprintf("userIds.%d", i), "user")
		}
		if u == nil || !r.seesUser(ctx, pool, u) {
			// Somebody outside the scope and somebody who does not exist must look alike to a delegate, in the record too.
			question.Subjects = append(question.Subjects, policy.Subject{Type: entuser.TypeMEMBER.String(), Enabled: true, Via: policy.ViaDirect})
			if r.strangers == nil {
				r.strangers = map[int64]bool{}
			}
			r.strangers[key] = true
			continue
		}
		question.Subjects = append(question.Subjects, r.subject(u, r.book.User(key).Seat(license), nil, policy.ViaDirect))
	}
	return nil
}

// mayBeHidden tells whether the caller may meet users here they are not to know of: whoever does not see all users, unless they are
// a delegate here and no scope limits whom they may serve.
func (r *reading) mayBeHidden(ctx context.Context, pool *licensing.Pool) bool {
	if r.seesAll(ctx, "user") {
		return false
	}
	for _, p := range pool.Line() {
		if scope := r.facts.scopes[p.Key.Allotment]; !scope.Empty() {
			return true
		}
	}
	return !r.delegateAbove(pool)
}

// carryOut changes the reasons as an allowed request asks, first letting the queues have what is theirs.
func (w *writing) carryOut(ctx context.Context, c combinable, pool *licensing.Pool) ([]*outcome, error) {
	w.grant(w.answer.Ceilings)
	if err := w.promote(ctx); err != nil {
		return nil, err
	}
	return c.intend(ctx, w, pool)
}

func (c *AssignSeats) intend(ctx context.Context, w *writing, pool *licensing.Pool) ([]*outcome, error) {
	outcomes := make([]*outcome, len(c.UserIDs))
	var against []licensing.Violation
	w.decision.violations = nil
	sees := w.seesSeats(ctx)
	for i, key := range keys(c.UserIDs, id.User) {
		outcomes[i] = c.intendOne(w, pool, key, w.answer.Subjects[i], i)
		if seat := outcomes[i].seat; !sees && seat != nil && seat.Find(0) != nil && seat.Find(0).Pool != pool {
			// The user holds what another allotment gave. A delegate of this one is not shown it, and must not count on it.
			outcomes[i] = &outcome{user: key, violations: []licensing.Violation{{
				Code: AssignedElsewhere, Message: "the user has a seat of this license that was assigned from elsewhere",
			}}}
		}
		outcomes[i].violations = slices.Clone(outcomes[i].violations)
		for j := range outcomes[i].violations {
			outcomes[i].violations[j].Field = fmt.Sprintf("userIds.%d", i)
		}
		against = append(against, outcomes[i].violations...)
	}
	if len(against) == 0 {
		return outcomes, nil
	}
	if c.whole() {
		return nil, refuse(against...)
	}
	w.decision.violations = against
	w.decision.allow = slices.ContainsFunc(outcomes, func(o *outcome) bool { return o.served })
	return outcomes, nil
}

func (c *AssignSeats) intendOne(w *writing, pool *licensing.Pool, key int64, answer policy.SubjectAnswer, at int) *outcome {
	o := &outcome{user: key}
	if w.strangers[key] { // whatever the policy thinks of somebody it was told nothing about
		o.violations = []licensing.Violation{outOfScope(pool)}
		return o
	}
	if len(answer.Denials) > 0 {
		o.violations = answer.Denials
		return o
	}
	user := w.book.User(key)
	if seat := user.Find(pool.Key.License); seat != nil && seat.Find(0) != nil {
		o.seat, o.served = seat, true
		return o
	}
	if len(answer.Errors) > 0 && c.whole() {
		o.violations = answer.Errors
		return o
	}
	verdict := verdictOf(answer)
	w.book.Want(user, &licensing.Reason{Pool: pool, Disabled: c.disabled(), DenyWhenFull: c.whenFull() != whenFullWait, Verdict: &verdict})
	o.seat = user.Find(pool.Key.License)
	o.seat.Asked = at
	w.book.SettleNow(o.seat)
	o.violations = append(slices.Clone(answer.Errors), o.seat.Refused...)
	o.served = len(o.seat.Refused) == 0
	w.decision.warnings = append(w.decision.warnings, o.seat.Warnings...)
	o.seat.Refused, o.seat.Warnings = nil, nil
	if !o.served && o.seat.State == licensing.None {
		o.seat = nil
	}
	return o
}

func (c *UnassignSeats) action() string { return "unassignSeats" }

func (c *UnassignSeats) check() error {
	if err := targetOf(c.AllotmentID, c.LicenseID); err != nil {
		return err
	}
	return checkUsers(c.UserIDs)
}

func (c *UnassignSeats) prepare(ctx context.Context, r *reading) (*plan[SeatsPayload], error) {
	return prepareSeats(ctx, r, c)
}

func (c *UnassignSeats) where() (allotment, license *id.ID) { return c.AllotmentID, c.LicenseID }

func (c *UnassignSeats) whole() bool { return false }

func (c *UnassignSeats) users() []id.ID { return c.UserIDs }

func (c *UnassignSeats) ask(ctx context.Context, r *reading, pool *licensing.Pool, question *policy.Input) error {
	question.License = r.questionLicense(pool.Key.License, nil)
	for i, key := range keys(c.UserIDs, id.User) {
		if r.facts.users[key] == nil && !r.mayBeHidden(ctx, pool) {
			return fault.Missing(fmt.Sprintf("userIds.%d", i), "user")
		}
	}
	return nil
}

func outOfScope(pool *licensing.Pool) licensing.Violation {
	key := pool.Key
	return licensing.Violation{Code: licensing.OutOfScope, Message: "the user is outside the scope of " + pool.Name, Pool: &key}
}

// AssignedElsewhere is why a user who was assigned a seat from another pool of the license is not assigned one here: a user holds
// one seat per license (P3). NotDirect and NotAssignedHere are why a direct assignment cannot be taken back.
const (
	AssignedElsewhere = "ASSIGNED_ELSEWHERE"
	NotDirect         = "ASSIGNED_BY_GROUP"
	NotAssignedHere   = "NOT_ASSIGNED_HERE"
)

func (c *UnassignSeats) intend(ctx context.Context, w *writing, pool *licensing.Pool) ([]*outcome, error) {
	outcomes := make([]*outcome, len(c.UserIDs))
	sees := w.seesSeats(ctx)
	for i, key := range keys(c.UserIDs, id.User) {
		o := &outcome{user: key}
		outcomes[i] = o
		seat := w.book.User(key).Find(pool.Key.License)
		if seat == nil || len(seat.Live()) == 0 {
			continue
		}
		o.seat = seat
		reason := seat.Find(0)
		if !pool.Key.IsLicense() && !sees && !slices.ContainsFunc(seat.Live(), func(x *licensing.Reason) bool { return x.Pool == pool }) {
			o.seat = nil // to a delegate, what others gave is not there
			continue
		}
		switch {
		case reason == nil:
			o.violations = []licensing.Violation{{Code: NotDirect, Field: fmt.Sprintf("userIds.%d", i),
				Message: "the seat comes from a group: remove the user from the group, or exclude them from its license"}}
		case !pool.Key.IsLicense() && reason.Pool != pool:
			o.seat = nil
			o.violations = []licensing.Violation{{Code: NotAssignedHere, Field: fmt.Sprintf("userIds.%d", i),
				Message: "the seat was not assigned from this allotment"}}
		default:
			w.book.End(reason)
			o.served = true
		}
		w.decision.violations = append(w.decision.violations, o.violations...)
	}
	w.decision.allow = len(w.decision.violations) < len(outcomes)
	w.book.Release()
	return outcomes, nil
}

// resultsOf turns outcomes into what clients see.
func resultsOf(outcomes []*outcome, people map[int64]*ent.User) []*SeatResult {
	results := make([]*SeatResult, len(outcomes))
	for i, o := range outcomes {
		results[i] = &SeatResult{User: people[o.user], Violations: o.violations}
		if results[i].User == nil { // outside the scope, or not there: the same to the caller
			results[i].User = &ent.User{ID: o.user}
		}
		if o.seat != nil && o.seat.State != licensing.None {
			results[i].Seat = seatEntity(o.seat)
		}
	}
	return results
}

func seatEntity(s *licensing.Seat) *ent.Seat {
	return &ent.Seat{
		ID: s.ID, LicenseID: s.License, UserID: s.User.ID, AllotmentID: s.Pool.Key.Allotment, State: entseat.State(s.State),
		Since: s.Since, CreatedAt: s.Created, Violations: s.Violations,
	}
}
