package operation

import (
	"github.com/99designs/gqlgen/graphql"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/internal/id"
)

// CreateVendor records a publisher. The name is unique.
type CreateVendor struct {
	Request
	Name string
}

// CreateVendorPayload answers CreateVendor.
type CreateVendorPayload struct {
	Reply
	Vendor *ent.Vendor
}

// ServicePlanInput is a feature of a product. PlanID is the publisher's GUID.
type ServicePlanInput struct {
	PlanID       string
	Name         string
	FriendlyName *string
}

// CreateProduct records something a vendor sells.
type CreateProduct struct {
	Request
	VendorID         id.ID
	Name             string
	Sku              *string
	SkuID            *string
	Kind             *string // SUBSCRIPTION by default
	BlockedLocations []string
	ServicePlans     []ServicePlanInput
}

// CreateProductPayload answers CreateProduct.
type CreateProductPayload struct {
	Reply
	Product *ent.Product
}

// UpdateProduct changes a product. What is left out stays as it is.
type UpdateProduct struct {
	Request
	ProductID        id.ID
	Name             *string
	Sku              *string
	BlockedLocations graphql.Omittable[[]string] `json:",omitzero"`
}

// UpdateProductPayload answers UpdateProduct.
type UpdateProductPayload struct {
	Reply
	Product *ent.Product
}

// CreateContract records an agreement with a vendor. Dates are YYYY-MM-DD; the number is unique per vendor.
type CreateContract struct {
	Request
	VendorID id.ID
	Number   string
	Name     string
	StartsOn *string
	EndsOn   *string
	Notes    *string
}

// CreateContractPayload answers CreateContract.
type CreateContractPayload struct {
	Reply
	Contract *ent.Contract
}

// UpdateContract changes a contract. What is left out stays as it is; null clears.
type UpdateContract struct {
	Request
	ContractID id.ID
	Name       *string
	StartsOn   graphql.Omittable[*string] `json:",omitzero"`
	EndsOn     graphql.Omittable[*string] `json:",omitzero"`
	Notes      graphql.Omittable[*string] `json:",omitzero"`
}

// UpdateContractPayload answers UpdateContract.
type UpdateContractPayload struct {
	Reply
	Contract *ent.Contract
}

// CreateLicense records an entitlement under a contract. Exactly one of Quantity and UnlimitedQuantity is given.
type CreateLicense struct {
	Request
	ContractID        id.ID
	ProductID         id.ID
	Quantity          *int
	UnlimitedQuantity *bool
	Metric            *string // USERS by default
	StartsOn          *string
	EndsOn            *string
	UnitPrice         *string
	Currency          *string
	PricePer          *string // what the unit price pays for; YEAR by default
	Notes             *string
}

// CreateLicensePayload answers CreateLicense.
type CreateLicensePayload struct {
	Reply
	License *ent.License
}

// UpdateLicense changes a license. Lowering the quantity below use takes no seat away: the license is OVER_LIMIT until there
// is room; raising it promotes from the queues in the same transaction.
type UpdateLicense struct {
	Request
	LicenseID         id.ID
	Quantity          *int
	UnlimitedQuantity *bool
	Overage           *int
	StartsOn          graphql.Omittable[*string] `json:",omitzero"`
	EndsOn            graphql.Omittable[*string] `json:",omitzero"`
	UnitPrice         graphql.Omittable[*string] `json:",omitzero"`
	Currency          graphql.Omittable[*string] `json:",omitzero"`
	PricePer          *string
	Notes             graphql.Omittable[*string] `json:",omitzero"`
}

// UpdateLicensePayload answers UpdateLicense.
type UpdateLicensePayload struct {
	Reply
	License *ent.License
}

// DeleteVendor removes a vendor that has neither products nor contracts.
type DeleteVendor struct {
	Request
	VendorID id.ID
}

// DeleteProduct removes a product that has no licenses.
type DeleteProduct struct {
	Request
	ProductID id.ID
}

// DeleteContract removes a contract that has no licenses.
type DeleteContract struct {
	Request
	ContractID id.ID
}

// DeleteLicense removes a license that has neither seats, group licenses, allotments, allocations nor purchase reservations under way.
type DeleteLicense struct {
	Request
	LicenseID id.ID
}

// DeletePayload answers the deletion of one thing.
type DeletePayload struct {
	Reply
	DeletedID id.ID
}
