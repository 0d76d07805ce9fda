package operation

import (
	"context"
	"errors"
	"slices"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/store"
)

// batch is many requests in one transaction.
type batch struct {
	runner  *Runner
	jobs    []*job
	widen   *locks
	results []result

	shared *reading
	turns  []*turn
	owner  map[*licensing.Seat]*turn
}

// turn is one request of a batch.
type turn struct {
	job      *job
	at       int
	reading  *reading
	target   *target
	decision *decision
	writing  *writing
	outcomes []*outcome
	denied   *denial
}

func (b *batch) transact(ctx context.Context, tx *store.Tx) error {
	b.results = make([]result, len(b.jobs))
	b.turns = nil
	b.owner = map[*licensing.Seat]*turn{}
	b.shared = readingOf(b.runner, tx, b.widen)
	if err := b.admit(ctx); err != nil || len(b.turns) == 0 {
		return err
	}
	if err := b.gather(ctx); err != nil {
		return err
	}
	for _, t := range b.turns {
		if err := b.take(ctx, t); err != nil {
			return err
		}
	}
	return b.write(ctx, tx)
}

// admit sorts out what needs no transaction: retries that were answered before, callers who may do nothing of the kind, and
// targets that do not exist.
func (b *batch) admit(ctx context.Context) error {
	principals := make([]*identity.Principal, len(b.jobs))
	for i, j := range b.jobs {
		principals[i] = j.who
	}
	askers, err := b.shared.askers(ctx, principals)
	if err != nil {
		return err
	}
	targets := map[id.ID]*target{}
	for i, j := range b.jobs {
		r := *b.shared
		r.who = askers[i]
		first, err := recall[SeatsPayload](ctx, &r, j.key)
		if known := new(fault.Error); errors.As(err, &known) || first != nil {
			b.results[i] = result{payload: first, err: err}
			continue
		}
		if err != nil {
			return err
		}
		t := &turn{job: j, at: i, reading: &r}
		if t.denied = r.refuseOutright(ctx, j.cmd.action(), j.key); t.denied == nil {
			if t.target, err = findOnce(ctx, &r, j.cmd, targets); err != nil {
				if fault.CodeOf(err) != fault.NotFound {
					return err
				}
				b.results[i] = result{err: err}
				continue
			}
		} else {
			t.decision = t.denied.decision
		}
		b.turns = append(b.turns, t)
	}
	return nil
}

func findOnce(ctx context.Context, r *reading, cmd combinable, known map[id.ID]*target) (*target, error) {
	allotment, license := cmd.where()
	key := allotment
	if key == nil {
		key = license
	}
	if t := known[*key]; t != nil {
		return t, nil
	}
	t, err := r.find(ctx, allotment, license)
	if err == nil {
		known[*key] = t
	}
	return t, err
}

func (b *batch) gather(ctx context.Context) error {
	var targets []*target
	var users []int64
	for _, t := range b.turns {
		if t.target != nil {
			targets = append(targets, t.target)
			users = append(users, keys(t.job.cmd.users(), id.User)...)
		}
	}
	if len(targets) == 0 {
		return nil
	}
	return b.shared.gather(ctx, targets, users)
}

// take decides and carries out one request on the figures its predecessors left.
func (b *batch) take(ctx context.Context, t *turn) error {
	if t.denied != nil {
		return nil
	}
	pool, ask, err := t.reading.questionSeats(ctx, t.job.cmd, t.target)
	if known := new(fault.Error); errors.As(err, &known) {
		b.results[t.at] = result{err: err}
		return nil
	}
	if err != nil {
		return err
	}
	w, no := t.reading.decide(ctx, ask, t.job.key, t.reading.hides(ctx, pool, t.target))
	if no != nil {
		t.denied, t.decision = no, no.decision
		return nil
	}
	t.writing, t.decision = w, w.decision
	before := len(b.shared.book.Touched())
	if t.outcomes, err = w.carryOut(ctx, t.job.cmd, pool); err != nil {
		return err
	}
	if err := w.settle(ctx); err != nil {
		return err
	}
	for _, seat := range b.shared.book.Touched()[before:] {
		b.owner[seat] = t
	}
	for _, o := range t.outcomes {
		if o.seat != nil {
			b.owner[o.seat] = t
		}
	}
	for _, p := range b.shared.book.Pools {
		p.Revoke()
	}
	return nil
}

// write stores what all requests came to: seats and pools, then the decisions, then the journal.
func (b *batch) write(ctx context.Context, tx *store.Tx) error {
	w := &writing{reading: b.shared, tx: tx}
	if err := w.flush(ctx); err != nil {
		return err
	}
	var decisions []*decision
	payloads := make([]*SeatsPayload, len(b.turns))
	for i, t := range b.turns {
		if t.decision == nil {
			continue
		}
		if t.writing != nil {
			payloads[i] = &SeatsPayload{Results: resultsOf(t.outcomes, b.shared.facts.people)}
			if err := t.decision.remember(payloads[i]); err != nil {
				return err
			}
			decisions = append(decisions, t.writing.further...)
		}
		decisions = append(decisions, t.decision)
	}
	w.seatEvents(func(seat *licensing.Seat) (*decision, string) {
		t := b.owner[seat]
		return t.decision, t.reading.who.name()
	})
	rows, err := insertDecisions(ctx, tx, decisions)
	if err != nil {
		return err
	}
	for i, t := range b.turns {
		if t.decision == nil {
			continue
		}
		row := rows[slices.Index(decisions, t.decision)]
		if t.writing == nil {
			b.results[t.at] = result{err: t.denied.answer(row)}
			continue
		}
		payloads[i].Decision = row
		b.results[t.at] = result{payload: payloads[i]}
	}
	return appendJournal(ctx, tx, w.events)
}
