package replay

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/store"
)

// chunkSize is how many decisions are read at once.
const chunkSize = 1000

// record is one recorded decision.
type record struct {
	id        int64
	at        time.Time
	principal string
	action    string
	allow     bool
	revision  string
	verdict   int64 // digest of what the policy answered; 0: it is not known
	input     []byte

	violations, warnings []licensing.Violation
}

// name is the id of the decision as clients know it.
func (d *record) name() string { return id.Of(id.Decision, d.id).String() }

// count tells how many decisions there are to examine.
func (r *run) count(ctx context.Context) error {
	return r.Store.View(ctx, func(ctx context.Context, rd *store.Reader) error {
		where, args := r.period(1)
		if err := rd.QueryRow(ctx, `SELECT COUNT(*) FROM decisions WHERE `+where, args...).Scan(&r.report.Total); err != nil {
			return err
		}
		if r.Last > 0 {
			r.report.Total = min(r.report.Total, r.Last)
		}
		return nil
	})
}

// period is the condition on the time of a decision, with its arguments numbered from first on.
func (r *run) period(first int) (where string, args []any) {
	where = "true"
	if r.Since != nil {
		args = append(args, r.Since.UTC())
		where += fmt.Sprintf(" AND at >= $%d", first+len(args)-1)
	}
	if r.Until != nil {
		args = append(args, r.Until.UTC())
		where += fmt.Sprintf(" AND at < $%d", first+len(args)-1)
	}
	return where, args
}

// read hands out the decisions from the newest to the oldest, until all were, or the time is over. Those that are recorded meanwhile
// are not among them.
func (r *run) read(ctx context.Context, chunks chan<- []record) error {
	left, before := r.report.Total, int64(1)<<62
	for left > 0 && !r.over() {
		chunk, err := r.chunk(ctx, before, min(left, chunkSize))
		if err != nil {
			return err
		}
		if len(chunk) == 0 {
			break
		}
		select {
		case chunks <- chunk:
		case <-ctx.Done():
			return ctx.Err()
		}
		left -= int64(len(chunk))
		before = chunk[len(chunk)-1].id
	}
	return nil
}

func (r *run) chunk(ctx context.Context, before, size int64) ([]record, error) {
	var chunk []record
	err := r.Store.View(ctx, func(ctx context.Context, rd *store.Reader) error {
		chunk = make([]record, 0, size)
		where, args := r.period(3)
		rows, err := rd.Query(ctx, `SELECT id, at, principal, action, allow, violations, warnings, revision, verdict, input FROM decisions
			WHERE id < $1 AND `+where+` ORDER BY id DESC LIMIT $2`, append([]any{before, size}, args...)...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
		for rows.Next() {
			var d record
			var at store.Time
			var violations, warnings []byte
			if err := rows.Scan(&d.id, &at, &d.principal, &d.action, &d.allow, &violations, &warnings, &d.revision, &d.verdict, &d.input); err != nil {
				return err
			}
			d.at, d.violations, d.warnings = at.Time, read(violations), read(warnings)
			chunk = append(chunk, d)
		}
		return rows.Err()
	})
	return chunk, err
}

// read reads violations as they are stored. What cannot be read is as good as none: the answer is then not what was recorded.
func read(stored []byte) []licensing.Violation {
	var list []licensing.Violation
	if len(stored) == 0 || json.Unmarshal(stored, &list) != nil {
		return nil
	}
	return list
}

// before gives what was answered then, as far as it matters now; false, if the record does not tell.
//
// The record holds the verdict on the request and not those on its subjects, and not how high a pool might be filled. So the policy that
// took the decision is asked again. Where it said yes and the record says no, somebody after it refused: the ledger, which had no
// room, or the request as a whole, because a part of it could not be had. That is not changed by another policy that says yes as well.
// Where that policy is not known any more, the record alone speaks.
func (d *record) before(ctx context.Context, baseline *policy.Policy, q *policy.Question) (before, bool, error) {
	if baseline == nil {
		recorded := policy.Answer{Allow: d.allow, Violations: d.violations, Warnings: d.warnings, Revision: d.revision}
		return before{recorded, true}, !d.says(string(fault.NotFound)), nil
	}
	answer := ask(ctx, baseline, q)
	if ctx.Err() != nil {
		return before{}, false, context.Cause(ctx)
	}
	return before{answer, false}, d.agrees(&answer), nil
}

// before is an answer given then; partial, if only what is recorded of it is known.
type before struct {
	policy.Answer
	partial bool
}

// agrees tells whether a record comes from an answer. What names something that is not there, or must not be seen, is recorded
// without the facts of the question, so there is nothing to ask again.
func (d *record) agrees(answer *policy.Answer) bool {
	switch {
	case d.allow:
		return answer.Allow
	case answer.Allow:
		return !d.says(string(fault.NotFound))
	}
	return slices.Equal(codes(d.violations), codes(answer.Violations))
}

func (d *record) says(code string) bool {
	return slices.ContainsFunc(d.violations, func(v licensing.Violation) bool { return v.Code == code })
}

// byPolicy are the codes of refusals that nobody but a policy gives: nothing granted.
var byPolicy = []string{licensing.NotDelegated, licensing.RoleRequired, licensing.ReadOnly}

// untold tells whether a recorded refusal may have come after the policy, which is not known any more, so that a yes of the candidate
// may be no change: from the ledger, for one of several users, or from the rules of a command.
func (d *record) untold(was *before, after *policy.Answer) bool {
	if !was.partial || d.allow || !after.Allow {
		return false
	}
	return slices.ContainsFunc(d.violations, func(v licensing.Violation) bool { return !slices.Contains(byPolicy, v.Code) })
}

// codes are the codes of violations, sorted.
func codes(list []licensing.Violation) []string {
	names := make([]string, len(list))
	for i := range list {
		names[i] = list[i].Code
	}
	slices.Sort(names)
	return names
}
