package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// User is a person, guest or service account who may hold seats.
type User struct{ ent.Schema }

// Mixin gives the key and the time of creation.
func (User) Mixin() []ent.Mixin { return []ent.Mixin{identified{}, created{}} }

// Fields of a user. name_key is the user name in lower case: names are compared without case.
func (User) Fields() []ent.Field {
	return []ent.Field{
		field.String("external_id").Optional().Nillable().Unique().MaxLen(200),
		field.String("user_name").NotEmpty().MaxLen(300),
		field.String("name_key").Unique().NotEmpty().MaxLen(300),
		field.String("display_name").Default("").MaxLen(300),
		field.String("email").Default("").MaxLen(320),
		field.Enum("type").Values("MEMBER", "GUEST", "SERVICE_ACCOUNT").Default("MEMBER"),
		field.String("department").Default("").MaxLen(200),
		field.String("cost_center").Default("").MaxLen(200),
		field.String("usage_location").Default("").MaxLen(2).Comment("ISO 3166-1 alpha-2; empty is the organization's default."),
		field.Bool("enabled").Default(true),
		field.Strings("roles").Optional(),
		field.Text("attributes").Default("").Comment("What a provisioning client sent beyond these fields, as JSON."),
		field.Time("updated_at").Optional().Nillable(),
	}
}

// Edges of a user.
func (User) Edges() []ent.Edge {
	return []ent.Edge{edge.From("groups", Group.Type).Ref("users").Through("memberships", Membership.Type)}
}

// Indexes of a user.
func (User) Indexes() []ent.Index {
	return []ent.Index{index.Fields("department"), index.Fields("usage_location"), index.Fields("display_name")}
}

// Group is a set of users, and of groups.
type Group struct{ ent.Schema }

// Mixin gives the key and the time of creation.
func (Group) Mixin() []ent.Mixin { return []ent.Mixin{identified{}, created{}} }

// Fields of a group. members counts direct members.
func (Group) Fields() []ent.Field {
	return []ent.Field{
		field.String("external_id").Optional().Nillable().Unique().MaxLen(200),
		field.String("name").NotEmpty().MaxLen(300).Unique(),
		field.Int64("members").Default(0),
		field.Time("updated_at").Optional().Nillable(),
	}
}

// Edges of a group.
func (Group) Edges() []ent.Edge {
	return []ent.Edge{edge.To("users", User.Type).Through("memberships", Membership.Type)}
}

// Membership says that a user is a direct member of a group.
type Membership struct{ ent.Schema }

// Fields of a membership; the pair is the key.
func (Membership) Fields() []ent.Field {
	return []ent.Field{field.Int64("group_id").Immutable(), field.Int64("user_id").Immutable()}
}

// Edges of a membership.
func (Membership) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("group", Group.Type).Field("group_id").Unique().Required().Immutable(),
		edge.To("user", User.Type).Field("user_id").Unique().Required().Immutable(),
	}
}

// Annotations make the pair the key.
func (Membership) Annotations() []schema.Annotation {
	return []schema.Annotation{field.ID("group_id", "user_id")}
}

// Indexes of a membership.
func (Membership) Indexes() []ent.Index { return []ent.Index{index.Fields("user_id", "group_id")} }

// GroupNesting says that one group is a direct member of another.
type GroupNesting struct{ ent.Schema }

// Mixin gives the key.
func (GroupNesting) Mixin() []ent.Mixin { return []ent.Mixin{identified{}} }

// Fields of a nesting.
func (GroupNesting) Fields() []ent.Field {
	return []ent.Field{field.Int64("parent_id").Immutable(), field.Int64("child_id").Immutable()}
}

// Indexes of a nesting.
func (GroupNesting) Indexes() []ent.Index {
	return []ent.Index{index.Fields("parent_id", "child_id").Unique(), index.Fields("child_id")}
}
