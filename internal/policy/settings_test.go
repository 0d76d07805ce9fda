package policy

import (
	"errors"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy/policytest"
)

func TestTermsComeFromTheSettings(t *testing.T) {
	if got := newEngine(t, Config{}).Current().Terms(); got != licensing.DefaultTerms {
		t.Errorf("the default policy says %+v, and what holds without a policy is %+v", got, licensing.DefaultTerms)
	}
	e := newEngine(t, Config{Dir: policytest.Changed(t, "data.json", `"grace_days": 30,`, `"grace_days": 5, "assign_in_grace": true, "x": 1,`)})
	if got := e.Current().Terms(); got.GraceDays != 5 || got.ExpiringDays != 60 || e.Current().GuestsByGroup() {
		t.Errorf("%+v", got)
	}
	e = newEngine(t, Config{Dir: policytest.Changed(t, "data.json", `"lifecycle"`, `"other"`)})
	if got := e.Current().Terms(); got != licensing.DefaultTerms {
		t.Errorf("left out: %+v", got)
	}
	e = newEngine(t, Config{Dir: policytest.Changed(t, "data.json", `"license_by_group": false`, `"license_by_group": true`)})
	if !e.Current().GuestsByGroup() {
		t.Error("guests may")
	}
}

func TestTermsThatCannotBe(t *testing.T) {
	for from, to := range map[string]string{
		`"grace_days": 30`:         `"grace_days": -1`,
		`"expiring_days": 60`:      `"expiring_days": "60"`,
		`"expired_days": 90`:       `"expired_days": 1000000`,
		`"cancel_hours": 72`:       `"cancel_hours": 1.5`,
		`"assign_in_grace": false`: `"assign_in_grace": "no"`,
	} {
		_, err := New(t.Context(), Config{Dir: policytest.Changed(t, "data.json", from, to), Logger: quiet()})
		name, _, _ := strings.Cut(strings.Trim(from, `"`), `"`)
		if _, refused := errors.AsType[*RefusedError](err); !refused || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", to, err)
		}
	}
}
