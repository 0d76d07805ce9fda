package demo

import (
	"context"
	"fmt"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/operation"
)

// grant is a group license of Contoso: who gives it, to which group, from which allotment (by key) or license (by SKU).
type grant struct {
	by, group, allotment, sku string
	nested                    bool
	without                   []string // service plans switched off
}

var grants = []grant{
	{by: ursula, group: "Engineering London", allotment: "e5-london"},
	{by: ursula, group: "Engineering Manchester", allotment: "e5-manchester"},
	{by: ursula, group: "Finance United Kingdom", allotment: "e5-uk", without: []string{"YAMMER_ENTERPRISE", "SWAY"}},
	{by: dora, group: "Engineering Continental Europe", allotment: "e5-emea"},
	{by: dora, group: "Engineering Nordics", allotment: "e5-nordics"},
	{by: heike, group: "Engineering Germany", allotment: "e5-germany", without: []string{"YAMMER_ENTERPRISE"}},
	{by: carlos, group: "Engineering Americas", allotment: "e5-americas"},
	{by: carlos, group: "Finance Americas", allotment: "e5-americas", without: []string{"SWAY"}},
	{by: yuki, group: "Engineering APAC", allotment: "e5-apac"},

	{by: liam, group: "Sales", allotment: "e3-sales"},
	{by: liam, group: "Marketing", sku: "ENTERPRISEPACK"},
	{by: liam, group: "Human Resources", sku: "ENTERPRISEPACK", without: []string{"YAMMER_ENTERPRISE"}},
	{by: liam, group: "Legal", sku: "ENTERPRISEPACK"},
	{by: liam, group: "Customer Service", sku: "STANDARDPACK"},
	{by: liam, group: "Order desk", sku: "STANDARDPACK"},
	{by: liam, group: "Warehouse", sku: "STANDARDPACK"},
	{by: liam, group: "Stores", sku: "SPE_F1"},
	{by: liam, group: "Mobile devices", sku: "EMS"},
	{by: liam, group: "All employees", sku: "WIN_DEF_ATP", nested: true},
	{by: dora, group: "Copilot pilot EMEA", allotment: "copilot-emea"},
	{by: carlos, group: "Copilot pilot Americas", allotment: "copilot-americas"},
	{by: liam, group: "Teams Phone users", sku: "MCOEV"},
	{by: liam, group: "Meeting organizers", sku: "MCOMEETADV"},
	{by: liam, group: "Power BI authors", sku: "POWER_BI_PRO"},
	{by: liam, group: "Project managers", sku: "PROJECTPROFESSIONAL"},
	{by: liam, group: "Visio drafters", sku: "VISIOCLIENT", without: []string{"ONEDRIVE_BASIC"}},
	{by: liam, group: "Field sales", sku: "DYN365_ENTERPRISE_SALES"},
	{by: liam, group: "Design studio", sku: "ADB-CC-ALL"},
	{by: liam, group: "Acrobat users", sku: "ADB-ACRO-PRO"},
	{by: liam, group: "Jira users", sku: "JIRA-PREM"},
	{by: liam, group: "Confluence users", sku: "CONF-PREM"},
	{by: liam, group: "Guests Fabrikam", sku: "CONF-PREM"}, // guests are not licensed by a group
	{by: liam, group: "JetBrains developers", sku: "JB-ALL"},
	{by: liam, group: "Java developers", sku: "JAVA-SE-U"},
}

// direct are seats given to people by name: the first so many whom all rules choose, after some of them.
type direct struct {
	by, allotment, sku string
	rules              []rule
	skip, count        int
	wait               bool
}

var directs = []direct{
	{by: ursula, allotment: "e5-desk", rules: []rule{in("Information Technology"), at("London")}, skip: 1, count: 2},
	{by: ursula, allotment: "e5-uk", rules: []rule{in("Information Technology"), at("Manchester")}, count: 2},
	{by: liam, sku: "ENTERPRISEPACK", rules: []rule{in("Information Technology"), from("US", "DE", "IN")}, count: 20},
	// They hold E1 from their department: the plans exclude each other.
	{by: liam, sku: "ENTERPRISEPACK", rules: []rule{in("Customer Service"), at("Berlin")}, count: 3},
	// They hold nothing that a phone needs.
	{by: liam, sku: "MCOEV", rules: []rule{in("Finance"), from("DE")}, count: 2},
	{by: liam, sku: "Microsoft_365_Copilot", rules: []rule{in("Executive Office")}, count: 5},
	{by: liam, allotment: "sf-field", rules: []rule{in("Sales"), region(americas)}, count: 24},
	{by: liam, allotment: "sf-field", rules: []rule{in("Sales"), region(emea)}, count: 10, wait: true},
	{by: liam, sku: "SF-SALES-ENT", rules: []rule{in("Marketing")}, count: 4},
	{by: liam, allotment: "adobe-campaign", rules: []rule{in("Marketing"), at("Paris", "Austin")}, skip: 1, count: 3},
	{by: liam, sku: "JIRA-PREM", rules: []rule{in("Partner")}, count: 4, wait: true},
}

// seats gives groups and people their licenses.
func (l *loader) seats(ctx context.Context) error {
	for _, g := range grants {
		cmd := &operation.LicenseGroup{Request: l.next(), GroupID: l.groups[g.group], IncludeNested: &g.nested}
		var err error
		cmd.AllotmentID, cmd.LicenseID, err = l.pool(g.allotment, g.sku)
		if err != nil {
			return err
		}
		if cmd.DisabledPlanIDs, err = names(l.plans, g.without...); err != nil {
			return err
		}
		made, err := run(ctx, l, principal(g.by), cmd)
		if err != nil {
			return fmt.Errorf("%s: %w", g.group, err)
		}
		l.grants[g.group] = id.Of(id.GroupLicense, made.GroupLicense.ID)
	}
	for _, d := range directs {
		if err := l.assign(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// pool gives the ids by which a command names a pool.
func (l *loader) pool(allotment, sku string) (allotmentID, licenseID *id.ID, err error) {
	known, name := l.allotments, allotment
	if allotment == "" {
		known, name = l.licenses, sku
	}
	found, err := names(known, name)
	if err != nil {
		return nil, nil, err
	}
	if allotment == "" {
		return nil, &found[0], nil
	}
	return &found[0], nil, nil
}

func (l *loader) assign(ctx context.Context, d direct) error {
	cmd := &operation.AssignSeats{Request: l.next(), UserIDs: l.some(d.skip, d.count, d.rules...)}
	if d.wait {
		cmd.WhenFull = text("WAIT")
	}
	var err error
	if cmd.AllotmentID, cmd.LicenseID, err = l.pool(d.allotment, d.sku); err != nil {
		return err
	}
	_, err = run(ctx, l, principal(d.by), cmd)
	return err
}

// some gives so many of the people whom all rules choose, after the first few.
func (l *loader) some(skip, count int, rules ...rule) []id.ID {
	var ids []id.ID
	for _, userName := range (group{rules: rules, skip: skip, most: count}).members(l.people) {
		ids = append(ids, l.users[userName])
	}
	return ids
}
