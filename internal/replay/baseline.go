package replay

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/ent/policyrevision"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/store"
)

// recallTimeout bounds one answer of a policy of the past. It is generous: that policy is known to answer, and a busy machine must not
// change what it said.
const recallTimeout = 5 * time.Second

// silent keeps what a policy says about answers to records out of the log of the service.
var silent = slog.New(slog.NewTextHandler(io.Discard, nil))

// baselines are the policies by which decisions were taken, by revision.
type baselines struct {
	store *store.Store

	mu    sync.Mutex
	known map[string]*policy.Policy // nil: not known any more
	last  *policy.Policy            // of the newest decision that has one
}

func newBaselines(s *store.Store, at []*policy.Policy) *baselines {
	b := &baselines{store: s, known: map[string]*policy.Policy{}}
	for _, p := range at {
		b.known[p.Revision()] = p
	}
	return b
}

// of gives the policy of a revision, nil if its text is not kept.
func (b *baselines) of(ctx context.Context, revision string) (*policy.Policy, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, known := b.known[revision]
	if !known {
		var err error
		if p, err = recall(ctx, b.store, revision); err != nil {
			return nil, err
		}
		b.known[revision] = p
	}
	if b.last == nil {
		b.last = p
	}
	return p, nil
}

// newest is the policy of the newest decision, nil if it is not known.
func (b *baselines) newest() *policy.Policy {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last
}

// recall makes the policy of a recorded revision; nil if it is not recorded, or if this program cannot read it.
func recall(ctx context.Context, s *store.Store, revision string) (*policy.Policy, error) {
	files, err := Files(ctx, s, revision)
	if files == nil || err != nil {
		return nil, err
	}
	p, err := policy.Recall(ctx, files, policy.Limits{Timeout: recallTimeout, Logger: silent})
	if err != nil {
		return nil, ctx.Err() // a text that cannot be read is as good as none
	}
	return p, nil
}

// Files gives the text of a recorded revision, nil if it is not recorded.
func Files(ctx context.Context, s *store.Store, revision string) (policy.Files, error) {
	var text string
	err := s.View(ctx, func(ctx context.Context, r *store.Reader) error {
		row, err := r.Client().PolicyRevision.Query().Where(policyrevision.Revision(revision)).Only(ctx)
		if err == nil {
			text = row.Files
		}
		return err
	})
	if ent.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var files policy.Files
	if json.Unmarshal([]byte(text), &files) != nil {
		files = nil
	}
	return files, nil
}
