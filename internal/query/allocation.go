package query

import (
	"context"

	"entgo.io/ent/dialect/sql"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/ent/allocation"
	"github.com/ringfence/ringfence/ent/license"
	"github.com/ringfence/ringfence/ent/predicate"
	"github.com/ringfence/ringfence/internal/id"
)

// Allocation is a link from a license to a deployment or to a named purpose as the API shows it.
type Allocation struct {
	*ent.Allocation
	family *family[*Allocation]
}

// Pages of allocations.
type (
	AllocationConnection = Connection[*Allocation]
	AllocationEdge       = Edge[*Allocation]
)

var allocations = &noun[*ent.Allocation, *Allocation]{
	kind: kindAllocation, table: "allocations",
	find: func(ctx context.Context, c *ent.Client, where func(*sql.Selector)) ([]*ent.Allocation, error) {
		return c.Allocation.Query().Where(predicate.Allocation(where)).All(ctx)
	},
	key:  func(row *ent.Allocation) int64 { return row.ID },
	view: func(row *ent.Allocation, f *family[*Allocation]) *Allocation { return &Allocation{row, f} },
}

// ID gives the opaque id.
func (a *Allocation) ID() id.ID { return id.Of(id.Allocation, a.Allocation.ID) }

// License gives what the units come from.
func (a *Allocation) License(ctx context.Context) (*License, error) {
	return reference(ctx, a.family, a, licenses, link[*Allocation, *ent.License]{
		field: "license", key: func(a *Allocation) int64 { return a.LicenseID }, loaded: func(a *Allocation) *ent.License { return a.Edges.License },
	})
}

// Deployment gives what is tracked; nil for a custom reservation.
func (a *Allocation) Deployment(ctx context.Context) (*Deployment, error) {
	return optional(ctx, a.family, a, deployments, link[*Allocation, *ent.Deployment]{
		field: "deployment", loaded: func(a *Allocation) *ent.Deployment { return a.Edges.Deployment },
		key: func(a *Allocation) int64 {
			if a.DeploymentID == nil {
				return 0
			}
			return *a.DeploymentID
		},
	})
}

// Metric gives which count of the deployment is covered.
func (a *Allocation) Metric() license.Metric { return license.Metric(a.Allocation.Metric) }

// Notes gives the remarks.
func (a *Allocation) Notes() *string {
	return masked(a.family.facts, kindAllocation, "notes", a.Allocation.Notes)
}

// Allocations gives the allocations of the license, oldest first.
func (l *License) Allocations(ctx context.Context, first *int, after *string, last *int, before *string) (*AllocationConnection, error) {
	return below(ctx, l.family, l, allocations, nested[*License]{field: "allocations", parent: "t.license_id", owner: licenseKey},
		Page{first, after, last, before})
}

// AllocationWhere are conditions on allocations.
type AllocationWhere struct {
	IDIn           []id.ID
	LicenseIDIn    []id.ID
	ContractIDIn   []id.ID
	DeploymentIDIn []id.ID
	Type           *allocation.Type
	Metric         *license.Metric
	Unlimited      *bool
	CostCenter     *string
	Search         *string
}

// AllocationOrderField is what allocations can be ordered by, as the schema lists it.
type AllocationOrderField string

// AllocationOrder is an order of allocations.
type AllocationOrder struct {
	Field     AllocationOrderField
	Direction OrderDirection
}

// Allocations lists the allocations the principal may see.
func (r *Reader) Allocations(ctx context.Context, p Page, where *AllocationWhere, o *AllocationOrder) (*AllocationConnection, error) {
	s := r.session(ctx)
	l := list{}
	if w := where; w != nil {
		l.where = and(
			named("t.id", id.Allocation, w.IDIn), named("t.license_id", id.License, w.LicenseIDIn), named("t.deployment_id", id.Deployment, w.DeploymentIDIn),
			equals("t.type", w.Type), equals("t.metric", w.Metric), equals("t.unlimited", w.Unlimited), equals("t.cost_center", w.CostCenter),
		)
		if w.ContractIDIn != nil {
			l.where = and(l.where, sqlf("t.license_id IN (SELECT wl.id FROM licenses wl WHERE ?)", named("wl.contract_id", id.Contract, w.ContractIDIn)))
		}
		if w.Search != nil {
			l.where = and(l.where, or(containing(*w.Search, "t.name"),
				sqlf("t.deployment_id IN (SELECT wd.id FROM deployments wd WHERE ?)", containing(*w.Search, "wd.product"))))
		}
	}
	if o != nil {
		l.order = recorded(o.Direction)
		if o.Field == "QUANTITY" {
			l.order = by("quantity", o.Direction, number, sqlf("COALESCE(t.quantity, 9007199254740991)"))
		}
	} else {
		l.order = byKey
	}
	return root(ctx, s, allocations, l, p)
}
