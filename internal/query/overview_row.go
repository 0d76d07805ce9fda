package query

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/ringfence/ringfence/ent/license"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
)

const (
	defaultRows = 100
	largestRows = 1000
)

// OverviewRow is one line of an overview as the API shows it.
type OverviewRow struct {
	licensing.Row
	family *family[*OverviewRow]
	of     *Overview
}

// Pages of rows.
type (
	OverviewRowConnection = Connection[*OverviewRow]
	OverviewRowEdge       = Edge[*OverviewRow]
)

// Metric gives what is counted.
func (r *OverviewRow) Metric() *license.Metric {
	m := license.Metric(r.Row.Metric.String())
	return &m
}

// Deployed gives the units in use; nil for a custom reservation.
func (r *OverviewRow) Deployed() *int64 { return r.tracked(r.Row.Deployed) }

// Allocated gives the units allocated by the licenses the overview is about.
func (r *OverviewRow) Allocated() int64 { return r.Row.Allocated }

// Uncovered gives the units in use that no allocation covers; nil for a custom reservation.
func (r *OverviewRow) Uncovered() *int64 { return r.tracked(r.Row.Uncovered) }

func (r *OverviewRow) tracked(n int64) *int64 {
	if r.Row.Deployment < 0 {
		return nil
	}
	return &n
}

// OverviewRowWhere are conditions on rows.
type OverviewRowWhere struct {
	Metric         *license.Metric
	Uncovered      *bool
	OverLimit      *bool
	VendorIDIn     []id.ID
	ContractIDIn   []id.ID
	ExpiringBefore *string
}

// OverviewRowOrderField is what rows can be ordered by, as the schema lists it.
type OverviewRowOrderField string

// OverviewRowOrder is an order of rows.
type OverviewRowOrder struct {
	Field     OverviewRowOrderField
	Direction OrderDirection
}

// rowsKey names a list of rows with its arguments.
type rowsKey struct {
	window window
	where  string
	order  OverviewRowOrder
}

// Rows gives the first rows.
func (o *Overview) Rows(ctx context.Context, first *int, where *OverviewRowWhere, orderBy *OverviewRowOrder) ([]*OverviewRow, error) {
	w := window{size: defaultRows}
	if first != nil {
		if *first < 0 || *first > largestRows {
			return nil, fault.Invalid("first", "first is between 0 and %d", largestRows)
		}
		w.size = *first
	}
	page, err := o.page(ctx, w, where, orderBy)
	if err != nil {
		return nil, err
	}
	return page.Nodes(), nil
}

// RowPage gives the rows in pages.
func (o *Overview) RowPage(ctx context.Context, first *int, after *string, last *int, before *string, where *OverviewRowWhere, orderBy *OverviewRowOrder) (*OverviewRowConnection, error) {
	w, err := o.family.window(Page{first, after, last, before})
	if err != nil {
		return nil, err
	}
	return o.page(ctx, w, where, orderBy)
}

// page gives a page of the rows; those of all overviews that were read together are one family.
func (o *Overview) page(ctx context.Context, w window, where *OverviewRowWhere, orderBy *OverviewRowOrder) (*OverviewRowConnection, error) {
	key := rowsKey{window: w}
	if orderBy != nil {
		key.order = *orderBy
	}
	if where != nil {
		text, err := json.Marshal(where)
		if err != nil {
			return nil, err
		}
		key.where = string(text)
	}
	all, err := together(ctx, o.family, key, func(ctx context.Context, members []*Overview) (map[*Overview]*OverviewRowConnection, error) {
		kin := &family[*OverviewRow]{session: o.family.session, facts: o.family.facts}
		sheet := o.base.NewSheet(o.base.shown)
		pages := map[*Overview]*OverviewRowConnection{}
		for _, member := range members {
			page, rows, err := member.read(sheet, w, where, key.order)
			if err != nil {
				return nil, err
			}
			for _, row := range rows {
				row.family = kin
			}
			kin.members = append(kin.members, rows...)
			pages[member] = page
		}
		return pages, nil
	})
	return all[o], err
}

func (o *Overview) read(sheet *licensing.Sheet, w window, where *OverviewRowWhere, by OverviewRowOrder) (*OverviewRowConnection, []*OverviewRow, error) {
	rows := o.rows(sheet)
	keep, err := o.filter(sheet, rows, where)
	if err != nil {
		return nil, nil, err
	}
	items := make([]ranked, 0, len(rows))
	for i := range rows {
		if keep == nil || keep[i] {
			items = append(items, ranked{rowValue(&rows[i], by.Field), o.rowKey(&rows[i]), int32(i)})
		}
	}
	ordering := ranking("row"+string(by.Field), by.Field != "" && by.Field != "CREATED", by.Direction)
	chosen, err := leaf(items, ordering, w)
	if err != nil {
		return nil, nil, err
	}
	page, shown := bind(chosen, ordering, w, func(item ranked) *OverviewRow { return &OverviewRow{Row: rows[item.at], of: o} }, len(items))
	return page, shown, nil
}

func (o *Overview) rows(sheet *licensing.Sheet) []licensing.Row {
	if o.lines {
		return sheet.Lines(o.about)
	}
	return sheet.Rows(o.about)
}

// customKey keeps the keys of custom reservations apart from those of deployments, and after them.
const customKey = int64(1) << 62

// rowKey is where a row stands when nothing else orders it, for ever: rows that come or go do not change it.
func (o *Overview) rowKey(row *licensing.Row) int64 {
	switch {
	case row.Share < 0:
		return o.base.Deployments[row.Deployment].Deployment<<1 | int64(row.Metric)
	case o.lines:
		return o.base.Shares[row.Share].Allocation
	}
	return customKey | o.base.Shares[row.Share].Allocation
}

// rowValue is the figure a row is ordered by; a row without one comes before all others.
func rowValue(row *licensing.Row, by OverviewRowOrderField) float64 {
	none := row.Deployment < 0
	switch by {
	case "ALLOCATED":
		return float64(row.Allocated)
	case "DEPLOYED":
		if !none {
			return float64(row.Deployed)
		}
	case "UNCOVERED":
		if !none {
			return float64(row.Uncovered)
		}
	}
	return -1
}

// filter tells which rows meet the conditions; nil is all.
func (o *Overview) filter(sheet *licensing.Sheet, rows []licensing.Row, w *OverviewRowWhere) ([]bool, error) {
	if w == nil {
		return nil, nil
	}
	pick, err := o.family.facts.choice(nil, w.ContractIDIn, nil, w.ExpiringBefore)
	if err != nil {
		return nil, err
	}
	keep := make([]bool, len(rows))
	vendors := keysOf(id.Vendor, w.VendorIDIn)
	for i := range rows {
		keep[i] = o.matches(&rows[i], w, vendors)
	}
	if pick.ofLicenses() {
		o.among(sheet, rows, keep, o.base.chosen(o.about.Licenses, pick), true)
	}
	if w.OverLimit != nil {
		over := true
		o.among(sheet, rows, keep, o.base.chosen(o.about.Licenses, choice{overLimit: &over}), *w.OverLimit)
	}
	return keep, nil
}

func (o *Overview) matches(row *licensing.Row, w *OverviewRowWhere, vendors []int64) bool {
	switch {
	case w.Metric != nil && *countedIn(w.Metric) != row.Metric:
		return false
	case w.Uncovered != nil && *w.Uncovered != (row.Deployment >= 0 && row.Uncovered > 0):
		return false
	}
	return w.VendorIDIn == nil || row.Deployment >= 0 && slices.Contains(vendors, o.base.makers[row.Deployment])
}

// among keeps rows that have, or have not, an allocation of one of some licenses.
func (o *Overview) among(sheet *licensing.Sheet, rows []licensing.Row, keep []bool, licenses []int32, wanted bool) {
	mine := map[int32]bool{}
	for _, license := range licenses {
		mine[license] = true
	}
	for i, shares := range sheet.Members(o.about.Licenses, rows) {
		has := false
		for _, license := range sheet.LicensesOf(shares) {
			has = has || mine[license]
		}
		keep[i] = keep[i] && has == wanted
	}
}
