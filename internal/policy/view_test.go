package policy

import (
	"testing"

	"github.com/ringfence/ringfence/internal/filter"
)

func TestVisibilityOfRoles(t *testing.T) {
	e := newEngine(t, Config{})
	reach := Reach{Allotments: []int64{5, 6}, Licenses: []int64{2}, Departments: []string{"Sales"}, Groups: []int64{4}}
	const own = `(user_id = 7)`
	cases := []struct {
		name    string
		who     Principal
		kind    string
		listed  string
		masks   string
		mayDo   string
		mustNot string
	}{
		{name: "administrator", who: Principal{Roles: []string{"GLOBAL_ADMIN"}}, kind: "decision", listed: "everything", mayDo: "deleteUsers", mustNot: "promoteSeats"},
		{name: "auditor", who: Principal{Roles: []string{"AUDITOR"}}, kind: "event", listed: "everything", mustNot: "assignSeats"},
		{name: "analyst", who: Principal{Roles: []string{"ANALYST"}}, kind: "user", listed: "everything", masks: "email", mustNot: "assignSeats"},
		{name: "contract manager", who: Principal{Roles: []string{"CONTRACT_MANAGER"}, UserID: 7}, kind: "user", listed: "id = 7", mayDo: "createLicense", mustNot: "createAllotment"},
		{name: "policy author and contract manager", who: Principal{Roles: []string{"POLICY_AUTHOR", "CONTRACT_MANAGER"}}, kind: "policy", listed: "everything", mayDo: "createLicense"},
		{
			name: "delegate", who: Principal{UserID: 7, DelegateOf: true, Reach: reach}, kind: "seat", mayDo: "assignSeats", mustNot: "createAllotment",
			listed: `(user_id = 7) or ((license_id = 2) and (allotment_id in [5 6])) or (some reasons ((license_id = 2) and (allotment_id in [5 6])))`,
		},
		{
			name: "delegate of users", who: Principal{UserID: 7, DelegateOf: true, Reach: reach}, kind: "user", mayDo: "assignSeats",
			listed: `(id = 7) or (department = "Sales") or (some memberships (group_id = 4)) or (some seats ((license_id = 2) and (allotment_id in [5 6])))`,
		},
		{name: "user", who: Principal{UserID: 7}, kind: "allotment", listed: "nothing", mustNot: "assignSeats"},
		{name: "user of licenses", who: Principal{UserID: 7}, kind: "license", listed: "some seats " + own},
		{name: "user of contracts", who: Principal{UserID: 7}, kind: "contract", listed: "some licenses (some seats " + own + ")"},
		{name: "user of decisions", who: Principal{Name: "Kim@Example.org"}, kind: "decision", listed: `lower(principal) = "kim@example.org"`},
		{name: "nobody", who: Principal{}, kind: "user", listed: "nothing"},
		{name: "service", who: Principal{System: true}, kind: "seat", listed: "everything", mayDo: "promoteSeats"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			view, err := e.Current().Visibility(t.Context(), c.who)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second answer is the one that was kept
				if got := filter.Describe(view.Listed(c.kind)); got != c.listed {
					t.Errorf("%s: %s, want %s", c.kind, got, c.listed)
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
