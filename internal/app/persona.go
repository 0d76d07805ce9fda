package app

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ringfence/ringfence/internal/demo"
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

// Personas gives the people of the demo organization with fresh tokens. There are none outside development mode.
func (a *App) Personas() ([]Persona, error) {
	if a.DevKey == nil {
		return []Persona{}, nil
	}
	var people []Persona
	for _, p := range demo.Personas() {
		token, err := a.DevKey.Mint(p.UserName, p.Roles, personaTTL)
		if err != nil {
			return nil, err
		}
		people = append(people, Persona{Name: p.Name, UserName: p.UserName, Roles: append([]string{}, p.Roles...), Description: p.Description, Token: token})
	}
	return people, nil
}

// introduce prints who one can sign in as, each with a token.
func (a *App) introduce(to io.Writer) error {
	people, err := a.Personas()
	if err != nil || len(people) == 0 {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nSign in to GraphiQL as one of these, or send a token as Authorization: Bearer (valid for %d hours):\n", int(personaTTL.Hours()))
	for _, p := range people {
		fmt.Fprintf(&b, "\n%s <%s>, %s\n%s\n", p.Name, p.UserName, p.Description, p.Token)
	}
	_, err = fmt.Fprintln(to, b.String())
	return err
}
