package operation_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/store"
)

// stretched makes a license with an overage.
func (w *world) stretched(quantity, overage int) string {
	w.Helper()
	l := w.license(quantity)
	w.do("updateLicense", in{"licenseId": l, "overage": overage})
	return l
}

// stock tells what the limit of a license is made of: 1000+100, and that the overage shrinks.
func (w *world) stock(l string) string {
	w.Helper()
	var answer struct{ Node pool }
	w.ask(`query($id: ID!) { node(id: $id) { ... on License { quantity overage overageShrinks committed limit } } }`, in{"id": l}, &answer)
	return answer.Node.stock()
}

func TestWX19UnusedOverageIsRemoved(t *testing.T) {
	each(t, func(w *world) {
		l := w.stretched(1000, 200)
		users := w.users(1100)
		w.want(tally(w.assign(l, users)), "1100 ACTIVE")

		before := w.snapshot()
		dry := w.do("removeUnusedOverage", in{"licenseId": l, "dryRun": true})
		w.want(dry.Plan, []overageStep{step(l, 200, 100, 1100)})
		w.want(w.changed(before), []string{"decisions"})

		done := w.do("removeUnusedOverage", in{"licenseId": l})
		w.want(done.Plan, dry.Plan)
		w.want(done.Licenses[0], "1100: 1100 used 0 reserved 0 left FULL")
		w.want(w.stock(l), "1000+100 shrinks")

		v := w.assign(l, w.users(1))[0].Violations[0]
		w.want([]any{v.Code, *v.Requested, *v.Available, *v.ShortBy}, []any{"INSUFFICIENT_POOL", 1, 0, 1})
		w.unassign(l, users[0])
		w.want(w.figures(l), "1099: 1099 used 0 reserved 0 left FULL")

		w.unassign(l, users[1:200]...)
		w.want(w.figures(l), "1000: 900 used 0 reserved 100 left OK") // seats left, not lost
	})
}

func TestWX19NothingIsInUseOfAnOverage(t *testing.T) {
	each(t, func(w *world) {
		l := w.stretched(1000, 200)
		w.assign(l, w.users(900))
		done := w.do("removeUnusedOverage", in{"licenseId": l})
		w.want(done.Plan, []overageStep{step(l, 200, 0, 1000)})
		w.want(done.Licenses[0], "1000: 900 used 0 reserved 100 left OK")
		w.want(w.stock(l), "1000")
	})
}

func step(license string, before, after, limit int) overageStep {
	s := overageStep{OverageBefore: before, OverageAfter: after, Removed: before - after, LimitAfter: &limit}
	s.License.ID = license
	return s
}

func TestRemovingFromAllLicenses(t *testing.T) {
	each(t, func(w *world) {
		plain, some, none := w.license(5), w.stretched(5, 5), w.stretched(5, 5)
		full := w.stretched(1, 1)
		w.assign(some, w.users(7))
		w.assign(full, w.users(2))
		done := w.do("removeUnusedOverage", in{"all": true})
		w.want(done.Plan, []overageStep{step(some, 5, 2, 7), step(none, 5, 0, 5), step(full, 1, 1, 2)})
		w.want([]string{w.stock(plain), w.stock(some), w.stock(none), w.stock(full)}, []string{"5", "5+2 shrinks", "5", "1+1 shrinks"})
		w.want(w.do("removeUnusedOverage", in{"all": true}).Plan, []overageStep{step(some, 2, 2, 7), step(full, 1, 1, 2)})

		w.invalid("licenseId", "removeUnusedOverage", in{})
		w.invalid("licenseId", "removeUnusedOverage", in{"all": false})
		w.invalid("licenseId", "removeUnusedOverage", in{"all": true, "licenseId": some})
		w.want(w.do("removeUnusedOverage", in{"licenseId": w.boundless()}).Plan[0].LimitAfter, nil)
	})
}

// Every way of giving a unit back takes the overage down, and nobody who waits gets it, until there is no overage.
func TestEveryReleaseShrinksTheOverage(t *testing.T) {
	each(t, func(w *world) {
		l := w.stretched(2, 7)
		direct, members := w.users(3), w.users(3)
		share := w.allot(l, 3)
		reserve := w.do("createAllocation", in{"licenseId": l, "type": "CUSTOM_RESERVATION", "name": "Sales", "quantity": 0}).Allocation.ID
		w.assign(l, direct)
		g := w.group(members...)
		w.grant(g, l)
		waiting := w.users(2)
		w.do("removeUnusedOverage", in{"licenseId": l})
		w.assign(l, waiting, in{"whenFull": "WAIT"})
		w.want(w.stock(l), "2+7 shrinks")
		w.want(w.figures(l), "9: 6 used 3 reserved 0 left FULL 2 waiting")

		w.unassign(l, direct[0])
		w.want(w.stock(l), "2+6 shrinks")
		w.leave(g, members[0])
		w.want(w.stock(l), "2+5 shrinks")
		w.do("deleteUsers", in{"userIds": members[1:2]})
		w.want(w.stock(l), "2+4 shrinks")
		w.change(direct[1], in{"enabled": false})
		w.want(w.stock(l), "2+3 shrinks")
		w.limit(share, 2)
		w.want(w.stock(l), "2+2 shrinks")
		w.do("updateAllocation", in{"allocationId": reserve, "quantity": 0})
		w.do("deleteAllotment", in{"allotmentId": share})
		w.want(w.stock(l), "2")
		w.want(w.figures(l), "2: 2 used 0 reserved 0 left FULL 2 waiting 1 errors") // who was disabled keeps the intent
		w.want(w.all(l, waiting), "WAITING 1, WAITING 2")

		w.unassign(l, direct[2])
		w.want(w.all(l, waiting), "ACTIVE, WAITING 1")
		w.want(w.happenings("OVERAGE_SHRUNK"), 6)
	})
}

func TestAnAllocationGivesBackToAShrinkingOverage(t *testing.T) {
	each(t, func(w *world) {
		l := w.stretched(2, 5)
		a := w.do("createAllocation", in{"licenseId": l, "type": "CUSTOM_RESERVATION", "name": "Sales", "quantity": 6}).Allocation.ID
		w.do("removeUnusedOverage", in{"licenseId": l})
		w.want(w.stock(l), "2+4 shrinks")
		w.do("updateAllocation", in{"allocationId": a, "quantity": 4})
		w.want(w.stock(l), "2+2 shrinks")
		w.do("deleteAllocation", in{"allocationId": a})
		w.want(w.stock(l), "2")
	})
}

// Handing a seat over from one reason to the next is no release.
func TestHandingOverDoesNotShrink(t *testing.T) {
	each(t, func(w *world) {
		l := w.stretched(1, 1)
		ann, ben := w.user(), w.user()
		g := w.group(ann)
		w.grant(g, l)
		w.assign(l, []string{ann, ben})
		w.do("removeUnusedOverage", in{"licenseId": l})
		w.leave(g, ann)
		w.want(w.stock(l), "1+1 shrinks")
		w.want(w.all(l, []string{ann, ben}), "ACTIVE, ACTIVE")
		w.unassign(l, ann)
		w.want(w.stock(l), "1")
	})
}

// What is bought takes the place of what was not; an overage that is asked for anew is there to be used.
func TestBuyingCoversAShrinkingOverage(t *testing.T) {
	each(t, func(w *world) {
		l := w.stretched(2, 3)
		w.assign(l, w.users(5))
		w.do("removeUnusedOverage", in{"licenseId": l})
		w.limit(l, 4)
		w.want(w.stock(l), "4+1 shrinks")
		w.limit(l, 3)
		w.want(w.figures(l), "4: 5 used 0 reserved 0 left OVER_LIMIT 1 over")
		w.want(w.do("updateLicense", in{"licenseId": l, "overage": 4}).License.Overage, 4)
		w.want(w.stock(l), "3+4")
		w.want(w.figures(l), "7: 5 used 0 reserved 2 left OK")
	})
}

// Writers at once on a license whose overage shrinks: the limit never rises, no more is used than it says, and the overage is what is
// held beyond what was bought.
func TestAShrinkingOverageUnderLoad(t *testing.T) {
	each(t, func(w *world) {
		const quantity, overage, writers = 10, 80, 8
		l := w.stretched(quantity, overage)
		users := w.users(quantity + overage + 8)
		w.assign(l, users[:quantity+overage])
		w.do("removeUnusedOverage", in{"licenseId": l})
		var group sync.WaitGroup
		for part := range slices.Chunk(users, len(users)/writers) {
			group.Go(func() {
				r := rand.New(rand.NewPCG(uint64(len(part)), 7))
				for range 25 {
					user := part[r.IntN(len(part))]
					name, input := "unassignSeats", in{"licenseId": l, "userIds": []string{user}}
					if r.IntN(2) == 0 {
						name, input["whenFull"] = "assignSeats", []string{"WAIT", "DENY"}[r.IntN(2)]
					}
					if _, err := w.client.Try(w.Context(), mutation(name), apptest.Vars{"input": input}); err != nil {
						w.Error(err)
					}
				}
			})
		}
		group.Wait()
		last := int64(quantity + overage)
		n := 0
		w.history(l, func(capacity, used int64) {
			n++
			if capacity > last || used > capacity || capacity != max(quantity, used) {
				w.Errorf("state %d: limit %d after %d, %d used", n, capacity, last, used)
			}
			last = capacity
		})
		if n < 20 || last > quantity+overage-20 {
			w.Errorf("%d states, the last limit is %d", n, last)
		}
	})
}

// history reads the states of a license since the first one that was full.
func (w *world) history(l string, see func(capacity, used int64)) {
	w.Helper()
	err := w.Store.View(w.Context(), func(ctx context.Context, r *store.Reader) error {
		rows, err := r.Query(ctx, `SELECT capacity, used FROM license_states WHERE license_id = $1 ORDER BY id`, key(l))
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		full := false
		for rows.Next() {
			var capacity, used int64
			if err := rows.Scan(&capacity, &used); err != nil {
				return err
			}
			if full = full || used == capacity && used > 0; full {
				see(capacity, used)
			}
		}
		return rows.Err()
	})
	if err != nil {
		w.Fatal(err)
	}
}

// verify sees an overage that should have shrunk, and units that no purchase reservation stands for.
func TestVerifySeesStocks(t *testing.T) {
	each(t, func(w *world) {
		l := w.stretched(2, 3)
		w.assign(l, w.users(4))
		w.do("removeUnusedOverage", in{"licenseId": l})
		broken := w.license(5)
		for _, change := range []string{
			`UPDATE licenses SET overage = 3, capacity = 5, ceiling = 5 WHERE id = $1`,
			`UPDATE licenses SET committed = 2, capacity = 7, ceiling = 7 WHERE id = $1`,
		} {
			license := l
			if change[len("UPDATE licenses SET ")] == 'c' {
				license = broken
			}
			err := w.Store.Update(w.Context(), func(ctx context.Context, tx *store.Tx) error {
				if _, err := tx.Exec(ctx, change, key(license)); err != nil {
					return err
				}
				var found []string
				_, err := (&operation.Audit{Report: func(f operation.Finding) { found = append(found, f.Rule+" "+f.Message) }}).Within(ctx, tx.Reader)
				if len(found) == 0 || !slices.ContainsFunc(found, func(text string) bool {
					return text == "P1 has an overage of 3 that shrinks, of which 1 are not in use" ||
						text == "P2 says committed 2, but 0 units of purchase reservations have started"
				}) {
					w.Errorf("%s: %v", change, found)
				}
				if err != nil {
					return err
				}
				return store.ErrRollback
			})
			if err != nil {
				w.Fatal(err)
			}
		}
	})
}
