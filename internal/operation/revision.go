package operation

import (
	"context"
	"encoding/json"

	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/store"
)

// policyInUse gives the policy that answers now, once its text is kept: no decision is recorded whose policy could not be read again. It
// writes in a transaction of its own, so it must not be called within one; after the first time it costs nothing.
func (r *Runner) policyInUse(ctx context.Context) (*policy.Policy, error) {
	p := r.Policy.Current()
	if _, kept := r.kept.Load(p.Revision()); kept {
		return p, nil
	}
	kind := r.Policy.Kind()
	err := r.Store.Update(ctx, func(ctx context.Context, tx *store.Tx) error { return keepRevision(ctx, tx, p.Files(), kind) })
	if err != nil {
		return nil, err
	}
	r.kept.Store(p.Revision(), true)
	return p, nil
}

// keepRevision keeps the text of a policy, unless it is there already. Source is where it was read first.
func keepRevision(ctx context.Context, tx *store.Tx, files policy.Files, source string) error {
	text, err := json.Marshal(files)
	if err != nil { // texts always marshal
		panic(err)
	}
	_, err = tx.Exec(ctx, `INSERT INTO policy_revisions (created_at, revision, source, files) VALUES ($1, $2, $3, $4) ON CONFLICT (revision) DO NOTHING`,
		tx.Now(), files.Revision(), source, string(text))
	return err
}
