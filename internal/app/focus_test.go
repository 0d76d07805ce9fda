package app_test

import (
	"encoding/json"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/app"
	"github.com/ringfence/ringfence/internal/app/apptest"
)

// focusRule is what FOCUS 1.2 says of a column, for the charges we write: usage and purchases that are no corrections.
type focusRule struct {
	mandatory bool   // the column must be there
	nullable  bool   // a value may be missing
	form      string // of a value, as an expression
}

const (
	decimalForm = `-?[0-9]+(\.[0-9]+)?` // Numeric Format: no exponent, no sign of a positive value, no separators
	timeForm    = `[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z`
	textForm    = `(?s).+`
)

var focusRules = map[string]focusRule{
	"BilledCost":          {true, false, decimalForm},
	"BillingAccountId":    {true, false, textForm},
	"BillingAccountName":  {true, true, textForm},
	"BillingAccountType":  {false, false, textForm},
	"BillingCurrency":     {true, false, `[A-Z]{3}`},
	"BillingPeriodEnd":    {true, false, timeForm},
	"BillingPeriodStart":  {true, false, timeForm},
	"ChargeCategory":      {true, false, `Usage|Purchase|Tax|Credit|Adjustment`},
	"ChargeClass":         {true, true, `Correction`},
	"ChargeDescription":   {true, true, textForm},
	"ChargeFrequency":     {false, false, `One-Time|Recurring|Usage-Based`},
	"ChargePeriodEnd":     {true, false, timeForm},
	"ChargePeriodStart":   {true, false, timeForm},
	"ConsumedQuantity":    {false, true, decimalForm},
	"ConsumedUnit":        {false, true, `[A-Z][A-Za-z]*(-[A-Z][A-Za-z]*)?`},
	"ContractedCost":      {true, false, decimalForm},
	"ContractedUnitPrice": {false, false, decimalForm},
	"EffectiveCost":       {true, false, decimalForm},
	"InvoiceIssuerName":   {true, false, textForm},
	"ListCost":            {true, false, decimalForm},
	"ListUnitPrice":       {false, false, decimalForm},
	"PricingCategory":     {false, false, `Standard|Dynamic|Committed|Other`},
	"PricingQuantity":     {true, false, decimalForm},
	"PricingUnit":         {true, false, `[A-Z][A-Za-z]*(-(Years|Months|Days|Hours))?`},
	"ProviderName":        {true, false, textForm},
	"PublisherName":       {true, false, textForm},
	"ResourceId":          {false, true, textForm},
	"ResourceName":        {false, true, textForm},
	"ResourceType":        {false, true, textForm},
	"ServiceCategory":     {true, false, `Business Applications|Other`},
	"ServiceName":         {true, false, textForm},
	"ServiceSubcategory":  {false, false, `Other \((Business Applications|Other)\)`},
	"SkuId":               {false, false, textForm},
	"SkuPriceId":          {false, false, textForm},
	"SubAccountId":        {false, true, textForm},
	"SubAccountName":      {false, true, textForm},
	"SubAccountType":      {false, true, textForm},
	"Tags":                {false, true, `\{.*\}`},
	"x_SeatSeconds":       {false, false, `[0-9]+`},
}

// onClock gives services a clock that stands still from a beginning on, 2031, once it is turned there; pass moves it on. Before, it is the
// clock of everybody.
func onClock() (option apptest.Option, turn func(), pass func(time.Duration)) {
	var stands atomic.Pointer[time.Time]
	return func(c *app.Config) {
			stands.Store(nil)
			c.Clock = func() time.Time {
				if at := stands.Load(); at != nil {
					return *at
				}
				return time.Now()
			}
		}, func() {
			at := time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
			stands.Store(&at)
		}, func(d time.Duration) {
			at := stands.Load().Add(d)
			stands.Store(&at)
		}
}

// consumers makes licenses with prices of all kinds and has users of several departments hold them for a while.
func consumers(s *stage, pass func(time.Duration)) {
	s.make("oracle", "createVendor", in{"name": "Oracle"})
	s.make("database", "createProduct", in{"vendorId": "@oracle", "name": "Database", "skuId": "guid-of-database"})
	s.make("cloud", "createProduct", in{"vendorId": "@oracle", "name": "=Cloud", "kind": "CLOUD_RESOURCE"})
	s.make("oracle contract", "createContract", in{"vendorId": "@oracle", "number": "O-1", "name": "Oracle"})
	for name, more := range map[string]in{
		"monthly": {"productId": "@database", "quantity": 5, "unitPrice": "12.34", "currency": "EUR", "pricePer": "MONTH"},
		"yearly":  {"productId": "@database", "quantity": 3, "unitPrice": "100", "currency": "EUR", "startsOn": "2031-01-10"},
		"term":    {"productId": "@database", "quantity": 2, "unitPrice": "1000", "currency": "USD", "pricePer": "TERM", "startsOn": "2031-01-01", "endsOn": "2033-12-31"},
		"yen":     {"productId": "@database", "quantity": 2, "unitPrice": "5000", "currency": "JPY", "pricePer": "MONTH"},
		"free":    {"productId": "@database", "quantity": 2, "unitPrice": "0", "currency": "EUR"},
		"nothing": {"productId": "@database", "quantity": 2},
		"clouds":  {"productId": "@cloud", "quantity": 1, "unitPrice": "7", "currency": "EUR"},
	} {
		input := in{"contractId": "@oracle contract"}
		maps.Copy(input, more)
		s.make(name, "createLicense", input)
	}
	s.do("upsertUsers", in{"users": []in{{"userName": "inside", "costCenter": "4711"}, {"userName": "grouped", "costCenter": "=4712"}}})
	for _, license := range []string{"monthly", "term", "yen", "free", "nothing"} {
		s.do("assignSeats", in{"licenseId": "@" + license, "userIds": []string{"@inside", "@grouped"}})
		pass(31 * time.Hour)
	}
	pass(20 * 24 * time.Hour)
	s.do("upsertUsers", in{"users": []in{{"userName": "inside", "department": "", "costCenter": "4713"}}})
	pass(20*24*time.Hour + 1234*time.Second)
}

// eachConsuming runs a test on a stage where licenses are consumed over January and half of February 2031.
func eachConsuming(t *testing.T, run func(t *testing.T, s *stage)) {
	option, turn, pass := onClock()
	apptest.Each(t, func(t *testing.T, service *apptest.Service) {
		s := set(t, service)
		turn()
		consumers(s, pass)
		run(t, s)
	}, option)
}

const focusPeriod = "?from=2031-01-03&to=2031-12-31"

// Every row keeps the rules of every column.
func TestFocusColumns(t *testing.T) {
	eachConsuming(t, func(t *testing.T, s *stage) {
		_, body := download(t, s.Service, s.token("root"), "focus.csv"+focusPeriod)
		sheet := readCSV(t, body)
		if got, want := slices.Sorted(slices.Values(sheet.header)), slices.Sorted(maps.Keys(focusRules)); !slices.Equal(got, want) {
			t.Errorf("the columns are %v\nwant %v", got, want)
		}
		if !slices.IsSortedFunc(sheet.header[:len(sheet.header)-1], strings.Compare) || !strings.HasPrefix(sheet.header[len(sheet.header)-1], "x_") {
			t.Errorf("columns of our own come last: %v", sheet.header)
		}
		mandatory := 0
		for name, rule := range focusRules {
			if rule.mandatory {
				mandatory++
			}
			form := regexp.MustCompile(`^(?:` + rule.form + `)$`)
			for _, row := range sheet.rows {
				if value := row[name]; value == "" && !rule.nullable || value != "" && !form.MatchString(value) {
					t.Errorf("%s is %q", name, value)
				}
			}
		}
		if mandatory != 21 {
			t.Errorf("%d columns are mandatory", mandatory)
		}
		categories := map[string]int{}
		for _, row := range sheet.rows {
			focusRow(t, row)
			categories[row["ChargeCategory"]]++
			categories[row["PricingUnit"]]++
			categories[row["ServiceCategory"]]++
			categories[row["SubAccountId"]]++
			categories[row["BillingPeriodStart"]]++
		}
		for _, seen := range []string{"Usage", "Purchase", "Unit-Months", "Unit-Years", "Units", "Other", "4711", "4713", "'=4712", "", "2031-01-01T00:00:00Z", "2031-02-01T00:00:00Z"} {
			if categories[seen] == 0 {
				t.Errorf("no row has %q", seen)
			}
		}
	})
}

func focusRow(t *testing.T, row map[string]string) {
	t.Helper()
	wrong := func(what string) { t.Errorf("%s in %v", what, row) }
	usage := row["ChargeCategory"] == "Usage"
	if (row["ConsumedQuantity"] != "") != usage || (row["ConsumedUnit"] != "") != usage {
		wrong("only usage is consumed")
	}
	if usage != (row["ChargeFrequency"] == "Usage-Based") {
		wrong("a purchase is not usage-based")
	}
	if row["ChargeClass"] != "" {
		wrong("nothing is corrected")
	}
	if (row["SubAccountId"] == "") != (row["SubAccountName"] == "") || (row["SubAccountId"] == "") != (row["SubAccountType"] == "") {
		wrong("a sub account has all of id, name and type or none")
	}
	if !strings.HasPrefix(row["SkuPriceId"], row["SkuId"]+"/") {
		wrong("a price belongs to one SKU")
	}
	if row["BillingPeriodStart"] > row["ChargePeriodStart"] || row["ChargePeriodStart"] >= row["ChargePeriodEnd"] || row["ChargePeriodEnd"] > row["BillingPeriodEnd"] {
		wrong("the charge period lies in the billing period")
	}
	for _, costs := range []string{"ListCost", "EffectiveCost", "BilledCost"} {
		if row[costs] != row["ContractedCost"] {
			wrong(costs + " differs")
		}
	}
	off := new(big.Rat).Sub(new(big.Rat).Mul(rational(t, row["ContractedUnitPrice"]), rational(t, row["PricingQuantity"])), rational(t, row["ContractedCost"]))
	if off.Abs(off).Cmp(big.NewRat(1, 10_000_000_000)) > 0 {
		wrong("the unit price times the quantity is not the cost")
	}
	var tags map[string]string
	if err := json.Unmarshal([]byte(row["Tags"]), &tags); err != nil || tags["contract"] == "" || slices.Contains(slices.Collect(maps.Values(tags)), "") {
		wrong("tags are texts by name")
	}
	if usage {
		off := new(big.Rat).Sub(rational(t, row["ConsumedQuantity"]), new(big.Rat).Quo(rational(t, row["x_SeatSeconds"]), big.NewRat(86400, 1)))
		if off.Abs(off).Cmp(big.NewRat(1, 1_000_000_000)) > 0 {
			wrong("the quantity consumed is not the time of seats")
		}
	}
}

func rational(t *testing.T, text string) *big.Rat {
	t.Helper()
	n, ok := new(big.Rat).SetString(text)
	if !ok {
		t.Fatalf("%q is no number", text)
	}
	return n
}

// FOCUS rows come to what the showback of the same period comes to, by whatever its rows are, to the last digit.
func TestFocusTotalsAreThoseOfTheShowback(t *testing.T) {
	eachConsuming(t, func(t *testing.T, s *stage) {
		sums := func(text, money, currency string) map[string]string {
			all := map[string]*big.Rat{}
			for _, row := range readCSV(t, text).rows {
				if row[currency] == "" {
					continue
				}
				if all[row[currency]] == nil {
					all[row[currency]] = new(big.Rat)
				}
				all[row[currency]].Add(all[row[currency]], rational(t, row[money]))
			}
			texts := map[string]string{}
			for currency, sum := range all {
				texts[currency] = sum.FloatString(6)
			}
			return texts
		}
		for _, who := range []string{"root", "noel", "inside"} { // all, all without names, one's own
			token := s.Token(who, map[string][]string{"root": {"GLOBAL_ADMIN"}, "noel": {"ANALYST"}}[who]...)
			_, body := download(t, s.Service, token, "focus.csv"+focusPeriod)
			focus := sums(body, "BilledCost", "BillingCurrency")
			if len(focus) != 3 {
				t.Errorf("%s: there are charges in %v", who, focus)
			}
			for _, by := range []string{"DEPARTMENT", "COST_CENTER", "LICENSE", "USER"} {
				_, body := download(t, s.Service, token, "showback.csv"+focusPeriod+"&by="+by)
				if got := sums(body, "cost", "currency"); !maps.Equal(got, focus) {
					t.Errorf("%s: by %s the showback comes to %v, FOCUS to %v", who, by, got, focus)
				}
			}
		}
	})
}

// Numbers are numbers in JSON, and what is missing is null.
func TestFocusAsJSON(t *testing.T) {
	eachConsuming(t, func(t *testing.T, s *stage) {
		_, body := download(t, s.Service, s.token("root"), "focus.json"+focusPeriod)
		for _, row := range readJSON(t, body) {
			if _, ok := row["BilledCost"].(float64); !ok || row["ChargeClass"] != nil {
				t.Fatalf("a row is %v", row)
			}
			if _, ok := row["Tags"].(map[string]any); !ok {
				t.Fatalf("tags are %v", row["Tags"])
			}
		}
		if _, body = download(t, s.Service, s.token("root"), "focus.json"+focusPeriod+"&where=%7B%22idIn%22%3A%5B%5D%7D"); body != "[]\n" {
			t.Errorf("of no license there is %s", body)
		}
	})
}
