package app

import (
	"time"

	"github.com/ringfence/ringfence/internal/identity"
)

// Persona is somebody of the demo organization one can sign in as in development mode.
type Persona struct {
	Name        string   `json:"name"`
	UserName    string   `json:"userName"`
	Roles       []string `json:"roles"`
	Description string   `json:"description"`
	Token       string   `json:"token"`
}

// personaTTL is how long a persona's token is valid.
const personaTTL = 12 * time.Hour

// Personas gives the people of the demo organization with fresh tokens.
func (a *App) Personas() ([]Persona, error) {
	people := []Persona{
		{Name: "Grace Okafor", UserName: "grace@contoso.example", Roles: []string{identity.RoleGlobalAdmin}, Description: "global administrator"},
		{Name: "Liam Brandt", UserName: "liam@contoso.example", Roles: []string{identity.RoleLicenseAdmin}, Description: "license administrator"},
		{Name: "Dora Lindqvist", UserName: "dora@contoso.example", Description: "delegate of EMEA"},
		{Name: "Ursula Kemp", UserName: "ursula@contoso.example", Description: "delegate of the United Kingdom, below EMEA"},
		{Name: "Aisha Rahman", UserName: "aisha@contoso.example", Roles: []string{identity.RoleAuditor}, Description: "auditor, reads everything"},
		{Name: "Noel Petit", UserName: "noel@contoso.example", Roles: []string{identity.RoleAnalyst}, Description: "analyst, sees no personal data"},
		{Name: "Pat Novak", UserName: "pat@contoso.example", Description: "user without a role"},
	}
	for i := range people {
		if people[i].Roles == nil {
			people[i].Roles = []string{}
		}
		token, err := a.DevKey.Mint(people[i].UserName, people[i].Roles, personaTTL)
		if err != nil {
			return nil, err
		}
		people[i].Token = token
	}
	return people, nil
}
