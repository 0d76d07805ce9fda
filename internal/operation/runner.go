package operation

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/feed"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/store"
)

// Command is one thing the system can do, on its way to the payload P. The types of this package are the only commands.
type Command[P any] interface {
	request() *Request
	// action names the operation: the mutation's root field.
	action() string
	// check looks at the input alone; its errors name the field.
	check() error
	// prepare locks what the command draws on, reads the facts and puts the question to the policy.
	prepare(ctx context.Context, r *reading) (*plan[P], error)
}

// plan is what a command means to do: the question for the policy, and the writes that an allowing answer sets free.
type plan[P any] struct {
	// before are questions that must be answered first, if there are any: of a request that is several in one.
	before []*policy.Input
	ask    *policy.Input
	write  func(ctx context.Context, w *writing) (*P, error)
	// hidden tells what is answered instead of a denial when the target is something the caller may not see.
	hidden unseen
}

// Config names the parts a Runner is made of.
type Config struct {
	Store  *store.Store
	Policy *policy.Engine
	Logger *slog.Logger
	// DefaultLocation is the usage location of users who have none (ISO 3166-1 alpha-2); empty is none.
	DefaultLocation string
	// Apart has the runner answer by the policy the engine was made with, whatever was published.
	Apart bool
	// Witness, if it is there, hears every decision the policy took, once it is recorded. It must not make anybody wait.
	Witness Witness
}

// Runner takes commands through lock, facts, policy, rule, write and record, in one transaction each.
type Runner struct {
	Config
	publications *Publications
	lane         *lane
	unfinished   chan struct{}
	related      atomic.Pointer[[]int64] // licenses that were last seen to be locked together (lockRelated)
	homes        sync.Map                // the licenses of allotments, by their keys
	kept         sync.Map                // revisions of policies whose text is known to be kept (policyInUse)
	day          atomic.Int64            // up to which purchase reservations were started (Daybreak), in days since 1970
	dawn         sync.Mutex              // held while those of a day are
	dusk         time.Time               // until when that is not tried again; under dawn
}

// NewRunner makes a runner. Close ends what it has running.
func NewRunner(cfg Config) *Runner {
	r := &Runner{Config: cfg, unfinished: make(chan struct{}, 1)}
	r.publications = &Publications{Store: cfg.Store, Policy: cfg.Policy, Logger: cfg.Logger}
	r.lane = newLane(r)
	return r
}

// Close waits for what has begun and refuses what comes after.
func (r *Runner) Close() { r.lane.close() }

// Run carries out a command for the principal of the context. A denial comes back as POLICY_DENIED with the violations and
// the recorded decision; other errors are those of semantics.md §8.
func Run[P any](ctx context.Context, r *Runner, cmd Command[P]) (*P, error) {
	who := identity.FromContext(ctx)
	if who == nil {
		return nil, fault.New(fault.Unauthenticated, "sign in first")
	}
	if err := checkRequest(cmd.request()); err != nil {
		return nil, err
	}
	if err := cmd.check(); err != nil {
		return nil, err
	}
	if seats, ok := any(cmd).(combinable); ok && !cmd.request().dry() && !seats.whole() {
		answer, err := r.lane.submit(ctx, who, seats)
		payload, _ := any(answer).(*P)
		return payload, err
	}
	return runAlone(ctx, r, who, cmd)
}

// runAlone runs a command in a transaction of its own.
func runAlone[P any](ctx context.Context, r *Runner, who *identity.Principal, cmd Command[P]) (*P, error) {
	key, err := keyOf(cmd.action(), cmd)
	if err != nil {
		return nil, err
	}
	if slow, ok := any(cmd).(readied); ok {
		if err := slow.ready(ctx, r); err != nil {
			return nil, err
		}
	}
	told, err := tellPast(who, cmd)
	if err != nil {
		return nil, err
	}
	var widen locks
	for {
		payload, denied, err := attempt(ctx, r, who, cmd, key, told, &widen)
		if errors.Is(err, errDenied) {
			err = r.recordDenial(ctx, denied)
		}
		once, err := r.again(ctx, err, &widen)
		if once && err == nil {
			continue
		}
		switch {
		case sameKey(err, key): // the same request came twice at the same time; the other's answer is there now
			continue
		case err != nil:
			return answered[P](ctx, r, who, key, translate(err))
		}
		if last, ok := any(cmd).(committed); ok && !cmd.request().dry() {
			last.committed(ctx, r)
		}
		return payload, nil
	}
}

// update runs a transaction under the policy that answers now. However often it is tried, that is one policy.
func (r *Runner) update(ctx context.Context, do func(ctx context.Context, tx *store.Tx, in *policy.Policy) error) error {
	in, err := r.policyInUse(ctx)
	if err != nil {
		return err
	}
	return r.Store.Update(ctx, func(ctx context.Context, tx *store.Tx) error { return do(ctx, tx, in) })
}

// errDenied rolls a transaction back because the policy or the ledger said no.
var errDenied = errors.New("denied")

// attempt is one try at a command, in one transaction.
func attempt[P any](ctx context.Context, r *Runner, who *identity.Principal, cmd Command[P], key requestKey, told *past, widen *locks) (*P, *denial, error) {
	var payload *P
	var denied *denial
	dry := cmd.request().dry()
	var dryRun *decision
	unfinished := false
	err := r.update(ctx, func(ctx context.Context, tx *store.Tx, in *policy.Policy) (err error) {
		payload, denied, dryRun = nil, nil, nil
		defer func() {
			if denied != nil && !dry { // while the locks are held
				if failed := told.deny(ctx, tx, denied.decision); failed != nil {
					err = failed
				}
			}
		}()
		rd, err := newReading(ctx, r, tx, in, who, widen)
		if err != nil {
			return err
		}
		if first, err := recall[P](ctx, rd, key); first != nil || err != nil {
			payload = first
			return err
		}
		p, w, no, err := carry(ctx, rd, cmd, key)
		if no != nil {
			denied = no
			return errDenied
		}
		if err != nil {
			return err
		}
		payload, w.decision.dry = p, dry
		reply := any(payload).(replying).reply()
		reply.DryRun = dry
		if dry {
			dryRun = w.decision
			return errors.Join(w.flush(ctx), store.ErrRollback)
		}
		unfinished = w.unfinished
		if w.decision.command, err = told.allowed(cmd); err != nil {
			return err
		}
		return w.finish(ctx, reply, payload)
	})
	if denied != nil {
		denied.decision.dry = dry
	}
	if err == nil && unfinished {
		r.leave()
	}
	if err == nil && dryRun != nil {
		any(payload).(replying).reply().Decision, err = r.recordDryRun(ctx, dryRun)
	}
	return payload, denied, err
}

// carry takes a command through facts, policy, rule and writes, inside a transaction. Nothing of it is recorded yet, and what it
// wrote is kept only if the transaction is.
func carry[P any](ctx context.Context, rd *reading, cmd Command[P], key requestKey) (*P, *writing, *denial, error) {
	if no := rd.refuseOutright(ctx, cmd.action(), key); no != nil {
		return nil, nil, no, nil
	}
	p, err := cmd.prepare(ctx, rd)
	err = rd.conceal(ctx, err)
	if missing := new(fault.Error); errors.As(err, &missing) && missing.Code == fault.NotFound {
		return nil, nil, rd.absent(cmd.action(), key, missing), nil
	}
	if err != nil {
		return nil, nil, nil, err
	}
	w, no := rd.decideAll(ctx, p.before, p.ask, key, p.hidden)
	if no != nil {
		return nil, nil, no, nil
	}
	payload, err := p.write(ctx, w)
	return payload, w, asDenial(err, w), err
}

type replying interface{ reply() *Reply }

// finish writes the decision with the answer, the events and the journal.
func (w *writing) finish(ctx context.Context, reply *Reply, payload any) error {
	if err := w.flush(ctx); err != nil {
		return err
	}
	if err := w.decision.remember(payload); err != nil {
		return err
	}
	rows, err := w.record(ctx)
	if err != nil {
		return err
	}
	reply.Decision = rows[len(rows)-1]
	return nil
}

// recordDenial writes the decision of a transaction that rolled back, and makes the error for the caller.
func (r *Runner) recordDenial(ctx context.Context, no *denial) error {
	row, err := r.recordDecision(ctx, no.decision)
	if err != nil {
		return err
	}
	return no.answer(row)
}

func (r *Runner) recordDryRun(ctx context.Context, d *decision) (*ent.Decision, error) {
	d.dry = true
	d.key = requestKey{}
	return r.recordDecision(ctx, d)
}

func (r *Runner) recordDecision(ctx context.Context, d *decision) (*ent.Decision, error) {
	var row *ent.Decision
	err := r.Store.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		rows, err := r.insertDecisions(ctx, tx, []*decision{d})
		if err == nil {
			row = rows[0]
		}
		return err
	})
	return row, err
}

// translate makes what a caller may be told out of an error of the store.
func translate(err error) error {
	var known *fault.Error
	var several feed.Mistakes
	switch {
	case errors.As(err, &several):
		return several
	case errors.As(err, &known):
		return known
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fault.Wrap(err, fault.Unavailable, "the request took too long or was given up; try again")
	case store.IsUnavailable(err):
		return fault.Wrap(err, fault.Unavailable, "the database did not answer in time; try again")
	case errors.Is(err, store.ErrUnknownOutcome):
		return fault.Wrap(err, fault.Unavailable, "the database was lost while saving; repeat the request with the same idempotencyKey to learn what became of it")
	}
	if _, unique := store.IsUnique(err); unique {
		return fault.Wrap(err, fault.Conflict, "something with the same name or number exists already")
	}
	if store.IsReference(err) {
		return fault.Wrap(err, fault.Conflict, "it is still in use")
	}
	if ent.IsNotFound(err) { // it was there when the request was checked
		return fault.Wrap(err, fault.Conflict, "it was removed at the same time")
	}
	return err
}
