package operation

import (
	"context"
	"time"

	"github.com/ringfence/ringfence/internal/store"
)

// licenseStates are rows of the history of licenses: what the ledger of each is from now on. Overviews of a time in the past read
// them (semantics.md §5, asOf).
type licenseStates struct {
	license, quantity, committed, used, reserved []int64
	capacity                                     []*int64
}

// add notes a license as its pool stands now.
func (s *licenseStates) add(l *license) {
	s.license, s.quantity, s.committed = append(s.license, l.id), append(s.quantity, l.pool.Stock.Quantity), append(s.committed, l.pool.Stock.Committed)
	s.used, s.reserved, s.capacity = append(s.used, l.pool.Used), append(s.reserved, l.pool.Reserved), append(s.capacity, l.pool.Limit)
}

// part is the statement that stores them, to be run together with others.
func (s *licenseStates) part(at time.Time) []store.Part {
	n := len(s.license)
	if n == 0 {
		return nil
	}
	return []store.Part{store.Inserting("license_states", nil, store.Column{Name: "license_id", Values: s.license}, store.Column{Name: "at", Values: repeat(at, n)},
		store.Column{Name: "quantity", Values: s.quantity}, store.Column{Name: "committed", Values: s.committed}, store.Column{Name: "capacity", Values: s.capacity},
		store.Column{Name: "used", Values: s.used}, store.Column{Name: "reserved", Values: s.reserved})}
}

// endLicenseStates ends the history of a license that is removed, with what only the license has told so far: to overviews of the past
// it is still there.
func (w *writing) endLicenseStates(ctx context.Context, key int64) error {
	_, err := w.tx.Exec(ctx, `INSERT INTO license_states (license_id, at, quantity, committed, capacity, used, reserved, deleted, contract_id, metric)
		SELECT id, $2, quantity, committed, capacity, used, reserved, TRUE, contract_id, metric FROM licenses WHERE id = $1`, key, w.Now())
	return err
}
