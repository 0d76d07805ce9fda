package operation_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/app/apptest"
)

const (
	totalsFields   = `metric entitled allocated available deployed headroom utilization uncovered overBy allocatedNotInUse inUseNotAllocated`
	rowFields      = `label allocation { id } deployment { product } metric deployed allocated uncovered allocations { id } remediation { kind units }`
	overviewFields = totalsFields + ` byMetric { ` + totalsFields + ` } rows { ` + rowFields + ` } suggestions { kind units metric message }`
)

// overview is an overview as it is shown.
type overview struct {
	totals
	AsOf        *time.Time
	ByMetric    []totals
	Rows        []overviewRow
	Suggestions []remedy
}

type totals struct {
	Metric                                 string
	Entitled, Available, Headroom          *int
	Allocated, Deployed, Uncovered, OverBy int
	AllocatedNotInUse, InUseNotAllocated   int
	Utilization                            *float64
}

type overviewRow struct {
	Label               string
	Allocation          *struct{ ID string }
	Allocations         []struct{ ID string }
	Deployment          *struct{ Product string }
	Metric              string
	Deployed, Uncovered *int
	Allocated           int
	Remediation         []remedy
}

type remedy struct {
	Kind, Metric, Message string
	Units                 int
}

func (r remedy) String() string { return fmt.Sprint(r.Kind, " ", r.Units) }

// String writes totals as tests expect them: USERS entitled 275 allocated 150 available 125 deployed 80 headroom 195 uncovered 0, and
// what else there is.
func (t totals) String() string {
	text := fmt.Sprintf("%s entitled %s allocated %d available %s deployed %d headroom %s uncovered %d",
		t.Metric, number(t.Entitled), t.Allocated, number(t.Available), t.Deployed, number(t.Headroom), t.Uncovered)
	if t.Utilization != nil {
		text += fmt.Sprintf(" utilization %.3f", *t.Utilization)
	}
	for _, more := range []struct {
		n    int
		what string
	}{{t.OverBy, "over"}, {t.AllocatedNotInUse, "not in use"}, {t.InUseNotAllocated, "not allocated"}} {
		if more.n > 0 {
			text += fmt.Sprintf(" %d %s", more.n, more.what)
		}
	}
	return text
}

// String writes a row as tests expect it: Office USERS 120 / 100 / 20 BUY 20.
func (r overviewRow) String() string {
	text := fmt.Sprintf("%s %s %s / %d / %s", r.Label, r.Metric, number(r.Deployed), r.Allocated, number(r.Uncovered))
	for _, one := range r.Remediation {
		text += " " + one.String()
	}
	return text
}

// rows writes all rows.
func (o overview) rows() string { return spelled(o.Rows) }

func spelled[T fmt.Stringer](list []T) string {
	words := make([]string, len(list))
	for i, item := range list {
		words[i] = item.String()
	}
	return strings.Join(words, ", ")
}

func number(n *int) string {
	if n == nil {
		return "null"
	}
	return fmt.Sprint(*n)
}

// overview reads the position of a license or a contract, with the arguments given, if any.
func (a actor) overview(of string, arguments ...string) overview {
	a.w.Helper()
	var answer struct{ Node struct{ Overview overview } }
	with := ""
	if len(arguments) > 0 {
		with = "(" + strings.Join(arguments, ", ") + ")"
	}
	a.ask(`query($id: ID!) { node(id: $id) { ... on License { overview`+licenseArguments(with)+` { asOf `+overviewFields+` } }
		... on Contract { overview`+with+` { asOf `+overviewFields+` } } } }`, in{"id": of}, &answer)
	return answer.Node.Overview
}

// licenseArguments leaves out what only contracts know.
func licenseArguments(with string) string {
	if strings.Contains(with, "metric:") {
		return ""
	}
	return with
}

// portfolio reads the position of everything.
func (a actor) portfolio(arguments ...string) overview {
	a.w.Helper()
	var answer struct{ PortfolioOverview overview }
	with := ""
	if len(arguments) > 0 {
		with = "(" + strings.Join(arguments, ", ") + ")"
	}
	a.ask(`{ portfolioOverview`+with+` { asOf `+overviewFields+` } }`, nil, &answer)
	return answer.PortfolioOverview
}

// WX-1: what is allocated and what is left, in the overview of the license.
func TestOverviewOfALicense(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(275)
		w.track(l, w.deploy("Office", 100, 7), 100)
		w.do("createAllocation", reservation(l, "Sales BU", 50))
		o := w.overview(l)
		w.want(o.totals, "USERS entitled 275 allocated 150 available 125 deployed 100 headroom 175 uncovered 0 utilization 0.364")
		w.want(o.rows(), "Office USERS 100 / 100 / 0, Sales BU USERS null / 50 / null")
		w.want(len(o.ByMetric), 1)
	})
}

// WX-2: unlimited allocations of two deployments.
func TestOverviewHeadroom(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(90)
		w.track(l, w.deploy("Office", 40, 0), 0)
		w.track(l, w.deploy("Visio", 12, 0), 0)
		o := w.overview(l)
		w.want(o.totals, "USERS entitled 90 allocated 52 available 90 deployed 52 headroom 38 uncovered 0 utilization 0.578")
		w.want(o.rows(), "Office USERS 40 / 40 / 0, Visio USERS 12 / 12 / 0")
		w.want(w.overview(w.contract).totals, o.String())
	})
}

// WX-3: more deployed than allocated, and less.
func TestOverviewUncovered(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(150)
		w.track(l, w.deploy("Office", 120, 0), 100)
		o := w.overview(l)
		w.want(o.rows(), "Office USERS 120 / 100 / 20 CREATE_ALLOCATION 20")
		w.want(o.totals, "USERS entitled 150 allocated 100 available 50 deployed 120 headroom 30 uncovered 20 utilization 0.800 20 not allocated")
		w.deploy("Office", 80, 0)
		o = w.overview(l)
		w.want(o.rows(), "Office USERS 80 / 100 / 0 REDUCE_ALLOCATION 20")
		w.want(o.totals, "USERS entitled 150 allocated 100 available 50 deployed 80 headroom 70 uncovered 0 utilization 0.533 20 not in use")
		w.want(spelled(o.Suggestions), "REDUCE_ALLOCATION 20")
	})
}

// WX-4: two licenses of a contract cover one deployment, which counts once.
func TestOverviewOfAContract(t *testing.T) {
	each(t, func(w *world) {
		one, other := w.license(70), w.license(30)
		office := w.deploy("Office", 120, 0)
		w.track(one, office, 70)
		w.track(other, office, 30)
		for _, o := range []overview{w.overview(w.contract), w.portfolio()} {
			w.want(o.rows(), "Office USERS 120 / 100 / 20 BUY 20")
			w.want(o.totals, "USERS entitled 100 allocated 100 available 0 deployed 120 headroom 0 uncovered 20 utilization 1.200 20 not allocated")
			w.want(len(o.Rows[0].Allocations), 2)
			if o.Rows[0].Allocation != nil {
				t.Error("a row that sums two allocations is one of them")
			}
		}
		// The row of each license tells what is uncovered after both.
		w.want(w.overview(one).rows(), "Office USERS 120 / 70 / 20 BUY 20")
		w.want(w.overview(other).rows(), "Office USERS 120 / 30 / 20 BUY 20")
	})
}

// WX-5: an unlimited allocation covers up to what its license has left.
func TestOverviewCeiling(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(275)
		w.track(l, w.deploy("A", 80, 0), 100)
		w.do("createAllocation", reservation(l, "Sales BU", 50))
		w.track(l, w.deploy("B", 140, 0), 0)
		o := w.overview(l)
		w.want(o.rows(), "A USERS 80 / 100 / 0 REDUCE_ALLOCATION 20, Sales BU USERS null / 50 / null, B USERS 140 / 125 / 15 BUY 15")
		w.want(o.totals, "USERS entitled 275 allocated 275 available 125 deployed 220 headroom 55 uncovered 15 utilization 0.800 20 not in use 15 not allocated")
		w.want(w.overview(w.contract).rows(), "A USERS 80 / 100 / 0 REDUCE_ALLOCATION 20, B USERS 140 / 125 / 15 BUY 15, Sales BU USERS null / 50 / null")
		w.want(w.portfolio().rows(), w.overview(w.contract).rows())
	})
}

// WX-7: the quantity is lowered below what is allocated.
func TestOverviewOverLimit(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(275)
		w.track(l, w.deploy("Office", 100, 0), 100)
		w.do("createAllocation", reservation(l, "Sales BU", 50))
		w.limit(l, 120)
		o := w.overview(l)
		w.want(o.totals, "USERS entitled 120 allocated 150 available 0 deployed 100 headroom 20 uncovered 0 utilization 0.833 30 over")
		w.want(spelled(o.Suggestions), "BUY 30")
		w.want(w.portfolio("where: {onlyOverLimit: true}").totals, o.String())
	})
}

// Users and installs are never added together; an unlimited license has no entitlement to speak of; what nobody tracks is shown
// in the portfolio.
func TestOverviewMetrics(t *testing.T) {
	each(t, func(w *world) {
		users, installs, any := w.license(10), w.license(20, in{"metric": "INSTALLS"}), w.boundless()
		office, visio := w.deploy("Office", 5, 9), w.deploy("Visio", 3, 0)
		w.deploy("Project", 0, 6)
		w.track(users, office, 4)
		w.track(installs, office, 0)
		o := w.portfolio()
		w.want(o.rows(), "Office USERS 5 / 4 / 1 CREATE_ALLOCATION 1, Office INSTALLS 9 / 9 / 0, Visio USERS 3 / 0 / 3 BUY 3, Project INSTALLS 6 / 0 / 6 BUY 6")
		w.want(spelled(o.ByMetric), "USERS entitled null allocated 4 available null deployed 8 headroom null uncovered 4 4 not allocated, "+
			"INSTALLS entitled 20 allocated 9 available 20 deployed 15 headroom 5 uncovered 6 utilization 0.750 6 not allocated")
		w.want(o.totals, o.ByMetric[0].String())
		w.want(w.portfolio("metric: INSTALLS").totals, o.ByMetric[1].String())
		w.want(w.portfolio("where: {metric: INSTALLS}").rows(), "Office INSTALLS 9 / 9 / 0, Project INSTALLS 6 / 0 / 6 BUY 6")
		w.want(w.portfolio("where: {onlyUncovered: true, metric: USERS}").totals,
			"USERS entitled 10 allocated 4 available 6 deployed 8 headroom 2 uncovered 4 utilization 0.800 4 not allocated")
		w.want(w.overview(installs).totals, "INSTALLS entitled 20 allocated 9 available 20 deployed 9 headroom 11 uncovered 0 utilization 0.450")
		w.want(w.overview(w.contract, "metric: INSTALLS").totals, w.overview(installs).String())

		// An unlimited allocation of an unlimited license covers all there is; of a product of the same name, a license is suggested.
		w.track(any, visio, 0)
		w.want(w.overview(any).totals, "USERS entitled null allocated 3 available null deployed 3 headroom null uncovered 0")
		project := w.do("createProduct", in{"vendorId": w.vendor, "name": "project", "sku": "P"}).Product.ID
		w.licenseOf(project, 4, in{"metric": "INSTALLS"})
		w.want(w.portfolio("metric: INSTALLS").Rows[3], "Project INSTALLS 6 / 0 / 6 CREATE_ALLOCATION 4 BUY 2")
		w.want(spelled(w.portfolio().Suggestions), "CREATE_ALLOCATION 1, CREATE_ALLOCATION 4, BUY 2")
	})
}

// asOf equals what was answered then, whatever happened since: random operations, with a look at everything between them.
func TestOverviewAsOf(t *testing.T) {
	each(t, func(w *world) {
		r := rand.New(rand.NewPCG(11, 3))
		h := &history{world: w, r: r, licenses: []string{w.license(40)}, deployments: []string{w.deploy("Office", 10, 10)}}
		type look struct {
			at     time.Time
			of     string
			answer string
		}
		var looks []look
		for range 60 {
			h.step()
			w.Clock.Advance(time.Second)
			at := w.Clock.Now().UTC()
			for _, of := range append([]string{"", w.contract}, h.licenses...) {
				looks = append(looks, look{at, of, h.answer(of)})
			}
			w.Clock.Advance(time.Second)
		}
		different := map[string]bool{}
		for _, l := range looks {
			different[l.of+l.answer] = true
			if got := h.answer(l.of, fmt.Sprintf("asOf: %q", l.at.Format(time.RFC3339Nano))); got != l.answer {
				t.Errorf("%s at %s\ngot  %s\nwant %s", l.of, l.at, got, l.answer)
			}
		}
		if len(different) < 60 {
			t.Errorf("only %d different answers: nothing happened", len(different))
		}
	})
}

// history does things at random.
type history struct {
	*world
	r                                  *rand.Rand
	licenses, deployments, allocations []string
	spare                              []string // licenses that nothing is taken from, so that they can be removed
}

// answer writes everything an overview shows.
func (h *history) answer(of string, arguments ...string) string {
	var o overview
	if of == "" {
		o = h.portfolio(arguments...)
	} else {
		o = h.overview(of, arguments...)
	}
	for i := range o.Rows {
		o.Rows[i].Remediation = nil // suggestions are for today
	}
	return o.String() + "; " + spelled(o.ByMetric) + "; " + o.rows()
}

func (h *history) any(list []string) string { return list[h.r.IntN(len(list))] }

func (h *history) step() {
	w := h.world
	switch license := h.any(h.licenses); h.r.IntN(14) {
	case 0:
		h.licenses = append(h.licenses, w.license(60+h.r.IntN(40)))
	case 1, 2, 3:
		more := in{}
		if h.r.IntN(3) == 0 { // from a collector that is late
			more["observedAt"] = w.Clock.Now().Add(-time.Duration(h.r.IntN(20)) * time.Second).UTC().Format(time.RFC3339Nano)
		}
		h.deployments = append(h.deployments, w.deploy(fmt.Sprint("product ", h.r.IntN(4)), h.r.IntN(60), h.r.IntN(10), more))
	case 4, 5, 6:
		metric := []string{"USERS", "INSTALLS"}[h.r.IntN(2)]
		h.allocations = append(h.allocations, w.track(license, h.any(h.deployments), h.r.IntN(4), in{"metric": metric}))
	case 7:
		h.allocations = append(h.allocations, w.do("createAllocation", reservation(license, w.fresh("purpose"), 1)).Allocation.ID)
	case 8:
		w.do("updateLicense", in{"licenseId": license, "quantity": 40 + h.r.IntN(60), "overage": h.r.IntN(5)})
	case 9:
		w.assign(license, []string{w.user()})
	case 10:
		if len(h.allocations) > 0 {
			w.do("updateAllocation", in{"allocationId": h.any(h.allocations), "metric": "USERS"})
		}
	case 11:
		if n := len(h.allocations); n > 0 {
			at := h.r.IntN(n)
			w.do("deleteAllocation", in{"allocationId": h.allocations[at]})
			h.allocations = slices.Delete(h.allocations, at, at+1)
		}
	case 12:
		h.spare = append(h.spare, w.license(100+h.r.IntN(9)))
	case 13:
		if n := len(h.spare); n > 0 {
			w.do("deleteLicense", in{"licenseId": h.spare[n-1]})
			h.spare = h.spare[:n-1]
		}
	}
}

// A time that has not come, and one before anything was known: today's entitlements on the estate as it was observed then.
func TestOverviewBeforeTheBeginning(t *testing.T) {
	each(t, func(w *world) {
		before := w.Clock.Now().AddDate(0, -1, 0)
		l := w.license(90)
		office := w.deploy("Office", 40, 0, in{"observedAt": before.UTC().Format(time.RFC3339)})
		w.track(l, office, 0)
		w.track(l, w.deploy("Visio", 7, 0), 0)
		w.deploy("Office", 50, 0)
		at := func(t time.Time) string { return fmt.Sprintf("asOf: %q", t.UTC().Format(time.RFC3339Nano)) }
		w.want(w.overview(l).totals, "USERS entitled 90 allocated 57 available 90 deployed 57 headroom 33 uncovered 0 utilization 0.633")
		w.want(w.overview(l, at(before.Add(time.Hour))).totals, "USERS entitled 90 allocated 40 available 90 deployed 40 headroom 50 uncovered 0 utilization 0.444")
		w.want(w.overview(l, at(before.Add(-time.Hour))).rows(), "Office USERS 0 / 0 / 0, Visio USERS 0 / 0 / 0")
		o := w.portfolio(at(before.Add(time.Hour)))
		w.want(o.rows(), "Office USERS 40 / 40 / 0, Visio USERS 0 / 0 / 0")
		if o.AsOf == nil || !o.AsOf.Equal(before.Add(time.Hour).Truncate(time.Microsecond)) {
			t.Errorf("asOf is %v", o.AsOf)
		}
		e := w.client.Fails("INVALID_INPUT", `query($t: Time) { portfolioOverview(asOf: $t) { deployed } }`, apptest.Vars{"t": w.Clock.Now().Add(time.Hour).UTC().Format(time.RFC3339)})
		w.want(e.Extensions.Field, "asOf")
	})
}

// What was removed since is still in overviews of the time before.
func TestOverviewOfWhatWasRemoved(t *testing.T) {
	each(t, func(w *world) {
		product, _ := w.product(nil)
		contract := w.do("createContract", in{"vendorId": w.vendor, "number": "short", "name": "Short"}).Contract.ID
		l := w.do("createLicense", in{"contractId": contract, "productId": product, "quantity": 9, "metric": "INSTALLS"}).License.ID
		a := w.do("createAllocation", reservation(l, "Sales BU", 4)).Allocation.ID
		at := w.Clock.Now().UTC().Format(time.RFC3339Nano)
		before := w.portfolio()
		w.Clock.Advance(time.Minute)
		w.do("deleteAllocation", in{"allocationId": a})
		w.do("deleteLicense", in{"licenseId": l})
		w.do("deleteContract", in{"contractId": contract})
		w.want(w.portfolio().totals, "USERS entitled 0 allocated 0 available 0 deployed 0 headroom 0 uncovered 0")
		then := w.portfolio(fmt.Sprintf("asOf: %q", at))
		w.want(then.totals, "INSTALLS entitled 9 allocated 4 available 5 deployed 0 headroom 9 uncovered 0 utilization 0.000")
		w.want(then.totals, before.String())
		w.want(then.rows(), "Sales BU INSTALLS null / 4 / null")
		if row := then.Rows[0]; row.Allocation != nil || len(row.Allocations) > 0 {
			t.Errorf("the allocation is gone: %+v", row)
		}
		var lists struct {
			LicenseOverviews struct {
				Nodes []struct {
					ID       string
					License  *struct{ ID string }
					Overview totals
				}
			}
			ContractOverviews struct {
				Nodes []struct {
					ID       string
					Contract *struct{ ID string }
					Overview totals
				}
			}
		}
		w.ask(`query($at: Time) { licenseOverviews(asOf: $at) { nodes { id license { id } overview { `+totalsFields+` } } }
			contractOverviews(asOf: $at) { nodes { id contract { id } overview { `+totalsFields+` } } } }`, in{"at": at}, &lists)
		if nodes := lists.LicenseOverviews.Nodes; len(nodes) != 1 || nodes[0].ID != l || nodes[0].License != nil || nodes[0].Overview.String() != before.String() {
			t.Errorf("licenses then: %+v", nodes)
		}
		if nodes := lists.ContractOverviews.Nodes; len(nodes) != 1 || nodes[0].ID != contract || nodes[0].Contract != nil || nodes[0].Overview.String() != before.String() {
			t.Errorf("contracts then: %+v", nodes)
		}
	})
}
