package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"github.com/ringfence/ringfence/internal/licensing"
)

// GroupLicense says that members of a group get a license, charged to an allotment or (allotment_id 0) to the license.
type GroupLicense struct{ ent.Schema }

// Mixin gives the key and the time of creation.
func (GroupLicense) Mixin() []ent.Mixin { return []ent.Mixin{identified{}, created{}} }

// Fields of a group license. replaced_by names the group license that a swap hands its members to.
func (GroupLicense) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("group_id").Immutable(),
		field.Int64("license_id").Immutable(),
		field.Int64("allotment_id").Default(0),
		field.Ints("disabled_plans").Optional().Comment("Ids of service plans switched off."),
		field.Bool("include_nested").Default(false),
		field.Bool("all_or_nothing").Default(true),
		field.Enum("when_full").Values("WAIT", "DENY_ALL").Default("WAIT"),
		field.Int64("replaced_by").Default(0),
		field.Int64("pending").Default(0).Comment("1 while members are still being worked through."),
	}
}

// Indexes of a group license.
func (GroupLicense) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("group_id", "license_id").Unique(),
		index.Fields("license_id", "allotment_id"),
		index.Fields("pending").Annotations(entsql.IndexWhere("pending <> 0")),
	}
}

// Exclusion keeps one user out of one group license, until ends_at if it is set.
type Exclusion struct{ ent.Schema }

// Mixin gives the key and the time of creation.
func (Exclusion) Mixin() []ent.Mixin { return []ent.Mixin{identified{}, created{}} }

// Fields of an exclusion.
func (Exclusion) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("group_license_id").Immutable(),
		field.Int64("user_id").Immutable(),
		field.Time("ends_at").Optional().Nillable(),
		field.String("note").Default("").MaxLen(500),
	}
}

// Indexes of an exclusion.
func (Exclusion) Indexes() []ent.Index {
	return []ent.Index{index.Fields("group_license_id", "user_id").Unique(), index.Fields("user_id"), index.Fields("ends_at")}
}

// Seat is one user holding, awaiting or failing to hold one license. allotment_id is the pool it is charged to (0: the
// license itself), or, when it is not ACTIVE, the pool of its oldest reason.
type Seat struct{ ent.Schema }

// Mixin gives the key and the time of creation.
func (Seat) Mixin() []ent.Mixin { return []ent.Mixin{identified{}, created{}} }

// Fields of a seat. since is when it entered its state.
func (Seat) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("license_id").Immutable(),
		field.Int64("user_id").Immutable(),
		field.Int64("allotment_id").Default(0),
		field.Enum("state").Values("ACTIVE", "WAITING", "ERROR"),
		field.Time("since"),
		field.JSON("violations", []licensing.Violation{}).Optional(),
	}
}

// Indexes of a seat; the first is P3.
func (Seat) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("license_id", "user_id").Unique(),
		index.Fields("user_id"),
		index.Fields("license_id", "allotment_id", "state", "id"),
	}
}

// Annotations hold the checks of a seat.
func (Seat) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Checks(map[string]string{
		"seat_state": "state IN ('ACTIVE', 'WAITING', 'ERROR')",
	})}
}

// SeatReason is why a user should have a seat: a direct assignment (group_license_id 0) or one group license. It draws on one
// pool; the reason that is served charges it. A reason that waits is the queue's entry.
type SeatReason struct{ ent.Schema }

// Mixin gives the key and the time of creation, which is the reason's age.
func (SeatReason) Mixin() []ent.Mixin { return []ent.Mixin{identified{}, created{}} }

// Fields of a reason.
func (SeatReason) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("license_id").Immutable(),
		field.Int64("user_id").Immutable(),
		field.Int64("group_license_id").Default(0).Immutable(),
		field.Int64("allotment_id").Default(0),
		field.Enum("state").Values("SERVED", "STANDBY", "WAITING", "ERROR"),
		field.Float("priority").Default(0),
		field.Time("waiting_since").Optional().Nillable(),
		field.Ints("disabled_plans").Optional().Comment("Plans a direct assignment switches off; a group's are in its group license."),
	}
}

// Indexes of a reason. The queue's index holds only what waits, in queue order.
func (SeatReason) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("license_id", "user_id", "group_license_id").Unique(),
		index.Fields("group_license_id", "user_id").Annotations(entsql.IndexWhere("group_license_id <> 0")),
		index.Fields("license_id", "allotment_id", "priority", "waiting_since", "user_id").
			Annotations(entsql.IndexWhere("state = 'WAITING'"), entsql.DescColumns("priority")).StorageKey("seatreason_queue"),
		index.Fields("user_id"),
	}
}

// Annotations hold the checks of a reason.
func (SeatReason) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Checks(map[string]string{
		"reason_waits": "((state = 'WAITING') = (waiting_since IS NOT NULL))",
	})}
}
