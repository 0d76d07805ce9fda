package scim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/ringfence/ringfence/internal/app/apptest"
)

func decoded(t *testing.T, text string) in {
	t.Helper()
	var o in
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestPages(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		c := connect(t, s)
		for i := range 7 {
			c.user(fmt.Sprint("user", i), in{"active": i%2 == 0})
		}
		page := func(parameters string) string {
			a := c.do(http.StatusOK, http.MethodGet, "/Users"+parameters, nil)
			names := ""
			for _, item := range a.body["Resources"].([]any) {
				o, _ := item.(in)
				names += fmt.Sprint(o["userName"])[4:]
			}
			return fmt.Sprintf("%v of %v from %v: %s", a.body["itemsPerPage"], a.body["totalResults"], a.body["startIndex"], names)
		}
		for parameters, want := range map[string]string{
			"":                       "7 of 7 from 1: 0123456",
			"?count=3":               "3 of 7 from 1: 012",
			"?startIndex=4&count=3":  "3 of 7 from 4: 345",
			"?startIndex=7&count=3":  "1 of 7 from 7: 6",
			"?startIndex=8&count=3":  "0 of 7 from 8: ",
			"?startIndex=800":        "0 of 7 from 800: ",
			"?startIndex=0&count=2":  "2 of 7 from 1: 01",
			"?startIndex=-5&count=2": "2 of 7 from 1: 01",
			"?count=0":               "0 of 7 from 1: ",
			"?count=-1":              "0 of 7 from 1: ",
			"?count=100000":          "7 of 7 from 1: 0123456",
			"?filter=active+eq+true": "4 of 4 from 1: 0246",
			"?filter=active+eq+false&startIndex=2&count=1":  "1 of 3 from 2: 3",
			"?sortBy=userName&sortOrder=descending&count=2": "2 of 7 from 1: 65",
		} {
			c.want(page(parameters), want)
		}
		searched := c.do(http.StatusOK, http.MethodPost, "/Users/.search", in{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:SearchRequest"},
			"filter": `userName ew "3"`, "attributes": []string{"userName"}, "startIndex": 1, "count": 10})
		list, _ := searched.body["Resources"].([]any)
		found, _ := list[0].(in)
		c.want([]any{searched.body["totalResults"], found["userName"], len(found)}, []any{1, "user3", 3})
	})
}

func TestOrders(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		c := connect(t, s)
		c.user("Bob", in{"displayName": "delta", "name": in{"familyName": "X"}, "emails": []in{{"value": "b@x", "type": "work"}}})
		c.user("ann", in{"displayName": "Alpha", "name": in{"familyName": "y"}})
		c.user("Cyd", in{"externalId": "1", "emails": []in{{"value": "A@x", "type": "work"}}})
		for sortBy, want := range map[string]string{
			"userName": "ann Bob Cyd", "displayName": "ann Bob Cyd", "externalId": "Cyd Bob ann", "name.familyName": "Bob ann Cyd", "emails": "Cyd Bob ann",
			"emails.value": "Cyd Bob ann", "meta.created": "Bob ann Cyd", "id": "Bob ann Cyd", coreUser + ":userName": "ann Bob Cyd",
		} {
			c.want(c.found("", "&sortBy="+sortBy), want)
		}
		c.want(c.found("", "&sortBy=displayName&sortOrder=DESCENDING"), "Cyd Bob ann") // who has none comes first
		c.want(c.found("", "&sortOrder=descending"), "Bob ann Cyd")
	})
}

func TestFiltersOfGroups(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		c := connect(t, s)
		ann, bob := c.user("ann", in{"displayName": "Ann Lee"}), c.user("bob")
		inner := c.group("Inner", ann)
		outer := c.do(http.StatusCreated, http.MethodPost, "/Groups", in{"schemas": []string{coreGroup}, "displayName": "outer", "externalId": "X1", "members": values([]string{bob, inner})}).id()
		c.group("empty")
		for filter, want := range map[string]string{
			`displayName eq "INNER"`: "Inner", `displayName sw "in"`: "Inner", `displayName co "e"`: "Inner outer empty", `externalId eq "X1"`: "outer",
			`externalId eq "x1"`: "", `externalId pr`: "outer", `id eq "` + outer + `"`: "outer", `id eq "` + ann + `"`: "", `id ne "` + outer + `"`: "Inner empty",
			`members eq "` + ann + `"`: "Inner", `members.value eq "` + inner + `"`: "outer", `members[value eq "` + bob + `"]`: "outer",
			`members[type eq "group"]`: "outer", `members.type eq "User"`: "Inner outer", `members pr`: "Inner outer", `not (members pr)`: "empty",
			`members.display eq "ann lee"`: "Inner", `members[display eq "bob" and type eq "User"]`: "outer", `members eq "nonsense"`: "",
			`schemas eq "` + coreGroup + `"`: "Inner outer empty", `meta.resourceType eq "Group" and members eq "` + ann + `"`: "Inner",
			`meta.lastModified gt "2020-01-01T00:00:00Z"`: "Inner outer empty", `meta.created gt "2999-01-01T00:00:00Z"`: "",
		} {
			a := c.send(http.MethodPost, "/Groups/.search", fmt.Sprintf(`{"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": %q, "attributes": ["displayName"]}`, filter), nil)
			names := ""
			list, _ := a.body["Resources"].([]any)
			for _, item := range list {
				o, _ := item.(in)
				names += " " + fmt.Sprint(o["displayName"])
			}
			if names != "" {
				names = names[1:]
			}
			if a.status != http.StatusOK || names != want {
				t.Errorf("%s finds %q, want %q\n%s", filter, names, want, a.raw)
			}
		}
		c.want(c.found(`groups eq "`+inner+`"`), "ann")
		c.want(c.found(`groups.display co "OUT" or groups[value eq "`+inner+`"]`), "ann bob")
		c.want(c.found(`not (groups pr)`), "")
	})
}
