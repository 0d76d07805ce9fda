package operation

import (
	"context"
	"time"

	"github.com/ringfence/ringfence/ent"
	entpurchase "github.com/ringfence/ringfence/ent/purchasereservation"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
)

func (c *PlacePurchaseReservation) action() string { return "placePurchaseReservation" }

func (c *PlacePurchaseReservation) check() error {
	if c.Quantity < 1 || c.Quantity > maxCount {
		return fault.Invalid("quantity", "this is a whole number from 1 to %d", maxCount)
	}
	return firstError(checkDate("startsOn", &c.StartsOn), checkOptional("notes", c.Notes, 10_000))
}

func (c *PlacePurchaseReservation) prepare(ctx context.Context, r *reading) (*plan[PurchasePayload], error) {
	t, err := r.find(ctx, nil, &c.LicenseID)
	if err != nil {
		return nil, err
	}
	pool, err := r.draw(ctx, t)
	if err != nil {
		return nil, err
	}
	if pool.Stock.Unlimited {
		return nil, fault.Invalid("licenseId", "the license is unlimited; nothing need be bought")
	}
	var open int64
	if err := r.QueryRow(ctx, `SELECT COALESCE(SUM(quantity), 0) FROM purchase_reservations WHERE license_id = $1 AND state = 'PLACED'`,
		t.key.License).Scan(&open); err != nil {
		return nil, err
	}
	if *pool.Limit+open+int64(c.Quantity) > maxCount {
		return nil, fault.Invalid("quantity", "quantity, overage and purchase reservations together pass %d", maxCount)
	}
	p := &purchase{license: t.key.License, quantity: int64(c.Quantity), startsOn: c.StartsOn}
	return &plan[PurchasePayload]{ask: r.questionPurchase(c.action(), p, pool, false), hidden: r.hides(ctx, pool, t),
		write: func(ctx context.Context, w *writing) (*PurchasePayload, error) {
			return w.placePurchase(ctx, p, c.Notes, pool)
		}}, nil
}

// purchase is a purchase reservation as it is stored.
type purchase struct {
	id, license, quantity int64
	startsOn              string
	state                 entpurchase.State
}

// questionPurchase puts the question about a purchase reservation, with the days and months that the settings limit.
func (r *reading) questionPurchase(action string, p *purchase, pool *licensing.Pool, override bool) *policy.Input {
	today := licensing.Day(r.Now())
	starts, _ := time.Parse(time.DateOnly, p.startsOn) // it was checked when it came in
	q := &policy.Purchase{
		Quantity: p.quantity, StartsAt: starts, DaysAhead: licensing.Days(today, starts), MonthsAhead: licensing.MonthsAhead(today, starts), Override: override,
	}
	contract := r.facts.licenses[p.license].contract
	if next := licensing.Anniversary(today, contract.startsOn, contract.endsOn); next != nil {
		days := int64(licensing.Days(today, *next))
		q.DaysToAnniversary = &days
	}
	if next := licensing.Anniversary(starts, contract.startsOn, contract.endsOn); next != nil {
		days := int64(licensing.Days(starts, *next))
		q.DaysBeforeAnniversary = &days
	}
	return &policy.Input{
		Now: r.Now(), Action: action, Principal: r.who.facts(), License: r.questionLicense(p.license, nil), Pools: r.questionPools(pool, 0), Purchase: q,
	}
}

func (w *writing) placePurchase(ctx context.Context, p *purchase, notes *string, pool *licensing.Pool) (*PurchasePayload, error) {
	row, err := w.tx.Client().PurchaseReservation.Create().SetLicenseID(p.license).SetQuantity(p.quantity).SetStartsOn(p.startsOn).
		SetNillableNotes(notes).SetCreatedAt(w.Now()).Save(ctx)
	if err != nil {
		return nil, err
	}
	p.id = row.ID
	w.happened("PURCHASE_RESERVATION_PLACED", "purchaseReservation", p.id, p.data()).pool = pool.Key
	if p.startsOn <= w.today() {
		if err := w.activate(ctx, p.license); err != nil {
			return nil, err
		}
	}
	return w.purchasePayload(ctx, p)
}

func (p *purchase) data() map[string]any {
	return map[string]any{"license": id.Of(id.License, p.license).String(), "quantity": p.quantity, "startsOn": p.startsOn}
}

// purchasePayload writes what there is to write and reads a purchase reservation and its license as the transaction leaves them.
func (w *writing) purchasePayload(ctx context.Context, p *purchase) (*PurchasePayload, error) {
	if err := w.flush(ctx); err != nil {
		return nil, err
	}
	row, err := w.tx.Client().PurchaseReservation.Get(ctx, p.id)
	if err != nil {
		return nil, err
	}
	license, err := w.licenseRow(ctx, p.license)
	return &PurchasePayload{PurchaseReservation: row, License: license}, err
}

// findPurchase locks the license of a purchase reservation and reads the reservation under the lock. Which license it is for never
// changes.
func (r *reading) findPurchase(ctx context.Context, given id.ID) (*purchase, *licensing.Pool, *target, error) {
	t := &target{field: "purchaseReservationId", noun: "purchase reservation"}
	key := given.Key(id.Purchase)
	row, err := r.tx.Client().PurchaseReservation.Get(ctx, key)
	if ent.IsNotFound(err) {
		return nil, nil, nil, t.missing()
	}
	if err != nil {
		return nil, nil, nil, err
	}
	t.key = licensing.PoolKey{License: row.LicenseID}
	r.found = append(r.found, t)
	pool, err := r.draw(ctx, t)
	if err != nil {
		return nil, nil, nil, err
	}
	if row, err = r.tx.Client().PurchaseReservation.Get(ctx, key); err != nil {
		return nil, nil, nil, orGone(err, t)
	}
	return &purchase{id: row.ID, license: row.LicenseID, quantity: row.Quantity, startsOn: row.StartsOn, state: row.State}, pool, t, nil
}

// orGone is the error that something is missing, for a row that was removed before the lock was had.
func orGone(err error, t *target) error {
	if ent.IsNotFound(err) {
		return t.missing()
	}
	return err
}

// hidesPurchase is hides for a purchase reservation: who may see it is said of its own kind.
func (r *reading) hidesPurchase(ctx context.Context, p *purchase, pool *licensing.Pool, t *target) unseen {
	return r.hidesRow(ctx, "purchase_reservation", p.id, t.missing()).or(r.hides(ctx, pool, t))
}

// ended refuses what is about a purchase reservation that has ended.
func (p *purchase) ended() error {
	switch p.state {
	case entpurchase.StateCANCELED:
		return fault.New(fault.Conflict, "the purchase reservation is canceled")
	case entpurchase.StateFULFILLED:
		return fault.New(fault.Conflict, "the purchase reservation is fulfilled")
	case entpurchase.StatePLACED, entpurchase.StateACTIVE:
	}
	return nil
}

func (c *CancelPurchaseReservation) action() string { return "cancelPurchaseReservation" }

func (c *CancelPurchaseReservation) check() error { return nil }

func (c *CancelPurchaseReservation) prepare(ctx context.Context, r *reading) (*plan[PurchasePayload], error) {
	p, pool, t, err := r.findPurchase(ctx, c.PurchaseReservationID)
	if err != nil {
		return nil, err
	}
	hidden := r.hidesPurchase(ctx, p, pool, t)
	if hidden.tell() == nil && p.ended() != nil {
		return nil, p.ended()
	}
	ask := r.questionPurchase(c.action(), p, pool, c.OverrideDeadline != nil && *c.OverrideDeadline)
	return &plan[PurchasePayload]{ask: ask, hidden: hidden, write: func(ctx context.Context, w *writing) (*PurchasePayload, error) {
		if _, err := w.tx.Exec(ctx, `UPDATE purchase_reservations SET state = 'CANCELED', ended_at = $1 WHERE id = $2`, w.Now(), p.id); err != nil {
			return nil, err
		}
		w.happened("PURCHASE_RESERVATION_CANCELED", "purchaseReservation", p.id, p.data()).pool = pool.Key
		stock := *pool.Stock
		if p.state == entpurchase.StateACTIVE {
			stock.Committed -= p.quantity
		}
		return w.endPurchase(ctx, p, pool, stock)
	}}, nil
}

func (c *FulfillPurchaseReservation) action() string { return "fulfillPurchaseReservation" }

func (c *FulfillPurchaseReservation) check() error {
	return checkText("orderNumber", c.OrderNumber, 100)
}

func (c *FulfillPurchaseReservation) prepare(ctx context.Context, r *reading) (*plan[PurchasePayload], error) {
	p, pool, t, err := r.findPurchase(ctx, c.PurchaseReservationID)
	if err != nil {
		return nil, err
	}
	hidden := r.hidesPurchase(ctx, p, pool, t)
	if hidden.tell() == nil && p.ended() != nil {
		return nil, p.ended()
	}
	return &plan[PurchasePayload]{ask: r.questionPurchase(c.action(), p, pool, false), hidden: hidden,
		write: func(ctx context.Context, w *writing) (*PurchasePayload, error) {
			if _, err := w.tx.Exec(ctx, `UPDATE purchase_reservations SET state = 'FULFILLED', order_number = $1, ended_at = $2 WHERE id = $3`,
				c.OrderNumber, w.Now(), p.id); err != nil {
				return nil, err
			}
			data := p.data()
			data["orderNumber"] = c.OrderNumber
			w.happened("PURCHASE_RESERVATION_FULFILLED", "purchaseReservation", p.id, data).pool = pool.Key
			stock := *pool.Stock
			if p.state == entpurchase.StateACTIVE {
				stock.Committed -= p.quantity
			}
			if !stock.Unlimited {
				stock.Quantity += p.quantity
			}
			return w.endPurchase(ctx, p, pool, stock)
		}}, nil
}

// endPurchase puts in force what the end of a purchase reservation makes of its license.
func (w *writing) endPurchase(ctx context.Context, p *purchase, pool *licensing.Pool, stock licensing.Stock) (*PurchasePayload, error) {
	w.restock(pool, stock)
	if err := w.settle(ctx); err != nil {
		return nil, err
	}
	return w.purchasePayload(ctx, p)
}
