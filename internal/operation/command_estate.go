package operation

import (
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/internal/id"
)

// RecordDeployments tells what a collector saw in the estate at one time (semantics.md §5). Vendors that are not known are
// created. What was observed earlier than what is known already is kept and changes nothing.
type RecordDeployments struct {
	Request
	Source      string
	ObservedAt  *time.Time // now by default
	Deployments []DeploymentInput
	// Complete says that the source has nothing else: deployments of it that are not named fall to 0.
	Complete *bool
}

// DeploymentInput is how often a product is in use. Vendor and product are compared without case.
type DeploymentInput struct {
	Vendor   string
	Product  string
	Installs int
	Users    int
}

// RecordDeploymentsPayload answers RecordDeployments: the deployments that were named, in order, and how many came to be or changed.
type RecordDeploymentsPayload struct {
	Reply
	Deployments []*ent.Deployment
	Created     int
	Changed     int
}

// CreateAllocation links a license to a deployment or to a named purpose (semantics.md §5). A fixed quantity is taken out of the
// license at once; Unlimited takes nothing.
type CreateAllocation struct {
	Request
	LicenseID    id.ID
	Type         string
	VendorID     *id.ID // a check: the deployment must be of this vendor
	DeploymentID *id.ID
	Name         *string
	Quantity     *int
	Unlimited    *bool
	Metric       *string // the license's by default
	CostCenter   *string
	Notes        *string
	ExternalID   *string
}

// UpdateAllocation changes an allocation. What is left out stays as it is; null clears. What it tracks stays.
type UpdateAllocation struct {
	Request
	AllocationID id.ID
	Name         graphql.Omittable[*string] `json:",omitzero"`
	Quantity     *int
	Unlimited    *bool
	Metric       *string
	CostCenter   graphql.Omittable[*string] `json:",omitzero"`
	Notes        graphql.Omittable[*string] `json:",omitzero"`
}

// AllocationPayload answers CreateAllocation and UpdateAllocation.
type AllocationPayload struct {
	Reply
	Allocation *ent.Allocation
}

// DeleteAllocation removes an allocation. Its units go back to the license, and the queues move.
type DeleteAllocation struct {
	Request
	AllocationID id.ID
}

// DeleteAllocationPayload answers DeleteAllocation.
type DeleteAllocationPayload struct {
	Reply
	DeletedID id.ID
	License   *ent.License
}
