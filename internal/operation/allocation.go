package operation

import (
	"context"
	"errors"

	"github.com/ringfence/ringfence/ent"
	entallocation "github.com/ringfence/ringfence/ent/allocation"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
)

// The words of AllocationType in the API.
const (
	trackDeployment   = "TRACK_DEPLOYMENT"
	customReservation = "CUSTOM_RESERVATION"
)

func (c *CreateAllocation) action() string { return "createAllocation" }

func (c *CreateAllocation) unlimited() bool { return c.Unlimited != nil && *c.Unlimited }

func (c *CreateAllocation) check() error {
	if c.unlimited() == (c.Quantity != nil) {
		return fault.Invalid("quantity", "give either a quantity or unlimited: true")
	}
	switch c.Type {
	case trackDeployment:
		if c.DeploymentID == nil {
			return fault.Invalid("deploymentId", "an allocation that tracks a deployment names it")
		}
	case customReservation:
		if c.DeploymentID != nil {
			return fault.Invalid("deploymentId", "a custom reservation is for a purpose, not for a deployment")
		}
		if c.Name == nil {
			return fault.Invalid("name", "a custom reservation has a name")
		}
		if c.unlimited() {
			return fault.Invalid("unlimited", "a custom reservation has a quantity")
		}
	}
	if c.Name != nil {
		if err := checkText("name", *c.Name, 300); err != nil {
			return err
		}
	}
	return firstError(
		checkOneOf("type", &c.Type, trackDeployment, customReservation), checkCount("quantity", c.Quantity), checkOneOf("metric", c.Metric, "USERS", "INSTALLS"),
		checkOptional("costCenter", c.CostCenter, 200), checkOptional("notes", c.Notes, 10_000), checkExternal("externalId", c.ExternalID),
	)
}

func (c *CreateAllocation) prepare(ctx context.Context, r *reading) (*plan[AllocationPayload], error) {
	t, err := r.find(ctx, nil, &c.LicenseID)
	if err != nil {
		return nil, err
	}
	pool, err := r.draw(ctx, t)
	if err != nil {
		return nil, err
	}
	a := &allocation{license: t.key.License, kind: c.Type, external: c.ExternalID, name: c.Name, quantity: count(c.Quantity), costCenter: c.CostCenter, notes: c.Notes}
	if c.DeploymentID != nil {
		a.deployment = c.DeploymentID.Key(id.Deployment)
		if err := r.deploymentOf(ctx, a.deployment, c.VendorID); err != nil {
			return nil, err
		}
	}
	if a.metric, err = r.metricOr(ctx, c.Metric, a.license); err != nil {
		return nil, err
	}
	return &plan[AllocationPayload]{
		ask: r.questionAllocation(c.action(), a, pool, a.reserves()), hidden: r.hides(ctx, pool, t),
		write: func(ctx context.Context, w *writing) (*AllocationPayload, error) {
			return w.createAllocation(ctx, a, pool)
		},
	}, nil
}

// deploymentOf answers an error that names the field unless there is such a deployment, of the vendor if one was chosen.
func (r *reading) deploymentOf(ctx context.Context, deployment int64, vendor *id.ID) error {
	if err := r.keep(ctx, "deployments", []int64{deployment}); err != nil {
		return err
	}
	if err := r.exists(ctx, "deployments", deployment, fault.Missing("deploymentId", "deployment")); err != nil || vendor == nil {
		return err
	}
	var of int64
	err := r.QueryRow(ctx, `SELECT vendor_id FROM deployments WHERE id = $1`, deployment).Scan(&of)
	if err == nil && of != vendor.Key(id.Vendor) {
		return fault.Invalid("deploymentId", "this is not a deployment of that vendor")
	}
	return err
}

// metricOr gives the metric that was asked for, or that of the license.
func (r *reading) metricOr(ctx context.Context, given *string, license int64) (metric string, err error) {
	if given != nil {
		return *given, nil
	}
	err = r.QueryRow(ctx, `SELECT metric FROM licenses WHERE id = $1`, license).Scan(&metric)
	return metric, err
}

// allocation is what an allocation is or is to become. A nil quantity is unlimited.
type allocation struct {
	id, license, deployment int64
	kind, metric            string
	external, name          *string
	quantity                *int64
	costCenter, notes       *string
}

// reserves is what the allocation takes out of its license (semantics.md §5): unlimited takes nothing.
func (a *allocation) reserves() int64 {
	if a.quantity == nil {
		return 0
	}
	return *a.quantity
}

func (a *allocation) data() map[string]any {
	data := map[string]any{"type": a.kind, "name": a.name, "quantity": a.quantity, "unlimited": a.quantity == nil, "metric": a.metric, "costCenter": a.costCenter}
	if a.deployment != 0 {
		data["deployment"] = id.Of(id.Deployment, a.deployment).String()
	}
	return data
}

func (r *reading) questionAllocation(action string, a *allocation, pool *licensing.Pool, requested int64) *policy.Input {
	args := map[string]any{"type": a.kind, "unlimited": a.quantity == nil, "metric": a.metric}
	if a.quantity != nil {
		args["quantity"] = *a.quantity
	}
	if a.costCenter != nil {
		args["costCenter"] = *a.costCenter
	}
	return &policy.Input{
		Now: r.Now(), Action: action, Principal: r.who.facts(), License: r.questionLicense(a.license, nil), Pools: r.questionPools(pool, max(0, requested)), Args: args,
	}
}

func (w *writing) createAllocation(ctx context.Context, a *allocation, pool *licensing.Pool) (*AllocationPayload, error) {
	if err := w.addAllocation(ctx, a, pool); err != nil {
		return nil, err
	}
	if err := w.flush(ctx); err != nil {
		return nil, err
	}
	return w.allocationPayload(ctx, a.id)
}

// addAllocation takes the units out of the license and stores the allocation, with the beginning of its history.
func (w *writing) addAllocation(ctx context.Context, a *allocation, pool *licensing.Pool) error {
	if err := w.reserve(pool, a.reserves()); err != nil {
		return err
	}
	return w.storeAllocations(ctx, []*allocation{a}, nil)
}

// reserve takes units out of a license for an allocation, or gives them back.
func (w *writing) reserve(pool *licensing.Pool, units int64) error {
	w.grant(w.answer.Ceilings)
	if err := w.carve(pool, units); err != nil {
		return inField(err, "quantity")
	}
	return nil
}

// inField names the field in the violations of a refusal.
func inField(err error, field string) error {
	var no *refusal
	if errors.As(err, &no) {
		for i := range no.violations {
			no.violations[i].Field = field
		}
	}
	return err
}

// allocationPayload reads an allocation as the transaction leaves it.
func (w *writing) allocationPayload(ctx context.Context, key int64) (*AllocationPayload, error) {
	row, err := w.tx.Client().Allocation.Query().Where(entallocation.ID(key)).WithDeployment(func(q *ent.DeploymentQuery) { q.WithVendor() }).
		WithLicense(func(q *ent.LicenseQuery) { q.WithProduct().WithContract() }).Only(ctx)
	return &AllocationPayload{Allocation: row}, err
}

// findAllocation locks the license of an allocation and reads the allocation under the lock. Which license an allocation belongs to
// never changes.
func (r *reading) findAllocation(ctx context.Context, given id.ID) (*allocation, *licensing.Pool, *target, error) {
	missing := fault.Missing("allocationId", "allocation")
	key := given.Key(id.Allocation)
	row, err := r.tx.Client().Allocation.Get(ctx, key)
	if ent.IsNotFound(err) {
		return nil, nil, nil, missing
	}
	if err != nil {
		return nil, nil, nil, err
	}
	home := id.Of(id.License, row.LicenseID)
	t, err := r.find(ctx, nil, &home)
	if err != nil {
		return nil, nil, nil, err
	}
	t.field, t.noun = "allocationId", "allocation"
	pool, err := r.draw(ctx, t)
	if err != nil {
		return nil, nil, nil, err
	}
	if row, err = r.tx.Client().Allocation.Get(ctx, key); err != nil {
		if ent.IsNotFound(err) {
			err = missing
		}
		return nil, nil, nil, err
	}
	a := &allocation{
		id: row.ID, license: row.LicenseID, kind: string(row.Type), external: row.ExternalID, name: row.Name, quantity: row.Quantity,
		metric: string(row.Metric), costCenter: row.CostCenter, notes: row.Notes,
	}
	if row.DeploymentID != nil {
		a.deployment = *row.DeploymentID
	}
	return a, pool, t, nil
}

// hidesAllocation is hides for an allocation: who may see it is said of its own kind.
func (r *reading) hidesAllocation(ctx context.Context, a *allocation, pool *licensing.Pool, t *target) unseen {
	return r.hidesRow(ctx, "allocation", a.id, t.missing()).or(r.hides(ctx, pool, t))
}
