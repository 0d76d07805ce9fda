package operation

import (
	"context"
	"slices"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/store"
)

// storeAllocations writes allocations, new ones, which get their keys, and changed ones, with the beginning or the next part of their
// history. Their units are carved out already.
func (w *writing) storeAllocations(ctx context.Context, fresh, changed []*allocation) error {
	if err := w.insertAllocations(ctx, fresh); err != nil {
		return named(err, "externalId", "an allocation with this external id exists already")
	}
	if err := w.updateAllocations(ctx, changed); err != nil {
		return err
	}
	w.tellAllocations("ALLOCATION_CREATED", fresh)
	w.tellAllocations("ALLOCATION_UPDATED", changed)
	return w.keepAllocationStates(ctx, slices.Concat(fresh, changed), false)
}

// tellAllocations notes what became of allocations: each on its own, or as lists when they are many.
func (w *writing) tellAllocations(kind string, list []*allocation) {
	if len(list) <= tellSingly {
		for _, a := range list {
			w.happened(kind, "allocation", a.id, a.data()).pool = licensing.PoolKey{License: a.license}
		}
		return
	}
	for part := range slices.Chunk(list, tellAtOnce) {
		keys := make([]int64, len(part))
		for i, a := range part {
			keys[i] = a.id
		}
		w.happened(kind, "allocations", 0, map[string]any{"count": len(keys), "allocations": idsOf(id.Allocation, keys)})
	}
}

// allocationColumns are what can change of allocations.
func allocationColumns(list []*allocation) []store.Column {
	n := len(list)
	names, quantities, unlimited, metrics := make([]*string, n), make([]*int64, n), make([]bool, n), make([]string, n)
	externals, centers, notes := make([]*string, n), make([]*string, n), make([]*string, n)
	for i, a := range list {
		externals[i], names[i], quantities[i], unlimited[i], metrics[i], centers[i], notes[i] = a.external, a.name, a.quantity, a.quantity == nil, a.metric, a.costCenter, a.notes
	}
	return []store.Column{
		{Name: "external_id", Values: externals}, {Name: "name", Values: names}, {Name: "quantity", Values: quantities}, {Name: "unlimited", Values: unlimited},
		{Name: "metric", Values: metrics}, {Name: "cost_center", Values: centers}, {Name: "notes", Values: notes},
	}
}

func (w *writing) insertAllocations(ctx context.Context, list []*allocation) error {
	n := len(list)
	if n == 0 {
		return nil
	}
	licenses, kinds, deployments := make([]int64, n), make([]string, n), make([]*int64, n)
	for i, a := range list {
		licenses[i], kinds[i] = a.license, a.kind
		if a.deployment != 0 {
			deployments[i] = &a.deployment
		}
	}
	i := 0
	return w.tx.InsertReturning(ctx, "allocations", []string{"id"}, scanRows(func(row scanner) error {
		i++
		return row.Scan(&list[i-1].id)
	}), append(allocationColumns(list), store.Column{Name: "license_id", Values: licenses}, store.Column{Name: "type", Values: kinds},
		store.Column{Name: "deployment_id", Values: deployments}, store.Column{Name: "created_at", Values: repeat(w.Now(), n)})...)
}

func (w *writing) updateAllocations(ctx context.Context, list []*allocation) error {
	if len(list) == 0 {
		return nil
	}
	keys := make([]int64, len(list))
	for i, a := range list {
		keys[i] = a.id
	}
	table, args := w.tx.Table("v", 1, append(allocationColumns(list), store.Column{Name: "id", Values: keys})...)
	_, err := w.tx.Exec(ctx, `UPDATE allocations SET external_id = v.external_id, name = v.name, quantity = v.quantity, unlimited = v.unlimited, metric = v.metric,
		cost_center = v.cost_center, notes = v.notes FROM `+table+` WHERE allocations.id = v.id`, args...)
	return err
}

// keepAllocationStates adds to the history of allocations what they are from now on.
func (w *writing) keepAllocationStates(ctx context.Context, list []*allocation, deleted bool) error {
	n := len(list)
	if n == 0 {
		return nil
	}
	keys, licenses, deployments, quantities := make([]int64, n), make([]int64, n), make([]int64, n), make([]*int64, n)
	names, metrics := make([]string, n), make([]string, n)
	for i, a := range list {
		keys[i], licenses[i], deployments[i], quantities[i], names[i], metrics[i] = a.id, a.license, a.deployment, a.quantity, orEmpty(a.name), a.metric
	}
	return w.tx.Insert(ctx, "allocation_states", store.Column{Name: "allocation_id", Values: keys}, store.Column{Name: "at", Values: repeat(w.Now(), n)},
		store.Column{Name: "license_id", Values: licenses}, store.Column{Name: "deployment_id", Values: deployments}, store.Column{Name: "name", Values: names},
		store.Column{Name: "quantity", Values: quantities}, store.Column{Name: "metric", Values: metrics}, store.Column{Name: "deleted", Values: repeat(deleted, n)})
}
