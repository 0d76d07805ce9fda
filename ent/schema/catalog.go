package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// Vendor is a publisher.
type Vendor struct{ ent.Schema }

// Mixin gives the key and the time of creation.
func (Vendor) Mixin() []ent.Mixin { return []ent.Mixin{identified{}, created{}} }

// Fields of a vendor.
func (Vendor) Fields() []ent.Field {
	return []ent.Field{field.String("name").Unique().NotEmpty().MaxLen(200)}
}

// Edges of a vendor.
func (Vendor) Edges() []ent.Edge {
	return []ent.Edge{edge.To("products", Product.Type), edge.To("contracts", Contract.Type), edge.To("deployments", Deployment.Type)}
}

// Product is something a vendor sells.
type Product struct{ ent.Schema }

// Mixin gives the key and the time of creation.
func (Product) Mixin() []ent.Mixin { return []ent.Mixin{identified{}, created{}} }

// Fields of a product. sku_id is the publisher's GUID and, with the vendor, the key of an import.
func (Product) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("vendor_id").Immutable(),
		field.String("name").NotEmpty().MaxLen(300),
		field.String("sku").Default("").MaxLen(200),
		field.String("sku_id").Optional().Nillable().MaxLen(100),
		field.Enum("kind").Values("SUBSCRIPTION", "PERPETUAL", "STORE_APP", "CLOUD_RESOURCE").Default("SUBSCRIPTION"),
		field.Strings("blocked_locations").Optional().Comment("Countries in which the product may not be used."),
	}
}

// Edges of a product.
func (Product) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("vendor", Vendor.Type).Ref("products").Field("vendor_id").Unique().Required().Immutable(),
		edge.To("plans", ServicePlan.Type).StorageKey(edge.Table("product_plans"), edge.Columns("product_id", "plan_id")),
		edge.To("licenses", License.Type),
	}
}

// Indexes of a product.
func (Product) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("vendor_id", "sku_id").Unique(),
		index.Fields("sku"),
		index.Fields("name"),
	}
}

// ServicePlan is a feature inside products that can be switched off per assignment.
type ServicePlan struct{ ent.Schema }

// Mixin gives the key.
func (ServicePlan) Mixin() []ent.Mixin { return []ent.Mixin{identified{}} }

// Fields of a service plan. plan_id is the publisher's GUID.
func (ServicePlan) Fields() []ent.Field {
	return []ent.Field{
		field.String("plan_id").Unique().NotEmpty().MaxLen(100),
		field.String("name").NotEmpty().MaxLen(200),
		field.String("friendly_name").Default("").MaxLen(300),
	}
}

// Edges of a service plan.
func (ServicePlan) Edges() []ent.Edge {
	return []ent.Edge{edge.From("products", Product.Type).Ref("plans")}
}

// Indexes of a service plan.
func (ServicePlan) Indexes() []ent.Index { return []ent.Index{index.Fields("name")} }

// Contract is an agreement with a vendor.
type Contract struct{ ent.Schema }

// Mixin gives the key and the time of creation.
func (Contract) Mixin() []ent.Mixin { return []ent.Mixin{identified{}, created{}} }

// Fields of a contract; dates are YYYY-MM-DD.
func (Contract) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("vendor_id").Immutable(),
		field.String("number").NotEmpty().MaxLen(100),
		field.String("name").NotEmpty().MaxLen(300),
		field.String("starts_on").Optional().Nillable().MaxLen(10),
		field.String("ends_on").Optional().Nillable().MaxLen(10),
		field.Text("notes").Optional().Nillable(),
	}
}

// Edges of a contract.
func (Contract) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("vendor", Vendor.Type).Ref("contracts").Field("vendor_id").Unique().Required().Immutable(),
		edge.To("licenses", License.Type),
	}
}

// Indexes of a contract.
func (Contract) Indexes() []ent.Index {
	return []ent.Index{index.Fields("vendor_id", "number").Unique(), index.Fields("ends_on"), index.Fields("name")}
}

// License is an entitlement under a contract, and the root pool of its seats.
type License struct{ ent.Schema }

// Mixin gives the key, the time of creation and the ledger.
func (License) Mixin() []ent.Mixin { return []ent.Mixin{identified{}, created{}, pool{}} }

// Fields of a license. Its limit (capacity) is quantity + overage + committed; null when unlimited. Dates are YYYY-MM-DD,
// inclusive. external_id is the key by which files name it.
func (License) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("contract_id").Immutable(),
		field.Int64("product_id").Immutable(),
		field.String("external_id").Optional().Nillable().Unique().MaxLen(200),
		field.Int64("quantity").Default(0),
		field.Bool("unlimited_quantity").Default(false),
		field.Int64("overage").Default(0),
		field.Bool("overage_shrinks").Default(false).Comment("Whether every release takes the overage down (semantics.md §6)."),
		field.Int64("committed").Default(0).Comment("Units of purchase reservations that have started and are not fulfilled."),
		field.Int64("renewal_quantity").Optional().Nillable().Comment("The quantity planned from the renewal on."),
		field.Enum("metric").Values("USERS", "INSTALLS").Default("USERS"),
		field.String("starts_on").Optional().Nillable().MaxLen(10),
		field.String("ends_on").Optional().Nillable().MaxLen(10),
		field.String("unit_price").Optional().Nillable().MaxLen(40).Comment("Exact decimal."),
		field.String("currency").Optional().Nillable().MaxLen(3),
		field.Enum("price_per").Values("MONTH", "YEAR", "TERM").Default("YEAR").Comment("What the unit price pays for."),
		field.Text("notes").Optional().Nillable(),
	}
}

// Edges of a license.
func (License) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("contract", Contract.Type).Ref("licenses").Field("contract_id").Unique().Required().Immutable(),
		edge.From("product", Product.Type).Ref("licenses").Field("product_id").Unique().Required().Immutable(),
		edge.To("allotments", Allotment.Type),
		edge.To("allocations", Allocation.Type),
		edge.To("purchases", PurchaseReservation.Type),
	}
}

// Indexes of a license.
func (License) Indexes() []ent.Index {
	return []ent.Index{index.Fields("contract_id"), index.Fields("product_id")}
}

// Annotations hold the checks of a license.
func (License) Annotations() []schema.Annotation {
	return []schema.Annotation{poolChecks(), entsql.Checks(map[string]string{
		"license_counts": "quantity >= 0 AND overage >= 0 AND committed >= 0 AND (renewal_quantity IS NULL OR renewal_quantity >= 0)",
		"license_limit":  "((unlimited_quantity AND capacity IS NULL) OR (NOT unlimited_quantity AND capacity = quantity + overage + committed))",
	})}
}
