package replay

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ringfence/ringfence/internal/policy"
)

// Report is what a candidate would have answered otherwise. Every decision that was examined is counted once below.
type Report struct {
	Revision string // of the candidate
	Total    int64  // decisions of the period
	Examined int64  // of these; fewer than Total when the time was over before
	Complete bool   // all of the period were examined

	Unchanged int64
	Skipped   int64 // the record does not tell what was asked or answered
	Failed    int64 // the candidate has no usable answer
	Looser    int64 // something that was denied would be allowed
	Stricter  int64 // something that was allowed would be denied
	Other     int64 // the same verdict, with other reasons, warnings, ceilings, priorities

	From, To time.Time // of the oldest and the newest that were examined; zero if there are none

	// Groups are the differences by what makes them, the dangerous direction first, then the most frequent.
	Groups []Group
	// Digest names what would change: it is the same exactly if the same decisions change in the same way. NoFlips, if none does.
	Digest string

	groups map[groupKey]*Group
	flips  [sha256.Size]byte
}

// NoFlips is the digest of a report in which nothing changes.
const NoFlips = "none"

// Group are the differences that one rule makes in one action.
type Group struct {
	Direction Direction
	Rule      string // the grant, or the code of the finding, that makes the difference; or one of the Rule constants
	Place     string // file:row of the rule in the candidate, and where it has none, empty
	Action    string
	Count     int64
	Example   Example // the newest
}

// Example is one decision that would change.
type Example struct {
	Decision      int64 // its key
	At            time.Time
	Principal     string
	Action        string
	Before, After Outcome
}

// Flips tells how many decisions would change.
func (r *Report) Flips() int64 { return r.Looser + r.Stricter + r.Other + r.Failed }

type groupKey struct {
	direction Direction
	rule      string
	grant     bool
	action    string
}

func newReport(candidate *policy.Policy) *Report {
	return &Report{Revision: candidate.Revision(), groups: map[groupKey]*Group{}}
}

func (r *Report) examined(d *record) {
	r.Examined++
	r.span(d.at, d.at)
}

// span widens the period that was examined.
func (r *Report) span(from, to time.Time) {
	if r.From.IsZero() || from.Before(r.From) {
		r.From = from
	}
	if to.After(r.To) {
		r.To = to
	}
}

func (r *Report) skip(d *record) {
	r.examined(d)
	r.Skipped++
}

// note counts a decision that was compared.
func (r *Report) note(d *record, difference Difference, differs bool) {
	r.examined(d)
	if !differs {
		r.Unchanged++
		return
	}
	*r.counter(difference.Direction)++
	r.flips = together(r.flips, sha256.Sum256([]byte(difference.mark(d))))
	r.group(groupKey{difference.Direction, difference.Rule, difference.Grant, d.action}, &Group{
		Direction: difference.Direction, Rule: difference.Rule, Action: d.action, Count: 1,
		Example: Example{Decision: d.id, At: d.at, Principal: d.principal, Action: d.action, Before: difference.Before, After: difference.After},
	})
}

// mark says which decision flips and how.
func (d *Difference) mark(of *record) string {
	return fmt.Sprintf("%d %s %q %v %v", of.id, d.Direction, d.Rule, codes(d.After.Violations), codes(d.After.Warnings))
}

// together combines the marks of flips; the order, which is not the same each time, does not matter.
func together(a, b [sha256.Size]byte) [sha256.Size]byte {
	for i := range a {
		a[i] ^= b[i]
	}
	return a
}

func (r *Report) counter(d Direction) *int64 {
	switch d {
	case Looser:
		return &r.Looser
	case Stricter:
		return &r.Stricter
	case Failing:
		return &r.Failed
	case Other:
	}
	return &r.Other
}

func (r *Report) group(key groupKey, more *Group) {
	g := r.groups[key]
	if g == nil {
		r.groups[key] = more
		return
	}
	g.Count += more.Count
	if more.Example.Decision > g.Example.Decision {
		g.Example = more.Example
	}
}

// add takes up what was found in a chunk.
func (r *Report) add(part *Report) {
	r.Examined += part.Examined
	r.Unchanged += part.Unchanged
	r.Skipped += part.Skipped
	r.Failed += part.Failed
	r.Looser += part.Looser
	r.Stricter += part.Stricter
	r.Other += part.Other
	if part.Examined > 0 {
		r.span(part.From, part.To)
	}
	r.flips = together(r.flips, part.flips)
	for key, g := range part.groups {
		r.group(key, g)
	}
}

// finish puts the groups in order, finds the places of their rules, and names what changes.
func (r *Report) finish(was, candidate policy.Files) {
	r.Complete = r.Examined >= r.Total
	places := newPlaces(was, candidate)
	for _, key := range slices.Collect(maps.Keys(r.groups)) {
		g := r.groups[key]
		g.Place = places.of(key.rule, key.grant)
		r.Groups = append(r.Groups, *g)
	}
	slices.SortFunc(r.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(a.Direction.rank(), b.Direction.rank()), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Rule, b.Rule),
			cmp.Compare(a.Action, b.Action))
	})
	r.Digest = NoFlips
	if r.Flips() > 0 {
		r.Digest = hex.EncodeToString(r.flips[:16])
	}
}
