package operation

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/ringfence/ringfence/internal/fault"
)

// VersionField is the field of the CONFLICT of a command that names a version which is no longer the present one.
const VersionField = "version"

// Version is the version of a user or group: when it was last changed, in microseconds since 1970. It is another one after each
// change.
func Version(created time.Time, updated *time.Time) int64 {
	return changedAt(created, updated).UnixMicro()
}

// changedAt is when a row was last changed.
func changedAt(created time.Time, updated *time.Time) time.Time {
	if updated == nil {
		return created
	}
	return *updated
}

// after gives now, or the next moment after the last change if clocks differ: a version is never used twice.
func after(now, last time.Time) *time.Time {
	if !now.After(last) {
		now = last.Add(time.Microsecond)
	}
	return &now
}

// isVersion answers a CONFLICT unless a locked user or group has the version the request names. The table is one of the two.
func (r *reading) isVersion(ctx context.Context, table string, key int64, wanted *int64) error {
	if wanted == nil {
		return nil
	}
	var created time.Time
	var updated *time.Time
	err := r.QueryRow(ctx, `SELECT created_at, updated_at FROM "`+table+`" WHERE id = $1`, key).Scan(&created, &updated)
	if errors.Is(err, sql.ErrNoRows) || err == nil && Version(created, updated) != *wanted {
		e := fault.New(fault.Conflict, "it was changed since it was read")
		e.Field = VersionField
		return e
	}
	return err
}

// touch notes that a group was changed.
func (w *writing) touch(ctx context.Context, group int64) error {
	var created time.Time
	var updated *time.Time
	if err := w.QueryRow(ctx, `SELECT created_at, updated_at FROM "groups" WHERE id = $1`, group).Scan(&created, &updated); err != nil {
		return err
	}
	_, err := w.tx.Exec(ctx, `UPDATE "groups" SET updated_at = $1 WHERE id = $2`, after(w.Now(), changedAt(created, updated)), group)
	return err
}
