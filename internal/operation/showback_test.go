package operation_test

import (
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/app"
	"github.com/ringfence/ringfence/internal/app/apptest"
)

// stopped is a clock that stands still until it is moved, so that what was held can be counted to the second.
type stopped struct {
	mu sync.Mutex
	at time.Time
}

func (s *stopped) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

func (s *stopped) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = s.at.Add(d)
}

// eachOn runs a test on both databases, on a clock that stands at the beginning of 2031, which has 365 days.
func eachOn(t *testing.T, run func(w *world, clock *stopped)) {
	t.Helper()
	t.Parallel()
	var clock *stopped
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		w := &world{Service: s, T: t}
		w.actor = actor{w, s.Admin()}
		run(w, clock)
		w.audit()
	}, func(c *app.Config) {
		clock = &stopped{at: time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)}
		c.Clock = clock.now
	})
}

type showbackRow struct {
	Kind                   string
	Department, CostCenter *string
	License                *struct{ ID string }
	User                   *struct{ UserName *string }
	SeatSeconds, SeatDays  string
	Cost, Currency         *string
}

type showback struct {
	Nodes    []showbackRow
	PageInfo struct {
		HasNextPage, HasPreviousPage bool
		StartCursor, EndCursor       *string
	}
	TotalCount int
	Totals     []struct {
		Currency                 *string
		SeatDays, UnassignedDays string
		Cost, UnassignedCost     *string
	}
}

func (r showbackRow) label() string {
	switch {
	case r.Department != nil:
		return "department " + *r.Department
	case r.CostCenter != nil:
		return "cost center " + *r.CostCenter
	case r.License != nil:
		return "license " + r.License.ID
	case r.User != nil && r.User.UserName != nil:
		return *r.User.UserName
	case r.User != nil:
		return "a user"
	}
	return "nobody"
}

func some(text *string) string {
	if text == nil {
		return "-"
	}
	return *text
}

// String writes a showback, one row to a line and the totals at the end: ASSIGNED department Sales 2.500000 days 0.83 EUR.
func (s showback) String() string {
	var lines []string
	for _, r := range s.Nodes {
		lines = append(lines, fmt.Sprintf("%s %s %s days %s %s", r.Kind, r.label(), r.SeatDays, some(r.Cost), some(r.Currency)))
	}
	for _, t := range s.Totals {
		lines = append(lines, fmt.Sprintf("= %s + %s days %s, of it %s %s", t.SeatDays, t.UnassignedDays, some(t.Cost), some(t.UnassignedCost), some(t.Currency)))
	}
	return strings.Join(lines, "\n")
}

const showbackQuery = `query($from: Date!, $to: Date!, $by: ShowbackBy!, $where: LicenseWhere, $first: Int, $after: String, $last: Int, $before: String) {
	showback(from: $from, to: $to, by: $by, where: $where, first: $first, after: $after, last: $last, before: $before) {
		nodes { kind department costCenter license { id } user { userName } seatSeconds seatDays cost currency }
		pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount
		totals { currency seatDays unassignedDays cost unassignedCost } } }`

func (a actor) showback(from, to, by string, more ...in) showback {
	a.w.Helper()
	var answer struct{ Showback showback }
	a.ask(showbackQuery, with(in{"from": from, "to": to, "by": by, "first": 100}, more...), &answer)
	return answer.Showback
}

// The example of docs/cost.md.
func TestShowback(t *testing.T) {
	eachOn(t, func(w *world, clock *stopped) {
		license := w.license(3, euros("31", "MONTH"))
		sales, support := w.user(in{"userName": "sue", "department": "Sales"}), w.user(in{"userName": "tom", "department": "Support"})
		w.assign(license, []string{sales}) // 1 January, midnight
		clock.pass(24 * time.Hour)
		w.assign(license, []string{support}) // 2 January
		clock.pass(36 * time.Hour)
		w.unassign(license, sales) // 3 January, noon
		clock.pass(12 * time.Hour)
		w.change(support, in{"department": "Sales"}) // 4 January, midnight
		clock.pass(24 * time.Hour)

		w.want(w.showback("2031-01-01", "2031-01-31", "DEPARTMENT"), strings.Join([]string{
			"ASSIGNED department Sales 3.500000 days 3.50 EUR",
			"ASSIGNED department Support 2.000000 days 2.00 EUR",
			"UNASSIGNED nobody 6.500000 days 6.50 EUR",
			"= 5.500000 + 6.500000 days 12.00, of it 6.50 EUR",
		}, "\n"))
		w.want(w.showback("2031-01-02", "2031-01-03", "USER"), strings.Join([]string{
			"ASSIGNED sue 1.500000 days 1.50 EUR",
			"ASSIGNED tom 2.000000 days 2.00 EUR",
			"UNASSIGNED nobody 2.500000 days 2.50 EUR",
			"= 3.500000 + 2.500000 days 6.00, of it 2.50 EUR",
		}, "\n"))
		w.want(w.showback("2031-01-01", "2031-01-01", "LICENSE"), strings.Join([]string{
			"ASSIGNED license " + license + " 1.000000 days 1.00 EUR",
			"UNASSIGNED license " + license + " 2.000000 days 2.00 EUR",
			"= 1.000000 + 2.000000 days 3.00, of it 2.00 EUR",
		}, "\n"))

		// A user who is deleted keeps the department they had; who it was is not told any more.
		w.do("deleteUsers", in{"userIds": []string{support}})
		clock.pass(24 * time.Hour)
		w.want(w.showback("2031-01-03", "2031-01-04", "DEPARTMENT").Nodes[0].label(), "department Sales")
		w.want(w.showback("2031-01-04", "2031-01-05", "USER"), strings.Join([]string{
			"ASSIGNED nobody 1.000000 days 1.00 EUR",
			"UNASSIGNED nobody 5.000000 days 5.00 EUR",
			"= 1.000000 + 5.000000 days 6.00, of it 5.00 EUR",
		}, "\n"))
		w.want(w.showback("2032-01-01", "2032-01-31", "USER"), "")
	})
}

// Only what is active counts, what waits or is in error does not; who is over the limit costs the same.
func TestShowbackCountsActiveSeats(t *testing.T) {
	eachOn(t, func(w *world, clock *stopped) {
		license := w.license(1, euros("365", "YEAR"))
		users := w.users(3)
		w.assign(license, users[:1])
		w.assign(license, users[1:2], in{"whenFull": "WAIT"})
		clock.pass(24 * time.Hour)
		w.limit(license, 2) // the second is promoted
		clock.pass(24 * time.Hour)
		w.limit(license, 0) // over the limit by two
		clock.pass(24 * time.Hour)
		w.change(users[0], in{"enabled": false})
		w.change(users[1], in{"enabled": false})
		clock.pass(24 * time.Hour)
		w.want(w.showback("2031-01-01", "2031-01-31", "DEPARTMENT"), "ASSIGNED department  5.000000 days 5.00 EUR\n= 5.000000 + 0.000000 days 5.00, of it 0.00 EUR")
	})
}

// A license is paid for from its first day to its last, whenever it was recorded; without a price its days are counted all the same.
func TestShowbackWithinDates(t *testing.T) {
	eachOn(t, func(w *world, clock *stopped) {
		clock.pass(20 * 24 * time.Hour)
		license := w.license(2, euros("366", "YEAR"), in{"startsOn": "2031-01-11", "endsOn": "2031-01-25"})
		w.assign(license, w.users(1)) // 21 January
		clock.pass(20 * 24 * time.Hour)
		// The year from 11 January 2031 has 365 days.
		w.want(w.showback("2031-01-01", "2031-01-31", "DEPARTMENT"), strings.Join([]string{
			"ASSIGNED department  11.000000 days 5.01 EUR", // five of the eleven are paid for
			"UNASSIGNED nobody 25.000000 days 25.07 EUR",
			"= 11.000000 + 25.000000 days 30.08, of it 25.07 EUR",
		}, "\n"))

		// A license without days of its own has those of its contract.
		w.do("updateContract", in{"contractId": w.contract, "startsOn": "2031-01-21", "endsOn": "2031-01-22"})
		w.do("updateLicense", in{"licenseId": license, "startsOn": nil, "endsOn": nil})
		w.want(w.showback("2031-01-01", "2031-01-31", "DEPARTMENT"), strings.Join([]string{
			"ASSIGNED department  11.000000 days 2.01 EUR", // two of the eleven are paid for
			"UNASSIGNED nobody 2.000000 days 2.00 EUR",
			"= 11.000000 + 2.000000 days 4.01, of it 2.00 EUR",
		}, "\n"))
		w.do("updateContract", in{"contractId": w.contract, "startsOn": nil, "endsOn": nil})

		free := w.license(1)
		clock.pass(24 * time.Hour)
		w.want(w.showback("2031-01-01", "2031-03-31", "LICENSE", in{"where": in{"idIn": []string{free}}}),
			"UNASSIGNED license "+free+" 1.000000 days - -\n= 0.000000 + 1.000000 days -, of it - -")
	})
}

// More than a hundred seats that change alike are told in one event; they count like any others. So do users who move together.
func TestShowbackOfMany(t *testing.T) {
	eachOn(t, func(w *world, clock *stopped) {
		license := w.license(200, euros("365", "YEAR"))
		users := w.users(150, in{"department": "Sales"})
		w.grant(w.group(users...), license)
		clock.pass(48 * time.Hour)
		var inputs []in
		var names struct {
			Users struct{ Nodes []struct{ UserName string } }
		}
		for _, half := range []in{{"first": 100}, {"last": 50}} {
			w.ask(`query($first: Int, $last: Int) { users(first: $first, last: $last) { nodes { userName } } }`, half, &names)
			for _, u := range names.Users.Nodes {
				inputs = append(inputs, in{"userName": u.UserName, "department": "Support"})
			}
		}
		w.do("upsertUsers", in{"users": inputs})
		clock.pass(24 * time.Hour)
		w.want(w.showback("2031-01-01", "2031-01-31", "DEPARTMENT"), strings.Join([]string{
			"ASSIGNED department Sales 300.000000 days 300.00 EUR",
			"ASSIGNED department Support 150.000000 days 150.00 EUR",
			"UNASSIGNED nobody 150.000000 days 150.00 EUR",
			"= 450.000000 + 150.000000 days 600.00, of it 150.00 EUR",
		}, "\n"))
	})
}

// Everyone is told of the seats they may see.
func TestWhoSeesShowback(t *testing.T) {
	eachOn(t, func(w *world, clock *stopped) {
		license := w.license(10, euros("365", "YEAR"))
		ann, bob, cas := w.user(in{"userName": "ann"}), w.user(in{"userName": "bob", "department": "Sales"}), w.user(in{"userName": "cas", "department": "Sales"})
		share := w.allot(license, 5, in{"delegateUserIds": []string{ann}})
		w.assign(share, []string{bob})
		w.assign(license, []string{cas})
		clock.pass(24 * time.Hour)
		hidden := w.license(4, euros("365", "YEAR"))
		w.assign(hidden, []string{cas})
		clock.pass(24 * time.Hour)
		show := func(a actor, by string) showback { return a.showback("2031-01-01", "2031-01-31", by) }

		all := "ASSIGNED department Sales 5.000000 days 5.00 EUR\nUNASSIGNED nobody 19.000000 days 19.00 EUR\n= 5.000000 + 19.000000 days 24.00, of it 19.00 EUR"
		for _, role := range []string{"GLOBAL_ADMIN", "LICENSE_ADMIN", "AUDITOR", "ANALYST"} {
			w.want(show(w.as("someone", role), "DEPARTMENT"), all)
		}
		w.want(show(w.as("ann"), "USER"), "ASSIGNED bob 2.000000 days 2.00 EUR\n= 2.000000 + 0.000000 days 2.00, of it 0.00 EUR")
		w.want(show(w.as("ann"), "DEPARTMENT"), "ASSIGNED department Sales 2.000000 days 2.00 EUR\n= 2.000000 + 0.000000 days 2.00, of it 0.00 EUR")
		w.want(show(w.as("bob"), "USER"), "ASSIGNED bob 2.000000 days 2.00 EUR\n= 2.000000 + 0.000000 days 2.00, of it 0.00 EUR")
		w.want(show(w.as("cas"), "LICENSE"), "ASSIGNED license "+license+" 2.000000 days 2.00 EUR\nASSIGNED license "+hidden+
			" 1.000000 days 1.00 EUR\n= 3.000000 + 0.000000 days 3.00, of it 0.00 EUR")
		w.want(show(w.as("nobody"), "USER"), "")
		w.want(show(w.as("carl", "CONTRACT_MANAGER"), "USER"), "")
		// An analyst sees what was held, not by whom.
		w.want(show(w.as("someone", "ANALYST"), "USER").Nodes[0], show(w.actor, "USER").Nodes[0].anonymous())
		w.Anonymous().Fails("UNAUTHENTICATED", `{ showback(from: "2031-01-01", to: "2031-01-02") { totalCount } }`, nil)
	})
}

func (r showbackRow) anonymous() showbackRow {
	r.User.UserName = nil
	return r
}

func TestShowbackInputs(t *testing.T) {
	eachOn(t, func(w *world, _ *stopped) {
		for field, input := range map[string]in{
			"to":    {"from": "2031-01-02", "to": "2031-01-01", "by": "USER"},
			"first": {"from": "2031-01-01", "to": "2031-01-02", "by": "USER", "first": 101},
			"after": {"from": "2031-01-01", "to": "2031-01-02", "by": "USER", "after": "x"},
		} {
			if e := w.client.Fails("INVALID_INPUT", showbackQuery, apptest.Vars(input)); e.Extensions.Field != field {
				w.Errorf("the error names %q, want %q", e.Extensions.Field, field)
			}
		}
		w.client.Fails("INVALID_INPUT", showbackQuery, apptest.Vars{"from": "2031-01-01", "to": "2041-01-01", "by": "USER"})
	})
}

// tick is how things stood from a time on, as the API told it then.
type tick struct {
	at     time.Time
	bought map[string]int
	seats  [][2]string          // license and user
	where  map[string][2]string // department and cost center by user
}

// Random histories: what the replay tells is what a count tells that asked for all seats again after each step.
func TestShowbackAgainstRecount(t *testing.T) {
	eachOn(t, func(w *world, clock *stopped) {
		random := rand.New(rand.NewPCG(17, 4))
		names := []string{"Sales", "Support", "", "Works"}
		var users, pools []string
		for i := range 8 {
			users = append(users, w.user(in{"userName": fmt.Sprint("u", i), "department": names[i%4], "costCenter": names[(i+1)%4]}))
		}
		for _, price := range []in{euros("31.07", "MONTH"), euros("100.01", "YEAR"), {"unitPrice": "777", "currency": "JPY", "pricePer": "MONTH"}} {
			license := w.license(4, price)
			pools = append(pools, license, w.allot(license, 2))
		}
		var history []tick
		for range 60 {
			history = append(history, w.tick(clock.now()))
			clock.pass(time.Duration(1+random.IntN(200_000)) * time.Second)
			user, pool := users[random.IntN(len(users))], pools[random.IntN(len(pools))]
			switch random.IntN(8) {
			case 0, 1, 2:
				w.assign(pool, []string{user}, in{"whenFull": "WAIT"})
			case 3, 4:
				w.client.Send(mutation("unassignSeats"), apptest.Vars{"input": with(target(pool), in{"userIds": []string{user}})})
			case 5:
				w.change(user, in{"department": names[random.IntN(4)]})
				w.change(users[random.IntN(len(users))], in{"costCenter": names[random.IntN(4)]})
			case 6:
				if strings.HasPrefix(pool, "lic_") {
					w.limit(pool, 2+random.IntN(4))
				}
			case 7:
				w.change(user, in{"enabled": random.IntN(3) > 0})
			}
		}
		history = append(history, w.tick(clock.now()))

		for _, period := range [][2]string{{"2031-01-01", "2031-12-31"}, {"2031-01-10", "2031-02-20"}, {"2031-01-15", "2031-01-15"}} {
			for _, by := range []string{"DEPARTMENT", "COST_CENTER", "LICENSE", "USER"} {
				w.want(w.showback(period[0], period[1], by).seconds(), recount(history, period, by))
			}
			w.addsUp(period)
		}
	})
}

// tick reads how things stand.
func (w *world) tick(at time.Time) tick {
	w.Helper()
	now := tick{at: at, bought: map[string]int{}, where: map[string][2]string{}}
	var answer struct {
		Licenses struct {
			Nodes []struct {
				ID       string
				Quantity int
				Seats    struct {
					Nodes []struct{ User struct{ UserName string } }
				}
			}
		}
		Users struct {
			Nodes []struct{ UserName, Department, CostCenter string }
		}
	}
	w.ask(`{ licenses(first: 100) { nodes { id quantity seats(first: 100, state: ACTIVE) { nodes { user { userName } } } } }
		users(first: 100) { nodes { userName department costCenter } } }`, nil, &answer)
	for _, l := range answer.Licenses.Nodes {
		now.bought[l.ID] = l.Quantity
		for _, s := range l.Seats.Nodes {
			now.seats = append(now.seats, [2]string{l.ID, s.User.UserName})
		}
	}
	for _, u := range answer.Users.Nodes {
		now.where[u.UserName] = [2]string{u.Department, u.CostCenter}
	}
	return now
}

// seconds writes what rows tell of time, over all currencies.
func (s showback) seconds() string {
	sums := map[string]*big.Int{}
	for _, r := range s.Nodes {
		n, _ := new(big.Int).SetString(r.SeatSeconds, 10)
		key := r.Kind + " " + r.label()
		if sums[key] == nil {
			sums[key] = new(big.Int)
		}
		sums[key].Add(sums[key], n)
	}
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(sums)) {
		lines = append(lines, fmt.Sprint(key, " ", sums[key]))
	}
	return strings.Join(lines, "\n")
}

func recount(history []tick, period [2]string, by string) string {
	from, _ := time.Parse(time.DateOnly, period[0])
	to, _ := time.Parse(time.DateOnly, period[1])
	to = to.AddDate(0, 0, 1)
	sums := map[string]int64{}
	for i, now := range history[:len(history)-1] {
		begins, ends := now.at, history[i+1].at
		if begins.Before(from) {
			begins = from
		}
		if ends.After(to) {
			ends = to
		}
		if !begins.Before(ends) {
			continue
		}
		seconds := int64(ends.Sub(begins) / time.Second)
		held := map[string]int{}
		for _, s := range now.seats {
			held[s[0]]++
			sums["ASSIGNED "+map[string]string{"DEPARTMENT": "department " + now.where[s[1]][0], "COST_CENTER": "cost center " + now.where[s[1]][1], "LICENSE": "license " + s[0], "USER": s[1]}[by]] += seconds
		}
		for license, bought := range now.bought {
			if spare := int64(bought - held[license]); spare > 0 {
				sums["UNASSIGNED "+map[string]string{"DEPARTMENT": "nobody", "COST_CENTER": "nobody", "LICENSE": "license " + license, "USER": "nobody"}[by]] += spare * seconds
			}
		}
	}
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(sums)) {
		lines = append(lines, fmt.Sprint(key, " ", sums[key]))
	}
	return strings.Join(lines, "\n")
}

// addsUp looks whether rows add up to the totals, whether totals are alike whatever rows stand for, and whether pages are parts of
// the whole.
func (w *world) addsUp(period [2]string) {
	w.Helper()
	var first string
	for _, by := range []string{"DEPARTMENT", "COST_CENTER", "LICENSE", "USER"} {
		whole := w.showback(period[0], period[1], by)
		money, days := map[string]*big.Rat{}, new(big.Rat)
		for _, r := range whole.Nodes {
			amount, _ := new(big.Rat).SetString(some(r.Cost))
			if money[*r.Currency] == nil {
				money[*r.Currency] = new(big.Rat)
			}
			money[*r.Currency].Add(money[*r.Currency], amount)
			part, _ := new(big.Rat).SetString(r.SeatDays)
			days.Add(days, part)
		}
		all := new(big.Rat)
		for _, t := range whole.Totals {
			total, _ := new(big.Rat).SetString(*t.Cost)
			if money[*t.Currency].Cmp(total) != 0 {
				w.Errorf("%s: rows come to %s, the total is %s %s", by, money[*t.Currency].FloatString(4), *t.Cost, *t.Currency)
			}
			for _, part := range []string{t.SeatDays, t.UnassignedDays} {
				n, _ := new(big.Rat).SetString(part)
				all.Add(all, n)
			}
		}
		if off := all.Sub(all, days); off.Abs(off).Cmp(big.NewRat(4, 1_000_000)) > 0 { // four totals, each rounded
			w.Errorf("%s: days are off by %s", by, off.FloatString(7))
		}
		sums := text(whole.Totals)
		if by == "DEPARTMENT" {
			first = strings.Join(costsOf(whole), " ")
		} else if got := strings.Join(costsOf(whole), " "); got != first {
			w.Errorf("%s: the totals are %s, by department %s (%s)", by, got, first, sums)
		}
		w.pages(period, by, whole)
	}
}

func costsOf(s showback) []string {
	var list []string
	for _, t := range s.Totals {
		list = append(list, some(t.Currency)+" "+some(t.Cost))
	}
	return list
}

func (w *world) pages(period [2]string, by string, whole showback) {
	w.Helper()
	var forward, backward []showbackRow
	for page := (showback{}); ; {
		page = w.showback(period[0], period[1], by, in{"first": 3, "after": page.PageInfo.EndCursor})
		forward = append(forward, page.Nodes...)
		if !page.PageInfo.HasNextPage {
			break
		}
	}
	for page := (showback{}); ; {
		page = w.showback(period[0], period[1], by, in{"first": nil, "last": 3, "before": page.PageInfo.StartCursor})
		backward = append(slices.Clone(page.Nodes), backward...)
		if !page.PageInfo.HasPreviousPage {
			break
		}
	}
	w.want(forward, whole.Nodes)
	w.want(backward, whole.Nodes)
	w.want(whole.TotalCount, len(whole.Nodes))
}
