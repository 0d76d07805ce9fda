package operation

import (
	"context"
	"errors"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/store"
)

// batch is many requests in one transaction.
type batch struct {
	runner  *Runner
	policy  *policy.Policy
	jobs    []*job
	widen   *locks
	results []result

	shared *reading
	turns  []*entry
}

// entry is one request of a batch.
type entry struct {
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
	b.shared = readingOf(b.runner, tx, b.policy, b.widen)
	if err := b.admit(ctx); err != nil || len(b.turns) == 0 {
		return err
	}
	if err := b.gather(ctx); err != nil {
		return err
	}
	for i, t := range b.turns {
		b.shared.book.Turn = i
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
	b.shared.asking = askers
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
		t := &entry{job: j, at: i, reading: &r}
		if t.denied = r.refuseOutright(ctx, j.cmd.action(), j.key); t.denied == nil {
			if t.target, err = findOnce(ctx, &r, j.cmd, targets); err != nil {
				if fault.CodeOf(err) != fault.NotFound {
					return err
				}
				t.denied = r.absent(j.cmd.action(), j.key, asFault(err))
			}
		}
		if t.denied != nil {
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
func (b *batch) take(ctx context.Context, t *entry) error {
	if t.denied != nil {
		return nil
	}
	t.reading.found = []*target{t.target}
	pool, ask, err := t.reading.questionSeats(ctx, t.job.cmd, t.target)
	err = t.reading.conceal(ctx, err)
	switch fault.CodeOf(err) {
	case "":
	case fault.NotFound:
		t.denied = t.reading.absent(t.job.cmd.action(), t.job.key, asFault(err))
		t.decision = t.denied.decision
		return nil
	case fault.Internal:
		return err
	default:
		b.results[t.at] = result{err: err}
		return nil
	}
	w, no := t.reading.decide(ctx, ask, t.job.key, t.reading.hides(ctx, pool, t.target))
	if no != nil {
		t.denied, t.decision = no, no.decision
		return nil
	}
	t.writing, t.decision = w, w.decision
	if t.outcomes, err = w.carryOut(ctx, t.job.cmd, pool); err != nil {
		return err
	}
	if err := w.settle(ctx); err != nil {
		return err
	}
	for _, p := range b.shared.book.Pools {
		p.Revoke()
	}
	return nil
}

// write stores what all requests came to: pools, seats and decisions, then the journal.
func (b *batch) write(ctx context.Context, tx *store.Tx) error {
	w := &writing{reading: b.shared, tx: tx, flushed: true}
	parts, err := w.changes(ctx)
	if err != nil {
		return err
	}
	decisions, keyed := b.decisions()
	if keyed { // the decisions keep the answers, and those need the keys of the new rows
		if err := tx.Together(ctx, parts...); err != nil {
			return err
		}
		parts = nil
	}
	var payloads []*SeatsPayload
	if keyed {
		if payloads, err = b.remember(); err != nil {
			return err
		}
	}
	if len(decisions) > 0 {
		b.runner.witness(tx, decisions)
		parts = append(parts, insertingDecisions(decisions))
	}
	var head journalHead
	if len(b.shared.book.Touched()) > 0 {
		parts = append(parts, head.locking(tx))
	}
	if err := tx.Together(ctx, parts...); err != nil {
		return err
	}
	if err := w.dropReplaced(ctx); err != nil {
		return err
	}
	if payloads == nil {
		payloads = b.payloads()
	}
	b.answer(payloads)
	for _, e := range b.turns {
		if e.writing != nil {
			w.events = append(w.events, e.writing.events...)
		}
	}
	w.seatEvents(func(seat *licensing.Seat) (*decision, string) {
		e := b.turns[seat.Turn]
		return e.writing.accountable(), e.reading.who.name()
	})
	return head.add(ctx, tx, w.events)
}

// decisions gives what is to be recorded, each request's follow-ups before its own, and whether an answer is to be kept.
func (b *batch) decisions() (list []*decision, keyed bool) {
	for _, e := range b.turns {
		if e.writing != nil {
			list = append(list, e.writing.further...)
			keyed = keyed || e.decision.key.key != ""
		}
		if e.decision != nil {
			e.decision.command = e.job.told
			list = append(list, e.decision)
		}
	}
	return list, keyed
}

// payloads makes the answers to the requests that were allowed, nil for others. The new rows have their keys.
func (b *batch) payloads() []*SeatsPayload {
	payloads := make([]*SeatsPayload, len(b.turns))
	for i, e := range b.turns {
		if e.writing != nil {
			payloads[i] = &SeatsPayload{Results: resultsOf(e.outcomes, b.shared.facts.people)}
		}
	}
	return payloads
}

// remember makes the answers and keeps them with their decisions.
func (b *batch) remember() ([]*SeatsPayload, error) {
	payloads := b.payloads()
	for i, e := range b.turns {
		if payloads[i] == nil {
			continue
		}
		if err := e.decision.remember(payloads[i]); err != nil {
			return nil, err
		}
	}
	return payloads, nil
}

// answer puts the answers where the callers wait for them, now that the decisions have their keys.
func (b *batch) answer(payloads []*SeatsPayload) {
	for i, e := range b.turns {
		switch {
		case e.decision == nil: // answered already
		case e.writing == nil:
			b.results[e.at] = result{err: e.denied.answer(e.decision.entity())}
		default:
			payloads[i].Decision = e.decision.entity()
			b.results[e.at] = result{payload: payloads[i]}
		}
	}
}
