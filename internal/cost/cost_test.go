package cost_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/ringfence/ringfence/internal/cost"
)

func day(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// Each span is written as its first day, its length in days, and what the price is divided by.
func TestSpans(t *testing.T) {
	for _, c := range []struct {
		name         string
		per          cost.Per
		starts, ends string
		from, to     string
		want         string
	}{
		{"months have 28 to 31 days", cost.Month, "", "", "2026-01-30", "2026-03-02", "2026-01-30 2/31, 2026-02-01 28/28, 2026-03-01 1/31"},
		{"February of a leap year", cost.Month, "", "", "2028-02-10", "2028-02-12", "2028-02-10 2/29"},
		{"a year is the calendar's without a first day", cost.Year, "", "", "2027-12-31", "2028-01-02", "2027-12-31 1/365, 2028-01-01 1/366"},
		{"a year runs from the first day", cost.Year, "2027-07-01", "", "2028-06-30", "2028-07-02", "2028-06-30 1/366, 2028-07-01 1/365"},
		{"nothing is paid before the first day", cost.Year, "2026-03-01", "", "2026-02-27", "2026-03-02", "2026-02-27 2/0, 2026-03-01 1/365"},
		{"nor after the last", cost.Month, "2026-01-15", "2026-02-03", "2026-02-02", "2026-02-06", "2026-02-02 2/28, 2026-02-04 2/0"},
		{"a term is all of it", cost.Term, "2026-01-01", "2028-12-31", "2026-06-01", "2026-06-03", "2026-06-01 2/1096"},
		{"a year that begins on a leap day", cost.Year, "2024-02-29", "", "2025-02-28", "2025-03-02", "2025-02-28 1/366, 2025-03-01 1/365"},
		{"only before", cost.Month, "2030-01-01", "", "2026-01-01", "2026-01-03", "2026-01-01 2/0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			unit, currency := "12", "EUR"
			price, ok := cost.Parse(&unit, &currency, c.per, optional(c.starts), optional(c.ends))
			if !ok {
				t.Fatal("no price")
			}
			var words []string
			for _, s := range price.Spans(day(t, c.from), day(t, c.to)) {
				words = append(words, fmt.Sprintf("%s %d/%d", s.From.Format(time.DateOnly), int(s.To.Sub(s.From).Hours()/24), s.Days))
			}
			if got := strings.Join(words, ", "); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestNoPrice(t *testing.T) {
	unit, currency, first := "12", "EUR", "2026-01-01"
	for name, parse := range map[string]func() (*cost.Price, bool){
		"no amount":            func() (*cost.Price, bool) { return cost.Parse(nil, &currency, cost.Year, nil, nil) },
		"no currency":          func() (*cost.Price, bool) { return cost.Parse(&unit, nil, cost.Year, nil, nil) },
		"a term without end":   func() (*cost.Price, bool) { return cost.Parse(&unit, &currency, cost.Term, &first, nil) },
		"a term without start": func() (*cost.Price, bool) { return cost.Parse(&unit, &currency, cost.Term, nil, &first) },
	} {
		if _, ok := parse(); ok {
			t.Errorf("%s: there is a price", name)
		}
	}
	var none *cost.Price
	if spans := none.Spans(day(t, "2026-01-01"), day(t, "2026-02-01")); len(spans) != 1 || spans[0].Days != 0 {
		t.Errorf("without a price: %v", spans)
	}
}

func TestYearly(t *testing.T) {
	unit, currency, starts, ends := "10.00", "EUR", "2026-01-01", "2028-12-31"
	for per, want := range map[cost.Per]string{cost.Month: "120.00", cost.Year: "10.00", cost.Term: "3.33"} {
		price, _ := cost.Parse(&unit, &currency, per, &starts, &ends)
		if got := cost.Round(price.Yearly(), 2).StringFixed(2); got != want {
			t.Errorf("%s: %s a year, want %s", per, got, want)
		}
	}
}

func TestTally(t *testing.T) {
	unit, currency := "31", "EUR"
	price, _ := cost.Parse(&unit, &currency, cost.Month, nil, nil)
	spans := price.Spans(day(t, "2026-01-01"), day(t, "2026-03-01"))
	var tally cost.Tally
	// Half a day of January is half of 1.00; a day of February 31/28. Fractions of a second are cut at both ends.
	noon := day(t, "2026-01-31").Add(12*time.Hour + 300*time.Millisecond)
	tally.Add(spans, 1, noon, day(t, "2026-02-02").Add(999*time.Millisecond))
	if got, want := tally.Seconds(), int64(36*3600); got != want {
		t.Errorf("%d seconds, want %d", got, want)
	}
	want := new(big.Rat).Add(big.NewRat(1, 2), big.NewRat(31, 28))
	if got := tally.Cost(price.Unit); got.Cmp(want) != 0 {
		t.Errorf("costs %s, want %s", got, want)
	}
	var twice cost.Tally
	twice.Merge(&tally)
	twice.Merge(&tally)
	if got := twice.Cost(price.Unit); got.Cmp(want.Add(want, want)) != 0 {
		t.Errorf("twice is %s", got)
	}
}

func TestPlaces(t *testing.T) {
	for code, want := range map[string]int32{"EUR": 2, "USD": 2, "JPY": 0, "KWD": 3, "XYZ": 2, "": 2} {
		if got := cost.Places(code); got != want {
			t.Errorf("%q has %d places, want %d", code, got, want)
		}
	}
}

func TestRound(t *testing.T) {
	for _, c := range []struct {
		n, d int64
		want string
	}{{1, 200, "0.01"}, {1, 201, "0.00"}, {-1, 200, "-0.01"}, {-1, 201, "0.00"}, {1, 3, "0.33"}, {2, 3, "0.67"}, {0, 1, "0.00"}, {5, 1, "5.00"}} {
		if got := cost.Round(big.NewRat(c.n, c.d), 2).StringFixed(2); got != c.want {
			t.Errorf("%d/%d is %s, want %s", c.n, c.d, got, c.want)
		}
	}
}

func TestApportion(t *testing.T) {
	thirds := []*big.Rat{big.NewRat(100, 3), big.NewRat(100, 3), big.NewRat(100, 3)}
	if got := fmt.Sprint(cost.Apportion(thirds, 2)); got != "[33.34 33.33 33.33]" {
		t.Errorf("thirds: %s", got)
	}
	if got := fmt.Sprint(cost.Apportion([]*big.Rat{big.NewRat(1, 10), big.NewRat(7, 10), big.NewRat(2, 10)}, 0)); got != "[0 1 0]" {
		t.Errorf("tenths: %s", got)
	}
	if got := cost.Apportion(nil, 2); len(got) != 0 {
		t.Errorf("nothing: %v", got)
	}
}

// Rounded parts add up to the rounded sum, and none is off by a smallest unit.
func TestApportionAddsUp(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 11))
	for round := range 2000 {
		parts := make([]*big.Rat, 1+random.IntN(30))
		sum := new(big.Rat)
		for i := range parts {
			parts[i] = big.NewRat(random.Int64N(2_000_000)-200_000, 1+random.Int64N(400))
			sum.Add(sum, parts[i])
		}
		places := int32(random.IntN(4))
		total := decimal.Zero
		smallest := decimal.New(1, -places).Rat()
		for i, rounded := range cost.Apportion(parts, places) {
			total = total.Add(rounded)
			if off := new(big.Rat).Sub(rounded.Rat(), parts[i]); off.Abs(off).Cmp(smallest) >= 0 {
				t.Fatalf("round %d: %s became %s", round, parts[i], rounded)
			}
		}
		if want := cost.Round(sum, places); !total.Equal(want) {
			t.Fatalf("round %d: parts add up to %s, want %s", round, total, want)
		}
	}
}
