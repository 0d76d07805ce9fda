package export

import (
	"context"
	"slices"
	"strconv"

	"github.com/ringfence/ringfence/internal/query"
)

// totalColumns are the totals of an overview, in its metric.
var totalColumns = []string{
	"metric", "entitled", "allocated", "available", "deployed", "headroom", "utilization", "uncovered", "over by", "allocated not in use", "in use not allocated",
}

// overviewKinds are license positions: the rows of the portfolio, and the totals of each license and of each contract.
var overviewKinds = []*kind{
	{
		name: "overview", about: "what is deployed, what covers it and what does not, over everything", input: "OverviewWhere", takes: []string{takesAsOf},
		columns: []string{"vendor", "product", "deployment", "reservation", "metric", "deployed", "allocated", "uncovered", "allocations", "remediation"},
		write: func(ctx context.Context, j *job) error {
			return walk(ctx, j, func(ctx context.Context, p query.Page, w *query.OverviewWhere) (*query.OverviewRowConnection, error) {
				overview, err := j.reader.PortfolioOverview(ctx, j.AsOf, nil, w) // anew for each page, so that only one is in memory
				if err != nil {
					return nil, err
				}
				return overview.RowPage(ctx, p.First, p.After, nil, nil, nil, nil)
			}, j.overviewRow)
		},
	},
	{
		name: "license-overviews", about: "the position of each license", input: "LicenseOverviewWhere", takes: []string{takesAsOf},
		columns: slices.Concat([]string{"license", "vendor", "contract number", "product"}, totalColumns),
		write: func(ctx context.Context, j *job) error {
			return walk(ctx, j, func(ctx context.Context, p query.Page, w *query.LicenseOverviewWhere) (*query.LicenseOverviewConnection, error) {
				return j.reader.LicenseOverviews(ctx, p, j.AsOf, w, nil)
			}, func(ctx context.Context, l *query.LicenseOverview) error {
				license, err := l.License(ctx)
				if err != nil {
					return err
				}
				var a article // of a license that was removed since only the id is known
				if license != nil {
					if a, err = articleOf(ctx, license); err != nil {
						return err
					}
				}
				return j.row(append([]cell{named(l.ID()), word(a.vendor), word(a.contract), word(a.product)}, totals(l.Overview().OverviewTotals)...)...)
			})
		},
	},
	{
		name: "contract-overviews", about: "the position of each contract", input: "ContractOverviewWhere", takes: []string{takesAsOf},
		columns: slices.Concat([]string{"contract", "vendor", "contract number"}, totalColumns),
		write: func(ctx context.Context, j *job) error {
			return walk(ctx, j, func(ctx context.Context, p query.Page, w *query.ContractOverviewWhere) (*query.ContractOverviewConnection, error) {
				return j.reader.ContractOverviews(ctx, p, j.AsOf, nil, w, nil)
			}, func(ctx context.Context, c *query.ContractOverview) error {
				contract, err := c.Contract(ctx)
				if err != nil {
					return err
				}
				var vendor, number cell
				if contract != nil {
					seller, err := contract.Vendor(ctx)
					if err != nil {
						return err
					}
					vendor, number = word(seller.Name), word(contract.Number)
				}
				return j.row(append([]cell{named(c.ID()), vendor, number}, totals(c.Overview().OverviewTotals)...)...)
			})
		},
	},
}

func totals(t *query.OverviewTotals) []cell {
	var utilization cell
	if share := t.Utilization(); share != nil {
		utilization = cell{strconv.FormatFloat(*share, 'f', -1, 64), *share}
	}
	return []cell{
		plain(t.Metric()), maybeNumber(t.Entitled()), number(t.Allocated()), maybeNumber(t.Available()), number(t.Deployed()), maybeNumber(t.Headroom()), utilization,
		number(t.Uncovered()), number(t.OverBy()), number(t.AllocatedNotInUse()), number(t.InUseNotAllocated()),
	}
}

func (j *job) overviewRow(ctx context.Context, r *query.OverviewRow) error {
	label, err := r.Label(ctx)
	if err != nil {
		return err
	}
	deployment, err := r.Deployment(ctx)
	if err != nil {
		return err
	}
	allocations, err := r.Allocations(ctx)
	if err != nil {
		return err
	}
	remedies, err := r.Remediation(ctx)
	if err != nil {
		return err
	}
	vendor, product, which, reservation := cell{}, cell{}, cell{}, word(label)
	if deployment != nil {
		maker, err := deployment.Vendor(ctx)
		if err != nil {
			return err
		}
		vendor, product, which, reservation = word(maker.Name), word(label), named(deployment.ID()), cell{}
	}
	ids, sentences := make([]string, len(allocations)), make([]string, len(remedies))
	for i, a := range allocations {
		ids[i] = a.ID().String()
	}
	for i, remedy := range remedies {
		sentences[i] = remedy.Message()
	}
	return j.row(vendor, product, which, reservation, maybePlain(r.Metric()), maybeNumber(r.Deployed()), number(r.Allocated()), maybeNumber(r.Uncovered()), list(ids),
		list(sentences))
}
