package licensing_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/ringfence/ringfence/internal/licensing"
)

// estate is a random portfolio, in the words a person would count it with.
type estate struct {
	licenses    []licensing.Entitlement
	deployments []licensing.Discovery
	shares      []licensing.Share
}

// newEstate makes licenses of two contracts, some unlimited, some over their limit, with fixed and unlimited allocations to shared
// deployments in both metrics, several of each for one license and one deployment.
func newEstate(r *rand.Rand) *estate {
	e := &estate{}
	step := int64(1 + r.IntN(2)*1_000_000) // keys close together, or far apart
	for i := range int64(1 + r.IntN(5)) {
		l := licensing.Entitlement{License: (i + 1) * step, Contract: 1 + r.Int64N(2), Metric: licensing.Metric(r.IntN(2)), Unlimited: r.IntN(5) == 0}
		if !l.Unlimited {
			l.Quantity, l.Committed = r.Int64N(40), r.Int64N(2)*r.Int64N(5)
			l.Limit = l.Quantity + l.Committed + r.Int64N(2)*r.Int64N(8)
		}
		l.Used = r.Int64N(10)
		e.licenses = append(e.licenses, l)
	}
	for i := range int64(1 + r.IntN(4)) {
		e.deployments = append(e.deployments, licensing.Discovery{Deployment: (i + 1) * step, Units: [2]int64{r.Int64N(30), r.Int64N(30)}})
	}
	for i := range int64(r.IntN(14)) {
		owner := r.IntN(len(e.licenses))
		s := licensing.Share{Allocation: i + 1, License: e.licenses[owner].License, Metric: licensing.Metric(r.IntN(2))}
		if r.IntN(4) > 0 {
			s.Deployment = e.deployments[r.IntN(len(e.deployments))].Deployment
			s.Unlimited = r.IntN(2) == 0
		}
		if !s.Unlimited {
			s.Quantity = r.Int64N(12)
			e.licenses[owner].Reserved += s.Quantity
		}
		e.shares = append(e.shares, s)
	}
	return e
}

// naive counts by looking at everything again for each figure.
type naive struct{ *estate }

func (n naive) deployed(deployment int64, m licensing.Metric) int64 {
	for _, d := range n.deployments {
		if d.Deployment == deployment {
			return d.Units[m]
		}
	}
	return 0
}

// covers gives what each allocation covers, by its key.
func (n naive) covers() map[int64]int64 {
	covered := map[int64]int64{}
	for _, s := range n.shares {
		if !s.Unlimited {
			covered[s.Allocation] = s.Quantity
		}
	}
	for _, s := range n.shares {
		if !s.Unlimited {
			continue
		}
		need := n.deployed(s.Deployment, s.Metric)
		for _, other := range n.shares { // the fixed ones, and the unlimited ones that came before
			if other.Deployment == s.Deployment && other.Metric == s.Metric {
				need -= covered[other.Allocation]
			}
		}
		for _, l := range n.licenses {
			if l.License != s.License || l.Unlimited {
				continue
			}
			ceiling := max(0, l.Limit-l.Used-l.Reserved)
			for _, other := range n.shares {
				if other.License == l.License && other.Unlimited {
					ceiling -= covered[other.Allocation]
				}
			}
			need = min(need, ceiling)
		}
		covered[s.Allocation] = max(0, need)
	}
	return covered
}

// product is what is counted of one deployment in one metric.
type product struct {
	deployment int64
	metric     licensing.Metric
}

// line is a row as a test compares it.
type line struct {
	product
	allocation                     int64
	deployed, allocated, uncovered int64
}

// recount gives the rows of a contract (0: the whole portfolio) and its totals.
func (n naive) recount(contract int64) (lines []line, totals [2]licensing.Totals) {
	covered := n.covers()
	about := map[int64]bool{}
	for m := range totals {
		totals[m].Metric = licensing.Metric(m)
	}
	for _, l := range n.licenses {
		if contract != 0 && l.Contract != contract {
			continue
		}
		about[l.License] = true
		t := &totals[l.Metric]
		t.Occurs, t.Licenses = true, t.Licenses+1
		if l.Unlimited {
			t.Endless = true
			continue
		}
		t.Entitled += l.Quantity + l.Committed
		t.Available += max(0, l.Limit-l.Used-l.Reserved)
		t.OverBy += max(0, l.Used+l.Reserved-l.Limit)
	}
	for _, d := range n.deployments {
		for _, m := range licensing.Metrics {
			if row, has := n.product(product{d.Deployment, m}, about, contract == 0, covered); has {
				lines = append(lines, row)
			}
		}
	}
	for _, l := range lines {
		t := &totals[l.metric]
		t.Occurs = true
		t.Allocated, t.Deployed, t.Uncovered = t.Allocated+l.allocated, t.Deployed+l.deployed, t.Uncovered+l.uncovered
		t.AllocatedNotInUse += max(0, l.allocated-l.deployed)
		t.InUseNotAllocated += max(0, l.deployed-l.allocated)
	}
	for _, s := range n.shares {
		if s.Deployment == 0 && about[s.License] {
			lines = append(lines, line{product: product{metric: s.Metric}, allocation: s.Allocation, allocated: s.Quantity})
			totals[s.Metric].Occurs = true
			totals[s.Metric].Allocated += s.Quantity
		}
	}
	return lines, totals
}

// product counts one deployment in one metric, and tells whether it has a row.
func (n naive) product(p product, about map[int64]bool, estate bool, covered map[int64]int64) (line, bool) {
	row := line{product: p, deployed: n.deployed(p.deployment, p.metric)}
	var tracked, trackedInAny, ours bool
	var all int64
	for _, s := range n.shares {
		if s.Deployment != p.deployment {
			continue
		}
		trackedInAny = true
		if s.Metric != p.metric {
			continue
		}
		tracked = true
		all += covered[s.Allocation]
		if about[s.License] {
			ours = true
			row.allocated += covered[s.Allocation]
		}
	}
	row.uncovered = max(0, row.deployed-all)
	if estate {
		return row, tracked || !trackedInAny && row.deployed > 0
	}
	return row, ours
}

// shown are the rows of the engine, as a test compares them.
func shown(p *licensing.Position, rows []licensing.Row) (lines []line) {
	for _, row := range rows {
		l := line{product: product{metric: row.Metric}, allocated: row.Allocated}
		if row.Share >= 0 {
			l.allocation = p.Shares[row.Share].Allocation
		}
		if row.Deployment >= 0 {
			l.deployment, l.deployed, l.uncovered = p.Deployments[row.Deployment].Deployment, row.Deployed, row.Uncovered
		}
		lines = append(lines, l)
	}
	return lines
}

// The rows and totals of every contract and of the whole portfolio equal a naive recount, over random portfolios.
func TestOverviewEqualsRecount(t *testing.T) {
	for seed := range uint64(10_000) {
		r := rand.New(rand.NewPCG(seed, 5))
		e := newEstate(r)
		n := naive{&estate{slices.Clone(e.licenses), slices.Clone(e.deployments), slices.Clone(e.shares)}}
		r.Shuffle(len(e.shares), func(i, j int) { e.shares[i], e.shares[j] = e.shares[j], e.shares[i] })
		p := licensing.NewPosition(e.licenses, e.deployments, e.shares)
		sheet := p.NewSheet(nil)
		for contract := range int64(3) {
			of := licensing.Selection{}
			for i, l := range p.Licenses {
				if contract == 0 || l.Contract == contract {
					of.Licenses = append(of.Licenses, int32(i))
				}
			}
			if contract == 0 {
				for i := range p.Deployments {
					of.Estate = append(of.Estate, int32(i))
				}
			}
			lines, totals := n.recount(contract)
			if got := shown(p, sheet.Rows(of)); !reflect.DeepEqual(got, lines) {
				t.Fatalf("seed %d contract %d\ngot  %v\nwant %v\nof %+v", seed, contract, got, lines, n.estate)
			}
			if got := sheet.Totals(of); got != totals {
				t.Fatalf("seed %d contract %d\ngot  %+v\nwant %+v\nof %+v", seed, contract, got, totals, n.estate)
			}
		}
		covered := n.covers()
		for i, share := range p.Shares {
			if p.Covers(i) != covered[share.Allocation] {
				t.Fatalf("seed %d: allocation %d covers %d, want %d", seed, share.Allocation, p.Covers(i), covered[share.Allocation])
			}
		}
	}
}

// Only what is uncovered: the rows without it go, and the licenses that have no such row.
func TestOverviewOfTheUncovered(t *testing.T) {
	p := licensing.NewPosition([]licensing.Entitlement{
		{License: 1, Limit: 10, Quantity: 10, Reserved: 10}, {License: 2, Limit: 7, Quantity: 7, Reserved: 5},
	}, []licensing.Discovery{{Deployment: 1, Units: [2]int64{4, 0}}, {Deployment: 2, Units: [2]int64{9, 3}}}, []licensing.Share{
		{Allocation: 1, License: 1, Deployment: 1, Quantity: 10}, {Allocation: 2, License: 2, Deployment: 2, Quantity: 3}, {Allocation: 3, License: 2, Quantity: 2},
	})
	of := licensing.Selection{Licenses: []int32{0, 1}, Estate: []int32{0, 1}, OnlyUncovered: true}
	sheet := p.NewSheet(nil)
	want := []line{{product: product{2, licensing.Users}, deployed: 9, allocated: 3, uncovered: 6}}
	if got := shown(p, sheet.Rows(of)); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	totals := sheet.Totals(of)[licensing.Users]
	if totals.Entitled != 7 || totals.Deployed != 9 || totals.Allocated != 3 || totals.Uncovered != 6 || totals.Licenses != 1 {
		t.Errorf("got %+v", totals)
	}
}

// What may not be seen is not listed and not summed, but covers all the same.
func TestHiddenAllocationsCover(t *testing.T) {
	p := licensing.NewPosition([]licensing.Entitlement{{License: 1, Limit: 100, Quantity: 100, Reserved: 90}}, []licensing.Discovery{{Deployment: 1, Units: [2]int64{100, 0}}},
		[]licensing.Share{{Allocation: 1, License: 1, Deployment: 1, Quantity: 60}, {Allocation: 2, License: 1, Deployment: 1, Quantity: 30}})
	sheet := p.NewSheet([]bool{true, false})
	of := licensing.Selection{Licenses: []int32{0}}
	if got := shown(p, sheet.Rows(of)); len(got) != 1 || got[0].allocated != 60 || got[0].uncovered != 10 {
		t.Errorf("got %v", got)
	}
	if got := sheet.Lines(of); len(got) != 1 {
		t.Errorf("got %v", got)
	}
}

// What can be done about rows, and about all of them: units that nothing needs are offered once.
func TestRemedies(t *testing.T) {
	p := licensing.NewPosition([]licensing.Entitlement{
		{License: 1, Limit: 120, Quantity: 100, Used: 0, Reserved: 110}, // 10 of overage in use, 10 not
		{License: 2, Limit: 50, Quantity: 50, Reserved: 20},
	}, []licensing.Discovery{{Deployment: 1, Units: [2]int64{80, 0}}, {Deployment: 2, Units: [2]int64{45, 0}}, {Deployment: 3, Units: [2]int64{7, 0}}}, []licensing.Share{
		{Allocation: 1, License: 1, Deployment: 1, Quantity: 90}, {Allocation: 2, License: 1, Quantity: 20},
		{Allocation: 3, License: 2, Deployment: 2, Quantity: 5}, {Allocation: 4, License: 2, Deployment: 1, Quantity: 15},
	})
	sheet := p.NewSheet(nil)
	of := licensing.Selection{Licenses: []int32{0, 1}, Estate: []int32{0, 1, 2}}
	rows := sheet.Rows(of)
	members := sheet.Members(of.Licenses, rows)
	spell := func(all []licensing.Remedy) string {
		text := ""
		for _, r := range all {
			text += fmt.Sprint(r.Kind, " ", r.Units)
			if r.License >= 0 {
				text += " of " + strconv.FormatInt(p.Licenses[r.License].License, 10)
			}
			if r.Whole {
				text += " whole"
			}
			text += "; "
		}
		return text
	}
	for i, want := range []string{
		"REDUCE_ALLOCATION 15 of 2 whole; REDUCE_ALLOCATION 10 of 1; REMOVE_OVERAGE 10 of 1; ",
		"CREATE_ALLOCATION 30 of 2; BUY 10 of 2; ",
		"BUY 7; ",
		"REMOVE_OVERAGE 10 of 1; ",
	} {
		if got := spell(sheet.Remedies(&rows[i], members[i], sheet.LicensesOf(members[i]))); got != want {
			t.Errorf("row %d: got %s want %s", i, got, want)
		}
	}
	match := func(int32, licensing.Metric) []int32 { return []int32{1} } // nothing is left of it by then
	if got, want := spell(sheet.Suggestions(of, match)), "CREATE_ALLOCATION 30; REDUCE_ALLOCATION 25; REMOVE_OVERAGE 10; BUY 27; "; got != want {
		t.Errorf("got %s want %s", got, want)
	}
}
