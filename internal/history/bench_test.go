package history_test

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/ringfence/ringfence/internal/app"
	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/history"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

// BenchmarkSimulate runs a history again in which 2,000 seats of one license are given and taken one by one.
func BenchmarkSimulate(b *testing.B) {
	for _, d := range storetest.Dialects {
		b.Run(d, func(b *testing.B) {
			s := apptest.Start(b, d)
			admin := s.Admin()
			var made struct {
				V, P, C, L struct{ X struct{ ID string } }
			}
			admin.Do(`mutation { v: createVendor(input: {name: "Microsoft"}) { x: vendor { id } } }`, nil, &made)
			admin.Do(`mutation($v: ID!) { p: createProduct(input: {vendorId: $v, name: "E5"}) { x: product { id } }
				c: createContract(input: {vendorId: $v, number: "1", name: "EA"}) { x: contract { id } } }`, apptest.Vars{"v": made.V.X.ID}, &made)
			admin.Do(`mutation($c: ID!, $p: ID!) { l: createLicense(input: {contractId: $c, productId: $p, quantity: 1000}) { x: license { id } } }`,
				apptest.Vars{"c": made.C.X.ID, "p": made.P.X.ID}, &made)
			var users []any
			for i := range 1000 {
				users = append(users, in{"userName": fmt.Sprint("user", i)})
			}
			var people struct {
				Answer struct{ Users []struct{ ID string } }
			}
			admin.Do(`mutation($u: [UserInput!]!) { answer: upsertUsers(input: {users: $u}) { users { id } } }`, apptest.Vars{"u": users}, &people)
			for _, name := range []string{"assignSeats", "unassignSeats"} {
				for _, user := range people.Answer.Users {
					admin.Do(`mutation($l: ID!, $u: ID!) { `+name+`(input: {licenseId: $l, userIds: [$u]}) { decision { id } } }`, apptest.Vars{"l": made.L.X.ID, "u": user.ID}, nil)
				}
			}
			b.ResetTimer()
			requests := 0
			for b.Loop() {
				r, err := app.Simulate(b.Context(), history.Config{Recorded: s.Store, Policy: s.Policy.Current(), Logger: slog.New(slog.DiscardHandler)})
				if err != nil || !r.Nothing() {
					b.Fatal(err)
				}
				requests += r.Counts.Requests
			}
			b.ReportMetric(float64(requests)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}
