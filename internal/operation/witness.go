package operation

import (
	"github.com/ringfence/ringfence/internal/replay"
	"github.com/ringfence/ringfence/internal/store"
)

// Witness hears of decisions that were taken.
type Witness interface {
	// Waiting tells whether anything would be done with a decision.
	Waiting() bool
	// Hear is told one. It does not block.
	Hear(d replay.Taken)
	// Stir has it look now whether anything is to be done with decisions. It does not block.
	Stir()
}

// stir has the witness of this replica hear of a trial that was started or stopped; others find out by themselves.
func (r *Runner) stir() {
	if r.Witness != nil {
		r.Witness.Stir()
	}
}

// witness tells of decisions once the transaction that records them is committed. What named something that is not there was no
// question for the policy, so there is nothing to tell.
func (r *Runner) witness(tx *store.Tx, decisions []*decision) {
	if r.Witness == nil || !r.Witness.Waiting() {
		return
	}
	tx.AfterCommit(func() {
		for _, d := range decisions {
			if d.heard != nil {
				r.Witness.Hear(replay.Taken{ID: d.id, At: d.at, Principal: d.principal, Action: d.action, Pool: d.pool, Input: d.input, Answer: d.heard})
			}
		}
	})
}
