package operation

import (
	"context"
	"slices"
	"time"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/ent/servicetoken"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/store"
)

// usedEvery is how often it is noted that a token is in use: each request would be a write of its own.
const usedEvery = time.Minute

func (c *CreateServiceToken) action() string { return "createServiceToken" }

func (c *CreateServiceToken) check() error {
	if err := firstError(checkText("name", c.Name, 200), checkReserved("name", c.Name),
		checkOneOf("purpose", &c.Purpose, identity.PurposeSCIM, identity.PurposeAPI)); err != nil {
		return err
	}
	if len(c.Roles) > 20 {
		return fault.Invalid("roles", "give at most 20 roles")
	}
	for _, role := range c.Roles {
		if err := checkText("roles", role, 100); err != nil {
			return err
		}
	}
	if c.Purpose == identity.PurposeSCIM && slices.ContainsFunc(c.Roles, func(role string) bool { return role != identity.RoleProvisioner }) {
		return fault.Invalid("roles", "a token for SCIM has the role %s and no other", identity.RoleProvisioner)
	}
	return nil
}

// roles are those the token will have, sorted.
func (c *CreateServiceToken) roles() []string {
	if c.Purpose == identity.PurposeSCIM {
		return []string{identity.RoleProvisioner}
	}
	roles := append([]string{}, c.Roles...)
	slices.Sort(roles)
	return slices.Compact(roles)
}

func (c *CreateServiceToken) prepare(ctx context.Context, r *reading) (*plan[CreateServiceTokenPayload], error) {
	if c.ExpiresAt != nil && !c.ExpiresAt.After(r.Now()) {
		return nil, fault.Invalid("expiresAt", "this is not in the future")
	}
	if err := c.nameIsFree(ctx, r); err != nil {
		return nil, err
	}
	ask := r.question(c.action(), map[string]any{"name": c.Name, "purpose": c.Purpose, "roles": c.roles()})
	return &plan[CreateServiceTokenPayload]{ask: ask, write: func(ctx context.Context, w *writing) (*CreateServiceTokenPayload, error) {
		secret, hash := identity.NewSecret()
		row, err := w.tx.Client().ServiceToken.Create().SetName(c.Name).SetHash(hash).SetPurpose(servicetoken.Purpose(c.Purpose)).SetRoles(c.roles()).
			SetCreatedBy(w.who.name()).SetNillableExpiresAt(c.ExpiresAt).SetCreatedAt(w.Now()).Save(ctx)
		if err != nil {
			return nil, err
		}
		row.Hash = "" // nobody is told, and the answer is kept for retries
		w.happened("SERVICE_TOKEN_CREATED", "serviceToken", row.ID, map[string]any{"name": c.Name, "purpose": c.Purpose, "roles": c.roles(),
			"expiresAt": c.ExpiresAt})
		p := &CreateServiceTokenPayload{ServiceToken: row}
		if !c.dry() {
			p.Secret = &secret
		}
		return p, nil
	}}, nil
}

// nameIsFree refuses the name of a token that is in use, and that of a user: what each did must be told apart afterwards.
func (c *CreateServiceToken) nameIsFree(ctx context.Context, r *reading) error {
	taken := fault.New(fault.Conflict, "a token or a user of this name exists already")
	taken.Field = "name"
	users, err := r.ids(ctx, `SELECT id FROM users WHERE name_key = $1`, nameKey(c.Name))
	if err != nil {
		return err
	}
	live, err := r.Client().ServiceToken.Query().
		Where(servicetoken.NameEqualFold(c.Name), servicetoken.RevokedAtIsNil(), servicetoken.Or(servicetoken.ExpiresAtIsNil(), servicetoken.ExpiresAtGT(r.Now()))).
		Exist(ctx)
	if err == nil && (live || len(users) > 0) {
		return taken
	}
	return err
}

func (c *RevokeServiceToken) action() string { return "revokeServiceToken" }

func (c *RevokeServiceToken) check() error { return nil }

func (c *RevokeServiceToken) prepare(ctx context.Context, r *reading) (*plan[RevokeServiceTokenPayload], error) {
	missing := fault.Missing("serviceTokenId", "service token")
	key := c.ServiceTokenID.Key(id.ServiceToken)
	if _, err := r.ids(ctx, `SELECT id FROM service_tokens WHERE id = $1`+r.tx.ForUpdate(), key); err != nil {
		return nil, err
	}
	row, err := r.Client().ServiceToken.Get(ctx, key)
	if ent.IsNotFound(err) {
		return nil, missing
	}
	if err != nil {
		return nil, err
	}
	row.Hash = ""
	ask := r.question(c.action(), map[string]any{"name": row.Name, "purpose": row.Purpose})
	return &plan[RevokeServiceTokenPayload]{ask: ask, hidden: nil, write: func(ctx context.Context, w *writing) (*RevokeServiceTokenPayload, error) {
		if row.RevokedAt != nil {
			return &RevokeServiceTokenPayload{ServiceToken: row}, nil
		}
		if _, err := w.tx.Exec(ctx, `UPDATE service_tokens SET revoked_at = $1 WHERE id = $2`, w.Now(), key); err != nil {
			return nil, err
		}
		now := w.Now()
		row.RevokedAt = &now
		w.happened("SERVICE_TOKEN_REVOKED", "serviceToken", key, map[string]any{"name": row.Name})
		return &RevokeServiceTokenPayload{ServiceToken: row}, nil
	}}, nil
}

// FindServiceToken finds a token by the hash of its secret, nil if there is none, and notes once a minute that it is in use. It is
// how tokens are checked: nobody is asked whether they may.
func (r *Runner) FindServiceToken(ctx context.Context, hash string) (*identity.ServiceToken, error) {
	var row *ent.ServiceToken
	var now time.Time
	err := r.Store.View(ctx, func(ctx context.Context, rd *store.Reader) (err error) {
		now = rd.Now()
		row, err = rd.Client().ServiceToken.Query().Where(servicetoken.Hash(hash)).Only(ctx)
		return err
	})
	if ent.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	token := &identity.ServiceToken{Name: row.Name, Purpose: string(row.Purpose), Roles: row.Roles, Expires: row.ExpiresAt, Revoked: row.RevokedAt != nil}
	if !token.Revoked && (row.UsedAt == nil || now.Sub(*row.UsedAt) >= usedEvery) {
		r.noteUse(ctx, row.ID)
	}
	return token, nil
}

// noteUse notes that a token is in use. It is no change of what anybody has, so there is no decision behind it; if it fails, the
// request goes on.
func (r *Runner) noteUse(ctx context.Context, key int64) {
	err := r.Store.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE service_tokens SET used_at = $1 WHERE id = $2 AND (used_at IS NULL OR used_at <= $3)`, tx.Now(), key, tx.Now().Add(-usedEvery))
		return err
	})
	if err != nil {
		r.Logger.WarnContext(ctx, "the use of a service token was not noted", "error", err)
	}
}
