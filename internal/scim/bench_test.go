package scim_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"entgo.io/ent/dialect"

	"github.com/ringfence/ringfence/internal/app/apptest"
)

// BenchmarkDirectory is a provisioning client before a directory of 200,000 users, half of them in one group that is licensed: what
// Entra asks to match users and members, and a page of a thousand members that leaves and comes back.
func BenchmarkDirectory(b *testing.B) {
	const users, part = 200_000, 5_000
	for _, d := range []string{dialect.SQLite, dialect.Postgres} {
		b.Run(d, func(b *testing.B) {
			s := apptest.Start(b, d)
			c := connect(b, s)
			group := c.group("half")
			license := c.license(users)
			var all []string
			for from := 0; from < users; from += part {
				inputs := make([]in, part)
				for i := range inputs {
					n := from + i
					inputs[i] = in{"userName": fmt.Sprintf("user%06d@contoso.example", n), "externalId": fmt.Sprintf("ext-%06d", n), "email": fmt.Sprintf("User.%06d@contoso.example", n)}
				}
				var made struct {
					Answer struct{ Users []struct{ ID string } }
				}
				s.Admin().Do(`mutation($input: UpsertUsersInput!) { answer: upsertUsers(input: $input) { users { id } } }`, apptest.Vars{"input": in{"users": inputs}}, &made)
				ids := make([]string, part)
				for i, u := range made.Answer.Users {
					ids[i] = u.ID
				}
				all = append(all, ids...)
				if from < users/2 {
					s.Admin().Do(`mutation($input: GroupMembersInput!) { addGroupMembers(input: $input) { changed } }`, apptest.Vars{"input": in{"groupId": group, "userIds": ids}}, nil)
				}
			}
			for name, path := range map[string]string{
				"userName":   "/Users?filter=" + url.QueryEscape(`userName eq "User123456@contoso.example"`),
				"externalId": "/Users?filter=" + url.QueryEscape(`externalId eq "ext-123456"`),
				"email":      "/Users?filter=" + url.QueryEscape(`emails[type eq "work"].value eq "user.123456@contoso.example"`),
				"name":       "/Users?count=10&filter=" + url.QueryEscape(`name.familyName sw "x"`),
				"member":     "/Groups?excludedAttributes=members&filter=" + url.QueryEscape(`id eq "`+group+`" and members eq "`+all[500]+`"`),
				"group":      "/Groups/" + group + "?excludedAttributes=members",
				"page":       "/Users?startIndex=150001&count=100",
				"members":    "/Groups/" + group + "?attributes=members",
			} {
				b.Run(name, func(b *testing.B) {
					c.TB = b
					for b.Loop() {
						c.do(http.StatusOK, http.MethodGet, path, nil)
					}
				})
			}
			thousand := func(b *testing.B) {
				c.TB = b
				for b.Loop() {
					c.patched("/Groups/"+group, in{"op": "Remove", "path": "members", "value": values(all[5000:6000])})
					c.patched("/Groups/"+group, in{"op": "Add", "path": "members", "value": values(all[5000:6000])})
				}
			}
			b.Run("1000 leave and come", thousand)
			c.TB = b
			s.Admin().Do(`mutation($input: LicenseGroupInput!) { licenseGroup(input: $input) { summary { active pending } } }`,
				apptest.Vars{"input": in{"groupId": group, "licenseId": license}}, nil)
			for { // until the sweep has gone through all
				if err := s.Runner.Sweep(b.Context()); err != nil {
					b.Fatal(err)
				}
				if c.figures(license) == "100000 used 0 waiting" {
					break
				}
			}
			b.Run("1000 leave and come, licensed", thousand)
		})
	}
}
