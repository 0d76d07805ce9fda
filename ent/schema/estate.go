package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// Deployment is a product as discovered in the estate (semantics.md §1): how many installs and users there are now.
type Deployment struct{ ent.Schema }

// Mixin gives the key and the time of creation.
func (Deployment) Mixin() []ent.Mixin { return []ent.Mixin{identified{}, created{}} }

// Fields of a deployment. product_key is the product's name in lower case: names are compared without case.
func (Deployment) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("vendor_id").Immutable(),
		field.String("product").NotEmpty().MaxLen(300),
		field.String("product_key").NotEmpty().MaxLen(300).Immutable(),
		field.Int64("installs").Default(0),
		field.Int64("users").Default(0),
		field.Time("observed_at"),
		field.String("source").Default("").MaxLen(200),
	}
}

// Edges of a deployment.
func (Deployment) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("vendor", Vendor.Type).Ref("deployments").Field("vendor_id").Unique().Required().Immutable(),
		edge.To("allocations", Allocation.Type),
	}
}

// Indexes of a deployment.
func (Deployment) Indexes() []ent.Index {
	return []ent.Index{index.Fields("vendor_id", "product_key").Unique(), index.Fields("product")}
}

// Annotations hold the checks of a deployment.
func (Deployment) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Checks(map[string]string{"deployment_counts": "installs >= 0 AND users >= 0"})}
}

// Observation is what a collector told of a deployment at one time. Rows are only ever added.
type Observation struct{ ent.Schema }

// Mixin gives the key.
func (Observation) Mixin() []ent.Mixin { return []ent.Mixin{identified{}} }

// Fields of an observation: when it was made, and when we were told. It counted (current) unless a later one was known already.
func (Observation) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("deployment_id").Immutable(),
		field.Time("observed_at").Immutable(),
		field.Time("recorded_at").Immutable(),
		field.Bool("current").Default(true).Immutable(),
		field.Int64("installs").Immutable(),
		field.Int64("users").Immutable(),
		field.String("source").Default("").MaxLen(200).Immutable(),
	}
}

// Indexes of an observation.
func (Observation) Indexes() []ent.Index {
	return []ent.Index{index.Fields("deployment_id", "observed_at", "id")}
}

// Allocation links a license to a deployment or to a named purpose (semantics.md §5).
type Allocation struct{ ent.Schema }

// Mixin gives the key and the time of creation.
func (Allocation) Mixin() []ent.Mixin { return []ent.Mixin{identified{}, created{}} }

// Fields of an allocation. external_id is the key by which files name it.
func (Allocation) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("license_id").Immutable(),
		field.String("external_id").Optional().Nillable().Unique().MaxLen(200),
		field.Enum("type").Values("TRACK_DEPLOYMENT", "CUSTOM_RESERVATION").Immutable(),
		field.Int64("deployment_id").Optional().Nillable().Immutable(),
		field.String("name").Optional().Nillable().MaxLen(300),
		field.Int64("quantity").Optional().Nillable().Comment("Units reserved; null is unlimited, which reserves nothing."),
		field.Bool("unlimited").Default(false),
		field.Enum("metric").Values("USERS", "INSTALLS").Default("USERS"),
		field.String("cost_center").Optional().Nillable().MaxLen(200),
		field.Text("notes").Optional().Nillable(),
	}
}

// Edges of an allocation.
func (Allocation) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("license", License.Type).Ref("allocations").Field("license_id").Unique().Required().Immutable(),
		edge.From("deployment", Deployment.Type).Ref("allocations").Field("deployment_id").Unique().Immutable(),
	}
}

// Indexes of an allocation.
func (Allocation) Indexes() []ent.Index {
	return []ent.Index{index.Fields("license_id"), index.Fields("deployment_id", "metric")}
}

// Annotations hold the checks of an allocation.
func (Allocation) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Checks(map[string]string{
		"allocation_quantity": "((unlimited AND quantity IS NULL) OR (NOT unlimited AND quantity IS NOT NULL AND quantity >= 0))",
		"allocation_kind": "((type = 'TRACK_DEPLOYMENT' AND deployment_id IS NOT NULL) OR " +
			"(type = 'CUSTOM_RESERVATION' AND deployment_id IS NULL AND name IS NOT NULL AND NOT unlimited))",
	})}
}

// AllocationState is an allocation as it was from a time on. Rows are only ever added; they answer what an overview showed then.
type AllocationState struct{ ent.Schema }

// Mixin gives the key.
func (AllocationState) Mixin() []ent.Mixin { return []ent.Mixin{identified{}} }

// Fields of a state of an allocation.
func (AllocationState) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("allocation_id").Immutable(),
		field.Time("at").Immutable(),
		field.Int64("license_id").Immutable(),
		field.Int64("deployment_id").Default(0).Immutable(),
		field.String("name").Default("").MaxLen(300).Immutable(),
		field.Int64("quantity").Optional().Nillable().Immutable().Comment("Null is unlimited."),
		field.String("metric").MaxLen(20).Immutable(),
		field.Bool("deleted").Default(false).Immutable(),
	}
}

// Indexes of a state of an allocation.
func (AllocationState) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("allocation_id", "id"),
		index.Fields("license_id").Annotations(entsql.IndexWhere("deleted")), // to find what is no longer among the allocations
	}
}

// LicenseState is the ledger of a license as it was from a time on. Rows are only ever added.
type LicenseState struct{ ent.Schema }

// Mixin gives the key.
func (LicenseState) Mixin() []ent.Mixin { return []ent.Mixin{identified{}} }

// Fields of a state of a license: a null capacity is unlimited.
func (LicenseState) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("license_id").Immutable(),
		field.Time("at").Immutable(),
		field.Int64("quantity").Immutable(),
		field.Int64("committed").Immutable(),
		field.Int64("capacity").Optional().Nillable().Immutable(),
		field.Int64("used").Immutable(),
		field.Int64("reserved").Immutable(),
		field.Bool("deleted").Default(false).Immutable(),
		field.Int64("contract_id").Default(0).Immutable().Comment("Told when the license is removed; until then the license itself tells it."),
		field.String("metric").Default("").MaxLen(20).Immutable().Comment("Told when the license is removed."),
	}
}

// Indexes of a state of a license.
func (LicenseState) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("license_id", "id"),
		index.Fields("license_id").Annotations(entsql.IndexWhere("deleted")), // to find what is no longer among the licenses
	}
}

// PurchaseReservation is a number of units committed for a date (semantics.md §6).
type PurchaseReservation struct{ ent.Schema }

// Mixin gives the key and the time of creation.
func (PurchaseReservation) Mixin() []ent.Mixin { return []ent.Mixin{identified{}, created{}} }

// Fields of a purchase reservation. starts_on is YYYY-MM-DD, UTC.
func (PurchaseReservation) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("license_id").Immutable(),
		field.Int64("quantity").Immutable(),
		field.String("starts_on").MaxLen(10).Immutable(),
		field.Enum("state").Values("PLACED", "ACTIVE", "FULFILLED", "CANCELED").Default("PLACED"),
		field.String("order_number").Optional().Nillable().MaxLen(100),
		field.Time("ended_at").Optional().Nillable(),
		field.Text("notes").Optional().Nillable().Immutable(),
	}
}

// Edges of a purchase reservation.
func (PurchaseReservation) Edges() []ent.Edge {
	return []ent.Edge{edge.From("license", License.Type).Ref("purchases").Field("license_id").Unique().Required().Immutable()}
}

// Indexes of a purchase reservation.
func (PurchaseReservation) Indexes() []ent.Index {
	return []ent.Index{index.Fields("license_id"), index.Fields("state", "starts_on")}
}

// Annotations hold the checks of a purchase reservation.
func (PurchaseReservation) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Checks(map[string]string{"purchase_quantity": "quantity > 0"})}
}
