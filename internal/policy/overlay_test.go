package policy_test

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/policy/policytest"
)

func engineFrom(t testing.TB, dir string) *policy.Engine {
	t.Helper()
	e, err := policy.New(t.Context(), policy.Config{Dir: dir, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func assign(limit *int64, location string) *policy.Input {
	key := licensing.PoolKey{License: 12}
	return &policy.Input{
		Now:       time.Unix(1000, 0),
		Action:    "assignSeats",
		Principal: policy.Principal{Name: "ada", Roles: []string{"LICENSE_ADMIN"}},
		License:   &policy.License{ID: 12, ProductKind: "SUBSCRIPTION", SKU: "E3"},
		Pools:     []policy.Pool{{Key: key, Name: "E3", Mode: policy.ModeLicense, Limit: limit, Draws: true, Requested: 1}},
		Subjects:  []policy.Subject{{UserID: 1, Type: "MEMBER", Enabled: true, UsageLocation: location, Via: policy.ViaDirect}},
	}
}

// WX-18s: 5 % over, at least 1.
func TestSoftLimitRaisesTheCeiling(t *testing.T) {
	e := engineFrom(t, policytest.Dir(t, policytest.SoftLimit))
	for limit, ceiling := range map[int64]int64{10: 11, 19: 20, 30: 31, 100: 105, 275: 288} {
		a := e.Decide(t.Context(), assign(&limit, "GB"))
		if !a.Allow {
			t.Fatalf("limit %d: %+v", limit, a)
		}
		if got := a.Ceilings[licensing.PoolKey{License: 12}]; got != ceiling {
			t.Errorf("limit %d: ceiling %d, want %d", limit, got, ceiling)
		}
	}
	if a := e.Decide(t.Context(), assign(nil, "GB")); !a.Allow || len(a.Ceilings) != 0 {
		t.Errorf("unlimited: %+v", a)
	}
}

func TestTheDefaultPolicyRaisesNoCeiling(t *testing.T) {
	limit := int64(10)
	if a := engineFrom(t, "").Decide(t.Context(), assign(&limit, "GB")); !a.Allow || len(a.Ceilings) != 0 {
		t.Errorf("%+v", a)
	}
}

func TestACountryIsBarredByAFile(t *testing.T) {
	dir := policytest.Dir(t)
	e := engineFrom(t, dir)
	limit := int64(10)
	if a := e.Decide(t.Context(), assign(&limit, "KP")); len(a.Subjects[0].Denials) != 0 {
		t.Fatalf("barred before: %+v", a)
	}
	policytest.Apply(t, dir, policytest.Barred)
	if err := e.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	a := e.Decide(t.Context(), assign(&limit, "KP"))
	if !a.Allow || len(a.Subjects[0].Denials) != 1 || a.Subjects[0].Denials[0].Code != "COUNTRY_BARRED" {
		t.Errorf("KP: %+v", a)
	}
	if a := e.Decide(t.Context(), assign(&limit, "GB")); len(a.Subjects[0].Denials) != 0 {
		t.Errorf("GB: %+v", a)
	}
}
