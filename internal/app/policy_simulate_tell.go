package app

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ringfence/ringfence/internal/history"
)

// tellSimulation writes a report for people. What is the same is left out.
func tellSimulation(to io.Writer, r *history.Report) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "policy %s: %d requests and %d steps of the service, %s to %s, in %.1f s\n", r.Revision, r.Counts.Requests, r.Counts.Own, clock(r.From), clock(r.Until), r.Seconds)
	if r.Counts.Skipped > 0 {
		fmt.Fprintf(w, "%d denials from before requests were recorded are left out\n", r.Counts.Skipped)
	}
	if r.Counts.Unknown > 0 {
		fmt.Fprintf(w, "%d denied imports cannot be judged: the file of a denied import is not kept\n", r.Counts.Unknown)
	}
	if r.Nothing() {
		fmt.Fprintln(w, "nothing would be different")
		return w.Flush()
	}
	tellDifferences(w, r)
	tellLicenses(w, r)
	tellUsers(w, r)
	tellPools(w, r)
	for _, c := range r.Costs {
		if c.Then != c.Now {
			fmt.Fprintf(w, "\nseats cost %s %s instead of %s\n", c.Now, c.Currency, c.Then)
		}
	}
	return w.Flush()
}

func tellDifferences(w io.Writer, r *history.Report) {
	fmt.Fprintf(w, "\n%d requests would be answered otherwise\n", r.Counts.Different)
	for _, d := range r.Differences {
		names := make([]string, len(d.Examples))
		for i, e := range d.Examples {
			names[i] = e.Decision + " (" + e.Principal + ", " + clock(e.At) + ")"
		}
		fmt.Fprintf(w, "  %s\t%d\t%s\t%s → %s\t%s\n", d.Direction, d.Count, d.Action, d.Was, d.Is, strings.Join(names, ", "))
	}
}

func tellLicenses(w io.Writer, r *history.Report) {
	head := false
	for _, l := range r.Licenses {
		var parts []string
		add := func(what string, p history.Pair, show func(int64) string) {
			if p.Then != p.Now {
				parts = append(parts, fmt.Sprintf("%s %s → %s", what, show(p.Then), show(p.Now)))
			}
		}
		add("seats", l.Active, number)
		add("waiting", l.Waiting, number)
		add("errors", l.Errors, number)
		add("waited", l.Waited, duration)
		add("longest wait", l.LongestWait, duration)
		add("overage", l.Overage, number)
		if l.Gained+l.Lost > 0 {
			parts = append(parts, fmt.Sprintf("%d users gain a seat, %d lose theirs", l.Gained, l.Lost))
		}
		if l.Cost.Then != l.Cost.Now {
			parts = append(parts, fmt.Sprintf("cost %s → %s %s", l.Cost.Then, l.Cost.Now, l.Cost.Currency))
		}
		if len(parts) == 0 {
			continue
		}
		if !head {
			fmt.Fprintln(w, "\nlicenses")
			head = true
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\n", named(l.ID), l.Name, strings.Join(parts, ", "))
	}
}

func tellUsers(w io.Writer, r *history.Report) {
	if len(r.Users) == 0 {
		return
	}
	fmt.Fprintln(w, "\nusers")
	for _, u := range r.Users {
		fmt.Fprintf(w, "  %s\t%s\t%s → %s\twaited %s → %s\n", named(u.ID), named(u.License), state(u.Then), state(u.Now), duration(u.Waited.Then), duration(u.Waited.Now))
	}
	if r.MoreUsers > 0 {
		fmt.Fprintf(w, "  and %d more\n", r.MoreUsers)
	}
}

func tellPools(w io.Writer, r *history.Report) {
	if len(r.Pools) == 0 {
		return
	}
	fmt.Fprintln(w, "\nmost in use at one time")
	for _, p := range r.Pools {
		fmt.Fprintf(w, "  %s\t%s\t%d → %d\tsince %s → %s\n", named(p.ID), p.Name, p.Peak.Then, p.Peak.Now, clock(p.ThenAt), clock(p.NowAt))
	}
	if r.MorePools > 0 {
		fmt.Fprintf(w, "  and %d more\n", r.MorePools)
	}
}

// named is an id; what only the candidate has let be has none in the record.
func named(id string) string {
	if id == "" {
		return "(new)"
	}
	return id
}

func state(text string) string {
	if text == "" {
		return "no seat"
	}
	return text
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

func duration(seconds int64) string { return (time.Duration(seconds) * time.Second).String() }

func clock(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return at.UTC().Format("2006-01-02 15:04")
}
