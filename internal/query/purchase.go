package query

import (
	"context"
	"fmt"
	"slices"
	"time"

	"entgo.io/ent/dialect/sql"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/ent/predicate"
	"github.com/ringfence/ringfence/ent/purchasereservation"
	"github.com/ringfence/ringfence/internal/id"
)

// PurchaseReservation is a number of units committed for a date, as the API shows it.
type PurchaseReservation struct {
	*ent.PurchaseReservation
	family *family[*PurchaseReservation]
}

// Pages of purchase reservations.
type (
	PurchaseReservationConnection = Connection[*PurchaseReservation]
	PurchaseReservationEdge       = Edge[*PurchaseReservation]
)

var purchases = &noun[*ent.PurchaseReservation, *PurchaseReservation]{
	kind: kindPurchase, table: "purchase_reservations",
	find: func(ctx context.Context, c *ent.Client, where func(*sql.Selector)) ([]*ent.PurchaseReservation, error) {
		return c.PurchaseReservation.Query().Where(predicate.PurchaseReservation(where)).All(ctx)
	},
	key: func(row *ent.PurchaseReservation) int64 { return row.ID },
	view: func(row *ent.PurchaseReservation, f *family[*PurchaseReservation]) *PurchaseReservation {
		return &PurchaseReservation{row, f}
	},
}

// ID gives the opaque id.
func (p *PurchaseReservation) ID() id.ID { return id.Of(id.Purchase, p.PurchaseReservation.ID) }

// License gives what the units are for.
func (p *PurchaseReservation) License(ctx context.Context) (*License, error) {
	return reference(ctx, p.family, p, licenses, link[*PurchaseReservation, *ent.License]{
		field: "license", key: func(p *PurchaseReservation) int64 { return p.LicenseID },
	})
}

// CancellableUntil gives the last instant at which it can be taken back; nil when that does not come any more.
func (p *PurchaseReservation) CancellableUntil() *time.Time {
	starts, err := time.Parse(time.DateOnly, p.StartsOn)
	if err != nil || p.State != purchasereservation.StatePLACED {
		return nil
	}
	until := starts.Add(-time.Duration(p.family.policy.Terms().CancelHours) * time.Hour)
	return &until
}

// OrderNumber gives the number of the order that fulfilled it.
func (p *PurchaseReservation) OrderNumber() *string {
	return masked(p.family.facts, kindPurchase, "order_number", p.PurchaseReservation.OrderNumber)
}

// Notes gives the remarks.
func (p *PurchaseReservation) Notes() *string {
	return masked(p.family.facts, kindPurchase, "notes", p.PurchaseReservation.Notes)
}

// PurchaseReservations gives the purchase reservations of the license that may be seen, oldest first.
func (l *License) PurchaseReservations(ctx context.Context, first *int, after *string, last *int, before *string,
	stateIn []purchasereservation.State,
) (*PurchaseReservationConnection, error) {
	given := []string{}
	for _, state := range stateIn {
		given = append(given, string(state))
	}
	slices.Sort(given)
	return below(ctx, l.family, l, purchases, nested[*License]{
		field: keyed("purchaseReservations", fmt.Sprint(stateIn == nil, given)), parent: "t.license_id", owner: licenseKey, where: among("t.state", stateIn),
	}, Page{first, after, last, before})
}

// PurchaseReservationWhere are conditions on purchase reservations.
type PurchaseReservationWhere struct {
	IDIn         []id.ID
	StateIn      []purchasereservation.State
	LicenseIDIn  []id.ID
	ContractIDIn []id.ID
	StartsOn     *DateFilter
}

// PurchaseReservationOrderField is what purchase reservations can be ordered by, as the schema lists it.
type PurchaseReservationOrderField string

// PurchaseReservationOrder is an order of purchase reservations.
type PurchaseReservationOrder struct {
	Field     PurchaseReservationOrderField
	Direction OrderDirection
}

// PurchaseReservations lists the purchase reservations the principal may see.
func (r *Reader) PurchaseReservations(ctx context.Context, p Page, w *PurchaseReservationWhere, o *PurchaseReservationOrder) (*PurchaseReservationConnection, error) {
	l := list{order: by("startsOn", "", text, sqlf("t.starts_on"))}
	if w != nil {
		l.where = and(
			named("t.id", id.Purchase, w.IDIn), among("t.state", w.StateIn), named("t.license_id", id.License, w.LicenseIDIn), w.StartsOn.on("t.starts_on"),
		)
		if w.ContractIDIn != nil {
			l.where = and(l.where, sqlf("t.license_id IN (SELECT wl.id FROM licenses wl WHERE ?)", named("wl.contract_id", id.Contract, w.ContractIDIn)))
		}
	}
	if o != nil {
		switch o.Field {
		case "QUANTITY":
			l.order = by("quantity", o.Direction, number, sqlf("t.quantity"))
		case "CREATED_AT":
			l.order = recorded(o.Direction)
		default:
			l.order = by("startsOn", o.Direction, text, sqlf("t.starts_on"))
		}
	}
	return root(ctx, r.session(ctx), purchases, l, p)
}

// ShowPurchaseReservation makes the view of a purchase reservation out of a mutation's answer.
func (r *Reader) ShowPurchaseReservation(ctx context.Context, row *ent.PurchaseReservation) (*PurchaseReservation, error) {
	return showOne(ctx, r.session(ctx), purchases, row)
}

// ShowLicenses makes the views of licenses out of a mutation's answer, as one family.
func (r *Reader) ShowLicenses(ctx context.Context, rows []*ent.License) ([]*License, error) {
	return licenses.show(ctx, r.session(ctx), rows)
}

// OverageStep is what is taken from the overage of one license, as the API shows it.
type OverageStep struct {
	License       *License
	OverageBefore int64
	OverageAfter  int64
	Removed       int64
	LimitAfter    *int64
}
