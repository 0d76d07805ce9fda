package demo

import (
	"context"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/operation"
)

// share is an allotment of Contoso. Its key is only for this package. Days are from the day the demo was loaded; 0 is none.
type share struct {
	key, license, parent string // of license and parent, one is given
	name                 string
	limit                int
	ceiling              bool
	users, teams         []string // delegates
	offices, departments []string // scope; offices are groups
	countries            []string
	starts, ends         int
}

var emeaCountries = []string{"GB", "DE", "FR", "SE", "PL", "NL", "ES", "AE"}

// tree are the allotments, parents first. The license of Microsoft 365 E5 is shared out over four levels. A scope need not repeat
// the one above it: whoever gets a seat must be within both.
var tree = []share{
	{key: "e5-emea", license: "SPE_E5", name: "EMEA", limit: 170, ceiling: true, users: []string{dora}, countries: emeaCountries},
	{key: "e5-uk", parent: "e5-emea", name: "United Kingdom", limit: 55, ceiling: true, users: []string{ursula}, countries: []string{"GB"}},
	{key: "e5-london", parent: "e5-uk", name: "London", limit: 34, ceiling: true, offices: []string{"Office London", "Engineering London"}},
	{key: "e5-desk", parent: "e5-london", name: "London service desk", limit: 6, ceiling: true, departments: []string{"Information Technology"}},
	{key: "e5-manchester", parent: "e5-uk", name: "Manchester", limit: 12, offices: []string{"Office Manchester", "Engineering Manchester"}},
	{key: "e5-germany", parent: "e5-emea", name: "Germany", limit: 35, users: []string{heike}, countries: []string{"DE"}},
	{key: "e5-nordics", parent: "e5-emea", name: "Nordics", limit: 20, teams: []string{"License delegates Nordics"}, countries: []string{"SE"}},
	{key: "e5-americas", license: "SPE_E5", name: "Americas", limit: 120, teams: []string{"License delegates Americas"}, countries: []string{"US", "BR"}},
	{key: "e5-interns", parent: "e5-americas", name: "Summer interns", limit: 5, users: []string{carlos}, countries: []string{"US"}, starts: 30, ends: 120},
	{key: "e5-apac", license: "SPE_E5", name: "APAC", limit: 40, users: []string{yuki}, countries: []string{"IN", "JP", "CN"}},

	{key: "e3-sales", license: "ENTERPRISEPACK", name: "Sales", limit: 200, departments: []string{"Sales"}},
	{key: "e3-orders", license: "ENTERPRISEPACK", name: "Order desk", limit: 38, departments: []string{"Operations"}},

	{key: "copilot-emea", license: "Microsoft_365_Copilot", name: "Pilot EMEA", limit: 25, users: []string{dora}, countries: emeaCountries, ends: 180},
	{key: "copilot-americas", license: "Microsoft_365_Copilot", name: "Pilot Americas", limit: 30, users: []string{carlos}, countries: []string{"US", "BR"}, ends: 180},

	{key: "adobe-campaign", license: "ADB-CC-ALL", name: "Autumn campaign", limit: 5, departments: []string{"Marketing"}, ends: 60},
	{key: "sf-field", license: "SF-SALES-ENT", name: "Field sales", limit: 30, ceiling: true, departments: []string{"Sales"}},
}

// shares loads the allotments.
func (l *loader) shares(ctx context.Context) error {
	for _, s := range tree {
		cmd, err := l.allotment(s)
		if err != nil {
			return err
		}
		made, err := run(ctx, l, principal(liam), cmd)
		if err != nil {
			return err
		}
		l.allotments[s.key] = id.Of(id.Allotment, made.Allotment.ID)
	}
	return nil
}

func (l *loader) allotment(s share) (*operation.CreateAllotment, error) {
	cmd := &operation.CreateAllotment{Request: l.next(), Name: s.name, Limit: &s.limit, StartsAt: l.moment(s.starts), EndsAt: l.moment(s.ends)}
	if s.ceiling {
		cmd.Mode = text("CEILING")
	}
	if s.parent != "" {
		parent := l.allotments[s.parent]
		cmd.ParentID = &parent
	} else {
		license := l.licenses[s.license]
		cmd.LicenseID = &license
	}
	var err error
	if cmd.DelegateUserIDs, err = names(l.users, s.users...); err != nil {
		return nil, err
	}
	if cmd.DelegateGroupIDs, err = names(l.groups, s.teams...); err != nil {
		return nil, err
	}
	offices, err := names(l.groups, s.offices...)
	if err == nil && len(offices)+len(s.departments)+len(s.countries) > 0 {
		cmd.Scope = &operation.ScopeInput{GroupIDs: offices, Departments: s.departments, Countries: s.countries}
	}
	return cmd, err
}
