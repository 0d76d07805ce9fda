package operation

import (
	"time"

	"github.com/ringfence/ringfence/internal/store"
)

// licenseStates are rows of the history of licenses: what the ledger of each is from now on. Overviews of a time in the past read
// them (semantics.md §5, asOf).
type licenseStates struct {
	license, quantity, committed, used, reserved []int64
	capacity                                     []*int64
	deleted                                      []bool
}

// add notes a license as its pool stands now.
func (s *licenseStates) add(l *license, deleted bool) {
	s.license, s.quantity, s.committed = append(s.license, l.id), append(s.quantity, l.pool.Stock.Quantity), append(s.committed, l.pool.Stock.Committed)
	s.used, s.reserved, s.capacity = append(s.used, l.pool.Used), append(s.reserved, l.pool.Reserved), append(s.capacity, l.pool.Limit)
	s.deleted = append(s.deleted, deleted)
}

// part is the statement that stores them, to be run together with others.
func (s *licenseStates) part(at time.Time) []store.Part {
	n := len(s.license)
	if n == 0 {
		return nil
	}
	return []store.Part{store.Inserting("license_states", nil, store.Column{Name: "license_id", Values: s.license}, store.Column{Name: "at", Values: repeat(at, n)},
		store.Column{Name: "quantity", Values: s.quantity}, store.Column{Name: "committed", Values: s.committed}, store.Column{Name: "capacity", Values: s.capacity},
		store.Column{Name: "used", Values: s.used}, store.Column{Name: "reserved", Values: s.reserved}, store.Column{Name: "deleted", Values: s.deleted})}
}
