package stress_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"github.com/ringfence/ringfence/internal/app"
	"github.com/ringfence/ringfence/internal/app/apptest"
	past "github.com/ringfence/ringfence/internal/history"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/store"
	"github.com/ringfence/ringfence/internal/store/storetest"
	"github.com/ringfence/ringfence/policies"
)

// What 64 clients did at once is run again one request after the other, in the order in which the record has it, and comes to the same:
// every seat at every time, and every answer. On PostgreSQL a few answers may differ that changed nothing: a request that names what
// another one is about to make or to delete is told that it is not there before it waits for any lock (docs/decisions/0029).
func TestHistoryOfEverything(t *testing.T) {
	eachShape(t, func(t *testing.T, d *deployment) {
		s := newScene(t, d)
		ctx, cancel := context.WithTimeout(t.Context(), length(t, 2*time.Second))
		defer cancel()
		var all sync.WaitGroup
		for i := range clients {
			rng := rand.New(rand.NewPCG(uint64(i), uint64(time.Now().UnixNano())))
			all.Go(func() {
				for ctx.Err() == nil && !t.Failed() {
					s.act(context.WithoutCancel(ctx), d.pick(i), rng)
				}
			})
		}
		all.Wait()
		s.quiet(t)
		again(t, d.store, d.store.Dialect() == dialect.Postgres)
	})
}

// Delegates assign seats at once. On SQLite they come and go meanwhile, with their departments and the scopes: whoever is a delegate
// when a request is decided is one when it is decided again. On PostgreSQL, who may do nothing of the kind is refused before the request
// waits for the license, and members of groups change without it, so there this holds as long as delegations stay as they are
// (docs/decisions/0029).
func TestHistoryOfDelegates(t *testing.T) {
	for _, of := range shapes {
		t.Run(of.name, func(t *testing.T) {
			url := storetest.URL(t, of.dialect)
			s := storetest.Open(t, url, store.Config{})
			services := make([]*apptest.Service, of.replicas)
			for i := range services {
				services[i] = apptest.StartOn(t, url, sweepOften)
			}
			as := func(n int, user string, roles ...string) *client {
				service := services[n%len(services)]
				return &client{url: service.URL, token: service.Token(user, roles...)}
			}
			e := newEstate(t, as(0, "root@contoso.example", identity.RoleGlobalAdmin))
			pools := e.tree(40)[1:]
			names := make([]string, 24)
			inputs := make([]in, len(names))
			for i := range names {
				names[i] = fmt.Sprintf("delegate%d@contoso.example", i)
				inputs[i] = in{"userName": names[i], "department": "Sales"}
			}
			var users []string
			for _, user := range e.do("upsertUsers", in{"users": inputs}).Users {
				users = append(users, user.ID)
			}
			group := e.group(users[:4]...)
			ctx, cancel := context.WithTimeout(t.Context(), length(t, 2*time.Second))
			defer cancel()
			var all sync.WaitGroup
			for i := range clients {
				rng := rand.New(rand.NewPCG(uint64(i), uint64(time.Now().UnixNano())))
				all.Go(func() {
					for ctx.Err() == nil && !t.Failed() {
						who, name, input := as(i, one(rng, names)), one(rng, []string{"assignSeats", "unassignSeats"}), in{"allotmentId": one(rng, pools), "userIds": some(rng, users, 2)}
						if i%8 == 0 && of.dialect == dialect.SQLite {
							who = as(i, "root@contoso.example", identity.RoleGlobalAdmin)
							switch rng.IntN(4) {
							case 0:
								name, input = "updateAllotment", in{"allotmentId": one(rng, pools), "delegateUserIds": some(rng, users, 8), "delegateGroupIds": []string{group}}
							case 1:
								name, input = one(rng, []string{"addGroupMembers", "removeGroupMembers"}), in{"groupId": group, "userIds": some(rng, users, 3)}
							case 2:
								name, input = "updateAllotment", in{"allotmentId": one(rng, pools), "scope": one(rng, []in{{}, {"departments": []string{"Sales"}}, {"groupIds": []string{group}}})}
							default:
								name, input = "upsertUsers", in{"users": []in{{"userName": one(rng, names), "department": one(rng, []string{"Sales", "IT"})}}}
							}
						}
						if _, err := who.mutate(context.WithoutCancel(ctx), name, input); err != nil && codeOf(err) == "" {
							t.Errorf("%s: %v", name, err)
						}
					}
				})
			}
			all.Wait()
			again(t, s, false)
		})
	}
}

// again runs the history of a database again under the policy it has. A hundredth of the answers may differ if that is said, but no seat.
func again(t *testing.T, s *store.Store, some bool) {
	t.Helper()
	files, err := policy.ReadFiles(policies.FS)
	if err != nil {
		t.Fatal(err)
	}
	same, problems := policy.Build(t.Context(), files, policy.Limits{Timeout: 10 * time.Second})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	r, err := app.Simulate(t.Context(), past.Config{Recorded: s, Policy: same, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d requests and %d steps of the service again in %.1f s, %d changes of seats", r.Counts.Requests, r.Counts.Own, r.Seconds, r.Changes.Then)
	for _, d := range r.Differences {
		t.Logf("%+v", *d)
	}
	if r.Counts.Different > 0 && (!some || r.Counts.Different > 1+r.Counts.Requests/100) {
		t.Errorf("%d requests are answered otherwise", r.Counts.Different)
	}
	if !r.SameCourse || len(r.Users)+len(r.Pools) > 0 || r.Counts.Requests == 0 {
		t.Errorf("another course: %+v, users %+v, pools %+v", r.Changes, r.Users, r.Pools)
	}
}
