package operation

import (
	"context"
	"slices"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
)

// tellUsers notes what became of users: each on its own, or as lists when they are many.
func (w *writing) tellUsers(kind string, rows []*ent.User, data func(*ent.User) any) {
	if len(rows) <= tellSingly {
		for _, row := range rows {
			w.happened(kind, "user", row.ID, data(row)).user = row.ID
		}
		return
	}
	for part := range slices.Chunk(rows, tellAtOnce) {
		keys := make([]int64, len(part))
		for i, row := range part {
			keys[i] = row.ID
		}
		w.happened(kind, "users", 0, map[string]any{"count": len(keys), "users": idsOf(id.User, keys)})
	}
}

// usersChanged does what follows from a change of users: disabling releases, and what became possible is tried (semantics.md §4).
func (w *writing) usersChanged(ctx context.Context, rows, known []*ent.User, grants []*groupLicense) error {
	var users []int64
	for i, row := range rows {
		if moved(row, known[i]) {
			users = append(users, row.ID)
		}
	}
	if len(users) == 0 {
		return nil
	}
	return w.reconsider(ctx, users, grants)
}

// moved tells whether a change of a user is one that decisions on seats rest on.
func moved(row, old *ent.User) bool {
	return old != nil && (row.Enabled != old.Enabled || row.Type != old.Type || row.Department != old.Department || row.UsageLocation != old.UsageLocation)
}

// reconsider brings users who have changed in line with group licenses, and settles what follows.
func (w *writing) reconsider(ctx context.Context, users []int64, grants []*groupLicense) error {
	if err := w.know(ctx, users); err != nil {
		return err
	}
	if err := w.align(ctx, grants, users); err != nil {
		return err
	}
	for _, key := range users {
		if account := w.book.User(key); w.facts.users[key].enabled {
			w.book.Retry(account)
		} else {
			w.disable(account)
		}
	}
	return w.settle(ctx)
}

// disable releases what a disabled user holds directly; the intent stays, as an error, until the user is enabled again.
func (w *writing) disable(account *licensing.User) {
	for _, seat := range account.Seats {
		if len(seat.Live()) > 0 {
			w.book.Fail(seat, []licensing.Violation{{Code: licensing.UserDisabled, Message: "the user is disabled"}})
		}
	}
}
