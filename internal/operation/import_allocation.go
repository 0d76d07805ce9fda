package operation

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ringfence/ringfence/internal/feed"
	"github.com/ringfence/ringfence/internal/licensing"
)

// allocationImport takes allocations in. Each row that changes something is asked of the policy as createAllocation or updateAllocation
// would be, and has to fit into its license; what gives units back comes before what takes them.
type allocationImport struct {
	c *Import
	p *ImportPayload
	rowFinder

	shrunk map[int64]bool // allocations that gave units back
	freed  map[int64]bool // licenses that have units more
}

func beginAllocations(c *Import, p *ImportPayload) importer {
	return &allocationImport{c: c, p: p, rowFinder: rowFinder{file: c.File.Name, vendors: &vendorNames{}}, shrunk: map[int64]bool{}, freed: map[int64]bool{}}
}

// allocationRow is a row of the file with what it is about.
type allocationRow struct {
	line       int
	before, is *allocation // before is nil if it is to be created
	license    string
}

func (i *allocationImport) look(ctx context.Context, r *reading) error {
	licenses := map[int64]bool{}
	err := inSheet(&i.c.File, feed.Allocations, func(part []feed.Allocation) error {
		rows, err := i.match(ctx, r, part)
		for _, row := range rows {
			licenses[row.is.license] = true
		}
		return err
	})
	if err != nil {
		return err
	}
	return r.lockLicenses(ctx, slices.Collect(mapKeys(licenses)))
}

// match finds out what the rows of a part of the file are about.
func (i *allocationImport) match(ctx context.Context, r *reading, part []feed.Allocation) ([]allocationRow, error) {
	wrong := &rowMistakes{file: i.c.File.Name}
	licenses, err := i.licensesOf(ctx, r, part, wrong)
	if err != nil {
		return nil, err
	}
	deployments, err := i.deploymentsOf(ctx, r, part, licenses, wrong)
	if err != nil {
		return nil, err
	}
	known, err := r.allocationsOf(ctx, part, licenses)
	if err != nil {
		return nil, err
	}
	rows := make([]allocationRow, 0, len(part))
	taken := map[*allocation]int{}
	for n := range part {
		if licenses[n] == nil || part[n].Product != "" && deployments[n] == 0 {
			continue // it is noted already
		}
		row := allocationRow{line: part[n].Line, license: licenses[n].name}
		row.is = allocationOf(&part[n], licenses[n], deployments[n])
		if row.before = known.find(row.is, part[n].Metric != nil, row.line, wrong); row.before != nil {
			if line, twice := taken[row.before]; twice {
				wrong.add(row.line, "license", "this is the allocation of line %d", line)
			}
			taken[row.before] = row.line
			row.is.keep(row.before, &part[n])
		}
		rows = append(rows, row)
	}
	return rows, wrong.failure()
}

// allocationOf gives what a row says of an allocation.
func allocationOf(row *feed.Allocation, of *namedLicense, deployment int64) *allocation {
	a := &allocation{license: of.id, deployment: deployment, kind: customReservation, metric: of.metric, external: filled(row.ExternalID),
		name: filled(row.Name), costCenter: filled(row.CostCenter), notes: filled(row.Notes)}
	if deployment != 0 {
		a.kind = trackDeployment
	}
	if row.Metric != nil {
		a.metric = *row.Metric
	}
	if !row.Quantity.Unlimited {
		a.quantity = &row.Quantity.Units
	}
	return a
}

// keep has an allocation stay what it was where the file says nothing.
func (a *allocation) keep(before *allocation, row *feed.Allocation) {
	a.id = before.id
	if a.external == nil {
		a.external = before.external
	}
	if row.Name == nil {
		a.name = before.name
	}
	if row.Metric == nil {
		a.metric = before.metric
	}
	if row.CostCenter == nil {
		a.costCenter = before.costCenter
	}
	if row.Notes == nil {
		a.notes = before.notes
	}
}

func (a *allocation) same(b *allocation) bool {
	return same(a.external, b.external) && same(a.name, b.name) && same(a.quantity, b.quantity) && a.metric == b.metric && same(a.costCenter, b.costCenter) && same(a.notes, b.notes)
}

// filled gives a text that is not empty.
func filled(text *string) *string {
	if text == nil || *text == "" {
		return nil
	}
	return text
}

func (i *allocationImport) store(ctx context.Context, w *writing) error {
	file := i.c.File
	file.Passed = nil // what gives back is looked for in a reading of its own, which counts as none
	if err := inSheet(&file, feed.Allocations, func(part []feed.Allocation) error { return i.part(ctx, w, part, true) }); err != nil {
		return err
	}
	if err := inSheet(&i.c.File, feed.Allocations, func(part []feed.Allocation) error { return i.part(ctx, w, part, false) }); err != nil {
		return err
	}
	return i.promote(ctx, w)
}

// part stores the rows of a part of the file that give units back, or the others.
func (i *allocationImport) part(ctx context.Context, w *writing, part []feed.Allocation, back bool) error {
	rows, err := i.match(ctx, w.reading, part)
	if err != nil {
		return err
	}
	if err := w.turnPage(ctx); err != nil {
		return err
	}
	licenses, deployments := map[int64]bool{}, map[int64]bool{}
	for _, row := range rows {
		licenses[row.is.license] = true
		if row.is.deployment != 0 {
			deployments[row.is.deployment] = true
		}
	}
	if err := w.lockLicenses(ctx, slices.Collect(mapKeys(licenses))); err != nil {
		return err
	}
	if err := w.keep(ctx, "deployments", slices.Collect(mapKeys(deployments))); err != nil {
		return err
	}
	var fresh, changed []*allocation
	for n := range rows {
		row := &rows[n]
		gives := row.before != nil && row.is.reserves() < row.before.reserves()
		switch {
		case gives != back, row.before != nil && i.shrunk[row.before.id]:
			continue
		case row.before != nil && row.is.same(row.before):
			i.p.tally("allocations").Unchanged++
			continue
		}
		if err := i.draw(ctx, w, row); err != nil {
			return atLine(err, i.file, row.line)
		}
		if row.before == nil {
			fresh = append(fresh, row.is)
		} else {
			changed = append(changed, row.is)
		}
	}
	return w.storeAllocations(ctx, fresh, changed)
}

// draw asks the policy about a row, as the caller, and takes or gives back its units.
func (i *allocationImport) draw(ctx context.Context, w *writing, row *allocationRow) error {
	pool := w.book.Pools[licensing.PoolKey{License: row.is.license}]
	if pool == nil {
		return &widenError{}
	}
	action, units := "createAllocation", row.is.reserves()
	if row.before != nil {
		action, units = "updateAllocation", units-row.before.reserves()
	}
	allowed, no := w.decide(ctx, w.questionAllocation(action, row.is, pool, units), requestKey{}, nil)
	if no != nil {
		return refuse(no.decision.violations...)
	}
	w.further = append(w.further, allowed.decision)
	w.grant(allowed.answer.Ceilings)
	if err := w.reserve(pool, units); err != nil {
		return err
	}
	if units < 0 {
		i.freed[row.is.license], i.shrunk[row.is.id] = true, true
	}
	count := i.p.tally("allocations")
	if row.before == nil {
		count.Created++
		i.p.example("+ %s: %s", row.license, row.is)
	} else {
		count.Updated++
		i.p.example("~ %s: %s → %s", row.license, row.before, row.is)
	}
	return nil
}

// String tells an allocation in words.
func (a *allocation) String() string {
	what := strings.ToLower(a.metric)
	if a.quantity == nil {
		what = "unlimited " + what
	} else {
		what = fmt.Sprintf("%d %s", *a.quantity, what)
	}
	if a.name != nil {
		what += " for " + *a.name
	}
	return what
}

// promote lets the queues have what was given back and not taken.
func (i *allocationImport) promote(ctx context.Context, w *writing) error {
	licenses := sorted(slices.Collect(mapKeys(i.freed)))
	for part := range slices.Chunk(licenses, 1000) {
		if err := w.turnPage(ctx); err != nil {
			return err
		}
		if err := w.lockLicenses(ctx, part); err != nil {
			return err
		}
		if err := w.settle(ctx); err != nil {
			return err
		}
	}
	return nil
}
