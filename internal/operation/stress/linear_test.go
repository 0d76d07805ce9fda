package stress_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// pool is the model of one pool: its limit, and the users who hold a unit of it, one bit each. Nobody waits.
type pool struct {
	limit int
	held  uint64
}

func (p pool) used() int {
	n := 0
	for bits := p.held; bits != 0; bits &= bits - 1 {
		n++
	}
	return n
}

// call is an operation on the pool; answer is what the client was told.
type call struct {
	kind string // assign, unassign, limit, read
	n    int    // the user, or the new limit
}

type answer struct {
	result      string
	used, limit int // of a read
}

// ledger is what a pool may answer if requests took place one after the other.
var ledger = porcupine.Model{
	Init: func() any { return pool{limit: 3} },
	Step: func(state, input, output any) (bool, any) {
		p, c, a := state.(pool), input.(call), output.(answer)
		bit := uint64(1) << c.n
		switch c.kind {
		case "assign":
			if p.held&bit == 0 && p.used() >= p.limit {
				return a.result == "INSUFFICIENT_POOL", p
			}
			p.held |= bit
			return a.result == "ACTIVE", p
		case "unassign":
			p.held &^= bit
			return a.result == "NONE", p
		case "limit":
			p.limit = c.n
			return a.result == "", p
		}
		return a.used == p.used() && a.limit == p.limit, p
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprint(input, " → ", output) },
}

// history is what concurrent clients asked of one pool and were told, with the times.
type history struct {
	mu         sync.Mutex
	begin      time.Time
	operations []porcupine.Operation
}

func (h *history) record(client int, c call, do func() answer) {
	called := time.Since(h.begin).Nanoseconds()
	a := do()
	returned := time.Since(h.begin).Nanoseconds()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.operations = append(h.operations, porcupine.Operation{ClientId: client, Input: c, Call: called, Output: a, Return: returned})
}

// perform carries a call out through the API.
func perform(t *testing.T, c *client, share string, users []string, do call) answer {
	name, input := "assignSeats", in{"allotmentId": share}
	switch do.kind {
	case "read":
		var data struct{ Node struct{ Used, Limit int } }
		if err := c.send(t.Context(), `query($id: ID!) { node(id: $id) { ... on Allotment { used limit } } }`, in{"id": share}, &data); err != nil {
			t.Error(err)
		}
		return answer{used: data.Node.Used, limit: data.Node.Limit}
	case "limit":
		name, input["limit"] = "updateAllotment", do.n
	case "unassign":
		name, input["userIds"] = "unassignSeats", users[do.n:do.n+1]
	default:
		input["userIds"] = users[do.n : do.n+1]
	}
	p, err := c.mutate(t.Context(), name, input)
	if err != nil {
		t.Errorf("%v: %v", do, err)
		return answer{}
	}
	if len(p.Results) == 1 {
		return answer{result: p.Results[0].String()}
	}
	return answer{}
}

// What concurrent clients are told of one pool can be explained by some order in which their requests took place one after the
// other, each between its call and its answer.
func TestLinearizable(t *testing.T) {
	eachShape(t, func(t *testing.T, d *deployment) {
		e := newEstate(t, d.clients[0])
		license, users := e.license(1000), e.users(6)
		for round := range 4 {
			h := observe(t, d, e.allot(license, "RESERVED", 3), users, uint64(round))
			if t.Failed() {
				return
			}
			began := time.Now()
			switch result := porcupine.CheckOperationsTimeout(ledger, h.operations, time.Minute); result {
			case porcupine.Ok:
				t.Logf("%d operations judged in %v", len(h.operations), time.Since(began).Round(time.Millisecond))
			default:
				t.Errorf("%s: %v", result, h.operations)
			}
			if round == 0 {
				spoil(t, h)
			}
			e.do("unassignSeats", in{"licenseId": license, "userIds": users})
		}
	})
}

// observe has clients work on one pool at once.
func observe(t *testing.T, d *deployment, share string, users []string, seed uint64) *history {
	h := &history{begin: time.Now()}
	var all sync.WaitGroup
	for n := range 10 {
		rng := rand.New(rand.NewPCG(seed, uint64(n)))
		all.Go(func() {
			for range 25 {
				c := call{kind: one(rng, []string{"assign", "assign", "assign", "unassign", "unassign", "read", "limit"}), n: rng.IntN(len(users))}
				h.record(n, c, func() answer { return perform(t, d.pick(rng.IntN(8)), share, users, c) })
			}
		})
	}
	all.Wait()
	return h
}

// spoil shows that the judge would have noticed: the same history is not explained when a read counted more units than there are
// users. Only what was called before the read returned can explain it, so the rest is left out and the judge is quick.
func spoil(t *testing.T, h *history) {
	t.Helper()
	for _, read := range h.operations {
		if read.Input.(call).kind != "read" {
			continue
		}
		var doctored []porcupine.Operation
		for _, op := range h.operations {
			if op.Call > read.Return {
				continue
			}
			if op == read {
				a := op.Output.(answer)
				op.Output = answer{used: a.used + 64, limit: a.limit}
			}
			doctored = append(doctored, op)
		}
		if porcupine.CheckOperationsTimeout(ledger, doctored, 10*time.Second) == porcupine.Illegal {
			return
		}
	}
	t.Error("no wrong read is noticed")
}

// The judge refuses the mistakes that a ledger makes: a unit given twice, a lost return, an answer from the past.
func TestJudge(t *testing.T) {
	step := func(at int64, kind string, n int, a answer) porcupine.Operation {
		return porcupine.Operation{ClientId: int(at), Input: call{kind, n}, Call: 10 * at, Output: a, Return: 10*at + 5}
	}
	one := step(1, "limit", 1, answer{})
	first, again := step(2, "assign", 0, answer{result: "ACTIVE"}), step(3, "assign", 1, answer{result: "ACTIVE"})
	denied, back := step(3, "assign", 1, answer{result: "INSUFFICIENT_POOL"}), step(4, "unassign", 0, answer{result: "NONE"})
	atOnce := again
	atOnce.Call, atOnce.Return = first.Call, first.Return
	for _, c := range []struct {
		name    string
		history []porcupine.Operation
		good    bool
	}{
		{"one unit, one holder", []porcupine.Operation{one, first, denied, back, step(5, "assign", 1, answer{result: "ACTIVE"}), step(6, "read", 0, answer{used: 1, limit: 1})}, true},
		{"one unit, two holders", []porcupine.Operation{one, first, again}, false},
		{"one unit, two holders at once", []porcupine.Operation{one, first, atOnce}, false},
		{"denied although it was given back", []porcupine.Operation{one, first, back, step(5, "assign", 1, answer{result: "INSUFFICIENT_POOL"})}, false},
		{"a read of the past", []porcupine.Operation{one, first, step(3, "read", 0, answer{used: 0, limit: 1})}, false},
		{"a limit that was not set", []porcupine.Operation{one, first, step(3, "read", 0, answer{used: 1, limit: 3})}, false},
	} {
		if good := porcupine.CheckOperations(ledger, c.history); good != c.good {
			t.Errorf("%s: judged %v", c.name, good)
		}
	}
}
