package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// Feed is one reading of a file or of the pages of an export: what was read, by whom, how far, and what came of it.
type Feed struct{ ent.Schema }

// Mixin gives the key and the time of creation.
func (Feed) Mixin() []ent.Mixin { return []ent.Mixin{identified{}, created{}} }

// Fields of a feed. digest is the SHA-256 of what was read; with the kind it tells a file that was read before. pages counts the
// pages that are done.
func (Feed) Fields() []ent.Field {
	return []ent.Field{
		field.String("kind").Immutable().MaxLen(50),
		field.String("name").Immutable().MaxLen(300),
		field.String("digest").Immutable().MaxLen(64),
		field.String("actor").Immutable().MaxLen(300),
		field.Enum("state").Values("RUNNING", "DONE").Default("RUNNING"),
		field.Int64("pages").Default(0),
		field.Int64("rows").Default(0),
		field.Text("summary").Default("").Comment("What came of it, as JSON."),
		field.Time("ended_at").Optional().Nillable(),
	}
}

// Indexes of a feed.
func (Feed) Indexes() []ent.Index { return []ent.Index{index.Fields("kind", "digest")} }

// ServiceToken lets a service, such as a provisioning client, in. Only the SHA-256 of the secret is kept.
type ServiceToken struct{ ent.Schema }

// Mixin gives the key and the time of creation.
func (ServiceToken) Mixin() []ent.Mixin { return []ent.Mixin{identified{}, created{}} }

// Fields of a service token. name is who the events name; purpose is what it opens.
func (ServiceToken) Fields() []ent.Field {
	return []ent.Field{
		field.String("name").Immutable().NotEmpty().MaxLen(200),
		field.String("hash").Unique().Immutable().MaxLen(64),
		field.Enum("purpose").Values("SCIM", "API").Immutable(),
		field.Strings("roles").Optional().Immutable(),
		field.String("created_by").Immutable().MaxLen(300),
		field.Time("expires_at").Optional().Nillable().Immutable(),
		field.Time("revoked_at").Optional().Nillable(),
		field.Time("used_at").Optional().Nillable(),
	}
}

// Indexes of a service token.
func (ServiceToken) Indexes() []ent.Index { return []ent.Index{index.Fields("name")} }
