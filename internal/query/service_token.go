package query

import (
	"context"

	"entgo.io/ent/dialect/sql"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/ent/predicate"
	"github.com/ringfence/ringfence/ent/servicetoken"
	"github.com/ringfence/ringfence/internal/id"
)

// kindServiceToken is the policy's name for service tokens. Only scope all is known for it.
const kindServiceToken = "service_token"

// ServiceToken is what lets a service in, as the API shows it: never its secret, nor the hash of it.
type ServiceToken struct {
	*ent.ServiceToken
	session *session
}

// Pages of service tokens.
type (
	ServiceTokenConnection = Connection[*ServiceToken]
	ServiceTokenEdge       = Edge[*ServiceToken]
)

var serviceTokens = &noun[*ent.ServiceToken, *ServiceToken]{
	kind: kindServiceToken, table: "service_tokens",
	find: func(ctx context.Context, c *ent.Client, where func(*sql.Selector)) ([]*ent.ServiceToken, error) {
		rows, err := c.ServiceToken.Query().Where(predicate.ServiceToken(where)).All(ctx)
		for _, row := range rows {
			row.Hash = "" // nothing that shows a token needs it
		}
		return rows, err
	},
	key: func(row *ent.ServiceToken) int64 { return row.ID },
	view: func(row *ent.ServiceToken, f *family[*ServiceToken]) *ServiceToken {
		return &ServiceToken{row, f.session}
	},
}

// ID gives the opaque id.
func (t *ServiceToken) ID() id.ID { return id.Of(id.ServiceToken, t.ServiceToken.ID) }

// Roles gives the roles of the service, sorted.
func (t *ServiceToken) Roles() []string { return nonNil(t.ServiceToken.Roles) }

// Live tells whether the token opens anything now: it was not revoked, and its time is not over.
func (t *ServiceToken) Live() bool {
	return t.RevokedAt == nil && (t.ExpiresAt == nil || t.session.now.Before(*t.ExpiresAt))
}

// ServiceTokenWhere are conditions on service tokens.
type ServiceTokenWhere struct {
	IDIn      []id.ID
	Name      *TextFilter
	PurposeIn []servicetoken.Purpose
	Live      *bool
}

// ServiceTokens lists the tokens the principal may see, the newest first.
func (r *Reader) ServiceTokens(ctx context.Context, p Page, where *ServiceTokenWhere) (*ServiceTokenConnection, error) {
	s := r.session(ctx)
	l := list{order: newestFirst}
	if where != nil {
		live := sqlf("t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > ?)", s.now)
		l.where = and(named("t.id", id.ServiceToken, where.IDIn), where.Name.on("t.name"), among("t.purpose", where.PurposeIn), whether(where.Live, live))
	}
	return root(ctx, s, serviceTokens, l, p)
}

// ShowServiceToken makes the view of a token out of a mutation's answer.
func (r *Reader) ShowServiceToken(ctx context.Context, row *ent.ServiceToken) (*ServiceToken, error) {
	return showOne(ctx, r.session(ctx), serviceTokens, row)
}
