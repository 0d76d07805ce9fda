package operation_test

import (
	"context"
	"strings"
	"time"

	recorded "github.com/ringfence/ringfence/ent/decision"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/replay"
	"github.com/ringfence/ringfence/internal/store"
)

// replay puts everything that was decided to the same policy again, which must say the same: once with all that is known, once by the
// records alone. What was decided by several policies in turn has no one policy to compare with.
func (w *world) replay() {
	w.Helper()
	if w.Failed() {
		return
	}
	live := w.Policy.Current()
	missing, others := w.decided(live.Revision())
	if others > 0 {
		return
	}
	w.unchanged("by what is known", replay.Config{Store: w.Store, Candidate: live}, missing)
	w.forget()
	w.unchanged("by the records", replay.Config{Store: w.Store, Candidate: w.twin(live)}, -1)
}

// forget has the texts of the policies that decided not be kept, as before there was a table of them.
func (w *world) forget() {
	w.Helper()
	err := w.Store.Update(w.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM policy_revisions`)
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
}

// unchanged replays and fails if something flips, or if more decisions tell nothing than may; -1: any number.
func (w *world) unchanged(how string, c replay.Config, untold int64) {
	w.Helper()
	report, err := replay.Run(w.Context(), c)
	if err != nil {
		w.Fatal(err)
	}
	if report.Flips() > 0 || report.Digest != replay.NoFlips || !report.Complete || report.Unchanged+report.Skipped != report.Total {
		w.Errorf("replay %s: %+v", how, report)
	}
	if untold >= 0 && report.Skipped != untold {
		w.Errorf("replay %s: %d decisions are not told by their records, want %d", how, report.Skipped, untold)
	}
}

// decided counts the decisions about what is not there or must not be seen, and those of other revisions.
func (w *world) decided(revision string) (missing, others int64) {
	w.Helper()
	err := w.Store.View(w.Context(), func(ctx context.Context, r *store.Reader) error {
		rows, err := r.Client().Decision.Query().Select(recorded.FieldRevision, recorded.FieldViolations).All(ctx)
		for _, row := range rows {
			if row.Revision != revision {
				others++
			}
			if len(row.Violations) == 1 && row.Violations[0].Code == "NOT_FOUND" {
				missing++
			}
		}
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return missing, others
}

// twin is a policy that answers the same under another revision.
func (w *world) twin(of *policy.Policy) *policy.Policy {
	w.Helper()
	files := policy.Files{"twin.rego": "package twin\n"}
	for name, text := range of.Files() {
		if !strings.HasSuffix(name, "_test.rego") {
			files[name] = text
		}
	}
	twin, err := policy.Recall(w.Context(), files, policy.Limits{Timeout: 2 * time.Second})
	if err != nil {
		w.Fatal(err)
	}
	return twin
}
