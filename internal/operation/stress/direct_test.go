package stress_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// clients is how many ask at once.
const clients = 64

// caller is one client with users of its own, so that it knows what must be stored of them: what it was told last.
type caller struct {
	t     *testing.T
	at    func() *client // the server to ask; it may be another one each time
	name  string
	rng   *rand.Rand
	users []string
	told  map[string]string // user → ACTIVE; nothing else is kept
	steps int
	lost  int // answers that did not come
}

func newCaller(t *testing.T, n int, at func() *client, users []string) *caller {
	return &caller{t: t, at: at, name: fmt.Sprintf("caller %d", n), rng: rand.New(rand.NewPCG(uint64(n), 7)), users: users, told: map[string]string{}}
}

// step gives or takes one user's seat and notes what was told.
func (c *caller) step(pools []string) {
	c.steps++
	user := c.users[c.rng.IntN(len(c.users))]
	pool := pools[c.rng.IntN(len(pools))]
	name, input := "assignSeats", target("allotmentId", pool)
	if c.told[user] != "" && c.rng.IntN(3) > 0 {
		name, input = "unassignSeats", target("allotmentId", pools[0])
	}
	answer := c.insist(name, with(input, in{"userIds": []string{user}, "idempotencyKey": fmt.Sprintf("%s step %d", c.name, c.steps)}))
	switch {
	case answer == "":
	case name == "unassignSeats" && answer == "NONE":
		delete(c.told, user)
	case name == "assignSeats" && answer == "ACTIVE":
		c.told[user] = answer
	case name == "assignSeats" && answer == "INSUFFICIENT_POOL" && c.told[user] == "":
	default:
		c.t.Errorf("%s: %s of %s, who was told %q, answers %q", c.name, name, user, c.told[user], answer)
	}
}

// insist repeats a request under its key until it is answered. Some attempts are given up halfway, some are made several times
// at once; all answers must be the same.
func (c *caller) insist(name string, input in) string {
	for attempt := range 200 {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		if c.rng.IntN(6) == 0 {
			cancel()
			ctx, cancel = context.WithTimeout(context.Background(), time.Duration(c.rng.IntN(8000))*time.Microsecond)
		}
		copies := 1
		if c.rng.IntN(6) == 0 {
			copies = 2 + c.rng.IntN(2)
		}
		answers := make([]string, copies)
		var all sync.WaitGroup
		for i := range answers {
			server := c.at()
			all.Go(func() { answers[i] = c.ask(ctx, server, name, input) })
		}
		all.Wait()
		cancel()
		if first := c.agreed(answers); first != "" {
			return first
		}
		c.lost++
		time.Sleep(time.Duration(attempt) * time.Millisecond)
	}
	c.t.Errorf("%s: %s was never answered", c.name, name)
	return ""
}

// agreed gives the one answer of several attempts, empty if none was answered.
func (c *caller) agreed(answers []string) string {
	first := ""
	for _, answer := range answers {
		if first != "" && answer != "" && answer != first {
			c.t.Errorf("%s: one request was answered %q and %q", c.name, first, answer)
		}
		first = max(first, answer)
	}
	return first
}

// ask gives what became of the one user, empty if that is not known.
func (c *caller) ask(ctx context.Context, server *client, name string, input in) string {
	p, err := server.mutate(ctx, name, input)
	switch code := codeOf(err); {
	case err == nil && len(p.Results) == 1:
		return p.Results[0].String()
	case code == "UNAVAILABLE", code == "" && err != nil:
		return ""
	}
	c.t.Errorf("%s: %s: %v", c.name, name, err)
	return ""
}

// run has callers work for a while.
func run(callers []*caller, pools []string, d time.Duration) {
	end := time.Now().Add(d)
	var all sync.WaitGroup
	for _, c := range callers {
		all.Go(func() {
			for time.Now().Before(end) && !c.t.Failed() {
				c.step(pools)
			}
		})
	}
	all.Wait()
}

// compare holds what the callers were told against what is stored.
func compare(t *testing.T, d *deployment, license string, callers []*caller) {
	t.Helper()
	told, steps, lost := map[string]string{}, 0, 0
	for _, c := range callers {
		maps.Copy(told, c.told)
		steps += c.steps
		lost += c.lost
	}
	kept := stored(t, d.store, license)
	if !maps.Equal(told, kept) {
		t.Errorf("told %d seats, stored %d", len(told), len(kept))
		for user, state := range kept {
			if told[user] != state {
				t.Errorf("%s: stored %s, told %q", user, state, told[user])
			}
		}
	}
	t.Logf("%d requests, %d attempts unanswered, %d seats in the end", steps, lost, len(told))
}

// Direct assignments by 64 clients from trees near full, with keys: canceled, doubled and repeated requests, limits going up
// and down. What was told is what is stored: no seat is lost, none doubled.
func TestDirect(t *testing.T) {
	eachShape(t, func(t *testing.T, d *deployment) {
		e := newEstate(t, d.clients[0])
		pools := e.tree(120)
		users := e.users(5 * clients)
		callers := make([]*caller, clients)
		for i := range callers {
			callers[i] = newCaller(t, i, func() *client { return d.pick(rand.IntN(100)) }, users[5*i:5*i+5])
		}
		stop := e.changeLimits(d, pools)
		run(callers, pools, length(t, 2*time.Second))
		stop()
		compare(t, d, pools[0], callers)
	})
}

// changeLimits lowers and raises the limits of a tree until it is told to stop.
func (e *estate) changeLimits(d *deployment, pools []string) (stop func()) {
	done := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
			}
			pool := pools[1+rand.IntN(len(pools)-1)]
			_, err := d.pick(n).mutate(context.Background(), "updateAllotment", in{"allotmentId": pool, "limit": 1 + rand.IntN(60)})
			if code := codeOf(err); err != nil && code != "POLICY_DENIED" {
				e.t.Errorf("updateAllotment: %v", err)
			}
		}
	})
	return func() {
		close(done)
		all.Wait()
	}
}

// One unit and 50 requests at once: one gets it, the others are refused or wait (WX-18), on one server and on three.
func TestLastUnit(t *testing.T) {
	for _, s := range append([]shape{{"postgres, three servers", shapes[1].dialect, 3}}, shapes[:2]...) {
		t.Run(s.name, func(t *testing.T) {
			d := deploy(t, s)
			e := newEstate(t, d.clients[0])
			for _, whenFull := range []string{"DENY", "WAIT"} {
				pool := e.allot(e.license(5), "RESERVED", 1)
				users := e.users(50)
				counts := scramble(t, d, users, func(user string) in { return in{"allotmentId": pool, "whenFull": whenFull, "userIds": []string{user}} })
				want := map[string]int{"ACTIVE": 1, map[string]string{"DENY": "INSUFFICIENT_POOL", "WAIT": "WAITING"}[whenFull]: 49}
				if !maps.Equal(counts, want) {
					t.Errorf("%s: %v", whenFull, counts)
				}
			}
			verify(t, d.store)
		})
	}
}

// scramble assigns to every user at the same moment and counts the answers.
func scramble(t *testing.T, d *deployment, users []string, input func(user string) in) map[string]int {
	t.Helper()
	var all sync.WaitGroup
	var mu sync.Mutex
	counts := map[string]int{}
	begin := make(chan struct{})
	for i, user := range users {
		all.Go(func() {
			<-begin
			p, err := d.pick(i).mutate(context.Background(), "assignSeats", input(user))
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			counts[p.Results[0].String()]++
		})
	}
	close(begin)
	all.Wait()
	return counts
}
