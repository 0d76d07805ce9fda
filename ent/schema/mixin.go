package schema

import (
	"time"

	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/mixin"
)

// identified gives a table its numeric key; clients see it only inside an opaque id.
type identified struct{ mixin.Schema }

func (identified) Fields() []ent.Field {
	return []ent.Field{field.Int64("id").Immutable()}
}

// created records when a row came to be, UTC, to the microsecond.
type created struct{ mixin.Schema }

func (created) Fields() []ent.Field {
	return []ent.Field{field.Time("created_at").Immutable().Default(func() time.Time {
		return time.Now().UTC().Truncate(time.Microsecond)
	})}
}

// pool gives a license or an allotment its ledger (semantics.md §2). capacity is the limit; ceiling is the number no
// write may pass, normally the limit, above it after the limit was lowered below use or the policy granted an overage.
type pool struct{ mixin.Schema }

func (pool) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("capacity").Optional().Nillable().Comment("The limit; null is unlimited."),
		field.Int64("ceiling").Optional().Nillable().Comment("What used + reserved may not pass; null is unlimited."),
		field.Int64("used").Default(0).Comment("Active seats charged here and to CEILING allotments below."),
		field.Int64("reserved").Default(0).Comment("Carved out by RESERVED allotments directly below; for a license also by fixed allocations."),
		field.Int64("waiting").Default(0).Comment("Reasons queued at this pool."),
		field.Int64("errors").Default(0).Comment("Seats in state ERROR whose first reason draws here."),
	}
}

// poolChecks are the constraints that hold P1 even if the program were wrong.
func poolChecks() schema.Annotation {
	return entsql.Checks(map[string]string{
		"pool_counts":  "used >= 0 AND reserved >= 0 AND waiting >= 0 AND errors >= 0",
		"pool_limit":   "capacity IS NULL OR capacity >= 0",
		"pool_ceiling": "((capacity IS NULL AND ceiling IS NULL) OR (capacity IS NOT NULL AND ceiling IS NOT NULL AND ceiling >= capacity))",
		"pool_fits":    "ceiling IS NULL OR used + reserved <= ceiling",
	})
}
