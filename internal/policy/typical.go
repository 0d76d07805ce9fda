package policy

import (
	"slices"
	"time"

	"github.com/ringfence/ringfence/internal/licensing"
)

// Case is a request as the service would put it, with a name for people. House rules, figures and profiles are about cases.
type Case struct {
	Name  string
	Input *Input
}

// The moment, the license and the pools of the typical requests: London draws on UK (CEILING), UK is carved out of the license.
var (
	typicalNow     = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	typicalLicense = licensing.PoolKey{License: 12}
	typicalParent  = licensing.PoolKey{License: 12, Allotment: 33}
	typicalTarget  = licensing.PoolKey{License: 12, Allotment: 34}
)

// Who asks in the typical requests. None is a subject of their own request, because a policy may let everybody give a seat back.
var (
	nobody            = Principal{Name: "nobody@example.org", UserID: 7100}
	auditor           = Principal{Name: "audra@example.org", UserID: 7101, Roles: []string{"AUDITOR"}}
	analyst           = Principal{Name: "anil@example.org", UserID: 7102, Roles: []string{"ANALYST"}}
	licenseAdmin      = Principal{Name: "lia@example.org", UserID: 7103, Roles: []string{"LICENSE_ADMIN"}}
	contractManager   = Principal{Name: "conny@example.org", UserID: 7105, Roles: []string{"CONTRACT_MANAGER"}}
	delegateHere      = Principal{Name: "delia@example.org", UserID: 7106, DelegateOf: true}
	delegateElsewhere = Principal{Name: "elsa@example.org", UserID: 7107, DelegateOf: true}
	service           = Principal{Name: "ringfence", System: true}
)

// typicalSubject is a user whom the scope of the pools admits.
func typicalSubject(id int64) Subject {
	return Subject{UserID: id, Type: "MEMBER", Enabled: true, Department: "Sales", UsageLocation: "GB", Groups: []int64{}, Via: ViaDirect, Count: 1}
}

// typical is a request for an action with all the parts that any action has, so that no rule can refuse it for want of a fact. The
// delegate is one of the target.
func typical(action string, who Principal) *Input {
	limit := func(n int64) *int64 { return &n }
	year := typicalNow.AddDate(1, 0, 0)
	return &Input{
		Now: typicalNow, Action: action, Principal: who,
		License: &License{ID: 12, ProductKind: "SUBSCRIPTION", SKU: "ENTERPRISEPACK", Quantity: 275},
		Pools: []Pool{
			{
				Key: typicalTarget, Name: "London", Mode: ModeCeiling, Limit: limit(25), Used: 10, Available: limit(15), Requested: 1, Draws: true,
				Delegate: who.UserID == delegateHere.UserID, Scope: Scope{Departments: []string{"Sales"}},
			},
			{
				Key: typicalParent, Name: "UK", Mode: ModeReserved, Limit: limit(60), Used: 30, Available: limit(30), Requested: 1, Draws: true,
				Scope: Scope{Countries: []string{"GB", "IE"}},
			},
			{Key: typicalLicense, Name: "ENTERPRISEPACK", Mode: ModeLicense, Limit: limit(275), Reserved: 60, Available: limit(215), EndsAt: &year},
		},
		Subjects: []Subject{typicalSubject(8001)},
		Allotment: &AllotmentChange{Mode: ModeReserved, Limit: limit(5), Requested: 5, Fields: []string{"limit"},
			Scope: Scope{Departments: []string{"Sales"}, Countries: []string{"GB"}}},
		Group:    &Group{ID: 41, Members: 3},
		Purchase: &Purchase{Quantity: 10, StartsAt: typicalNow.AddDate(0, 4, 0), DaysAhead: 122, MonthsAhead: 4},
		Renewals: []Renewal{{Pool: typicalLicense, Name: "ENTERPRISEPACK", Quantity: 275, Consumed: 90}},
	}
}

// bare is a request for an action about nothing but itself.
func bare(action string, who Principal) *Input {
	return &Input{Now: typicalNow, Action: action, Principal: who}
}

// Typical are the requests whose cost an author is told: those that hold locks, and those that are refused.
func Typical() []Case {
	batch := typical("assignSeats", delegateHere)
	for id := int64(8002); len(batch.Subjects) < 100; id++ {
		batch.Subjects = append(batch.Subjects, typicalSubject(id))
	}
	outside := typical("assignSeats", delegateHere)
	outside.Subjects[0].Department = "Legal"
	return []Case{
		{"a delegate assigns a seat", typical("assignSeats", delegateHere)},
		{"a license admin assigns a seat", typical("assignSeats", licenseAdmin)},
		{"a delegate assigns 100 seats", batch},
		{"a seat outside the scope", outside},
		{"a seat that nobody granted", typical("assignSeats", nobody)},
		{"a license admin licenses a group", typical("licenseGroup", licenseAdmin)},
		{"a license admin makes an allotment", typical("createAllotment", licenseAdmin)},
		{"a contract manager changes a contract", bare("updateContract", contractManager)},
		{"the service gives a freed seat", typical("promoteSeats", service)},
	}
}

// actionsOf are the actions that a policy may grant: those its settings list and those of the default policy, with whether they
// give seats. A policy that lists none could otherwise not be asked about any.
func actionsOf(document map[string]any) (all, giving []string) {
	gives := map[string]bool{}
	for _, source := range []map[string]any{defaultDocument(), document} {
		settings, _ := source["settings"].(map[string]any)
		actions, _ := settings["actions"].(map[string]any)
		for name, about := range actions {
			about, _ := about.(map[string]any)
			gives[name] = gives[name] || about["gives"] == true
		}
	}
	for name, seats := range gives {
		all = append(all, name)
		if seats {
			giving = append(giving, name)
		}
	}
	slices.Sort(all)
	slices.Sort(giving)
	return all, giving
}
