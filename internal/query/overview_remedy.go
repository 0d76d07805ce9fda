package query

import (
	"context"
	"fmt"
	"slices"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/ent/license"
	"github.com/ringfence/ringfence/internal/licensing"
)

// Remediation is something that would put an overview right as the API shows it.
type Remediation struct {
	licensing.Remedy
	family *family[*Remediation]
	base   *standing
}

// Metric gives what the units count.
func (r *Remediation) Metric() license.Metric { return license.Metric(r.Remedy.Metric.String()) }

// Message says what to do.
func (r *Remediation) Message() string {
	n := r.Units
	switch r.Kind {
	case licensing.CreateAllocation:
		return fmt.Sprintf("Allocate %d more %s: so many are left that nothing needs.", n, units(n))
	case licensing.ReduceAllocation:
		if r.Whole {
			return fmt.Sprintf("Remove the allocation: none of its %d %s is in use.", n, units(n))
		}
		return fmt.Sprintf("Reduce what is allocated by %d %s: they are not in use.", n, units(n))
	case licensing.RemoveOverage:
		return fmt.Sprintf("Remove %d %s of overage that nobody uses.", n, units(n))
	}
	return fmt.Sprintf("Buy %d %s: nothing that was bought is left for them.", n, units(n))
}

func units(n int64) string {
	if n == 1 {
		return "unit"
	}
	return "units"
}

// License gives the license it is about, if it is about one.
func (r *Remediation) License(ctx context.Context) (*License, error) {
	return optional(ctx, r.family, r, licenses, link[*Remediation, *ent.License]{field: "license", key: func(r *Remediation) int64 {
		if r.Remedy.License < 0 {
			return 0
		}
		return r.base.Licenses[r.Remedy.License].License
	}})
}

// Allocation gives the allocation to change, if there is one.
func (r *Remediation) Allocation(ctx context.Context) (*Allocation, error) {
	return optional(ctx, r.family, r, allocations, link[*Remediation, *ent.Allocation]{field: "allocation", key: func(r *Remediation) int64 {
		if r.Share < 0 {
			return 0
		}
		return r.base.Shares[r.Share].Allocation
	}})
}

// remediations makes views of what can be done, as part of one family.
func remediations(kin *family[*Remediation], base *standing, all []licensing.Remedy) []*Remediation {
	views := make([]*Remediation, len(all))
	for i, one := range all {
		views[i] = &Remediation{one, kin, base}
	}
	kin.members = append(kin.members, views...)
	return views
}

// Remediation gives what can be done about the row, looked at on its own.
func (r *OverviewRow) Remediation(ctx context.Context) ([]*Remediation, error) {
	summed, err := r.summed(ctx)
	if err != nil {
		return nil, err
	}
	all, err := together(ctx, r.family, "remediation", func(ctx context.Context, members []*OverviewRow) (map[*OverviewRow][]*Remediation, error) {
		var lonely []int64
		for _, row := range members {
			if len(summed[row]) == 0 {
				lonely = append(lonely, row.deploymentKey())
			}
		}
		entitled, err := r.family.entitling(ctx, lonely)
		if err != nil {
			return nil, err
		}
		kin := &family[*Remediation]{session: r.family.session, facts: r.family.facts}
		out := map[*OverviewRow][]*Remediation{}
		base := r.of.base
		sheet := base.NewSheet(base.shown)
		for _, row := range members {
			candidates := sheet.LicensesOf(summed[row])
			if len(candidates) == 0 {
				candidates = row.of.candidates(entitled[row.deploymentKey()], row.Row.Metric)
			}
			out[row] = remediations(kin, base, sheet.Remedies(&row.Row, summed[row], candidates))
		}
		return out, nil
	})
	return nonNil(all[r]), err
}

// candidates gives those of some licenses that the overview is about and that count in a metric.
func (o *Overview) candidates(keys []int64, m licensing.Metric) []int32 {
	var all []int32
	for _, key := range keys {
		at, known := o.base.FindLicense(key)
		if known && o.base.Licenses[at].Metric == m && slices.Contains(o.about.Licenses, int32(at)) {
			all = append(all, int32(at))
		}
	}
	return all
}

// entitling gives the licenses to the products that deployments are of, by vendor and name, for each of some deployments.
func (s *session) entitling(ctx context.Context, deployments []int64) (map[int64][]int64, error) {
	found := map[int64][]int64{}
	pairs, err := s.pairs(ctx, sqlf(`SELECT d.id, l.id FROM deployments d JOIN products p ON p.vendor_id = d.vendor_id AND LOWER(p.name) = d.product_key
		JOIN licenses l ON l.product_id = p.id WHERE ? ORDER BY l.id`, in("d.id", distinct(deployments))))
	for _, p := range pairs {
		found[p.owner] = append(found[p.owner], p.key)
	}
	return found, err
}

// Suggestions gives what can be done about everything the overview is about.
func (o *Overview) Suggestions(ctx context.Context) ([]*Remediation, error) {
	all, err := together(ctx, o.family, "suggestions", func(ctx context.Context, members []*Overview) (map[*Overview][]*Remediation, error) {
		var estate []int64
		for _, member := range members {
			for _, at := range member.about.Estate {
				estate = append(estate, member.base.Deployments[at].Deployment)
			}
		}
		entitled, err := o.family.entitling(ctx, estate)
		if err != nil {
			return nil, err
		}
		kin := &family[*Remediation]{session: o.family.session, facts: o.family.facts}
		out := map[*Overview][]*Remediation{}
		sheet := o.base.NewSheet(o.base.shown)
		for _, member := range members {
			match := func(deployment int32, m licensing.Metric) []int32 {
				return member.candidates(entitled[o.base.Deployments[deployment].Deployment], m)
			}
			out[member] = remediations(kin, o.base, sheet.Suggestions(member.about, match))
		}
		return out, nil
	})
	return nonNil(all[o]), err
}
