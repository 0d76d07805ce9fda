package query

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/ringfence/ringfence/internal/cost"
	"github.com/ringfence/ringfence/internal/filter"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/store"
)

// pricedLicense is a license with the price that holds now; nil without one.
type pricedLicense struct {
	key, bought      int64
	unlimited        bool
	created          time.Time
	startsOn, endsOn *string
	price            *cost.Price

	quantities []cost.Step
	spans      []cost.Span
	ledger     *cost.Ledger
}

// priced reads licenses with their prices, by key.
func (s *session) priced(ctx context.Context, where condition) ([]*pricedLicense, error) {
	var all []*pricedLicense
	statement := sqlf(`SELECT t.id, t.quantity + t.committed, t.unlimited_quantity, t.created_at, `+startsOn("t")+`, `+endsOn("t")+`, t.unit_price, t.currency,
		t.price_per FROM licenses t WHERE ? ORDER BY t.id`, and(where))
	return all, s.rows(ctx, statement, func(rows *stdsql.Rows) error {
		l := &pricedLicense{}
		var created store.Time
		var unit, currency *string
		var per string
		if err := rows.Scan(&l.key, &l.bought, &l.unlimited, &created, &l.startsOn, &l.endsOn, &unit, &currency, &per); err != nil {
			return err
		}
		l.created = created.Time
		if price, ok := cost.Parse(unit, currency, cost.Per(per), l.startsOn, l.endsOn); ok {
			l.price = price
		}
		all = append(all, l)
		return nil
	})
}

// usage is unit-time over a period, gathered in bins, and what it costs.
type usage struct {
	from, to time.Time
	every    bool // all licenses there are
	licenses map[int64]*pricedLicense
	tallies  map[bin]map[int64]*cost.Tally // by bin and license
	costs    map[bin]decimal.Decimal       // rounded, so that they add up
	order    []bin
}

func (u *usage) bins() []bin { return u.order }

func (u *usage) seconds(b bin) int64 {
	var sum int64
	for _, tally := range u.tallies[b] {
		sum += tally.Seconds()
	}
	return sum
}

// days gives the unit-time of the bins in days, rounded so that they add up to the whole.
func (u *usage) days() []decimal.Decimal {
	exact := make([]*big.Rat, len(u.order))
	for i, b := range u.order {
		exact[i] = big.NewRat(u.seconds(b), cost.Day)
	}
	return cost.Apportion(exact, dayPlaces)
}

// usage replays who held what over a period and gathers it. Group says what of a bin is kept apart; months keeps months apart.
func (s *session) usage(ctx context.Context, f *facts, q ShowbackQuery, group func(bin) bin, months bool) (*usage, error) {
	from, to, err := q.span(s.now)
	if err != nil {
		return nil, err
	}
	where, err := s.licensesWhere(f, q.Where)
	if err != nil {
		return nil, err
	}
	shown, err := s.priced(ctx, and(s.visible(f, kindLicense, "t"), where))
	if err != nil {
		return nil, err
	}
	u := &usage{from: from, to: to, every: q.Where == nil && f.view.All(kindLicense), licenses: map[int64]*pricedLicense{}, tallies: map[bin]map[int64]*cost.Tally{}}
	for _, l := range shown {
		if !f.seesPrices() {
			l.price = nil
		}
		u.licenses[l.key] = l
	}
	r := &rerun{session: s, facts: f, usage: u, months: months}
	if err := r.run(ctx); err != nil {
		return nil, err
	}
	if err := r.gather(ctx, group); err != nil {
		return nil, err
	}
	u.settle()
	return u, nil
}

// add counts units that were held or spare, in the bins of a license.
func (u *usage) add(l *pricedLicense, b bin, months bool, group func(bin) bin, units int64, from, to time.Time) {
	b.license = l.key
	for from.Before(to) {
		end := to
		if months {
			first := time.Date(from.Year(), from.Month(), 1, 0, 0, 0, 0, time.UTC)
			b.month = first.Format(time.DateOnly)
			if next := first.AddDate(0, 1, 0); next.Before(to) {
				end = next
			}
		}
		kept := group(b)
		if l.price != nil {
			kept.currency = l.price.Currency
		}
		byLicense := u.tallies[kept]
		if byLicense == nil {
			byLicense = map[int64]*cost.Tally{}
			u.tallies[kept] = byLicense
		}
		if byLicense[l.key] == nil {
			byLicense[l.key] = &cost.Tally{}
		}
		byLicense[l.key].Add(l.spans, units, from, end)
		from = end
	}
}

// settle orders the bins and rounds what they cost, once, so that bins of one currency add up to its rounded total.
func (u *usage) settle() {
	for b := range u.tallies {
		if u.seconds(b) == 0 {
			delete(u.tallies, b)
		}
	}
	u.order = slices.SortedFunc(maps.Keys(u.tallies), bin.compare)
	u.costs = map[bin]decimal.Decimal{}
	byCurrency := map[string][]bin{}
	for _, b := range u.order {
		if b.currency != "" {
			byCurrency[b.currency] = append(byCurrency[b.currency], b)
		}
	}
	for currency, bins := range byCurrency {
		exact := make([]*big.Rat, len(bins))
		for i, b := range bins {
			exact[i] = new(big.Rat)
			for license, tally := range u.tallies[b] {
				exact[i].Add(exact[i], tally.Cost(u.licenses[license].price.Unit))
			}
		}
		for i, rounded := range cost.Apportion(exact, cost.Places(currency)) {
			u.costs[bins[i]] = rounded
		}
	}
}

// held is a holding of a seat of a license that the principal may see.
type held struct {
	license *pricedLicense
	cost.Holding
}

// rerun reads the record of events and tells who held what.
type rerun struct {
	*session
	facts   *facts
	usage   *usage
	months  bool
	held    []held
	spare   []spare
	seesAll bool
}

type spare struct {
	license  *pricedLicense
	units    int64
	from, to time.Time
}

func (r *rerun) run(ctx context.Context) error {
	u := r.usage
	if len(u.licenses) == 0 || !u.from.Before(u.to) {
		return nil
	}
	r.seesAll = r.facts.view.All(kindSeat)
	if err := r.readQuantities(ctx); err != nil {
		return err
	}
	for _, l := range u.licenses {
		r.open(l)
	}
	if err := r.readSeats(ctx); err != nil {
		return err
	}
	for _, l := range u.licenses {
		l.ledger.Close(u.to)
	}
	return nil
}

// open begins to follow a license.
func (r *rerun) open(l *pricedLicense) {
	l.spans = l.price.Spans(r.usage.from, r.usage.to)
	begins, ends := l.inEffect(r.usage.from, r.usage.to)
	l.ledger = cost.NewLedger(r.usage.from, l.quantities, func(h cost.Holding) {
		if r.sees(l.key, h) {
			r.held = append(r.held, held{l, h})
		}
	}, func(units int64, from, to time.Time) {
		if from, to = latest(from, begins), earliest(to, ends); from.Before(to) {
			r.spare = append(r.spare, spare{l, units, from, to})
		}
	})
}

// inEffect gives the part of a period in which the license is paid for: from its first day, or from when it was recorded if it
// has none, to its last.
func (l *pricedLicense) inEffect(from, to time.Time) (begins, ends time.Time) {
	begins, ends = latest(from, l.created), to
	if l.startsOn != nil {
		if day, err := time.Parse(time.DateOnly, *l.startsOn); err == nil {
			begins = latest(from, day)
		}
	}
	if l.endsOn != nil {
		if day, err := time.Parse(time.DateOnly, *l.endsOn); err == nil {
			ends = earliest(to, day.AddDate(0, 0, 1))
		}
	}
	return begins, ends
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// sees tells whether the principal may be told of a holding, as they may see the seat while it is held. What the record does not tell
// of the seat shows nothing.
func (r *rerun) sees(license int64, h cost.Holding) bool {
	if r.seesAll {
		return true
	}
	row := filter.Row{Partial: true, Values: map[string]any{"user_id": h.User, "allotment_id": h.Allotment, "license_id": license, "state": "ACTIVE"}}
	return filter.Holds(r.facts.view.Listed(kindSeat), row) == filter.Yes
}

// among is the condition that a record is of one of the licenses.
func (r *rerun) among(column string) condition {
	return in(column, slices.Sorted(maps.Keys(r.usage.licenses)))
}

// readQuantities reads how many units were bought when. What others hold must be known to tell what nobody holds, so it is told
// only to who sees all seats.
func (r *rerun) readQuantities(ctx context.Context) error {
	if !r.seesAll {
		return nil
	}
	statement := sqlf(`SELECT t.license_id, t.at, t.quantity + t.committed, t.capacity IS NULL FROM license_states t WHERE ? ORDER BY t.id`,
		and(r.among("t.license_id"), sqlf("t.at < ?", r.usage.to)))
	if err := r.rows(ctx, statement, func(rows *stdsql.Rows) error {
		var key, units int64
		var at store.Time
		var unlimited bool
		if err := rows.Scan(&key, &at, &units, &unlimited); err != nil {
			return err
		}
		r.usage.licenses[key].quantity(at.Time, units, unlimited)
		return nil
	}); err != nil {
		return err
	}
	for _, l := range r.usage.licenses {
		if len(l.quantities) == 0 { // recorded before quantities were kept
			l.quantity(l.created, l.bought, l.unlimited)
		}
	}
	return nil
}

func (l *pricedLicense) quantity(at time.Time, units int64, unlimited bool) {
	step := cost.Step{At: at}
	if !unlimited {
		step.Units = &units
	}
	if n := len(l.quantities); n > 0 {
		last := l.quantities[n-1]
		if last.Units == nil && unlimited || last.Units != nil && !unlimited && *last.Units == units {
			return
		}
	}
	l.quantities = append(l.quantities, step)
}

// readSeats follows the seats of the licenses through the record, in its order.
func (r *rerun) readSeats(ctx context.Context) error {
	where := and(sqlf("t.type IN ('SEAT_ACTIVE', 'SEAT_WAITING', 'SEAT_ERROR', 'SEAT_MOVED', 'SEAT_RELEASED')"), sqlf("t.at < ?", r.usage.to))
	if !r.usage.every { // to look for all licenses there are would only keep the database from reading events as they lie
		where = and(where, r.among("t.license_id"))
	}
	statement := sqlf(`SELECT t.license_id, t.allotment_id, t.user_id, t.type, t.at, t.data FROM events t WHERE ? ORDER BY t.id`, where)
	return r.rows(ctx, statement, func(rows *stdsql.Rows) error {
		var license, allotment, user int64
		var kind, data string
		var at store.Time
		if err := rows.Scan(&license, &allotment, &user, &kind, &at, &data); err != nil {
			return err
		}
		of := r.usage.licenses[license]
		if of == nil {
			return nil // it is not there any more
		}
		ledger := of.ledger
		users := []int64{user}
		if user == 0 { // many at once
			var list struct{ Users []id.ID }
			if err := json.Unmarshal([]byte(data), &list); err != nil {
				return err
			}
			users = keysOf(id.User, list.Users)
		}
		for _, user := range users {
			switch strings.TrimPrefix(kind, "SEAT_") {
			case "ACTIVE":
				ledger.Hold(user, allotment, at.Time)
			case "MOVED":
				ledger.Move(user, allotment, at.Time)
			default:
				ledger.Drop(user, at.Time)
			}
		}
		return nil
	})
}

// gather puts what was told into bins.
func (r *rerun) gather(ctx context.Context, group func(bin) bin) error {
	careers, err := r.readCareers(ctx, group)
	if err != nil {
		return err
	}
	for _, h := range r.held {
		careers.of(h.User, h.From, h.To, func(b bin, from, to time.Time) {
			r.usage.add(h.license, b, r.months, group, 1, from, to)
		})
	}
	for _, s := range r.spare {
		r.usage.add(s.license, bin{spare: true}, r.months, group, s.units, s.from, s.to)
	}
	return nil
}
