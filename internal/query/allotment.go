package query

import (
	"context"
	"time"

	"entgo.io/ent/dialect/sql"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/ent/allotment"
	"github.com/ringfence/ringfence/ent/predicate"
	"github.com/ringfence/ringfence/ent/seat"
	"github.com/ringfence/ringfence/internal/filter"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
)

// Allotment is a share of a license as the API shows it.
type Allotment struct {
	*ent.Allotment
	family *family[*Allotment]
}

// Pages of allotments.
type (
	AllotmentConnection = Connection[*Allotment]
	AllotmentEdge       = Edge[*Allotment]
)

var allotments = &noun[*ent.Allotment, *Allotment]{
	kind: kindAllotment, table: "allotments",
	find: func(ctx context.Context, c *ent.Client, where func(*sql.Selector)) ([]*ent.Allotment, error) {
		return c.Allotment.Query().Where(predicate.Allotment(where)).All(ctx)
	},
	key:  func(row *ent.Allotment) int64 { return row.ID },
	view: func(row *ent.Allotment, f *family[*Allotment]) *Allotment { return &Allotment{row, f} },
}

func allotmentKey(a *Allotment) int64 { return a.Allotment.ID }

// ID gives the opaque id.
func (a *Allotment) ID() id.ID { return id.Of(id.Allotment, a.Allotment.ID) }

// License gives what this is a share of.
func (a *Allotment) License(ctx context.Context) (*License, error) {
	return reference(ctx, a.family, a, licenses, link[*Allotment, *ent.License]{
		field: "license", key: func(a *Allotment) int64 { return a.LicenseID }, loaded: func(a *Allotment) *ent.License { return a.Edges.License },
	})
}

// Parent gives the allotment this is a share of, if it may be seen.
func (a *Allotment) Parent(ctx context.Context) (*Allotment, error) {
	return optional(ctx, a.family, a, allotments, link[*Allotment, *ent.Allotment]{
		field: "parent", key: (*Allotment).parentKey, loaded: func(a *Allotment) *ent.Allotment {
			if a.Edges.Parent != nil && a.sees(a.Edges.Parent) {
				return a.Edges.Parent
			}
			return nil
		},
	})
}

// sees tells whether another allotment may be shown without asking the database.
func (a *Allotment) sees(other *ent.Allotment) bool {
	row := filter.Row{Partial: true, Values: map[string]any{"id": other.ID, "license_id": other.LicenseID}}
	return filter.Holds(a.family.facts.view.Listed(kindAllotment), row) == filter.Yes
}

func (a *Allotment) parentKey() int64 {
	if a.ParentID == nil {
		return 0
	}
	return *a.ParentID
}

func (a *Allotment) pool() *licensing.Pool {
	return &licensing.Pool{
		Key:   licensing.PoolKey{License: a.LicenseID, Allotment: a.Allotment.ID},
		Name:  a.Name,
		Mode:  licensing.Mode(a.Mode),
		Limit: a.Capacity, Used: a.Used, Reserved: a.Reserved,
		StartsAt: a.StartsAt, EndsAt: a.EndsAt,
	}
}

// Limit gives the units there are; nil is unlimited.
func (a *Allotment) Limit() *int64 { return a.Capacity }

// Available gives the units left of its own figure; nil is unlimited.
func (a *Allotment) Available() *int64 { return a.pool().Available() }

// OverBy gives the units given out beyond the limit.
func (a *Allotment) OverBy() int64 { return a.pool().OverBy() }

// State gives the figures in one word; the dates of everything above count, too.
func (a *Allotment) State(ctx context.Context) (licensing.PoolState, error) {
	above, err := together(ctx, a.family, "state", func(ctx context.Context, members []*Allotment) (map[licensing.PoolKey]*licensing.Pool, error) {
		keys := make([]licensing.PoolKey, len(members))
		for i, member := range members {
			keys[i] = licensing.PoolKey{License: member.LicenseID, Allotment: member.parentKey()}
		}
		return a.family.pools(ctx, keys)
	})
	if err != nil {
		return "", err
	}
	// The figures of the row itself may be those of a dry run.
	own := a.pool()
	own.Parent = above[licensing.PoolKey{License: a.LicenseID, Allotment: a.parentKey()}]
	return own.State(a.family.now), nil
}

// WaitingCount gives the reasons in the queue.
func (a *Allotment) WaitingCount() int64 { return a.Allotment.Waiting }

// ErrorCount gives the seats in state ERROR that draw on the allotment.
func (a *Allotment) ErrorCount() int64 { return a.Errors }

// Children gives the shares of this share.
func (a *Allotment) Children(ctx context.Context, first *int, after *string, last *int, before *string) (*AllotmentConnection, error) {
	return below(ctx, a.family, a, allotments, nested[*Allotment]{
		field: "children", parent: "t.parent_id", owner: allotmentKey,
	}, Page{first, after, last, before})
}

// Seats gives the seats that draw on the allotment.
func (a *Allotment) Seats(ctx context.Context, first *int, after *string, last *int, before *string, state *seat.State) (*SeatConnection, error) {
	return below(ctx, a.family, a, seats, nested[*Allotment]{
		field: keyed("seats", stateName(state)), parent: "t.allotment_id", owner: allotmentKey, where: inSeatState(state), within: ofLicenses("t"),
	}, Page{first, after, last, before})
}

// Waiting gives the queue, in the order in which it will be served.
func (a *Allotment) Waiting(ctx context.Context, first *int, after *string, last *int, before *string) (*SeatConnection, error) {
	return below(ctx, a.family, a, seats, nested[*Allotment]{
		field: "waiting", parent: "q.allotment_id", owner: allotmentKey,
		from:  "seat_reasons AS q JOIN seats AS t ON t.license_id = q.license_id AND t.user_id = q.user_id",
		where: sqlf("q.state = 'WAITING'"), order: queueOrder, within: ofLicenses("q"),
	}, Page{first, after, last, before})
}

// ofLicenses names the licenses of allotments, because the indexes of what draws on them begin with the license.
func ofLicenses(alias string) func(members []*Allotment) condition {
	return func(members []*Allotment) condition {
		keys := make([]int64, len(members))
		for i, member := range members {
			keys[i] = member.LicenseID
		}
		return in(alias+".license_id", distinct(keys))
	}
}

// queueOrder is the order of a queue (semantics.md §4): priority, then waiting since, then the user.
var queueOrder = order{name: "queue", terms: []term{
	{expression: sqlf("q.priority"), kind: fraction, descending: true},
	{expression: sqlf("q.waiting_since"), kind: instant},
	{expression: sqlf("q.user_id"), kind: number},
}}

// GroupLicenses gives the groups that are licensed from the allotment.
func (a *Allotment) GroupLicenses(ctx context.Context, first *int, after *string, last *int, before *string) (*GroupLicenseConnection, error) {
	return below(ctx, a.family, a, groupLicenses, nested[*Allotment]{
		field: "groupLicenses", parent: "t.allotment_id", owner: allotmentKey, within: ofLicenses("t"),
	}, Page{first, after, last, before})
}

// AllotmentWhere are conditions on allotments.
type AllotmentWhere struct {
	IDIn        []id.ID
	Search      *string
	Name        *TextFilter
	LicenseIDIn []id.ID
	ParentID    *id.ID
	Root        *bool
	Mode        *allotment.Mode
	StateIn     []licensing.PoolState
	Available   *CountFilter
	EndsAt      *TimeFilter
	HasWaiting  *bool
	HasErrors   *bool
	Mine        *bool
}

// AllotmentOrderField is what allotments can be ordered by, as the schema lists it.
type AllotmentOrderField string

// AllotmentOrder is an order of allotments.
type AllotmentOrder struct {
	Field     AllotmentOrderField
	Direction OrderDirection
}

// Allotments lists the allotments the principal may see.
func (r *Reader) Allotments(ctx context.Context, p Page, where *AllotmentWhere, o *AllotmentOrder) (*AllotmentConnection, error) {
	s := r.session(ctx)
	f, err := s.sight(ctx)
	if err != nil {
		return nil, err
	}
	return root(ctx, s, allotments, list{where: s.allotmentsWhere(f, where), order: allotmentOrder(o)}, p)
}

func (s *session) allotmentsWhere(f *facts, w *AllotmentWhere) condition {
	if w == nil {
		return nil
	}
	var search condition
	if w.Search != nil {
		search = or(containing(*w.Search, "t.name"), sqlf(`t.license_id IN (SELECT wl.id FROM licenses wl
			JOIN products wp ON wp.id = wl.product_id WHERE ?)`, containing(*w.Search, "wp.name", "wp.sku")))
	}
	var parent condition
	if w.ParentID != nil {
		// A parent that may not be seen has no children to tell of.
		parent = sqlf("t.parent_id IN (SELECT wa.id FROM allotments wa WHERE wa.id = ? AND ?)",
			w.ParentID.Key(id.Allotment), and(s.visible(f, kindAllotment, "wa")))
	}
	return and(
		named("t.id", id.Allotment, w.IDIn),
		search,
		w.Name.on("t.name"),
		named("t.license_id", id.License, w.LicenseIDIn),
		parent,
		whether(w.Root, sqlf("t.parent_id IS NULL")),
		equals("t.mode", w.Mode),
		s.inState(w.StateIn, s.allotmentOutside()),
		w.Available.on(left),
		w.EndsAt.on("t.ends_at"),
		whether(w.HasWaiting, sqlf("t.waiting > 0")),
		whether(w.HasErrors, sqlf("t.errors > 0")),
		whether(w.Mine, in("t.id", f.delegated)),
	)
}

// endOfTime stands for the end of what has none.
var endOfTime = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

func allotmentOrder(o *AllotmentOrder) order {
	if o == nil {
		return byKey
	}
	switch o.Field {
	case "NAME":
		return by("name", o.Direction, text, sqlf("t.name"))
	case "USED":
		return by("used", o.Direction, number, sqlf("t.used"))
	case "AVAILABLE":
		return by("available", o.Direction, number, sqlf(left))
	case "WAITING":
		return by("waiting", o.Direction, number, sqlf("t.waiting"))
	case "ENDS_AT":
		return by("endsAt", o.Direction, instant, sqlf("COALESCE(t.ends_at, ?)", endOfTime))
	}
	return recorded(o.Direction)
}
