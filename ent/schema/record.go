package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"github.com/ringfence/ringfence/internal/licensing"
)

// Decision is what the policy answered to one request, with its reasons (semantics.md §7). input is the very document that
// was evaluated, kept as text so that a replay reads the same bytes.
type Decision struct{ ent.Schema }

// Mixin gives the key.
func (Decision) Mixin() []ent.Mixin { return []ent.Mixin{identified{}} }

// Fields of a decision. idempotency_key, with the principal, is unique; request_hash and answer serve a retry.
func (Decision) Fields() []ent.Field {
	return []ent.Field{
		field.Time("at").Immutable(),
		field.String("principal").Immutable().MaxLen(300),
		field.String("action").Immutable().MaxLen(100),
		field.Bool("allow").Immutable(),
		field.Bool("dry_run").Default(false).Immutable(),
		field.JSON("violations", []licensing.Violation{}).Optional().Immutable(),
		field.JSON("warnings", []licensing.Violation{}).Optional().Immutable(),
		field.String("revision").Immutable().MaxLen(100),
		field.Text("input").Immutable(),
		field.Int64("license_id").Default(0).Immutable(),
		field.Int64("allotment_id").Default(0).Immutable(),
		field.String("idempotency_key").Optional().Nillable().MaxLen(200).Immutable(),
		field.String("request_hash").Default("").MaxLen(64).Immutable(),
		field.Text("answer").Default("").Immutable(),
		field.Text("command").Default("").Immutable().Comment("What was asked, as JSON, so that history can be run again; empty where that is not possible."),
		field.Int64("verdict").Default(0).Immutable().Comment("Digest of what the policy answered, users and ceilings included, to compare another answer with; 0 where it is not known."),
	}
}

// Indexes of a decision.
func (Decision) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("principal", "idempotency_key").Unique().Annotations(entsql.IndexWhere("idempotency_key IS NOT NULL")),
		index.Fields("license_id", "allotment_id"),
	}
}

// Event is one thing that happened, in the order of its journal entry.
type Event struct{ ent.Schema }

// Mixin gives the key.
func (Event) Mixin() []ent.Mixin { return []ent.Mixin{identified{}} }

// Fields of an event. data is kept as text because the journal's hash covers its bytes. Ids are 0 where they do not apply.
func (Event) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("journal_id").Immutable(),
		field.Int64("decision_id").Immutable(),
		field.Time("at").Immutable(),
		field.String("actor").Immutable().MaxLen(300),
		field.String("type").Immutable().MaxLen(100),
		field.String("noun").Default("").Immutable().MaxLen(100),
		field.Int64("subject_id").Default(0).Immutable(),
		field.Int64("license_id").Default(0).Immutable(),
		field.Int64("allotment_id").Default(0).Immutable(),
		field.Int64("user_id").Default(0).Immutable(),
		field.Int64("group_id").Default(0).Immutable(),
		field.Text("data").Default("").Immutable(),
	}
}

// Indexes of an event.
func (Event) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("journal_id"),
		index.Fields("license_id", "allotment_id"),
		index.Fields("user_id").Annotations(entsql.IndexWhere("user_id <> 0")),
	}
}

// Journal is one committed transaction in the chain: hash covers the entry before it and the events under it.
type Journal struct{ ent.Schema }

// Fields of a journal entry; the id counts up without gaps.
func (Journal) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("id").Immutable(),
		field.Time("at").Immutable(),
		field.Int("events").Immutable(),
		field.String("hash").Immutable().MaxLen(64),
	}
}

// JournalHead is the one row (id 1) that every transaction locks to append to the journal, so that the chain has one order
// however many replicas write.
type JournalHead struct{ ent.Schema }

// Fields of the head: the last entry's id and hash.
func (JournalHead) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("id").Immutable(),
		field.Int64("last").Default(0),
		field.String("hash").Default("").MaxLen(64),
	}
}
