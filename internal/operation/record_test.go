package operation_test

import (
	"slices"
	"strings"
	"testing"
)

// Every write leaves its decision, its events and one more entry in the journal; what was denied leaves its decision.

// told reads the kinds of events since a number of them, in order.
func (w *world) told(since int) []string {
	w.Helper()
	var answer struct {
		Events struct {
			TotalCount int
			Nodes      []struct{ Type string }
		}
	}
	w.ask(`{ events(first: 100) { totalCount nodes { type } } }`, nil, &answer)
	kinds := []string{}
	for _, node := range answer.Events.Nodes[:answer.Events.TotalCount-since] { // the newest come first
		kinds = append(kinds, node.Type)
	}
	return kinds
}

func sorted(words []string) []string {
	words = slices.Clone(words)
	slices.Sort(words)
	return words
}

func (w *world) events() int {
	w.Helper()
	var answer struct{ Events struct{ TotalCount int } }
	w.ask(`{ events { totalCount } }`, nil, &answer)
	return answer.Events.TotalCount
}

func (w *world) entries() int {
	w.Helper()
	return strings.Count(w.snapshot()["journals"], "\n") + 1
}

func TestEventsTellWhatHappened(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(1)
		users := w.users(2)
		g := w.group(users...)
		for _, step := range []struct {
			do   func()
			want []string
		}{
			{func() { w.assign(l, users[:1]) }, []string{"SEAT_ACTIVE"}},
			{func() { w.assign(l, users, in{"whenFull": "WAIT"}) }, []string{"SEAT_WAITING"}},
			{func() { w.assign(l, w.users(1)) }, []string{"USER_CREATED"}}, // denied: only the user's coming is told
			{func() { w.unassign(l, users[0]) }, []string{"SEAT_RELEASED", "SEAT_ACTIVE"}},
			{func() { w.grant(g, l) }, []string{"GROUP_LICENSED", "SEAT_WAITING"}},
			{func() { w.limit(l, 2) }, []string{"LICENSE_UPDATED", "SEAT_ACTIVE"}},
			{func() { w.change(users[0], in{"enabled": false}) }, []string{"USER_UPDATED", "SEAT_RELEASED"}},
			{func() { w.leave(g, users...) }, []string{"MEMBERS_REMOVED"}},
			{func() { w.leave(g, users...) }, []string{}},
		} {
			before, entries := w.events(), w.entries()
			step.do()
			got := w.told(before)
			w.want(sorted(got), sorted(step.want))
			if grown := w.entries() - entries; grown != min(1, len(step.want)) {
				w.Errorf("%v: the journal grew by %d", got, grown)
			}
		}
	})
}

// Many seats that change alike are told together.
func TestManySeatsAreToldTogether(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(200)
		g := w.group(w.users(150)...)
		before := w.events()
		w.grant(g, l)
		w.want(sorted(w.told(before)), []string{"GROUP_LICENSED", "SEAT_ACTIVE"})
	})
}

// The queue's decisions are the service's own, beside that of the request.
func TestPromotionHasItsOwnDecision(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(1)
		users := w.users(2)
		w.assign(l, users, in{"whenFull": "WAIT"})
		w.unassign(l, users[0])
		var answer struct {
			Decisions struct {
				Nodes []struct {
					Principal, Action string
					Allow             bool
				}
			}
		}
		w.ask(`query($l: ID!) { decisions(where: { licenseId: $l }) { nodes { principal action allow } } }`, in{"l": l}, &answer)
		found := map[string]string{}
		for _, d := range answer.Decisions.Nodes {
			found[d.Action] = d.Principal
		}
		w.want(found, map[string]string{"assignSeats": "root@contoso.example", "unassignSeats": "root@contoso.example", "promoteSeats": "system"})
	})
}
