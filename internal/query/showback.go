package query

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/ringfence/ringfence/internal/cost"
	"github.com/ringfence/ringfence/internal/fault"
)

// ShowbackBy is what rows of a showback stand for.
type ShowbackBy string

// What rows of a showback can stand for.
const (
	ByDepartment ShowbackBy = "DEPARTMENT"
	ByCostCenter ShowbackBy = "COST_CENTER"
	ByLicense    ShowbackBy = "LICENSE"
	ByUser       ShowbackBy = "USER"
)

// ShowbackQuery asks who held seats over a period and what they cost. From and To are days, YYYY-MM-DD, both included.
type ShowbackQuery struct {
	From, To string
	By       ShowbackBy
	Where    *LicenseWhere
}

// ShowbackKind tells whether somebody had what a row counts.
type ShowbackKind string

// The kinds of rows of a showback.
const (
	Assigned   ShowbackKind = "ASSIGNED"
	Unassigned ShowbackKind = "UNASSIGNED"
)

// ShowbackRow is what one part of the organization held, in one currency, and what it cost.
type ShowbackRow struct {
	Kind        ShowbackKind
	Department  *string
	CostCenter  *string
	SeatSeconds string
	SeatDays    string
	Cost        *string
	Currency    *string

	at     bin
	family *family[*ShowbackRow]
}

// ShowbackTotal is what a whole showback comes to in one currency.
type ShowbackTotal struct {
	Currency       *string
	SeatDays       string
	UnassignedDays string
	Cost           *string
	UnassignedCost *string
}

// ShowbackConnection is one page of a showback.
type ShowbackConnection struct {
	*Connection[*ShowbackRow]
	Totals []*ShowbackTotal
}

// ShowbackEdge is one item of a page of a showback.
type ShowbackEdge = Edge[*ShowbackRow]

// License gives the license of a row that stands for one.
func (r *ShowbackRow) License(ctx context.Context) (*License, error) {
	all, err := together(ctx, r.family, "license", func(ctx context.Context, members []*ShowbackRow) (map[int64]*License, error) {
		keys := make([]int64, len(members))
		for i, member := range members {
			keys[i] = member.at.license
		}
		return licenses.visibleByKey(ctx, r.family.session, keys)
	})
	return all[r.at.license], err
}

// User gives the user of a row that stands for one, if there still is one who may be seen.
func (r *ShowbackRow) User(ctx context.Context) (*User, error) {
	all, err := together(ctx, r.family, "user", func(ctx context.Context, members []*ShowbackRow) (map[int64]*User, error) {
		keys := make([]int64, len(members))
		for i, member := range members {
			keys[i] = member.at.user
		}
		return users.visibleByKey(ctx, r.family.session, keys)
	})
	return all[r.at.user], err
}

// dayPlaces is how many digits behind the point days are shown with.
const dayPlaces = 6

// longestShowback is how many years a showback may span.
const longestShowback = 10

// span reads the period of a showback; it ends now if its last day is not over.
func (q *ShowbackQuery) span(now time.Time) (from, to time.Time, err error) {
	if from, err = time.Parse(time.DateOnly, q.From); err != nil {
		return from, to, fault.Invalid("from", "from is a day, YYYY-MM-DD")
	}
	if to, err = time.Parse(time.DateOnly, q.To); err != nil {
		return from, to, fault.Invalid("to", "to is a day, YYYY-MM-DD")
	}
	if to.Before(from) {
		return from, to, fault.Invalid("to", "the last day is not before the first")
	}
	if to = to.AddDate(0, 0, 1); to.After(from.AddDate(longestShowback, 0, 0)) {
		return from, to, fault.Invalid("to", "a showback spans at most %d years", longestShowback)
	}
	if now = now.Truncate(time.Second); to.After(now) {
		to = now
	}
	if to.Before(from) {
		to = from
	}
	return from, to, nil
}

// Showback tells who held seats over a period and what they cost, as far as the principal may see the seats.
func (r *Reader) Showback(ctx context.Context, q ShowbackQuery, p Page) (*ShowbackConnection, error) {
	s := r.session(ctx)
	rows, totals, err := s.showback(ctx, q)
	if err != nil {
		return nil, err
	}
	w, err := p.window()
	if err != nil {
		return nil, err
	}
	page, err := w.cut(rows, string(q.By))
	if err != nil {
		return nil, err
	}
	return &ShowbackConnection{Connection: page, Totals: totals}, nil
}

// Showbacks gives all rows of a showback and its totals.
func (r *Reader) Showbacks(ctx context.Context, q ShowbackQuery) ([]*ShowbackRow, []*ShowbackTotal, error) {
	return r.session(ctx).showback(ctx, q)
}

func (s *session) showback(ctx context.Context, q ShowbackQuery) ([]*ShowbackRow, []*ShowbackTotal, error) {
	f, err := s.sight(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := f.openShowback(q.By); err != nil {
		return nil, nil, err
	}
	u, err := s.usage(ctx, f, q, func(b bin) bin { return q.By.keep(b) }, false)
	if err != nil {
		return nil, nil, err
	}
	return s.showRows(f, q.By, u), u.totals(), nil
}

// openShowback refuses to tell people apart by what the principal may not see of them.
func (f *facts) openShowback(by ShowbackBy) error {
	switch by {
	case ByDepartment:
		return f.open(kindUser, "by", "department")
	case ByCostCenter:
		return f.open(kindUser, "by", "cost_center")
	case ByLicense, ByUser:
		return nil
	}
	return fault.Invalid("by", "by is DEPARTMENT, COST_CENTER, LICENSE or USER")
}

// keep leaves of a bin what rows are told apart by.
func (by ShowbackBy) keep(b bin) bin {
	row := bin{spare: b.spare}
	switch by {
	case ByDepartment:
		row.department = b.department
	case ByCostCenter:
		row.costCenter = b.costCenter
	case ByLicense:
		row.license = b.license
	case ByUser:
		row.user = b.user
	}
	return row
}

func (s *session) showRows(f *facts, by ShowbackBy, u *usage) []*ShowbackRow {
	bins, days := u.bins(), u.days()
	kin := &family[*ShowbackRow]{session: s, facts: f, members: make([]*ShowbackRow, len(bins))}
	for i, b := range bins {
		row := &ShowbackRow{Kind: Assigned, at: b, family: kin, SeatDays: days[i].StringFixed(dayPlaces), SeatSeconds: decimal.NewFromInt(u.seconds(b)).String()}
		if b.spare {
			row.Kind = Unassigned
		}
		if b.currency != "" {
			text := u.costs[b].StringFixed(cost.Places(b.currency))
			row.Cost, row.Currency = &text, &b.currency
		}
		if by == ByDepartment && !b.spare {
			row.Department = &b.department
		}
		if by == ByCostCenter && !b.spare {
			row.CostCenter = &b.costCenter
		}
		kin.members[i] = row
	}
	return kin.members
}

// bin is what unit-time is gathered by. Month is the first of the month, YYYY-MM-DD, where months are kept apart.
type bin struct {
	spare                  bool
	department, costCenter string
	license, user          int64
	month                  string
	currency               string // empty without a price
}

// compare orders bins: what somebody held first, then by name, license, user and month, then by currency.
func (b bin) compare(other bin) int {
	if b.spare != other.spare {
		if other.spare {
			return -1
		}
		return 1
	}
	return cmp.Or(strings.Compare(b.department, other.department), strings.Compare(b.costCenter, other.costCenter), cmp.Compare(b.license, other.license),
		cmp.Compare(b.user, other.user), strings.Compare(b.month, other.month), strings.Compare(b.currency, other.currency))
}

func (b bin) cursor(by string) string {
	encoded, _ := json.Marshal([]any{by, b.spare, b.department, b.costCenter, b.license, b.user, b.currency}) // cannot fail: texts and numbers
	return base64.RawURLEncoding.EncodeToString(encoded)
}

// binOf reads a cursor that an earlier page of the same showback gave.
func binOf(cursor, field, by string) (b bin, err error) {
	wrong := fault.Invalid(field, "%s is a cursor that an earlier page of the same list and order gave", field)
	decoded, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return b, wrong
	}
	var kind string
	parts := []any{&kind, &b.spare, &b.department, &b.costCenter, &b.license, &b.user, &b.currency}
	if json.Unmarshal(decoded, &parts) != nil || len(parts) != 7 || kind != by {
		return b, wrong
	}
	return b, nil
}

// cut gives the page of the rows that a window shows.
func (w window) cut(rows []*ShowbackRow, by string) (*Connection[*ShowbackRow], error) {
	all := int64(len(rows))
	first, end := 0, len(rows)
	find := func(cursor, field string) (int, bool, error) {
		b, err := binOf(cursor, field, by)
		i, found := slices.BinarySearchFunc(rows, b, func(r *ShowbackRow, b bin) int { return r.at.compare(b) })
		return i, found, err
	}
	if w.after != "" {
		i, found, err := find(w.after, "after")
		if err != nil {
			return nil, err
		}
		if first = i; found {
			first++
		}
	}
	if w.before != "" {
		i, _, err := find(w.before, "before")
		if err != nil {
			return nil, err
		}
		end = max(first, i)
	}
	c := &Connection[*ShowbackRow]{PageInfo: &PageInfo{}, count: func(context.Context) (int64, error) { return all, nil }}
	if w.backward {
		begin := max(first, end-w.size)
		c.PageInfo.HasPreviousPage, c.PageInfo.HasNextPage = begin > first, w.before != ""
		first = begin
	} else {
		stop := min(end, first+w.size)
		c.PageInfo.HasNextPage, c.PageInfo.HasPreviousPage = stop < end, w.after != ""
		end = stop
	}
	c.Edges = make([]*Edge[*ShowbackRow], 0, end-first)
	for _, row := range rows[first:end] {
		c.Edges = append(c.Edges, &Edge[*ShowbackRow]{Node: row, Cursor: row.at.cursor(by)})
	}
	if len(c.Edges) > 0 {
		c.PageInfo.StartCursor, c.PageInfo.EndCursor = &c.Edges[0].Cursor, &c.Edges[len(c.Edges)-1].Cursor
	}
	return c, nil
}

// totals add up what is in the bins, by currency.
func (u *usage) totals() []*ShowbackTotal {
	type sum struct {
		held, spare   int64
		money, unused decimal.Decimal
	}
	sums := map[string]*sum{}
	var currencies []string
	for _, b := range u.bins() {
		t := sums[b.currency]
		if t == nil {
			t = &sum{}
			sums[b.currency] = t
			currencies = append(currencies, b.currency)
		}
		t.money = t.money.Add(u.costs[b])
		if b.spare {
			t.spare += u.seconds(b)
			t.unused = t.unused.Add(u.costs[b])
		} else {
			t.held += u.seconds(b)
		}
	}
	slices.Sort(currencies)
	totals := make([]*ShowbackTotal, len(currencies))
	for i, currency := range currencies {
		t := sums[currency]
		totals[i] = &ShowbackTotal{SeatDays: daysText(t.held), UnassignedDays: daysText(t.spare)}
		if currency != "" {
			places := cost.Places(currency)
			money, unused := t.money.StringFixed(places), t.unused.StringFixed(places)
			totals[i].Currency, totals[i].Cost, totals[i].UnassignedCost = &currency, &money, &unused
		}
	}
	return totals
}

func daysText(seconds int64) string {
	return cost.Round(big.NewRat(seconds, cost.Day), dayPlaces).StringFixed(dayPlaces)
}
