package operation

import (
	"context"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
)

func (c *ProvisionUser) action() string { return "upsertUsers" }

func (c *ProvisionUser) check() error { return c.User.check("") }

func (c *ProvisionUser) prepare(ctx context.Context, r *reading) (*plan[UsersPayload], error) {
	var known *ent.User
	var grants []*groupLicense
	if c.UserID != nil {
		var err error
		if known, grants, err = c.find(ctx, r); err != nil {
			return nil, err
		}
	}
	if err := c.isFree(ctx, r, known); err != nil {
		return nil, err
	}
	ask := r.question(c.action(), map[string]any{"count": 1})
	return &plan[UsersPayload]{ask: ask, write: func(ctx context.Context, w *writing) (*UsersPayload, error) {
		rows, before := []*ent.User{c.User.apply(known)}, []*ent.User{known}
		if err := w.storeUsers(ctx, rows, before); err != nil {
			return nil, err
		}
		return &UsersPayload{Users: rows}, w.usersChanged(ctx, rows, before, grants)
	}}, nil
}

// find locks the user and all their licenses may depend on.
func (c *ProvisionUser) find(ctx context.Context, r *reading) (*ent.User, []*groupLicense, error) {
	missing := fault.Missing("userId", "user")
	key := c.UserID.Key(id.User)
	if err := r.sees(ctx, "users", "user", key, missing); err != nil {
		return nil, nil, err
	}
	grants, err := r.lockAround(ctx, []int64{key})
	if err != nil {
		return nil, nil, err
	}
	if err := r.isVersion(ctx, "users", key, c.Version); err != nil {
		return nil, nil, err
	}
	known, err := r.Client().User.Get(ctx, key)
	if ent.IsNotFound(err) {
		return nil, nil, missing
	}
	return known, grants, err
}

// sees answers with the given error unless a table has the key and the caller may see what it is the key of.
func (r *reading) sees(ctx context.Context, table, noun string, key int64, missing *fault.Error) error {
	if err := r.exists(ctx, table, key, missing); err != nil {
		return err
	}
	seen, err := r.seen(ctx, noun, []int64{key})
	if err == nil && len(seen) == 0 {
		return missing
	}
	return err
}

// isFree answers a CONFLICT that names what another user has already.
func (c *ProvisionUser) isFree(ctx context.Context, r *reading, known *ent.User) error {
	named, err := r.usersNamed(ctx, []UserInput{c.User})
	if err != nil {
		return err
	}
	others := func(row *ent.User) bool { return row != nil && (known == nil || row.ID != known.ID) }
	if others(named.byName[nameKey(c.User.UserName)]) {
		return taken("userName", "another user has this userName")
	}
	if external := c.User.ExternalID.Value(); external != nil && others(named.byExternal[*external]) {
		return taken("externalId", "another user has this externalId")
	}
	return nil
}

// taken is the CONFLICT about something that must be unique.
func taken(field, message string) *fault.Error {
	e := fault.New(fault.Conflict, "%s", message)
	e.Field = field
	return e
}
