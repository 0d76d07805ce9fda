package operation

import (
	"context"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/licensing"
)

func (c *UpdateAllocation) action() string { return "updateAllocation" }

func (c *UpdateAllocation) check() error {
	if c.Unlimited != nil && *c.Unlimited && c.Quantity != nil {
		return fault.Invalid("quantity", "give either a quantity or unlimited: true")
	}
	if name := c.Name.Value(); name != nil {
		if err := checkText("name", *name, 300); err != nil {
			return err
		}
	}
	return firstError(
		checkCount("quantity", c.Quantity), checkOneOf("metric", c.Metric, "USERS", "INSTALLS"),
		checkOptional("costCenter", c.CostCenter.Value(), 200), checkOptional("notes", c.Notes.Value(), 10_000),
	)
}

func (c *UpdateAllocation) prepare(ctx context.Context, r *reading) (*plan[AllocationPayload], error) {
	before, pool, t, err := r.findAllocation(ctx, c.AllocationID)
	if err != nil {
		return nil, err
	}
	a := *before
	a.name, a.costCenter, a.notes = orKeep(c.Name.ValueOK())(a.name), orKeep(c.CostCenter.ValueOK())(a.costCenter), orKeep(c.Notes.ValueOK())(a.notes)
	set(&a.metric, c.Metric)
	if c.Quantity != nil {
		a.quantity = count(c.Quantity)
	}
	if c.Unlimited != nil {
		switch {
		case *c.Unlimited:
			a.quantity = nil
		case a.quantity == nil:
			return nil, fault.Invalid("quantity", "an allocation that is not unlimited needs a quantity")
		}
	}
	if a.kind == customReservation && (a.name == nil || a.quantity == nil) {
		return nil, fault.Invalid("name", "a custom reservation has a name and a quantity")
	}
	return &plan[AllocationPayload]{
		ask: r.questionAllocation(c.action(), &a, pool, a.reserves()-before.reserves()), hidden: r.hidesAllocation(ctx, &a, pool, t),
		write: func(ctx context.Context, w *writing) (*AllocationPayload, error) {
			if err := w.changeAllocation(ctx, before, &a, pool); err != nil {
				return nil, err
			}
			if err := w.flush(ctx); err != nil {
				return nil, err
			}
			return w.allocationPayload(ctx, a.id)
		},
	}, nil
}

// changeAllocation stores what an allocation has become. What it takes more has to be there; what it gives back moves the queues.
func (w *writing) changeAllocation(ctx context.Context, before, a *allocation, pool *licensing.Pool) error {
	if err := w.reserve(pool, a.reserves()-before.reserves()); err != nil {
		return err
	}
	if err := w.storeAllocations(ctx, nil, []*allocation{a}); err != nil {
		return err
	}
	return w.settle(ctx)
}

func (c *DeleteAllocation) action() string { return "deleteAllocation" }

func (c *DeleteAllocation) check() error { return nil }

func (c *DeleteAllocation) prepare(ctx context.Context, r *reading) (*plan[DeleteAllocationPayload], error) {
	a, pool, t, err := r.findAllocation(ctx, c.AllocationID)
	if err != nil {
		return nil, err
	}
	return &plan[DeleteAllocationPayload]{
		ask: r.questionAllocation(c.action(), a, pool, 0), hidden: r.hidesAllocation(ctx, a, pool, t),
		write: func(ctx context.Context, w *writing) (*DeleteAllocationPayload, error) {
			pool.Reserve(-a.reserves())
			if err := w.tx.Client().Allocation.DeleteOneID(a.id).Exec(ctx); err != nil {
				return nil, err
			}
			w.happened("ALLOCATION_DELETED", "allocation", a.id, a.data()).pool = pool.Key
			if err := w.keepAllocationStates(ctx, []*allocation{a}, true); err != nil {
				return nil, err
			}
			if err := w.settle(ctx); err != nil {
				return nil, err
			}
			if err := w.flush(ctx); err != nil {
				return nil, err
			}
			row, err := w.licenseRow(ctx, a.license)
			return &DeleteAllocationPayload{DeletedID: c.AllocationID, License: row}, err
		},
	}, nil
}
