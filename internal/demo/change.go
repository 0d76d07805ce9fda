package demo

import (
	"context"

	"github.com/99designs/gqlgen/graphql"

	"github.com/ringfence/ringfence/internal/operation"
)

// leavers are the people who have left Contoso since: their accounts are disabled and hold nothing.
var leavers = []struct {
	rules       []rule
	skip, count int
}{
	{[]rule{in("Sales"), from("US")}, 5, 3}, {[]rule{in("Engineering"), from("GB")}, 9, 2}, {[]rule{in("Marketing"), staff}, 20, 2},
	{[]rule{in("Stores"), staff}, 30, 4},
}

// changes are what happened to the seats since: people left, some were excluded, a limit was lowered, a license is being swapped.
func (l *loader) changes(ctx context.Context) error {
	if err := l.leave(ctx); err != nil {
		return err
	}
	note := "On parental leave"
	if _, err := run(ctx, l, principal(liam), &operation.ExcludeFromGroupLicense{
		Request: l.next(), GroupLicenseID: l.grants["Jira users"], UserIDs: l.some(40, 2, in("Engineering")), EndsAt: l.moment(60), Note: &note,
	}); err != nil {
		return err
	}
	note = "Works in the partner's Jira"
	if _, err := run(ctx, l, principal(liam), &operation.ExcludeFromGroupLicense{
		Request: l.next(), GroupLicenseID: l.grants["Jira users"], UserIDs: l.some(90, 1, in("Engineering")), Note: &note,
	}); err != nil {
		return err
	}
	// The swap ends when the last two have a seat of the new license; until then they keep the old one (semantics.md, WX-17).
	orders := l.allotments["e3-orders"]
	if _, err := run(ctx, l, principal(liam), &operation.SwapGroupLicense{
		Request: l.next(), GroupLicenseID: l.grants["Order desk"], AllotmentID: &orders,
	}); err != nil {
		return err
	}
	return l.lower(ctx)
}

// lower lowers limits below use. Nobody loses a seat; the pools are over their limit. What those who left have set free in the
// United Kingdom is given out again, so that it is full.
func (l *loader) lower(ctx context.Context) error {
	less, fewer := 12, 105
	if _, err := run(ctx, l, principal(liam), &operation.UpdateAllotment{
		Request: l.next(), AllotmentID: l.allotments["e5-nordics"], Limit: graphql.OmittableOf(&less),
	}); err != nil {
		return err
	}
	if _, err := run(ctx, l, principal(liam), &operation.UpdateLicense{Request: l.next(), LicenseID: l.licenses["EMS"], Quantity: &fewer}); err != nil {
		return err
	}
	return l.assign(ctx, direct{by: ursula, allotment: "e5-uk", rules: []rule{in("Legal", "Executive Office", "Information Technology"), from("GB")}, skip: 4, count: 5})
}

// leave disables the accounts of those who left.
func (l *loader) leave(ctx context.Context) error {
	gone := map[string]bool{}
	for _, left := range leavers {
		for _, userName := range (group{rules: left.rules, skip: left.skip, most: left.count}).members(l.people) {
			gone[userName] = true
		}
	}
	var inputs []operation.UserInput
	enabled := false
	for i, p := range l.people {
		if gone[p.userName] {
			input := p.input(i)
			input.Enabled = &enabled
			inputs = append(inputs, input)
		}
	}
	_, err := run(ctx, l, system(), &operation.UpsertUsers{Request: l.next(), Users: inputs})
	return err
}

// denials are requests that the policy or the ledger refuses, each for a reason of its own.
func (l *loader) denials(ctx context.Context) error {
	whole, many := true, 80
	london, uk, emea, e5 := l.allotments["e5-london"], l.allotments["e5-uk"], l.allotments["e5-emea"], l.licenses["SPE_E5"]
	perpetual, expired, confluence := l.licenses["VISIO-PRO-2021"], l.licenses["FIGMA-ORG"], l.licenses["CONF-PREM"]
	londoners := l.some(0, 1, in("Sales"), at("London"))
	for _, deny := range []func() error{
		func() error {
			return denied(ctx, l, ursula, &operation.AssignSeats{Request: l.next(), AllotmentID: &uk, UserIDs: l.some(0, 2, in("Finance"), at("Berlin")), Atomic: &whole})
		},
		func() error {
			return denied(ctx, l, ursula, &operation.AssignSeats{Request: l.next(), AllotmentID: &emea, UserIDs: londoners})
		},
		// She sees the license that her allotment is a share of, and is no delegate of it.
		func() error {
			return denied(ctx, l, ursula, &operation.AssignSeats{Request: l.next(), LicenseID: &e5, UserIDs: londoners})
		},
		func() error {
			return denied(ctx, l, dora, &operation.UpdateAllotment{Request: l.next(), AllotmentID: emea, Limit: graphql.OmittableOf(&many)})
		},
		func() error {
			return denied(ctx, l, pat, &operation.AssignSeats{Request: l.next(), AllotmentID: &uk, UserIDs: londoners})
		},
		func() error {
			return denied(ctx, l, noel, &operation.UpdateLicense{Request: l.next(), LicenseID: e5, Quantity: &many})
		},
		func() error {
			return denied(ctx, l, aisha, &operation.DeleteAllotment{Request: l.next(), AllotmentID: london})
		},
		func() error {
			return denied(ctx, l, liam, &operation.CreateAllotment{Request: l.next(), LicenseID: &e5, Name: "Acquisition", Limit: &many})
		},
		func() error {
			return denied(ctx, l, liam, &operation.CreateAllotment{Request: l.next(), ParentID: &uk, Name: "Scotland", Limit: &many, Mode: text("CEILING"),
				Scope: &operation.ScopeInput{Countries: []string{"GB", "IE"}}})
		},
		func() error {
			few := 5
			return denied(ctx, l, liam, &operation.CreateAllotment{Request: l.next(), LicenseID: &perpetual, Name: "Drawing office", Limit: &few})
		},
		func() error {
			return denied(ctx, l, liam, &operation.AssignSeats{Request: l.next(), LicenseID: &expired, UserIDs: l.some(0, 3, in("Marketing")), Atomic: &whole})
		},
		func() error {
			return denied(ctx, l, liam, &operation.AssignSeats{Request: l.next(), LicenseID: &confluence, UserIDs: l.some(20, 2, in("Marketing"), staff), Atomic: &whole})
		},
		// London has units left; the United Kingdom above it has none.
		func() error {
			return denied(ctx, l, ursula, &operation.AssignSeats{Request: l.next(), AllotmentID: &london, UserIDs: londoners, Atomic: &whole})
		},
	} {
		if err := deny(); err != nil {
			return err
		}
	}
	return l.last(ctx)
}

// last looks ahead without changing anything, and then marks the load as complete.
func (l *loader) last(ctx context.Context) error {
	dry := true
	uk, end := l.allotments["e5-uk"], keyEnd
	if _, err := run(ctx, l, principal(ursula), &operation.AssignSeats{
		Request: operation.Request{DryRun: &dry}, AllotmentID: &uk, UserIDs: l.some(0, 1, in("Legal"), from("GB")),
	}); err != nil {
		return err
	}
	java := l.licenses["JAVA-SE-U"]
	_, err := run(ctx, l, principal(liam), &operation.RetrySeats{Request: operation.Request{IdempotencyKey: &end}, LicenseID: &java})
	return err
}
