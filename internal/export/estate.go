package export

import (
	"context"

	"github.com/ringfence/ringfence/internal/query"
)

// estateKinds are what is in use and what covers it.
var estateKinds = []*kind{
	{
		name: "deployments", about: "products as discovered in the estate", input: "DeploymentWhere",
		columns: []string{"ringfence id", "vendor", "product", "installs", "users", "observed at", "source", "created at"},
		write: func(ctx context.Context, j *job) error {
			return walk(ctx, j, func(ctx context.Context, p query.Page, w *query.DeploymentWhere) (*query.DeploymentConnection, error) {
				return j.reader.Deployments(ctx, p, w, &query.DeploymentOrder{Field: "CREATED_AT"})
			}, func(ctx context.Context, d *query.Deployment) error {
				vendor, err := d.Vendor(ctx)
				if err != nil {
					return err
				}
				return j.row(named(d.ID()), word(vendor.Name), word(d.Product), number(d.Installs), number(d.Users), instant(d.ObservedAt), word(d.Source),
					instant(d.CreatedAt))
			})
		},
	},
	{
		name: "allocations", about: "what covers deployments, or is kept for a purpose", input: "AllocationWhere",
		columns: []string{
			"ringfence id", "external id", "license", "contract number", "licensed product", "type", "vendor", "product", "name", "quantity", "unlimited", "metric",
			"cost center", "notes", "created at",
		},
		write: func(ctx context.Context, j *job) error {
			return walk(ctx, j, func(ctx context.Context, p query.Page, w *query.AllocationWhere) (*query.AllocationConnection, error) {
				return j.reader.Allocations(ctx, p, w, nil)
			}, j.allocation)
		},
	},
	{
		name: "purchase-reservations", about: "units committed for a date", input: "PurchaseReservationWhere",
		columns: []string{"ringfence id", "vendor", "contract number", "product", "license", "quantity", "starts on", "state", "order number", "ended at", "notes", "created at"},
		write: func(ctx context.Context, j *job) error {
			return walk(ctx, j, func(ctx context.Context, p query.Page, w *query.PurchaseReservationWhere) (*query.PurchaseReservationConnection, error) {
				return j.reader.PurchaseReservations(ctx, p, w, &query.PurchaseReservationOrder{Field: "CREATED_AT"})
			}, j.purchase)
		},
	},
}

func (j *job) purchase(ctx context.Context, p *query.PurchaseReservation) error {
	license, err := p.License(ctx)
	if err != nil {
		return err
	}
	what, err := articleOf(ctx, license)
	if err != nil {
		return err
	}
	return j.row(named(p.ID()), word(what.vendor), word(what.contract), word(what.product), named(license.ID()), number(p.Quantity), plain(p.StartsOn), plain(p.State),
		maybe(p.OrderNumber()), maybeInstant(p.EndedAt), maybe(p.Notes()), instant(p.CreatedAt))
}

func (j *job) allocation(ctx context.Context, a *query.Allocation) error {
	license, err := a.License(ctx)
	if err != nil {
		return err
	}
	what, err := articleOf(ctx, license)
	if err != nil {
		return err
	}
	deployment, err := a.Deployment(ctx)
	if err != nil {
		return err
	}
	var vendor, product cell
	if deployment != nil {
		maker, err := deployment.Vendor(ctx)
		if err != nil {
			return err
		}
		vendor, product = word(maker.Name), word(deployment.Product)
	}
	return j.row(named(a.ID()), maybe(a.ExternalID), maybe(license.ExternalID), word(what.contract), word(what.product), plain(a.Type), vendor, product, maybe(a.Name),
		units(a.Quantity), boolean(a.Unlimited), plain(a.Metric()), maybe(a.CostCenter), maybe(a.Notes()), instant(a.CreatedAt))
}
