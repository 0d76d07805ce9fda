package query

import (
	"context"

	"entgo.io/ent/dialect/sql"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/ent/predicate"
	"github.com/ringfence/ringfence/internal/id"
)

// Deployment is a product as discovered in the estate as the API shows it.
type Deployment struct {
	*ent.Deployment
	family *family[*Deployment]
}

// Observation is what a collector told of a deployment at one time as the API shows it.
type Observation struct{ *ent.Observation }

// Pages of the nouns of this file.
type (
	DeploymentConnection  = Connection[*Deployment]
	DeploymentEdge        = Edge[*Deployment]
	ObservationConnection = Connection[*Observation]
	ObservationEdge       = Edge[*Observation]
)

var deployments = &noun[*ent.Deployment, *Deployment]{
	kind: kindDeployment, table: "deployments",
	find: func(ctx context.Context, c *ent.Client, where func(*sql.Selector)) ([]*ent.Deployment, error) {
		return c.Deployment.Query().Where(predicate.Deployment(where)).All(ctx)
	},
	key:  func(row *ent.Deployment) int64 { return row.ID },
	view: func(row *ent.Deployment, f *family[*Deployment]) *Deployment { return &Deployment{row, f} },
}

// observations are seen with their deployment.
var observations = &noun[*ent.Observation, *Observation]{
	kind: kindDeployment, table: "observations",
	find: func(ctx context.Context, c *ent.Client, where func(*sql.Selector)) ([]*ent.Observation, error) {
		return c.Observation.Query().Where(predicate.Observation(where)).All(ctx)
	},
	key:  func(row *ent.Observation) int64 { return row.ID },
	view: func(row *ent.Observation, _ *family[*Observation]) *Observation { return &Observation{row} },
}

func deploymentKey(d *Deployment) int64 { return d.Deployment.ID }

// ID gives the opaque id.
func (d *Deployment) ID() id.ID { return id.Of(id.Deployment, d.Deployment.ID) }

// Vendor gives who makes the product.
func (d *Deployment) Vendor(ctx context.Context) (*Vendor, error) {
	return reference(ctx, d.family, d, vendors, link[*Deployment, *ent.Vendor]{
		field: "vendor", key: func(d *Deployment) int64 { return d.VendorID }, loaded: func(d *Deployment) *ent.Vendor { return d.Edges.Vendor },
	})
}

// Allocations gives the allocations that track the deployment.
func (d *Deployment) Allocations(ctx context.Context, first *int, after *string, last *int, before *string) (*AllocationConnection, error) {
	return below(ctx, d.family, d, allocations, nested[*Deployment]{field: "allocations", parent: "t.deployment_id", owner: deploymentKey},
		Page{first, after, last, before})
}

// Observations gives what collectors told, as it came in.
func (d *Deployment) Observations(ctx context.Context, first *int, after *string, last *int, before *string) (*ObservationConnection, error) {
	return below(ctx, d.family, d, observations, nested[*Deployment]{field: "observations", parent: "t.deployment_id", owner: deploymentKey},
		Page{first, after, last, before})
}

// Deployments gives what of the vendor is in use.
func (v *Vendor) Deployments(ctx context.Context, first *int, after *string, last *int, before *string) (*DeploymentConnection, error) {
	return below(ctx, v.family, v, deployments, nested[*Vendor]{
		field: "deployments", parent: "t.vendor_id", owner: func(v *Vendor) int64 { return v.Vendor.ID },
	}, Page{first, after, last, before})
}

// DeploymentWhere are conditions on deployments.
type DeploymentWhere struct {
	IDIn       []id.ID
	Search     *string
	Product    *TextFilter
	VendorIDIn []id.ID
	Source     *string
	Installs   *CountFilter
	Users      *CountFilter
	Allocated  *bool
}

// DeploymentOrderField is what deployments can be ordered by, as the schema lists it.
type DeploymentOrderField string

// DeploymentOrder is an order of deployments.
type DeploymentOrder struct {
	Field     DeploymentOrderField
	Direction OrderDirection
}

// Deployments lists the deployments the principal may see.
func (r *Reader) Deployments(ctx context.Context, p Page, where *DeploymentWhere, o *DeploymentOrder) (*DeploymentConnection, error) {
	s := r.session(ctx)
	f, err := s.sight(ctx)
	if err != nil {
		return nil, err
	}
	l := list{order: by("product", "", text, sqlf("t.product"))}
	if where != nil {
		l.where = and(
			named("t.id", id.Deployment, where.IDIn), where.Product.on("t.product"), named("t.vendor_id", id.Vendor, where.VendorIDIn),
			equals("t.source", where.Source), where.Installs.on("t.installs"), where.Users.on("t.users"),
			whether(where.Allocated, sqlf("EXISTS (SELECT 1 FROM allocations wa WHERE wa.deployment_id = t.id AND ?)", and(s.visible(f, kindAllocation, "wa")))),
		)
		if where.Search != nil {
			l.where = and(l.where, or(containing(*where.Search, "t.product"),
				sqlf("t.vendor_id IN (SELECT wv.id FROM vendors wv WHERE ?)", containing(*where.Search, "wv.name"))))
		}
	}
	if o != nil {
		switch o.Field {
		case "INSTALLS":
			l.order = by("installs", o.Direction, number, sqlf("t.installs"))
		case "USERS":
			l.order = by("users", o.Direction, number, sqlf("t.users"))
		case "CREATED_AT":
			l.order = recorded(o.Direction)
		default:
			l.order = by("product", o.Direction, text, sqlf("t.product"))
		}
	}
	return root(ctx, s, deployments, l, p)
}
