package operation

import (
	"context"
	"database/sql"
	"errors"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
)

// The words of WhenFull and MoveSeatsTo in the API.
const (
	whenFullWait    = "WAIT"
	whenFullDeny    = "DENY"
	whenFullDenyAll = "DENY_ALL"
	moveToParent    = "PARENT"
)

// target is the pool a command is about, as the client named it.
type target struct {
	key         licensing.PoolKey
	field, noun string
}

// targetOf checks that exactly one of allotmentId and licenseId is given.
func targetOf(allotment, license *id.ID) error {
	if (allotment == nil) == (license == nil) {
		return fault.Invalid("allotmentId", "give either an allotmentId or a licenseId")
	}
	return nil
}

// find looks up the pool behind the ids. It locks nothing, and leaves it to the lock to notice that the pool is gone. Which
// license an allotment belongs to never changes, so it is looked up once.
func (r *reading) find(ctx context.Context, allotment, license *id.ID) (*target, error) {
	if license != nil {
		t := &target{key: licensing.PoolKey{License: license.Key(id.License)}, field: "licenseId", noun: "license"}
		r.found = append(r.found, t)
		return t, nil
	}
	t := &target{key: licensing.PoolKey{Allotment: allotment.Key(id.Allotment)}, field: "allotmentId", noun: "allotment"}
	if home, known := r.runner.homes.Load(t.key.Allotment); known {
		t.key.License, _ = home.(int64)
		r.found = append(r.found, t)
		return t, nil
	}
	err := r.QueryRow(ctx, `SELECT license_id FROM allotments WHERE id = $1`, t.key.Allotment).Scan(&t.key.License)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, t.missing()
	}
	if err == nil {
		r.runner.homes.Store(t.key.Allotment, t.key.License)
		r.found = append(r.found, t)
	}
	return t, err
}

func (t *target) missing() *fault.Error { return fault.Missing(t.field, t.noun) }

// exists answers with the given error unless a table has the key.
func (r *reading) exists(ctx context.Context, table string, key int64, missing *fault.Error) error {
	var one int
	err := r.QueryRow(ctx, `SELECT 1 FROM "`+table+`" WHERE id = $1`, key).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return missing
	}
	return err
}

// draw locks the license of a pool and gives the pool, with the scopes above it.
func (r *reading) draw(ctx context.Context, t *target) (*licensing.Pool, error) {
	if err := r.lockLicenses(ctx, []int64{t.key.License}); err != nil {
		return nil, err
	}
	pool := r.book.Pools[t.key]
	if pool == nil { // deleted between finding and locking
		return nil, t.missing()
	}
	return pool, nil
}

// hides tells of a pool the caller may not see: what one may not see answers like what does not exist (semantics.md §8).
func (r *reading) hides(ctx context.Context, pool *licensing.Pool, t *target) unseen {
	if pool.Key.IsLicense() {
		return r.hidesRow(ctx, "license", pool.Key.License, t.missing())
	}
	return r.hidesRow(ctx, "allotment", pool.Key.Allotment, t.missing())
}

// delegateAbove tells whether the caller is a delegate of the allotment or of one above it.
func (r *reading) delegateAbove(pool *licensing.Pool) bool {
	for _, p := range pool.Line() {
		if r.who.delegated[p.Key.Allotment] {
			return true
		}
	}
	return false
}

// keys gives the keys behind ids of a noun, 0 for what is no such id.
func keys(ids []id.ID, noun id.Noun) []int64 {
	out := make([]int64, len(ids))
	for i, x := range ids {
		out[i] = x.Key(noun)
	}
	return out
}
