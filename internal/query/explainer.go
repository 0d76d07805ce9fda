package query

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/ringfence/ringfence/ent/policyrevision"
	"github.com/ringfence/ringfence/internal/policy"
)

// explainers keeps the policies that decisions were explained by last: to prepare one takes some ten milliseconds.
type explainers struct {
	mu    sync.Mutex
	byRev map[string]*policy.Explainer
	order []string
}

// mostExplainers bounds how many are kept.
const mostExplainers = 8

func (e *explainers) get(revision string) *policy.Explainer {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.byRev[revision]
}

func (e *explainers) put(x *policy.Explainer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.byRev == nil {
		e.byRev = map[string]*policy.Explainer{}
	}
	if e.byRev[x.Revision()] == nil {
		e.order = append(e.order, x.Revision())
	}
	e.byRev[x.Revision()] = x
	if len(e.order) > mostExplainers {
		delete(e.byRev, e.order[0])
		e.order = e.order[1:]
	}
}

// explainersOf gives what explains decisions of some revisions: the very policy that took them. A revision whose text is not kept, or
// which this program cannot evaluate any more, is left out.
func (s *session) explainersOf(ctx context.Context, revisions []string) (map[string]*policy.Explainer, error) {
	found := map[string]*policy.Explainer{}
	var missing []string
	for _, revision := range revisions {
		switch known := s.explainers.get(revision); {
		case known != nil:
			found[revision] = known
		case revision == s.policy.Revision():
			s.prepare(ctx, s.policy.Files(), found)
		default:
			missing = append(missing, revision)
		}
	}
	if len(missing) == 0 {
		return found, nil
	}
	rows, err := s.client.PolicyRevision.Query().Where(policyrevision.RevisionIn(missing...)).All(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	for _, row := range rows {
		var files policy.Files
		if json.Unmarshal([]byte(row.Files), &files) == nil && files.Revision() == row.Revision {
			s.prepare(ctx, files, found)
		}
	}
	return found, nil
}

func (s *session) prepare(ctx context.Context, files policy.Files, found map[string]*policy.Explainer) {
	if x, err := policy.NewExplainer(ctx, files); err == nil {
		s.explainers.put(x)
		found[x.Revision()] = x
	}
}
