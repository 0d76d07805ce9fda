package demo

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/99designs/gqlgen/graphql"

	"github.com/ringfence/ringfence/internal/operation"
)

// person is a user of the directory.
type person struct {
	userName, displayName, kind, department, location, site string
	roles                                                   []string
}

// departments of Contoso, with how many people each has beside those named.
var departments = []struct {
	name string
	size int
}{
	{"Engineering", 250}, {"Sales", 190}, {"Customer Service", 140}, {"Operations", 105}, {"Stores", 90}, {"Finance", 65}, {"Marketing", 55},
	{"Information Technology", 40}, {"Human Resources", 30}, {"Legal", 18}, {"Executive Office", 7},
}

// costCenters are who pays for a department: a cost center of the division, some departments sharing one.
var costCenters = map[string]string{
	"Engineering": "5200", "Sales": "3100", "Customer Service": "3200", "Operations": "4100", "Stores": "4120", "Finance": "2000", "Marketing": "3100",
	"Information Technology": "5100", "Human Resources": "2000", "Legal": "2000", "Executive Office": "1000",
}

// site is an office of Contoso. Weight is how many of 1000 people work there.
type site struct {
	name, country, region string
	weight                int
}

var sites = []site{
	{"Seattle", "US", americas, 130}, {"New York", "US", americas, 110}, {"Austin", "US", americas, 60}, {"São Paulo", "BR", americas, 50},
	{"London", "GB", emea, 105}, {"Manchester", "GB", emea, 60}, {"Berlin", "DE", emea, 70}, {"Munich", "DE", emea, 45},
	{"Paris", "FR", emea, 75}, {"Stockholm", "SE", emea, 55}, {"Gdańsk", "PL", emea, 40}, {"Amsterdam", "NL", emea, 30},
	{"Madrid", "ES", emea, 30}, {"Dubai", "AE", emea, 15}, {"Bengaluru", "IN", apac, 75}, {"Tokyo", "JP", apac, 30}, {"Shanghai", "CN", apac, 20},
}

// The regions of Contoso.
const (
	americas = "Americas"
	emea     = "EMEA"
	apac     = "APAC"
)

// The domain of Contoso's user names.
const domain = "@contoso.example"

// everyone makes the people of Contoso, always the same: those with a name of their own first.
func everyone() []person {
	var all []person
	taken := map[string]bool{}
	for _, p := range Personas() {
		all = append(all, person{userName: p.UserName, displayName: p.Name, department: p.department, location: p.location, site: p.site, roles: p.Roles})
	}
	all = append(all, delegates()...)
	for _, p := range all {
		taken[p.userName] = true
	}
	random := rand.New(rand.NewPCG(20, 26)) //nolint:gosec // the same people at every start is what is wanted
	for _, d := range departments {
		for range d.size {
			s := pick(random)
			p := named(random, s.country, taken)
			p.department, p.location, p.site = d.name, s.country, s.name
			all = append(all, p)
		}
	}
	return append(all, outsiders(random, taken)...)
}

// pick chooses a site by weight.
func pick(random *rand.Rand) site {
	n := random.IntN(1000)
	for _, s := range sites {
		if n -= s.weight; n < 0 {
			return s
		}
	}
	return sites[0]
}

// named gives a person a name that nobody has yet.
func named(random *rand.Rand, country string, taken map[string]bool) person {
	c := cultures[country]
	given, family := strings.Fields(c.given), strings.Fields(c.family)
	for {
		first, last := given[random.IntN(len(given))], family[random.IntN(len(family))]
		userName := account(first) + "." + account(last) + domain
		if !taken[userName] {
			taken[userName] = true
			return person{userName: userName, displayName: first + " " + last}
		}
	}
}

func account(name string) string {
	var b strings.Builder
	for _, letter := range strings.ToLower(name) {
		if text, found := plain[letter]; found {
			b.WriteString(text)
		} else {
			b.WriteRune(letter)
		}
	}
	return b.String()
}

// outsiders are the guests of a partner, and accounts nobody sits behind.
func outsiders(random *rand.Rand, taken map[string]bool) []person {
	var all []person
	for range 18 {
		p := named(random, "GB", taken)
		p.userName = strings.Replace(p.userName, domain, "_fabrikam.example#ext#"+domain, 1)
		p.displayName += " (Fabrikam)"
		p.kind, p.location, p.site, p.department = "GUEST", "GB", "London", "Partner"
		all = append(all, p)
	}
	return append(all,
		person{userName: "svc-backup" + domain, displayName: "Backup service", kind: "SERVICE_ACCOUNT", department: "Information Technology"},
		person{userName: "svc-scanner" + domain, displayName: "Vulnerability scanner", kind: "SERVICE_ACCOUNT", department: "Information Technology"})
}

// input is what a directory would say of the person.
func (p person) input(number int) operation.UserInput {
	external := fmt.Sprintf("hr-%05d", 10_000+number)
	in := operation.UserInput{ExternalID: graphql.OmittableOf(&external), UserName: p.userName, DisplayName: &p.displayName, Email: &p.userName,
		Department: graphql.OmittableOf(&p.department), Roles: p.roles}
	if p.kind != "" {
		in.Type = &p.kind
	}
	if center := costCenters[p.department]; center != "" { // guests are paid for by nobody
		in.CostCenter = graphql.OmittableOf(&center)
	}
	if p.location != "" {
		in.UsageLocation = graphql.OmittableOf(&p.location)
	}
	return in
}
