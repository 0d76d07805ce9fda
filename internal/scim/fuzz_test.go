package scim

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/ent/user"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/query"
)

// seedBodies are the bodies of the conversations in testdata.
func seedBodies(f *testing.F) []string {
	files, err := filepath.Glob("testdata/*.http")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	var bodies []string
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for part := range strings.SplitSeq(string(text), "\n\n") {
			if strings.HasPrefix(part, "{") {
				bodies = append(bodies, part)
			}
		}
	}
	return bodies
}

// told fails unless an error is one that a client is told.
func told(t *testing.T, err error) {
	t.Helper()
	if p, ok := errors.AsType[*problem](err); !ok || p.status != 400 || p.kind == "" {
		t.Fatalf("%T %v", err, err)
	}
}

// Whatever text comes as a filter is understood or refused as one, for users and for groups, and holds for an item or not.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{`userName eq "a"`, `emails[type eq "work" and not (value co "@")].value sw "x" or (title pr)`, `urn:ietf:params:scim:schemas:core:2.0:User:name.givenName le "\u00e9"`,
		`members[value eq "usr_1"]`, `active eq True and meta.created gt "2026-01-01T00:00:00Z"`, `a eq -1.5e9`, `((((`, `not(not(`, `x[y[z]]`, `a eq "`, "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := parseFilter(text)
		if err != nil {
			told(t, err)
			return
		}
		for _, r := range []*resource{userResource, groupResource} {
			if _, err := r.match(e); err != nil {
				told(t, err)
			}
		}
		holds(e, find(userSchema.Attributes, "emails"), object{"value": "a", "type": "work", "primary": true})
	})
}

// Whatever body comes as a PATCH is refused or leaves a user that is kept and shown as it was left.
func FuzzPatch(f *testing.F) {
	for _, body := range seedBodies(f) {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		o, err := decode([]byte(body))
		if err != nil {
			told(t, err)
			return
		}
		all, err := steps(o)
		if err != nil {
			told(t, err)
			return
		}
		before := row(t, operation.UserInput{}, `{"emails":[{"type":"work","value":null},{"type":"home","value":"h"}],"name":{"givenName":"A"}}`)
		before.UserName, before.Email, before.UsageLocation, before.Department = "ann", "a@x", "DE", "IT"
		from := userObject(before)
		to, _ := copied(from).(object)
		if err := userResource.patch(to, all); err != nil {
			told(t, err)
			return
		}
		kept, _, err := userResource.known(to)
		if err != nil {
			told(t, err)
			return
		}
		settled(t, &change{to: kept, from: from, known: before})
		g := groupPatch{present: func() ([]query.Relative, error) { return nil, nil }}
		if err := g.read(o); err != nil {
			told(t, err)
			return
		}
		g.command(nil, nil)
	})
}

// Whatever comes as a user is refused, or kept and shown as it came.
func FuzzUser(f *testing.F) {
	for _, body := range seedBodies(f) {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		o, err := decode([]byte(body))
		if err != nil {
			told(t, err)
			return
		}
		if kept, cleared, err := userResource.known(o); err != nil {
			told(t, err)
		} else {
			settled(t, &change{to: kept, cleared: cleared})
		}
		if _, err := wholeGroup(o); err != nil {
			told(t, err)
		}
	})
}

// settled checks that what is kept of a change is shown, and that keeping what is shown changes nothing.
func settled(t *testing.T, c *change) {
	t.Helper()
	input, err := c.input()
	if err != nil {
		told(t, err)
		return
	}
	first := row(t, input, *input.Attributes)
	shown := userObject(first)
	if !json.Valid([]byte(first.Attributes)) && first.Attributes != "" {
		t.Fatalf("kept %q", first.Attributes)
	}
	for name, value := range c.to {
		if name == "emails" || name == "addresses" || name == "userType" || name == "active" || name == "externalId" || c.known != nil {
			continue // in which something may be ours
		}
		if !equal(asJSON(t, shown[name]), asJSON(t, value)) && value != "" && name != urnEnterprise {
			t.Fatalf("%s: %v is shown as %v", name, value, shown[name])
		}
	}
	again, _, err := userResource.known(shown)
	if err != nil {
		t.Fatalf("what is shown is refused: %v", err)
	}
	second, err := (&change{to: again}).input()
	if err != nil {
		t.Fatalf("what is shown is refused: %v", err)
	}
	if twice := userObject(row(t, second, *second.Attributes)); !equal(asJSON(t, twice), asJSON(t, shown)) {
		t.Fatalf("shown %v\nthen  %v", asJSON(t, shown), asJSON(t, twice))
	}
}

// row is the user that an input makes.
func row(t *testing.T, u operation.UserInput, attributes string) *query.DirectoryUser {
	t.Helper()
	made := &ent.User{UserName: u.UserName, Type: user.TypeMEMBER, Enabled: true, Attributes: attributes, ExternalID: u.ExternalID.Value()}
	for into, value := range map[*string]*string{&made.DisplayName: u.DisplayName, &made.Email: u.Email, &made.Department: u.Department.Value(),
		&made.CostCenter: u.CostCenter.Value(), &made.UsageLocation: u.UsageLocation.Value()} {
		if value != nil {
			*into = *value
		}
	}
	if u.Type != nil {
		made.Type = user.Type(*u.Type)
	}
	if u.Enabled != nil {
		made.Enabled = *u.Enabled
	}
	return &query.DirectoryUser{User: made}
}

func asJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
