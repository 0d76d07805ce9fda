package history

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/store"
)

// replay is a run of the history.
type replay struct {
	Config
	record  *record
	names   *names
	runner  *operation.Runner
	groups  map[groupKey]*Difference
	counts  Counts
	first   time.Time
	last    time.Time
	foreign bool // the step was decided by another policy than the candidate
}

// step is a recorded step with what was decided.
type step struct {
	id         int64
	at         time.Time
	principal  string
	action     string
	revision   string
	past       *operation.Past
	allow      bool
	violations []licensing.Violation
	warnings   []licensing.Violation
}

// chunk is how many steps are read at once.
const chunk = 500

// run takes all steps again.
func (r *replay) run(ctx context.Context) error {
	done := 0
	for part := range slices.Chunk(r.record.steps, chunk) {
		steps, err := r.read(ctx, part)
		if err != nil {
			return err
		}
		for _, s := range steps {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := r.take(ctx, s); err != nil {
				return fmt.Errorf("%s of decision %d: %w", s.action, s.id, err)
			}
			if done++; r.Progress != nil {
				r.Progress(done, len(r.record.steps))
			}
		}
	}
	return nil
}

// read gives the steps at places, in their order.
func (r *replay) read(ctx context.Context, places []place) ([]*step, error) {
	keys := make([]int64, len(places))
	for i, p := range places {
		keys[i] = p.id
	}
	byKey := map[int64]*step{}
	err := r.Recorded.View(ctx, func(ctx context.Context, rd *store.Reader) error {
		found, err := rd.Query(ctx, `SELECT id, at, principal, action, revision, allow, violations, warnings, command FROM decisions WHERE `+rd.Any("id", 1), rd.Array(keys))
		return each(found, err, func(rows rows) error {
			s := &step{}
			var command string
			var violations, warnings []byte
			if err := rows.Scan(&s.id, &s.at, &s.principal, &s.action, &s.revision, &s.allow, &violations, &warnings, &command); err != nil {
				return err
			}
			byKey[s.id] = s
			var err error
			if s.past, err = operation.ReadPast(s.principal, s.action, command); err != nil {
				return fmt.Errorf("decision %d: %w", s.id, err)
			}
			if err := listOf(violations, &s.violations); err != nil {
				return err
			}
			return listOf(warnings, &s.warnings)
		})
	})
	steps := make([]*step, 0, len(places))
	for _, key := range keys {
		if s := byKey[key]; s != nil && s.past != nil {
			steps = append(steps, s)
		}
	}
	return steps, err
}

func listOf(text []byte, into *[]licensing.Violation) error {
	if len(text) == 0 {
		return nil
	}
	return json.Unmarshal(text, into)
}

// take takes one step again, compares how it was and is decided, and learns what it has made.
func (r *replay) take(ctx context.Context, s *step) error {
	s.at = s.at.UTC()
	r.Clock.set(s.at)
	if r.first.IsZero() {
		r.first = s.at
	}
	r.foreign = s.revision != r.Policy.Revision()
	if r.foreign && s.at.Sub(r.last) > r.SweepEvery {
		if err := r.sweep(ctx); err != nil {
			return err
		}
	}
	if s.at.After(r.last) {
		r.last = s.at
	}
	r.names.begin(ctx)
	s.past.Refer(r.names.to)
	if r.names.err != nil {
		return r.names.err
	}
	missing := r.names.missing > 0
	outcome, err := s.past.Again(ctx, r.runner)
	if err != nil {
		return err
	}
	if outcome.Decision != 0 { // a later request may name it, to confirm what it refused
		r.names.same(id.Of(id.Decision, s.id), outcome.Decision)
	}
	r.judge(s, outcome, missing)
	if made := r.record.made[s.id]; len(made) > 0 || outcome.Allow && !s.past.Own() && !hot[s.action] {
		if err := r.names.learn(ctx, made); err != nil {
			return err
		}
	}
	if !r.foreign {
		return nil
	}
	select {
	case <-r.runner.Unfinished():
		return r.sweep(ctx)
	default:
		return nil
	}
}

// hot are the actions that make nothing which others refer to, and are most of a history.
var hot = map[string]bool{"assignSeats": true, "unassignSeats": true}

// sweep does what is due, as the service did by itself. As long as the policy is the one that was in force then, the record says when
// it did what; under another one, other things may be due, and it is done whenever the service would have.
func (r *replay) sweep(ctx context.Context) error { return r.runner.Sweep(ctx) }
