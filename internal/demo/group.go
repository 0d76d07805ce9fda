package demo

import "slices"

// group is a group of the directory: the people all rules choose, without the first skip of them, every nth if nth is not 0, at
// most most if that is not 0; those named; and the groups nested in it.
type group struct {
	name  string
	rules []rule
	skip  int
	nth   int
	most  int
	named []string
	nests []string
}

type rule func(p person) bool

func in(departments ...string) rule {
	return func(p person) bool { return slices.Contains(departments, p.department) }
}

func at(sites ...string) rule { return func(p person) bool { return slices.Contains(sites, p.site) } }

func from(countries ...string) rule {
	return func(p person) bool { return slices.Contains(countries, p.location) }
}

func region(name string) rule {
	return func(p person) bool {
		return slices.ContainsFunc(sites, func(s site) bool { return s.region == name && s.name == p.site })
	}
}

func staff(p person) bool { return p.kind == "" }

// groups makes the groups of Contoso: departments, offices, regions, and those made for licenses.
func groups() []group {
	var all []group
	var names []string
	for _, d := range departments {
		all = append(all, group{name: d.name, rules: []rule{in(d.name), staff}})
		names = append(names, d.name)
	}
	all = append(all, group{name: "All employees", nests: names})
	for _, r := range []string{americas, emea, apac} {
		nested := group{name: "Region " + r}
		for _, s := range sites {
			if s.region == r {
				all = append(all, group{name: "Office " + s.name, rules: []rule{at(s.name), staff}})
				nested.nests = append(nested.nests, "Office "+s.name)
			}
		}
		all = append(all, nested)
	}
	all = append(all, teams...)
	return append(all, forLicenses...)
}

// teams cut departments by country.
var teams = []group{
	{name: "Engineering London", rules: []rule{in("Engineering"), at("London")}},
	{name: "Engineering Manchester", rules: []rule{in("Engineering"), at("Manchester")}},
	{name: "Engineering Germany", rules: []rule{in("Engineering"), from("DE")}},
	{name: "Engineering Nordics", rules: []rule{in("Engineering"), from("SE")}},
	{name: "Engineering Continental Europe", rules: []rule{in("Engineering"), from("FR", "NL", "ES", "PL")}},
	{name: "Engineering Americas", rules: []rule{in("Engineering"), region(americas)}},
	{name: "Engineering APAC", rules: []rule{in("Engineering"), region(apac)}},
	{name: "Finance United Kingdom", rules: []rule{in("Finance"), from("GB")}},
	{name: "Finance Americas", rules: []rule{in("Finance"), region(americas)}},
	{name: "Sales EMEA", rules: []rule{in("Sales"), region(emea)}},
	{name: "Sales Americas", rules: []rule{in("Sales"), region(americas)}},
}

// forLicenses are the groups through which people get a product.
var forLicenses = []group{
	{name: "Copilot pilot EMEA", rules: []rule{in("Engineering", "Sales", "Legal"), region(emea)}, nth: 5, most: 34, named: []string{dora}},
	{name: "Copilot pilot Americas", rules: []rule{in("Engineering", "Sales", "Marketing"), region(americas)}, nth: 5, most: 47},
	{name: "Design studio", rules: []rule{in("Marketing")}, most: 44, named: []string{pat}},
	{name: "Acrobat users", rules: []rule{in("Legal", "Human Resources", "Finance")}, most: 80},
	{name: "Power BI authors", rules: []rule{in("Finance", "Sales", "Marketing")}, nth: 3, named: []string{noel}},
	{name: "Project managers", rules: []rule{in("Engineering", "Information Technology")}, nth: 8},
	{name: "Visio drafters", rules: []rule{in("Engineering", "Information Technology")}, nth: 11},
	{name: "Teams Phone users", rules: []rule{in("Sales", "Human Resources"), staff}, nth: 3},
	{name: "Meeting organizers", rules: []rule{in("Sales", "Legal", "Human Resources")}, nth: 4},
	{name: "Field sales", rules: []rule{in("Sales")}, nth: 4},
	{name: "Jira users", rules: []rule{in("Engineering", "Information Technology")}, most: 230},
	{name: "Confluence users", rules: []rule{in("Engineering", "Information Technology", "Marketing", "Legal")}},
	{name: "JetBrains developers", rules: []rule{in("Engineering")}, nth: 2},
	{name: "Java developers", rules: []rule{in("Engineering")}, nth: 3},
	{name: "Figma designers", rules: []rule{in("Marketing")}, nth: 3},
	{name: "Order desk", rules: []rule{in("Operations")}, most: 40},
	{name: "Warehouse", rules: []rule{in("Operations")}, skip: 40},
	{name: "Mobile devices", rules: []rule{in("Sales", "Executive Office", "Human Resources")}, nth: 2},
	{name: "Guests Fabrikam", rules: []rule{in("Partner")}},
	{name: "License delegates Nordics", named: []string{dora}},
	{name: "License delegates Americas", named: []string{carlos}},
}

// members gives those of the people who are in the group.
func (g group) members(people []person) []string {
	names := slices.Clone(g.named)
	if len(g.rules) == 0 {
		return names
	}
	seen := 0
	for _, p := range people {
		if slices.ContainsFunc(g.rules, func(r rule) bool { return !r(p) }) || slices.Contains(g.named, p.userName) {
			continue
		}
		seen++
		if seen <= g.skip || g.nth != 0 && seen%g.nth != 0 {
			continue
		}
		if g.most != 0 && len(names) == g.most {
			break
		}
		names = append(names, p.userName)
	}
	return names
}
