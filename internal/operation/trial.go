package operation

import (
	"context"
	"errors"
	"math"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/ent/policytrial"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/store"
)

func (c *StartPolicyTrial) action() string { return "startPolicyTrial" }

func (c *StartPolicyTrial) check() error {
	switch {
	case (c.Files == nil) == (c.Revision == nil):
		return fault.Invalid("files", "give either files or a revision")
	case math.IsNaN(c.Share) || c.Share < 0.001 || c.Share > 1:
		return fault.Invalid("share", "this is a share from 0.001 to 1")
	}
	if c.Files != nil {
		if _, err := PolicyFiles(c.Files); err != nil {
			return err
		}
	}
	return firstError(checkOptional("revision", c.Revision, 100), checkOptional("note", c.Note, maxNote))
}

// ready takes the candidate through the gate, which would keep others waiting within the transaction; not for those who may not start a
// trial at all, whom the transaction tells so.
func (c *StartPolicyTrial) ready(ctx context.Context, r *Runner) error {
	may, err := May(ctx, r, c)
	if !may || err != nil {
		return err
	}
	if c.files, err = c.candidate(ctx, r); err != nil {
		return translate(err)
	}
	_, c.problems = policy.Build(ctx, c.files, r.Policy.Limits())
	return translate(ctx.Err())
}

func (c *StartPolicyTrial) candidate(ctx context.Context, r *Runner) (files policy.Files, err error) {
	if c.Revision == nil {
		return PolicyFiles(c.Files)
	}
	err = r.Store.View(ctx, func(ctx context.Context, rd *store.Reader) (err error) {
		files, _, err = readRevision(ctx, rd, *c.Revision)
		return err
	})
	if errors.Is(err, errRevision) {
		return nil, fault.Missing("revision", "revision that is kept")
	}
	return files, err
}

func (c *StartPolicyTrial) prepare(ctx context.Context, r *reading) (*plan[PolicyTrialPayload], error) {
	if c.files == nil {
		return nil, fault.New(fault.Conflict, "what you may do has just changed; try again")
	}
	if len(c.problems) > 0 {
		return nil, refused(c.problems)
	}
	if err := r.lockTrials(ctx); err != nil {
		return nil, err
	}
	running, err := r.ids(ctx, `SELECT id FROM policy_trials WHERE ended_at IS NULL`)
	if err != nil {
		return nil, err
	}
	if len(running) > 0 {
		return nil, fault.New(fault.Conflict, "another trial is running; stop it first")
	}
	revision, share, note := c.files.Revision(), int(math.Round(1000*c.Share)), ""
	if c.Note != nil {
		note = *c.Note
	}
	ask := r.question(c.action(), map[string]any{"revision": revision, "share": share, "note": note})
	return &plan[PolicyTrialPayload]{ask: ask, write: func(ctx context.Context, w *writing) (*PolicyTrialPayload, error) {
		if err := keepRevision(ctx, w.tx, c.files, SourceTrial); err != nil {
			return nil, err
		}
		row, err := w.tx.Client().PolicyTrial.Create().SetRevision(revision).SetShare(share).SetAuthor(w.who.name()).SetNote(note).
			SetCreatedAt(w.Now()).Save(ctx)
		if err != nil {
			return nil, err
		}
		w.happened("POLICY_TRIAL_STARTED", "policyTrial", row.ID, map[string]any{"revision": revision, "share": share, "note": note})
		return &PolicyTrialPayload{PolicyTrial: row}, nil
	}}, nil
}

func (c *StartPolicyTrial) committed(_ context.Context, r *Runner) { r.stir() }

func (c *StopPolicyTrial) committed(_ context.Context, r *Runner) { r.stir() }

// lockTrials has whoever else starts or stops a trial wait. The oldest revision that is kept is the lock, as for publications.
func (r *reading) lockTrials(ctx context.Context) error {
	_, err := r.ids(ctx, `SELECT id FROM policy_revisions ORDER BY id LIMIT 1`+r.tx.ForUpdate())
	return err
}

func (c *StopPolicyTrial) action() string { return "stopPolicyTrial" }

func (c *StopPolicyTrial) check() error { return nil }

func (c *StopPolicyTrial) prepare(ctx context.Context, r *reading) (*plan[PolicyTrialPayload], error) {
	if err := r.lockTrials(ctx); err != nil {
		return nil, err
	}
	key := c.PolicyTrialID.Key(id.PolicyTrial)
	row, err := r.Client().PolicyTrial.Query().Where(policytrial.ID(key)).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, fault.Missing("policyTrialId", "trial")
	}
	if err != nil {
		return nil, err
	}
	ask := r.question(c.action(), map[string]any{"revision": row.Revision})
	return &plan[PolicyTrialPayload]{ask: ask, write: func(ctx context.Context, w *writing) (*PolicyTrialPayload, error) {
		if row.EndedAt != nil {
			return &PolicyTrialPayload{PolicyTrial: row}, nil
		}
		if _, err := w.tx.Exec(ctx, `UPDATE policy_trials SET ended_at = $1, ended_by = $2 WHERE id = $3`, w.Now(), w.who.name(), key); err != nil {
			return nil, err
		}
		now := w.Now()
		row.EndedAt, row.EndedBy = &now, w.who.name()
		w.happened("POLICY_TRIAL_STOPPED", "policyTrial", key, map[string]any{"revision": row.Revision})
		return &PolicyTrialPayload{PolicyTrial: row}, nil
	}}, nil
}
