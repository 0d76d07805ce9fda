package policy

import "testing"

func TestVisibilityOfRoles(t *testing.T) {
	e := newEngine(t, Config{})
	cases := []struct {
		name    string
		who     Principal
		kind    string
		scopes  []string
		masks   string
		mayDo   string
		mustNot string
	}{
		{name: "administrator", who: Principal{Roles: []string{"GLOBAL_ADMIN"}}, kind: "decision", scopes: []string{"all", "own"}, mayDo: "deleteUsers", mustNot: "promoteSeats"},
		{name: "auditor", who: Principal{Roles: []string{"AUDITOR"}}, kind: "event", scopes: []string{"all"}, mustNot: "assignSeats"},
		{name: "analyst", who: Principal{Roles: []string{"ANALYST"}}, kind: "user", scopes: []string{"all", "self"}, masks: "email", mustNot: "assignSeats"},
		{name: "contract manager", who: Principal{Roles: []string{"CONTRACT_MANAGER"}}, kind: "user", scopes: []string{"self"}, mayDo: "createLicense", mustNot: "createAllotment"},
		{name: "policy author and contract manager", who: Principal{Roles: []string{"POLICY_AUTHOR", "CONTRACT_MANAGER"}}, kind: "policy", scopes: []string{"all"}, mayDo: "createLicense"},
		{name: "delegate", who: Principal{DelegateOf: true}, kind: "seat", scopes: []string{"delegated", "self"}, mayDo: "assignSeats", mustNot: "createAllotment"},
		{name: "user", who: Principal{}, kind: "allotment", scopes: nil, mustNot: "assignSeats"},
		{name: "service", who: Principal{System: true}, kind: "seat", scopes: []string{"all", "self"}, mayDo: "promoteSeats"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			view, err := e.Current().Visibility(t.Context(), c.who)
			if err != nil {
				t.Fatal(err)
			}
			if got := view.Visible[c.kind]; len(got) != len(c.scopes) {
				t.Errorf("%s: %v, want %v", c.kind, got, c.scopes)
			}
			for _, scope := range c.scopes {
				if !view.Visible[c.kind][scope] {
					t.Errorf("%s is not shown as %s: %v", c.kind, scope, view.Visible[c.kind])
				}
			}
			if got := view.Masks(c.kind, "email"); got != (c.masks != "") {
				t.Errorf("email masked: %v", got)
			}
			if c.mayDo != "" && !view.Actions[c.mayDo] {
				t.Errorf("may not %s", c.mayDo)
			}
			if c.mustNot != "" && view.Actions[c.mustNot] {
				t.Errorf("may %s", c.mustNot)
			}
		})
	}
}
