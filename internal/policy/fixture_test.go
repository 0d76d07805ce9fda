package policy

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/licensing"
)

var testNow = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func ptr[T any](v T) *T { return &v }

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func newEngine(t testing.TB, c Config) *Engine {
	t.Helper()
	if c.Logger == nil {
		c.Logger = quiet()
	}
	e, err := New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// assignInput is one seat for one user, out of London (CEILING) in UK (RESERVED) of an E3 license.
func assignInput() *Input {
	return &Input{
		Now:       testNow,
		Action:    "assignSeats",
		Principal: Principal{Name: "lena@example.org", Roles: nil, UserID: 7001, DelegateOf: true},
		License: &License{
			ID: 12, ProductKind: "SUBSCRIPTION", SKU: "ENTERPRISEPACK", Quantity: 27500,
			Plans: []string{"EXCHANGE_S_ENTERPRISE", "MCOSTANDARD", "SHAREPOINTENTERPRISE", "TEAMS1"},
		},
		Pools: []Pool{
			{
				Key: licensing.PoolKey{License: 12, Allotment: 34}, Name: "London", Mode: ModeCeiling, Limit: ptr[int64](2500), Used: 1010,
				Available: ptr[int64](1490), Requested: 1, Draws: true, Delegate: true,
				Scope: Scope{Departments: []string{"Sales", "Marketing"}},
			},
			{
				Key: licensing.PoolKey{License: 12, Allotment: 33}, Name: "UK", Mode: ModeReserved, Limit: ptr[int64](6000), Used: 5010,
				Available: ptr[int64](990), Requested: 1, Draws: true, Scope: Scope{Countries: []string{"GB", "IE"}},
			},
			{
				Key: licensing.PoolKey{License: 12}, Name: "ENTERPRISEPACK", Mode: ModeLicense, Limit: ptr[int64](27500), Used: 10000,
				Reserved: 15000, Available: ptr[int64](2500), StartsAt: ptr(testNow.AddDate(-1, 0, 0)), EndsAt: ptr(testNow.AddDate(1, 0, 0)),
			},
		},
		Subjects: []Subject{{
			UserID: 8001, Type: "MEMBER", Enabled: true, Department: "Sales", UsageLocation: "GB", Via: ViaDirect,
			HeldPlans: []string{"MCOEV"},
		}},
	}
}

func adminInput() *Input {
	in := assignInput()
	in.Principal = Principal{Name: "ada@example.org", Roles: []string{"LICENSE_ADMIN"}, UserID: 7000}
	in.Pools[0].Delegate = false
	return in
}
