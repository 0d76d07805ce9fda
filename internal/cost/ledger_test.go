package cost_test

import (
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/cost"
)

// change is one line of a random history.
type change struct {
	at              int // hours
	user, allotment int64
	kind            string
}

// Who held what, hour by hour, is what a count says that looks at every hour anew.
func TestLedgerAgainstRecount(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 5))
	origin := day(t, "2026-01-01")
	hour := func(n int) time.Time { return origin.Add(time.Duration(n) * time.Hour) }
	type place struct{ user, allotment int64 }
	for round := range 500 {
		const hours = 60
		from, to := random.IntN(30), 30+random.IntN(30)
		var history []change
		for at := 0; at < hours; at += random.IntN(3) {
			history = append(history, change{at, 1 + random.Int64N(4), random.Int64N(3), []string{"HOLD", "HOLD", "MOVE", "DROP"}[random.IntN(4)]})
		}
		var steps []cost.Step
		bought := map[int]*int64{} // from an hour on
		for at := 0; at < hours; at += 5 + random.IntN(20) {
			var units *int64
			if random.IntN(4) > 0 {
				n := random.Int64N(6)
				units = &n
			}
			steps = append(steps, cost.Step{At: hour(at), Units: units})
			bought[at] = units
		}

		held, spare := map[place]int{}, int64(0)
		ledger := cost.NewLedger(hour(from), steps, func(h cost.Holding) {
			held[place{h.User, h.Allotment}] += int(h.To.Sub(h.From) / time.Hour)
		}, func(units int64, begins, ends time.Time) { spare += units * int64(ends.Sub(begins)/time.Hour) })
		for _, c := range history {
			if c.at >= to {
				break
			}
			switch c.kind {
			case "HOLD":
				ledger.Hold(c.user, c.allotment, hour(c.at))
			case "MOVE":
				ledger.Move(c.user, c.allotment, hour(c.at))
			case "DROP":
				ledger.Drop(c.user, hour(c.at))
			}
		}
		ledger.Close(hour(to))

		wantHeld, wantSpare := map[place]int{}, int64(0)
		for h := from; h < to; h++ {
			now := map[int64]int64{}
			for _, c := range history {
				if c.at > h {
					break
				}
				switch _, holds := now[c.user]; {
				case c.kind == "DROP":
					delete(now, c.user)
				case c.kind == "HOLD" || holds:
					now[c.user] = c.allotment
				}
			}
			for user, allotment := range now {
				wantHeld[place{user, allotment}]++
			}
			var units *int64
			for at := 0; at <= h; at++ {
				if n, set := bought[at]; set {
					units = n
				}
			}
			if units != nil && *units > int64(len(now)) {
				wantSpare += *units - int64(len(now))
			}
		}
		if !maps.Equal(held, wantHeld) || spare != wantSpare {
			t.Fatalf("round %d: held %v, spare %d\nwant %v, %d", round, held, spare, wantHeld, wantSpare)
		}
	}
}

// What is recorded later did not happen earlier: a clock that was behind moves nothing into the past.
func TestLedgerWithClocksApart(t *testing.T) {
	origin := day(t, "2026-01-01")
	var told []cost.Holding
	ledger := cost.NewLedger(origin, nil, func(h cost.Holding) { told = append(told, h) }, func(int64, time.Time, time.Time) { t.Error("nothing was bought") })
	ledger.Hold(1, 0, origin.Add(2*time.Hour))
	ledger.Drop(1, origin.Add(time.Hour))
	ledger.Hold(2, 7, origin.Add(time.Hour))
	ledger.Close(origin.Add(3 * time.Hour))
	if len(told) != 1 || told[0] != (cost.Holding{User: 2, Allotment: 7, From: origin.Add(2 * time.Hour), To: origin.Add(3 * time.Hour)}) {
		t.Errorf("told %v", told)
	}
}
