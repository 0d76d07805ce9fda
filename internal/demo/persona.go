package demo

import "github.com/ringfence/ringfence/internal/identity"

// Persona is somebody of the demo organization one can sign in as in development mode.
type Persona struct {
	Name        string
	UserName    string
	Roles       []string // of the token
	Description string

	department, location, site string
}

// Personas gives the people of Contoso to sign in as: one for each way of using the service.
func Personas() []Persona {
	return []Persona{
		{"Grace Okafor", grace, []string{identity.RoleGlobalAdmin}, "global administrator", "Information Technology", "GB", "London"},
		{"Liam Brandt", liam, []string{identity.RoleLicenseAdmin}, "license administrator", "Information Technology", "DE", "Berlin"},
		{"Cora Weiss", cora, []string{identity.RoleContractManager}, "contract manager", "Finance", "DE", "Berlin"},
		{"Dora Lindqvist", dora, nil, "delegate of EMEA", "Engineering", "SE", "Stockholm"},
		{"Ursula Kemp", ursula, nil, "delegate of the United Kingdom", "Engineering", "GB", "London"},
		{"Aisha Rahman", aisha, []string{identity.RoleAuditor}, "auditor, reads everything", "Finance", "AE", "Dubai"},
		{"Noel Petit", noel, []string{identity.RoleAnalyst}, "analyst, sees no personal data", "Finance", "FR", "Paris"},
		{"Pat Novak", pat, nil, "user without a role", "Marketing", "US", "Austin"},
	}
}

const (
	grace  = "grace@contoso.example"
	liam   = "liam@contoso.example"
	cora   = "cora@contoso.example"
	dora   = "dora@contoso.example"
	ursula = "ursula@contoso.example"
	aisha  = "aisha@contoso.example"
	noel   = "noel@contoso.example"
	pat    = "pat@contoso.example"
)

// Further delegates, without a persona.
const (
	carlos = "carlos.mendes@contoso.example"
	heike  = "heike.vogel@contoso.example"
	yuki   = "yuki.tanaka@contoso.example"
)

// delegates are the people behind those names.
func delegates() []person {
	return []person{
		{userName: carlos, displayName: "Carlos Mendes", department: "Engineering", location: "BR", site: "São Paulo"},
		{userName: heike, displayName: "Heike Vogel", department: "Engineering", location: "DE", site: "Munich"},
		{userName: yuki, displayName: "Yuki Tanaka", department: "Engineering", location: "JP", site: "Tokyo"},
	}
}

// principal gives who asks when a person of the demo asks.
func principal(userName string) *identity.Principal {
	for _, p := range Personas() {
		if p.UserName == userName {
			return &identity.Principal{UserName: userName, Roles: p.Roles}
		}
	}
	return &identity.Principal{UserName: userName}
}
