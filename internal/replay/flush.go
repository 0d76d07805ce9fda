package replay

import (
	"context"
	"encoding/json"
	"time"

	"github.com/ringfence/ringfence/internal/store"
)

// flush writes down what was counted since the last time. What cannot be written is kept for the next time.
func (s *Shadow) flush(ctx context.Context, t *trial) error {
	if t == nil {
		return nil
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	t.mu.Lock()
	t.counts.dropped += t.dropped.Swap(0)
	n, found := t.counts, t.differences
	t.counts, t.differences = counts{}, nil
	t.mu.Unlock()
	if n == (counts{}) {
		return nil
	}
	err := s.Store.Update(ctx, func(ctx context.Context, tx *store.Tx) error { return t.write(ctx, tx, n, found) })
	if err != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.counts = t.counts.plus(n)
		t.differences = append(found, t.differences...)
	}
	return err
}

func (c counts) plus(n counts) counts {
	return counts{c.asked + n.asked, c.looser + n.looser, c.stricter + n.stricter, c.otherwise + n.otherwise, c.failed + n.failed, c.dropped + n.dropped}
}

// write adds to the counters, which also has other replicas wait, so that no more differences are kept than may be. A trial that
// failed too often ends. Nobody decides on that, and nobody's seat depends on it, so there is no decision behind it.
func (t *trial) write(ctx context.Context, tx *store.Tx, n counts, found []difference) error {
	_, err := tx.Exec(ctx, `UPDATE policy_trials SET asked = asked + $1, looser = looser + $2, stricter = stricter + $3, otherwise = otherwise + $4,
		failed = failed + $5, dropped = dropped + $6 WHERE id = $7`, n.asked, n.looser, n.stricter, n.otherwise, n.failed, n.dropped, t.id)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE policy_trials SET ended_at = $1, ended_by = 'system' WHERE id = $2 AND ended_at IS NULL AND failed >= $3`,
		tx.Now(), t.id, int64(MostFailures))
	if err != nil || len(found) == 0 {
		return err
	}
	var there int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM policy_differences WHERE trial_id = $1`, t.id).Scan(&there); err != nil {
		return err
	}
	return insert(ctx, tx, t.id, found[:max(0, min(len(found), MostDifferences-there))])
}

func insert(ctx context.Context, tx *store.Tx, id int64, found []difference) error {
	n := len(found)
	if n == 0 {
		return nil
	}
	trials, at, license, allotment := make([]int64, n), make([]time.Time, n), make([]int64, n), make([]int64, n)
	principal, action, direction, rule := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	live, candidate, input := make([]string, n), make([]string, n), make([]string, n)
	for i, d := range found {
		trials[i], at[i], license[i], allotment[i] = id, d.At, d.Pool.License, d.Pool.Allotment
		principal[i], action[i], direction[i], rule[i] = d.Principal, d.Action, string(d.Direction), d.Rule
		live[i], candidate[i], input[i] = d.Before.json(), d.After.json(), d.Input
	}
	return tx.Insert(ctx, "policy_differences",
		store.Column{Name: "trial_id", Values: trials}, store.Column{Name: "at", Values: at}, store.Column{Name: "principal", Values: principal},
		store.Column{Name: "action", Values: action}, store.Column{Name: "direction", Values: direction}, store.Column{Name: "rule", Values: rule},
		store.Column{Name: "live", Values: live}, store.Column{Name: "candidate", Values: candidate}, store.Column{Name: "input", Values: input},
		store.Column{Name: "license_id", Values: license}, store.Column{Name: "allotment_id", Values: allotment})
}

func (o *Outcome) json() string {
	text, err := json.Marshal(o)
	if err != nil { // texts and numbers always marshal
		panic(err)
	}
	return string(text)
}
