package operation_test

import (
	"fmt"
	"strings"
	"testing"
)

const costFields = `cost { currency entitled { units perYear } used { units perYear } allocated { units perYear } allocatedNotInUse { units perYear } unused { units perYear } }`

type costShare struct {
	Units   int
	PerYear string
}

type costs struct {
	Currency                          string
	Entitled, Used, Allocated, Unused *costShare
	AllocatedNotInUse                 *costShare
}

// String writes what something costs: EUR 100=1200.00 used 30=360.00 allocated 10=120.00 unused 60=720.00.
func (c *costs) String() string {
	if c == nil {
		return "none"
	}
	part := func(s *costShare) string {
		if s == nil {
			return "unlimited"
		}
		return fmt.Sprintf("%d=%s", s.Units, s.PerYear)
	}
	text := fmt.Sprintf("%s %s used %s allocated %s unused %s", c.Currency, part(c.Entitled), part(c.Used), part(c.Allocated), part(c.Unused))
	if c.AllocatedNotInUse.Units > 0 {
		text += " idle " + part(c.AllocatedNotInUse)
	}
	return text
}

func (a actor) cost(license string) string {
	a.w.Helper()
	var answer struct{ Node struct{ Cost *costs } }
	a.ask(`query($id: ID!) { node(id: $id) { ... on License { `+costFields+` } } }`, in{"id": license}, &answer)
	return answer.Node.Cost.String()
}

// totals reads the costs of all licenses that match, one to a line, and how many have no price.
func (a actor) totals(where in) string {
	a.w.Helper()
	var answer struct {
		Cost struct {
			Totals   []*costs
			Unpriced int
		}
	}
	a.ask(`query($where: LicenseWhere) { cost(where: $where) { totals { `+strings.TrimSuffix(strings.TrimPrefix(costFields, "cost { "), " }")+` } unpriced } }`,
		in{"where": where}, &answer)
	var lines []string
	for _, total := range answer.Cost.Totals {
		lines = append(lines, total.String())
	}
	return strings.Join(append(lines, fmt.Sprint(answer.Cost.Unpriced, " unpriced")), "\n")
}

func euros(price, per string) in { return in{"unitPrice": price, "currency": "EUR", "pricePer": per} }

// Each unit that was bought is used, allocated or unused; money is per year and exact until it is rounded once.
func TestCostOfALicense(t *testing.T) {
	each(t, func(w *world) {
		license := w.license(100, euros("10.05", "MONTH"))
		share := w.allot(license, 20)
		w.allot(license, 15, ceiling)
		w.assign(license, w.users(30))
		w.assign(share, w.users(5))
		w.do("createAllocation", in{"licenseId": license, "type": "CUSTOM_RESERVATION", "name": "Sales BU", "quantity": 10})
		w.want(w.cost(license), "EUR 100=12060.00 used 35=4221.00 allocated 10=1206.00 unused 55=6633.00")

		yearly := w.license(3, in{"unitPrice": "0.335", "currency": "EUR"})
		w.want(w.cost(yearly), "EUR 3=1.01 used 0=0.00 allocated 0=0.00 unused 3=1.01")
		term := w.license(2, euros("1096", "TERM"), in{"startsOn": "2026-01-01", "endsOn": "2028-12-31"})
		w.want(w.cost(term), "EUR 2=730.00 used 0=0.00 allocated 0=0.00 unused 2=730.00")
		w.want(w.cost(w.license(2, euros("1096", "TERM"))), "none")
		w.do("updateContract", in{"contractId": w.contract, "startsOn": "2026-01-01", "endsOn": "2028-12-31"})
		w.want(w.cost(w.license(2, euros("1096", "TERM"))), "EUR 2=730.00 used 0=0.00 allocated 0=0.00 unused 2=730.00")
		w.do("updateContract", in{"contractId": w.contract, "startsOn": nil, "endsOn": nil})
		w.want(w.cost(w.license(2, in{"unitPrice": "5"})), "none")

		free := w.boundless()
		w.do("updateLicense", with(euros("7", "YEAR"), in{"licenseId": free}))
		w.assign(free, w.users(4))
		w.want(w.cost(free), "EUR unlimited used 4=28.00 allocated 0=0.00 unused unlimited")

		// More in use than was bought costs the same; nothing is less than unused.
		w.limit(license, 20)
		w.want(w.cost(license), "EUR 20=2412.00 used 35=4221.00 allocated 10=1206.00 unused 0=0.00")

		w.want(w.totals(nil), "EUR 25=3143.01 used 39=4249.00 allocated 10=1206.00 unused 5=731.01\n3 unpriced")
	})
}

// What is allocated to a deployment beyond what is in use there is told apart (WX-3).
func TestCostOfWhatIsAllocatedAndNotInUse(t *testing.T) {
	each(t, func(w *world) {
		for _, price := range []in{euros("12", "YEAR"), euros("1", "MONTH"), {"unitPrice": "3", "currency": "USD"}} {
			license := w.license(200, price)
			seen := w.do("recordDeployments", in{"source": "scan", "deployments": []in{{"vendor": "Microsoft", "product": w.fresh("product"), "users": 80}}}).Deployments[0].ID
			w.do("createAllocation", in{"licenseId": license, "type": "TRACK_DEPLOYMENT", "deploymentId": seen, "quantity": 100})
			currency, year := price["currency"].(string), map[string]string{"EUR": "1200.00 unused 100=1200.00 idle 20=240.00", "USD": "300.00 unused 100=300.00 idle 20=60.00"}
			entitled := map[string]string{"EUR": "2400.00", "USD": "600.00"}
			w.want(w.cost(license), currency+" 200="+entitled[currency]+" used 0=0.00 allocated 100="+year[currency])
		}
		w.want(w.totals(nil), "EUR 400=4800.00 used 0=0.00 allocated 200=2400.00 unused 200=2400.00 idle 40=480.00\n"+
			"USD 200=600.00 used 0=0.00 allocated 100=300.00 unused 100=300.00 idle 20=60.00\n0 unpriced")
	})
}

// Amounts of different currencies are never added, and a total is rounded once.
func TestCostByCurrency(t *testing.T) {
	each(t, func(w *world) {
		for range 3 {
			w.license(1, euros("0.335", "YEAR"))
		}
		w.license(7, in{"unitPrice": "1000.4", "currency": "JPY", "pricePer": "MONTH"})
		w.license(1, in{"unitPrice": "2.0005", "currency": "KWD"})
		w.want(w.totals(nil), strings.Join([]string{
			"EUR 3=1.01 used 0=0.00 allocated 0=0.00 unused 3=1.01",
			"JPY 7=84034 used 0=0 allocated 0=0 unused 7=84034",
			"KWD 1=2.001 used 0=0.000 allocated 0=0.000 unused 1=2.001",
			"0 unpriced",
		}, "\n"))

		other := w.do("createVendor", in{"name": "Oracle"}).Vendor.ID
		contract := w.do("createContract", in{"vendorId": other, "number": "O-1", "name": "Oracle"}).Contract.ID
		product := w.do("createProduct", in{"vendorId": other, "name": "Database"}).Product.ID
		w.do("createLicense", with(in{"contractId": contract, "productId": product, "quantity": 2}, euros("100", "YEAR")))
		oracle := "EUR 2=200.00 used 0=0.00 allocated 0=0.00 unused 2=200.00\n0 unpriced"
		w.want(w.totals(in{"vendorIdIn": []string{other}}), oracle)
		w.want(w.totals(in{"contractIdIn": []string{contract}}), oracle)
		w.want(w.totals(in{"idIn": []string{}}), "0 unpriced")
	})
}

// What a license costs tells how much others use, so it is told to who sees all allotments.
func TestWhoSeesCost(t *testing.T) {
	each(t, func(w *world) {
		license := w.license(10, euros("12", "YEAR"))
		ann := w.user(in{"userName": "ann"})
		w.allot(license, 5, in{"delegateUserIds": []string{ann}})
		w.assign(license, []string{w.user(in{"userName": "bob"})})
		all := "EUR 10=120.00 used 1=12.00 allocated 0=0.00 unused 9=108.00"
		for role, want := range map[string]string{"LICENSE_ADMIN": all, "CONTRACT_MANAGER": all, "AUDITOR": all, "ANALYST": all} {
			w.want(w.as("someone", role).cost(license), want)
			w.want(w.as("someone", role).totals(nil), want+"\n0 unpriced")
		}
		for _, user := range []string{"ann", "bob"} {
			w.want(w.as(user).cost(license), "none")
			w.want(w.as(user).totals(nil), "0 unpriced")
		}
	})
}

func TestPricePer(t *testing.T) {
	each(t, func(w *world) {
		per := func(license string) string {
			var answer struct{ Node struct{ PricePer string } }
			w.ask(`query($id: ID!) { node(id: $id) { ... on License { pricePer } } }`, in{"id": license}, &answer)
			return answer.Node.PricePer
		}
		license := w.license(1)
		w.want(per(license), "YEAR")
		w.do("updateLicense", in{"licenseId": license, "pricePer": "MONTH"})
		w.want(per(license), "MONTH")
		w.do("updateLicense", in{"licenseId": license, "unitPrice": "2"})
		w.want(per(license), "MONTH")
		w.want(per(w.license(1, in{"pricePer": "TERM"})), "TERM")
		w.fails("INVALID_INPUT", "updateLicense", in{"licenseId": license, "pricePer": "WEEK"})
	})
}
