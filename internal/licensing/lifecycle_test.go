package licensing_test

import (
	"slices"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/licensing"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func day(text string) time.Time {
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return at
}

func orNil(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func textOr(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

func TestLifecycles(t *testing.T) {
	for _, c := range []struct {
		starts, ends, today string
		stage               licensing.Lifecycle
		until               string
	}{
		{"", "", "2026-03-01", licensing.Current, ""},
		{"2026-03-02", "", "2026-03-01", licensing.Upcoming, "2026-03-01"},
		{"2026-03-01", "", "2026-03-01", licensing.Current, ""},
		{"2026-03-10", "2026-03-20", "2026-03-01", licensing.Upcoming, "2026-03-09"},
		{"", "2026-06-30", "2026-04-30", licensing.Current, "2026-04-30"},
		{"", "2026-06-30", "2026-05-01", licensing.Expiring, "2026-06-30"},
		{"", "2026-06-30", "2026-06-30", licensing.Expiring, "2026-06-30"},
		{"", "2026-06-30", "2026-07-01", licensing.InGrace, "2026-07-30"},
		{"", "2026-06-30", "2026-07-30", licensing.InGrace, "2026-07-30"},
		{"", "2026-06-30", "2026-07-31", licensing.Expired, "2026-10-28"},
		{"", "2026-06-30", "2026-10-28", licensing.Expired, "2026-10-28"},
		{"2020-01-01", "2026-06-30", "2026-10-29", licensing.Disabled, ""},
	} {
		stage, until := licensing.DefaultTerms.Lifecycle(day(c.today), orNil(c.starts), orNil(c.ends))
		if stage != c.stage || textOr(until) != c.until {
			t.Errorf("%s … %s on %s is %s until %q, want %s until %q", c.starts, c.ends, c.today, stage, textOr(until), c.stage, c.until)
		}
	}
}

// Whatever the settings, every day belongs to exactly one stage, and `until` is the last day of it.
func TestStagesFollowEachOther(t *testing.T) {
	for _, terms := range []licensing.Terms{licensing.DefaultTerms, {}, {ExpiringDays: 400}, {GraceDays: 3}, {ExpiredDays: 1, ExpiringDays: 1}} {
		starts, ends := orNil("2026-01-10"), orNil("2026-12-31")
		var seen []licensing.Lifecycle
		last := ""
		for at := day("2026-01-01"); at.Year() < 2028; at = at.AddDate(0, 0, 1) {
			stage, until := terms.Lifecycle(at, starts, ends)
			if len(seen) == 0 || seen[len(seen)-1] != stage {
				if last != "" && last != at.AddDate(0, 0, -1).Format(time.DateOnly) {
					t.Errorf("%+v: %s begins on %s, the stage before was to last until %s", terms, stage, at.Format(time.DateOnly), last)
				}
				seen, last = append(seen, stage), textOr(until)
			}
		}
		if !slices.IsSortedFunc(seen, func(a, b licensing.Lifecycle) int {
			return slices.Index(licensing.Lifecycles(), a) - slices.Index(licensing.Lifecycles(), b)
		}) || seen[len(seen)-1] != licensing.Disabled {
			t.Errorf("%+v: %v", terms, seen)
		}
	}
}

func TestPeriods(t *testing.T) {
	starts, ends := licensing.DefaultTerms.Period(orNil("2026-01-01"), orNil("2026-12-31"))
	if starts.Format(time.RFC3339) != "2026-01-01T00:00:00Z" || ends.Format(time.RFC3339) != "2027-01-01T00:00:00Z" {
		t.Errorf("%v … %v: the last day counts", starts, ends)
	}
	if starts, ends := licensing.DefaultTerms.Period(nil, orNil("never")); starts != nil || ends != nil {
		t.Errorf("%v … %v", starts, ends)
	}
	lenient := licensing.Terms{GraceDays: 30, AssignInGrace: true}
	if _, ends := lenient.Period(nil, orNil("2026-12-31")); ends.Format(time.DateOnly) != "2027-01-31" {
		t.Errorf("in grace: %v", ends)
	}
	// What SQL compares says the same as the instants.
	for _, terms := range []licensing.Terms{licensing.DefaultTerms, lenient} {
		for at := day("2026-12-20"); at.Before(day("2027-02-10")); at = at.AddDate(0, 0, 1) {
			_, ends := terms.Period(nil, orNil("2026-12-31"))
			if at.Before(*ends) != (terms.FirstEnd(at) <= "2026-12-31") {
				t.Errorf("%+v on %v", terms, at)
			}
		}
	}
}

func TestMonths(t *testing.T) {
	for _, c := range []struct {
		from   string
		months int
		want   string
	}{
		{"2026-01-10", 6, "2026-07-10"}, {"2026-08-31", 6, "2027-02-28"}, {"2027-08-31", 6, "2028-02-29"}, {"2026-01-31", 1, "2026-02-28"},
		{"2026-12-31", 2, "2027-02-28"}, {"2026-05-31", 0, "2026-05-31"}, {"2024-02-29", 12, "2025-02-28"},
	} {
		if got := licensing.AddMonths(day(c.from), c.months).Format(time.DateOnly); got != c.want {
			t.Errorf("%s and %d months is %s, want %s", c.from, c.months, got, c.want)
		}
	}
	for _, c := range []struct {
		from, to string
		want     int
	}{
		{"2026-01-10", "2026-01-10", 0}, {"2026-01-10", "2025-01-10", 0}, {"2026-01-10", "2026-01-11", 1}, {"2026-01-10", "2026-02-10", 1},
		{"2026-01-10", "2026-07-10", 6}, {"2026-01-10", "2026-07-11", 7}, {"2026-08-31", "2027-02-28", 6}, {"2026-08-31", "2027-03-01", 7},
		{"2026-01-31", "2026-03-01", 2}, {"2026-01-01", "2036-01-01", 120},
	} {
		if got := licensing.MonthsAhead(day(c.from), day(c.to)); got != c.want {
			t.Errorf("from %s, %s is %d months ahead, want %d", c.from, c.to, got, c.want)
		}
	}
}

func TestAnniversaries(t *testing.T) {
	for _, c := range []struct{ from, starts, ends, want string }{
		{"2026-03-01", "2023-07-01", "", "2026-07-01"},
		{"2026-07-01", "2023-07-01", "", "2026-07-01"},
		{"2026-07-02", "2023-07-01", "", "2027-07-01"},
		{"2026-03-01", "2026-07-01", "", "2027-07-01"}, // the first day is none
		{"2026-02-01", "2024-02-29", "", "2026-02-28"},
		{"2027-12-01", "2024-02-29", "", "2028-02-29"},
		{"2026-03-01", "", "2026-06-30", "2026-07-01"},
		{"2026-07-02", "", "2026-06-30", ""},
		{"2026-03-01", "2023-07-01", "2026-03-31", "2026-07-01"},
		{"2026-03-01", "", "", ""},
	} {
		got := ""
		if at := licensing.Anniversary(day(c.from), orNil(c.starts), orNil(c.ends)); at != nil {
			got = at.Format(time.DateOnly)
		}
		if got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestDays(t *testing.T) {
	if n := licensing.Days(licensing.Day(noon), day("2026-03-31")); n != 30 {
		t.Errorf("%d days", n)
	}
	if n := licensing.Days(day("2026-03-02"), licensing.Day(noon)); n != -1 {
		t.Errorf("%d days", n)
	}
	if licensing.Or(nil, orNil("a")) == nil || *licensing.Or(orNil("b"), orNil("a")) != "b" {
		t.Error("one's own day comes first")
	}
}
