package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// Allotment is a share of a license with a limit of its own, handed to delegates within a scope (semantics.md §3).
type Allotment struct{ ent.Schema }

// Mixin gives the key, the time of creation and the ledger.
func (Allotment) Mixin() []ent.Mixin { return []ent.Mixin{identified{}, created{}, pool{}} }

// Fields of an allotment. depth is 1 directly below the license and at most 8.
func (Allotment) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("license_id").Immutable(),
		field.Int64("parent_id").Optional().Nillable().Immutable(),
		field.Int("depth").Immutable(),
		field.String("name").NotEmpty().MaxLen(200),
		field.Enum("mode").Values("RESERVED", "CEILING").Default("RESERVED").Immutable(),
		field.Time("starts_at").Optional().Nillable(),
		field.Time("ends_at").Optional().Nillable(),
	}
}

// Edges of an allotment.
func (Allotment) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("license", License.Type).Ref("allotments").Field("license_id").Unique().Required().Immutable(),
		edge.To("children", Allotment.Type).From("parent").Field("parent_id").Unique().Immutable(),
		edge.To("delegates", AllotmentDelegate.Type).Annotations(entsql.OnDelete(entsql.Cascade)),
		edge.To("scopes", AllotmentScope.Type).Annotations(entsql.OnDelete(entsql.Cascade)),
	}
}

// Indexes of an allotment. A name is unique among its siblings.
func (Allotment) Indexes() []ent.Index {
	return []ent.Index{index.Fields("license_id", "parent_id", "name").Unique(), index.Fields("parent_id")}
}

// Annotations hold the checks of an allotment.
func (Allotment) Annotations() []schema.Annotation {
	return []schema.Annotation{poolChecks(), entsql.Checks(map[string]string{
		"allotment_depth":   "depth BETWEEN 1 AND 8",
		"allotment_parent":  "((depth = 1) = (parent_id IS NULL))",
		"allotment_limited": "mode = 'CEILING' OR capacity IS NOT NULL",
	})}
}

// AllotmentDelegate names a user or a group that manages an allotment.
type AllotmentDelegate struct{ ent.Schema }

// Mixin gives the key.
func (AllotmentDelegate) Mixin() []ent.Mixin { return []ent.Mixin{identified{}} }

// Fields of a delegate: exactly one of user_id and group_id is not 0.
func (AllotmentDelegate) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("allotment_id").Immutable(),
		field.Int64("user_id").Default(0).Immutable(),
		field.Int64("group_id").Default(0).Immutable(),
	}
}

// Edges of a delegate.
func (AllotmentDelegate) Edges() []ent.Edge {
	return []ent.Edge{edge.From("allotment", Allotment.Type).Ref("delegates").Field("allotment_id").Unique().Required().Immutable()}
}

// Indexes of a delegate.
func (AllotmentDelegate) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("allotment_id", "user_id", "group_id").Unique(),
		index.Fields("user_id"),
		index.Fields("group_id"),
	}
}

// Annotations hold the checks of a delegate.
func (AllotmentDelegate) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Check("((user_id = 0) <> (group_id = 0))")}
}

// AllotmentScope is one group, department or country whose users an allotment may serve; no row means everyone.
type AllotmentScope struct{ ent.Schema }

// Mixin gives the key.
func (AllotmentScope) Mixin() []ent.Mixin { return []ent.Mixin{identified{}} }

// Fields of a scope entry: group_id for GROUP, value for DEPARTMENT and COUNTRY.
func (AllotmentScope) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("allotment_id").Immutable(),
		field.Enum("kind").Values("GROUP", "DEPARTMENT", "COUNTRY").Immutable(),
		field.Int64("group_id").Default(0).Immutable(),
		field.String("value").Default("").MaxLen(200).Immutable(),
	}
}

// Edges of a scope entry.
func (AllotmentScope) Edges() []ent.Edge {
	return []ent.Edge{edge.From("allotment", Allotment.Type).Ref("scopes").Field("allotment_id").Unique().Required().Immutable()}
}

// Indexes of a scope entry.
func (AllotmentScope) Indexes() []ent.Index {
	return []ent.Index{index.Fields("allotment_id", "kind", "group_id", "value").Unique(), index.Fields("group_id")}
}
