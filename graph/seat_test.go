package graph_test

import (
	"context"
	"testing"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/internal/store"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

func expect(t *testing.T, got object, path []any, want any) {
	t.Helper()
	if here := got.at(path...); here != want {
		t.Errorf("%v is %v, want %v", path, here, want)
	}
}

// A seat tells why it is there, what it switches off, and, when it waits, where and for what.
func TestSeat(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		e := build(t, s)
		a := open(t, s)
		const document = `query($id: ID!) { node(id: $id) { ... on Seat {
			state since position waitingSince priority allotment { name }
			reasons { direct state since group { name } groupLicense { group { name } } allotment { name } }
			disabledPlans { name }
			violations { code message limit used requested available shortBy pool { __typename limit ... on Allotment { name } } }
		} } }`
		read := func(name string) object {
			node, _ := a.ask(root, document, object{"id": e.id[name].String()}).at("node").(map[string]any)
			return node
		}
		// WX-16: the group switches off Stream and Yammer, the direct assignment Forms and Stream.
		s0 := read("seat s0")
		expect(t, s0, []any{"state"}, "ACTIVE")
		expect(t, s0, []any{"disabledPlans", 0, "name"}, "Stream")
		expect(t, s0, []any{"disabledPlans", 1}, nil)
		expect(t, s0, []any{"reasons", 0, "direct"}, false)
		expect(t, s0, []any{"reasons", 0, "state"}, "SERVED")
		expect(t, s0, []any{"reasons", 0, "group", "name"}, "sales")
		expect(t, s0, []any{"reasons", 1, "direct"}, true)
		expect(t, s0, []any{"reasons", 1, "group"}, nil)
		expect(t, s0, []any{"reasons", 1, "since"}, "2026-05-01T12:00:00Z")
		expect(t, s0, []any{"position"}, nil)
		expect(t, s0, []any{"violations", 0}, nil)

		// s5 came before s4 into the queue of inside, which is full at 2.
		s4 := read("seat s4")
		expect(t, s4, []any{"position"}, 2.0)
		expect(t, s4, []any{"priority"}, 0.0)
		expect(t, s4, []any{"waitingSince"}, "2026-05-01T02:05:00Z")
		expect(t, s4, []any{"violations", 0, "code"}, "INSUFFICIENT_POOL")
		expect(t, s4, []any{"violations", 0, "limit"}, 2.0)
		expect(t, s4, []any{"violations", 0, "shortBy"}, 1.0)
		expect(t, s4, []any{"violations", 0, "pool", "name"}, "inside")
		expect(t, read("seat s5"), []any{"position"}, 1.0)
		expect(t, read("seat h2"), []any{"violations", 0, "message"}, "h2 is in the wrong country")

		queue := a.ask(as("lea"), `{ allotments { nodes { waiting { totalCount nodes { position user { userName } } } } } }`, nil)
		expect(t, queue, []any{"allotments", "nodes", 0, "waiting", "totalCount"}, 2.0)
		expect(t, queue, []any{"allotments", "nodes", 0, "waiting", "nodes", 0, "user", "userName"}, "s5")
		expect(t, queue, []any{"allotments", "nodes", 0, "waiting", "nodes", 1, "position"}, 2.0)

		// WX-14: with room in inside but none above it, the pool above is what binds; the delegate below may not see it.
		write(t, s, func(ctx context.Context, c *ent.Client) {
			c.Allotment.UpdateOneID(e.key("inside")).SetCapacity(5).SetCeiling(5).ExecX(ctx)
			c.Allotment.UpdateOneID(e.key("sales")).SetUsed(100).ExecX(ctx)
		})
		bound := read("seat s4")
		expect(t, bound, []any{"violations", 0, "pool", "name"}, "sales")
		expect(t, bound, []any{"violations", 0, "limit"}, 100.0)
		below := a.ask(as("lea"), document, object{"id": e.id["seat s4"].String()})
		expect(t, below, []any{"node", "violations", 0, "pool"}, nil)
		expect(t, below, []any{"node", "violations", 0, "limit"}, 100.0)
	})
}

func TestPoolStates(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		e := build(t, s)
		write(t, s, func(ctx context.Context, c *ent.Client) {
			c.Allotment.UpdateOneID(e.key("free")).SetCapacity(1).ExecX(ctx)
		})
		a := open(t, s)
		got := a.ask(root, `{ allotments { nodes { name state available overBy limit } } licenses { nodes { state available limit waitingCount unitPrice } } }`, nil)
		if states := got.texts("state", "allotments", "nodes"); states != "OK FULL OVER_LIMIT NOT_IN_EFFECT" {
			t.Errorf("allotments are %s", states)
		}
		if states := got.texts("state", "licenses", "nodes"); states != "OK NOT_IN_EFFECT OK" {
			t.Errorf("licenses are %s", states)
		}
		expect(t, got, []any{"allotments", "nodes", 0, "available"}, 96.0)
		expect(t, got, []any{"allotments", "nodes", 2, "overBy"}, 1.0)
		expect(t, got, []any{"allotments", "nodes", 2, "available"}, 0.0)
		expect(t, got, []any{"allotments", "nodes", 3, "limit"}, nil)
		expect(t, got, []any{"licenses", "nodes", 0, "available"}, 125.0)
		expect(t, got, []any{"licenses", "nodes", 1, "available"}, nil)
		expect(t, got, []any{"licenses", "nodes", 0, "unitPrice"}, "12.50")
		for state, want := range map[string]string{"OK": "sales", "FULL": "inside", "OVER_LIMIT": "free", "NOT_IN_EFFECT": "past"} {
			filtered := a.ask(root, `query($s: [PoolState!]) { allotments(where: {stateIn: $s}) { nodes { name } } }`, object{"s": []string{state}})
			if names := filtered.texts("name", "allotments", "nodes"); names != want {
				t.Errorf("%s: %s", state, names)
			}
		}
		// The dates of the license hold for all of its allotments.
		write(t, s, func(ctx context.Context, c *ent.Client) {
			c.License.UpdateOneID(e.key("e5")).SetEndsOn("2026-04-30").ExecX(ctx)
		})
		got = a.ask(root, `{ allotments(where: {stateIn: NOT_IN_EFFECT}) { totalCount nodes { state } } }`, nil)
		expect(t, got, []any{"allotments", "totalCount"}, 4.0)
		expect(t, got, []any{"allotments", "nodes", 1, "state"}, "NOT_IN_EFFECT")
		write(t, s, func(ctx context.Context, c *ent.Client) {
			c.License.UpdateOneID(e.key("e5")).SetEndsOn("2026-05-01").ExecX(ctx)
		})
		got = a.ask(root, `{ allotments(where: {stateIn: NOT_IN_EFFECT}) { totalCount } }`, nil)
		expect(t, got, []any{"allotments", "totalCount"}, 1.0)
	})
}

func TestViewer(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		build(t, s)
		a := open(t, s)
		const document = `{ viewer { userName roles actions user { userName } seats { totalCount } allotments { nodes { name } } } }`
		// Names are compared without regard to case.
		dora := a.ask(as("dora"), document, nil)
		expect(t, dora, []any{"viewer", "user", "userName"}, "Dora")
		if names := dora.texts("name", "viewer", "allotments", "nodes"); names != "sales inside" {
			t.Errorf("dora's allotments are %s", names)
		}
		if actions, _ := dora.at("viewer", "actions").([]any); len(actions) == 0 || !containsText(actions, "assignSeats") || containsText(actions, "createVendor") {
			t.Errorf("dora may %v", actions)
		}
		stranger := a.ask(as("stranger", "AUDITOR"), document, nil)
		expect(t, stranger, []any{"viewer", "user"}, nil)
		expect(t, stranger, []any{"viewer", "roles", 0}, "AUDITOR")
		expect(t, stranger, []any{"viewer", "seats", "totalCount"}, 0.0)
		holder := a.ask(as("h0"), document, nil)
		expect(t, holder, []any{"viewer", "seats", "totalCount"}, 1.0)
		if code, _ := a.refused(as("h0"), `{ policy { revision } }`, nil); code != "POLICY_DENIED" {
			t.Errorf("policy: %s", code)
		}
		expect(t, a.ask(root, `{ policy { source problems { message } } }`, nil), []any{"policy", "source"}, "embedded")
	})
}

func containsText(list []any, text string) bool {
	for _, item := range list {
		if item == text {
			return true
		}
	}
	return false
}
