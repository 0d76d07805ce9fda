package operation

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/store"
)

// Unfinished tells when a command has left work for Sweep.
func (r *Runner) Unfinished() <-chan struct{} { return r.unfinished }

// leave says that there is work for Sweep.
func (r *Runner) leave() {
	select {
	case r.unfinished <- struct{}{}:
	default:
	}
}

// Sweep does what no request does: it goes on with group licenses whose members were left for later, ends exclusions whose time is
// over, has purchase reservations count whose day has come, retries what a date stood against, and moves queues where a date made room. Every replica may run it at any time;
// what one has done the next finds done.
func (r *Runner) Sweep(ctx context.Context) error {
	due, err := r.due(ctx)
	if err != nil {
		return err
	}
	var failed []error
	for _, d := range due {
		if err := r.sweepOne(ctx, d); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// duty is one thing that is due.
type duty struct {
	action  string
	license int64
	grant   int64
}

func (r *Runner) due(ctx context.Context) ([]duty, error) {
	var due []duty
	err := r.Store.View(ctx, func(ctx context.Context, rd *store.Reader) error {
		due = nil
		now, terms := rd.Now(), r.Policy.Current().Terms()
		for _, q := range []struct {
			action, query string
			args          []any
		}{
			{"fillGroupLicense", `SELECT license_id, id FROM group_licenses WHERE pending = 1 ORDER BY id`, nil},
			{"endGroupLicense", `SELECT license_id, id FROM group_licenses WHERE pending = 2 ORDER BY id`, nil},
			{"endExclusions", `SELECT DISTINCT g.license_id, g.id FROM exclusions x JOIN group_licenses g ON g.id = x.group_license_id WHERE x.ends_at <= $1`, []any{now}},
			{activatePurchases, `SELECT DISTINCT license_id, 0 FROM purchase_reservations WHERE state = 'PLACED' AND starts_on <= $1 ORDER BY license_id`,
				[]any{now.Format(time.DateOnly)}},
			{"retryLicense", `SELECT DISTINCT s.license_id, 0 FROM seats s JOIN licenses l ON l.id = s.license_id JOIN contracts c ON c.id = l.contract_id
				WHERE s.state = 'ERROR' AND CAST(s.violations AS TEXT) LIKE '%"NOT_IN_EFFECT"%'
				AND COALESCE(l.starts_on, c.starts_on, '') <= $1 AND COALESCE(l.ends_on, c.ends_on, '9999-12-31') >= $2
				AND NOT EXISTS (SELECT 1 FROM allotments a WHERE a.id = s.allotment_id AND (a.starts_at > $3 OR a.ends_at <= $3))`,
				[]any{terms.LastStart(now), terms.FirstEnd(now), now}},
			{"promoteLicense", `SELECT license_id, 0 FROM allotments WHERE waiting > 0 AND (capacity IS NULL OR used + reserved < capacity)
				UNION SELECT id, 0 FROM licenses WHERE waiting > 0 AND (capacity IS NULL OR used + reserved < capacity)`, nil},
		} {
			rows, err := rd.Query(ctx, q.query, q.args...)
			if err := each(rows, err, func(s scanner) error {
				d := duty{action: q.action}
				err := s.Scan(&d.license, &d.grant)
				due = append(due, d)
				return err
			}); err != nil {
				return err
			}
		}
		return nil
	})
	return due, err
}

// sweepOne carries out one duty, in as many transactions as it takes.
func (r *Runner) sweepOne(ctx context.Context, d duty) error {
	widen := locks{all: d.action == activatePurchases}
	after := int64(0)
	for {
		next, more, err := r.step(ctx, d, after, &widen)
		once, err := r.again(ctx, err, &widen)
		switch {
		case once && err == nil:
		case errors.Is(err, errNothing):
			return nil
		case err != nil || !more:
			return err
		default:
			after = next
		}
	}
}

// step is one transaction of a duty.
func (r *Runner) step(ctx context.Context, d duty, after int64, widen *locks) (next int64, more bool, err error) {
	err = r.update(ctx, func(ctx context.Context, tx *store.Tx, in *policy.Policy) error {
		rd, err := newReading(ctx, r, tx, in, &identity.Principal{System: true}, widen)
		if err != nil {
			return err
		}
		next, more, err = rd.carryOut(ctx, d, after)
		return err
	})
	return next, more, err
}

// errNothing rolls a sweep back that found nothing to do.
var errNothing = errors.New("nothing to do")

// carryOut does one step of a duty and tells whether more is left, and from which user on.
func (r *reading) carryOut(ctx context.Context, d duty, after int64) (int64, bool, error) {
	w, grant, err := r.sweeping(ctx, d)
	if err != nil {
		return 0, false, err
	}
	var next int64
	more := false
	switch d.action {
	case "fillGroupLicense":
		next, err = w.fill(ctx, grant, after, false)
		more = next != 0
	case "endGroupLicense":
		next, err = w.drain(ctx, grant, false)
		more, next = next != 0, 0
	case "endExclusions":
		err = w.endExclusions(ctx, grant)
	case "retryLicense":
		_, err = w.retry(ctx, w.book.Pools[licensing.PoolKey{License: d.license}], nil, nil, `license_id = $1`, d.license)
	case activatePurchases:
		err = w.activate(ctx, d.license)
	default:
		err = w.settle(ctx)
	}
	if err != nil {
		return 0, false, err
	}
	if (d.action == "promoteLicense" || d.action == "retryLicense") && !w.changed() {
		return 0, false, errNothing
	}
	if err := w.flush(ctx); err != nil {
		return 0, false, err
	}
	if w.unfinished { // heard when this sweep is over
		r.runner.leave()
	}
	if w.decision.command, err = d.past(after).text(); err != nil {
		return 0, false, err
	}
	_, err = w.record(ctx)
	return next, more, err
}

// sweeping locks what a duty is about and asks the policy, as for any other write.
func (r *reading) sweeping(ctx context.Context, d duty) (*writing, *groupLicense, error) {
	var grant *groupLicense
	if d.grant != 0 {
		found, err := r.loadGrants(ctx, `id = $1`, d.grant)
		if err != nil {
			return nil, nil, err
		}
		if len(found) == 0 { // another replica has finished it
			return nil, nil, errNothing
		}
		grant = found[0]
		if err := r.lockMembers(ctx, grant); err != nil {
			return nil, nil, err
		}
		if found, err = r.loadGrants(ctx, `group_id = $1`, grant.group); err != nil {
			return nil, nil, err
		}
		if err := r.lockGrants(ctx, found); err != nil {
			return nil, nil, err
		}
		if found, err = r.loadGrants(ctx, `id = $1`, d.grant); err != nil { // as it is under the locks, if it is still there
			return nil, nil, err
		}
		if len(found) == 0 || d.action != "endExclusions" && found[0].pending == pendingNone {
			return nil, nil, errNothing
		}
		grant = found[0]
	}
	if err := r.lockLicenses(ctx, []int64{d.license}); err != nil {
		return nil, nil, err
	}
	pool := r.book.Pools[licensing.PoolKey{License: d.license}]
	if pool == nil {
		return nil, nil, errNothing
	}
	ask := &policy.Input{Now: r.Now(), Action: policy.ActionPromoteSeats, Principal: r.who.facts(), License: r.questionLicense(d.license, nil),
		Pools: r.questionPools(pool, 0)}
	switch {
	case d.action == activatePurchases:
		ask.Action = policy.ActionActivatePurchases
	case grant != nil:
		ask.Action = policy.ActionLicenseMembers
		ask.Group = &policy.Group{ID: grant.group}
	}
	w, no := r.decide(ctx, ask, requestKey{}, nil)
	if no != nil {
		return nil, nil, errNothing
	}
	return w, grant, nil
}

// endExclusions removes exclusions whose time is over and gives the users what they were kept from.
func (w *writing) endExclusions(ctx context.Context, grant *groupLicense) error {
	users, err := w.ids(ctx, `SELECT user_id FROM exclusions WHERE group_license_id = $1 AND ends_at <= $2`, grant.id, w.Now())
	if err != nil {
		return err
	}
	if _, err := w.tx.Exec(ctx, `DELETE FROM exclusions WHERE group_license_id = $1 AND ends_at <= $2`, grant.id, w.Now()); err != nil {
		return err
	}
	w.happened("EXCLUSIONS_ENDED", "groupLicense", grant.id, map[string]any{"users": idsOf(id.User, users)}).about(grant)
	return w.realign(ctx, []*groupLicense{grant}, users)
}

// changed tells whether any seat stands differently from how it is stored.
func (w *writing) changed() bool {
	return slices.ContainsFunc(w.book.Touched(), func(seat *licensing.Seat) bool { return seat.Transition() != licensing.Keep })
}
