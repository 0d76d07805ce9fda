package scim_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/ringfence/ringfence/internal/app/apptest"
)

const fullUser = `{
  "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:Custom:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
  "externalId": "701984", "userName": "bjensen@example.com",
  "name": {"formatted": "Ms. Barbara J Jensen, III", "familyName": "Jensen", "givenName": "Barbara", "middleName": "Jane", "honorificPrefix": "Ms.", "honorificSuffix": "III"},
  "displayName": "Babs Jensen", "nickName": "Babs", "profileUrl": "https://login.example.com/bjensen",
  "emails": [{"value": "bjensen@example.com", "type": "work", "primary": true}, {"value": "babs@jensen.org", "type": "home"}],
  "addresses": [
    {"type": "home", "streetAddress": "456 Hollywood Blvd", "locality": "Hollywood", "region": "CA", "postalCode": "91608", "country": "USA", "formatted": "456 Hollywood Blvd\nHollywood, CA 91608 USA"},
    {"type": "work", "streetAddress": "100 Universal City Plaza", "locality": "Hollywood", "country": "US", "primary": true}],
  "phoneNumbers": [{"value": "555-555-5555", "type": "work"}, {"value": "555-555-4444", "type": "mobile"}],
  "ims": [{"value": "someaimhandle", "type": "aim"}],
  "photos": [{"value": "https://photos.example.com/profilephoto/72930000000Ccne/F", "type": "photo"}],
  "userType": "Employee", "title": "Tour Guide", "preferredLanguage": "en-US", "locale": "en-US", "timezone": "America/Los_Angeles", "active": true,
  "entitlements": [{"value": "e1"}], "roles": [{"value": "r1", "primary": false}],
  "x509Certificates": [{"value": "MIIDQzCCAqygAwIBAgICEAAwDQYJKoZIhvcNAQEFBQAwTjELMAkGA1UEBhMCVVM="}],
  "favorites": {"numbers": [1, 2.50, 1e3], "none": {}},
  "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"employeeNumber": "701984", "costCenter": "4130", "organization": "Universal Studios", "division": "Theme Park",
    "department": "Tour Operations", "manager": {"value": "26118915-6090-4610-87e4-49d8ca9f808d", "$ref": "../Users/26118915-6090-4610-87e4-49d8ca9f808d", "displayName": "John Smith"}},
  "urn:ietf:params:scim:schemas:extension:Custom:2.0:User": {"badge": "blue", "level": 7}}`

// graph asks the API about a user.
func (c *client) graph(user string) string {
	c.Helper()
	var answer struct {
		Node struct {
			UserName, DisplayName, Email, ExternalID, Type, Department, CostCenter, UsageLocation string
			Enabled                                                                               bool
		}
	}
	c.Admin().Do(`query($id: ID!) { node(id: $id) { ... on User { userName displayName email externalId type department costCenter usageLocation enabled } } }`,
		apptest.Vars{"id": user}, &answer)
	n := answer.Node
	return fmt.Sprintf("%s|%s|%s|%s|%s|%s|%s|%s|%v", n.UserName, n.DisplayName, n.Email, n.ExternalID, n.Type, n.Department, n.CostCenter, n.UsageLocation, n.Enabled)
}

// change changes a user as somebody else would: through the API.
func (c *client) change(name string, input in) {
	c.Helper()
	c.Admin().Do(`mutation($input: UpsertUsersInput!) { upsertUsers(input: $input) { users { id } } }`, apptest.Vars{"input": in{"users": []in{with(in{"userName": name}, input)}}}, nil)
}

// What a client sent it gets back unchanged, and what is ours of it is in the columns.
func TestEverythingIsGivenBack(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		c := connect(t, s)
		made := c.send(http.MethodPost, "/Users", fullUser, nil)
		c.want(made.status, 201)
		ann, place := made.id(), c.base+"/Users/"+made.id()
		for _, shown := range []*response{made, c.do(http.StatusOK, http.MethodGet, "/Users/"+ann, nil)} {
			meta, _ := shown.body["meta"].(in)
			c.want([]any{meta["location"], shown.header.Get("Location")}, []any{place, place})
			delete(shown.body, "meta")
			delete(shown.body, "id")
			c.want(shown.body, decoded(t, fullUser))
		}
		c.want(c.graph(ann), "bjensen@example.com|Babs Jensen|bjensen@example.com|701984|MEMBER|Tour Operations|4130|US|true")

		again := c.send(http.MethodPut, "/Users/"+ann, fullUser, nil)
		c.want(again.header.Get("ETag"), made.header.Get("ETag")) // nothing has changed
	})
}

func TestWhatOthersChangeIsShown(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		c := connect(t, s)
		made := c.send(http.MethodPost, "/Users", fullUser, nil)
		c.change("bjensen@example.com", in{"externalId": "701984", "email": "new@example.com", "usageLocation": "DE", "department": "HR", "type": "GUEST", "displayName": "B", "enabled": false})
		shown := c.do(http.StatusOK, http.MethodGet, "/Users/"+made.id(), nil).body
		c.want(shown["emails"], []in{{"value": "new@example.com", "type": "work", "primary": true}, {"value": "babs@jensen.org", "type": "home"}})
		addresses, _ := shown["addresses"].([]any)
		work, _ := addresses[1].(in)
		extension, _ := shown[enterprise].(in)
		c.want([]any{work["country"], extension["department"], shown["userType"], shown["displayName"], shown["active"]}, []any{"DE", "HR", "Guest", "B", false})
		c.want(c.found(`emails.value eq "NEW@example.com" and addresses[type eq "work" and country eq "de"] and userType eq "guest" and active eq false`), "bjensen@example.com")
		c.want(c.found(`emails.value eq "bjensen@example.com" or userType eq "Employee"`), "")

		// Who changes something else leaves it alone.
		c.patched("/Users/"+made.id(), replaced("title", "Guide"))
		c.want(c.graph(made.id()), "bjensen@example.com|B|new@example.com|701984|GUEST|HR|4130|DE|false")
		c.patched("/Users/"+made.id(), in{"op": "remove", "path": `addresses[type eq "work"].country`}, replaced("userType", "Contractor"), replaced("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", nil))
		c.want(c.graph(made.id()), "bjensen@example.com|B|new@example.com|701984|MEMBER||4130||false")
	})
}

// A user made elsewhere is shown, and what only is known here does not become the client's by a change of something else.
func TestUsersMadeElsewhere(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		c := connect(t, s)
		c.change("ann", in{"email": "ann@x.example", "usageLocation": "FR", "type": "SERVICE_ACCOUNT", "enabled": false})
		list := c.do(http.StatusOK, http.MethodGet, "/Users", nil).body["Resources"].([]any)
		ann, _ := list[0].(in)
		delete(ann, "meta")
		path := "/Users/" + fmt.Sprint(ann["id"])
		c.want(ann, in{"schemas": []string{coreUser}, "id": ann["id"], "userName": "ann", "active": false, "userType": "ServiceAccount",
			"emails": []in{{"primary": true, "type": "work", "value": "ann@x.example"}}, "addresses": []in{{"type": "work", "country": "FR"}}})
		c.patched(path, replaced("nickName", "A"))
		c.do(http.StatusOK, http.MethodPut, path, in{"schemas": []string{coreUser}, "userName": "ann", "displayName": "Ann"})
		c.want(c.graph(fmt.Sprint(ann["id"])), "ann|Ann|||SERVICE_ACCOUNT|||FR|false") // kind, place and whether active were never the client's
		c.do(http.StatusOK, http.MethodPut, path, in{"schemas": []string{coreUser}, "userName": "ann", "userType": nil, "addresses": []in{}})
		c.want(c.graph(fmt.Sprint(ann["id"])), "ann||||MEMBER||||false")
	})
}

func TestKindAndPlace(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		c := connect(t, s)
		for i, one := range []struct{ more, want string }{
			{`"userType": "guest"`, "GUEST||"},
			{`"userType": "Contractor"`, "MEMBER||"},
			{`"userType": "ServiceAccount"`, "SERVICE_ACCOUNT||"},
			{`"addresses": [{"type": "work", "country": "gb"}]`, "MEMBER||GB"},
			{`"addresses": [{"type": "Work", "country": "UK"}]`, "MEMBER||"},
			{`"addresses": [{"type": "work", "country": "Germany"}]`, "MEMBER||"},
			{`"addresses": [{"type": "home", "country": "DE"}]`, "MEMBER||"},
			{`"emails": [{"value": "home@x"}, {"type": "work", "value": "work@x"}]`, "MEMBER|work@x|"},
			{`"emails": [{"value": "home@x", "primary": true}, {"type": "work", "value": "work@x"}]`, "MEMBER|home@x|"},
			{`"emails": [{"value": "one@x"}, {"value": "two@x"}]`, "MEMBER|one@x|"},
		} {
			body := fmt.Sprintf(`{"schemas": [%q], "userName": "user%d", %s}`, coreUser, i, one.more)
			made := c.send(http.MethodPost, "/Users", body, nil)
			var answer struct {
				Node struct{ Type, Email, UsageLocation string }
			}
			c.Admin().Do(`query($id: ID!) { node(id: $id) { ... on User { type email usageLocation } } }`, apptest.Vars{"id": made.id()}, &answer)
			c.want(answer.Node.Type+"|"+answer.Node.Email+"|"+answer.Node.UsageLocation, one.want)
			sent := decoded(t, body)
			for _, name := range []string{"userType", "emails"} {
				c.want(made.body[name], sent[name])
			}
			if cleared := c.patched("/Users/"+made.id(), in{"op": "remove", "path": "addresses"}, in{"op": "remove", "path": "emails"}, in{"op": "remove", "path": "userType"}); cleared.body["addresses"] != nil {
				t.Error(cleared.raw)
			}
			c.want(c.graph(made.id()), fmt.Sprintf("user%d||||MEMBER||||true", i))
		}
	})
}

// Parts of several values: how each operation of RFC 7644 §3.5.2 changes them.
func TestOperationsOnSeveralValues(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		c := connect(t, s)
		ann := "/Users/" + c.user("ann")
		phones := func(operations ...in) any {
			return c.patched(ann+"?attributes=phoneNumbers", operations...).body["phoneNumbers"]
		}
		const path = "phoneNumbers"
		c.want(phones(in{"op": "add", "path": path, "value": []in{{"type": "work", "value": "1", "primary": true}}}), []in{{"type": "work", "value": "1", "primary": true}})
		c.want(phones(in{"op": "add", "path": path, "value": in{"type": "work", "value": "1", "primary": true}}), []in{{"type": "work", "value": "1", "primary": true}})
		c.want(phones(in{"op": "add", "path": path, "value": in{"type": "home", "value": "2", "primary": true}}),
			[]in{{"type": "work", "value": "1", "primary": false}, {"type": "home", "value": "2", "primary": true}})
		c.want(phones(in{"op": "replace", "path": `phoneNumbers[type eq "work"].primary`, "value": "True"}),
			[]in{{"type": "work", "value": "1", "primary": true}, {"type": "home", "value": "2", "primary": false}})
		c.want(phones(in{"op": "replace", "path": `phoneNumbers[type eq "home"]`, "value": in{"value": "3", "type": "home"}}),
			[]in{{"type": "work", "value": "1", "primary": true}, {"type": "home", "value": "3"}})
		c.want(phones(in{"op": "replace", "path": `phoneNumbers[type eq "mobile"].value`, "value": "4"}, in{"op": "remove", "path": `phoneNumbers[value sw "3"]`}),
			[]in{{"type": "work", "value": "1", "primary": true}, {"type": "mobile", "value": "4"}})
		c.want(phones(in{"op": "remove", "path": `phoneNumbers[type eq "work"].primary`}, in{"op": "remove", "path": "phoneNumbers", "value": []in{{"value": "4"}}}),
			[]in{{"type": "work", "value": "1"}})
		c.want(phones(in{"op": "replace", "path": path, "value": []in{{"value": "5"}}}), []in{{"value": "5"}})
		c.want(phones(in{"op": "replace", "path": "phoneNumbers.type", "value": "fax"}), []in{{"type": "fax", "value": "5"}})
		c.want(phones(in{"op": "remove", "path": `phoneNumbers[not (type eq "work")]`}), nil)
		c.want(phones(in{"op": "replace", "value": in{`phoneNumbers[type eq "work"].value`: "6"}}), []in{{"type": "work", "value": "6"}})
		c.want(phones(in{"op": "replace", "path": path, "value": []in{}}), nil)
		c.want(phones(in{"op": "remove", "path": `phoneNumbers[type eq "work"]`}), nil)

		name := func(operations ...in) any {
			return c.patched(ann+"?attributes=name", operations...).body["name"]
		}
		c.want(name(in{"op": "add", "path": "name", "value": in{"givenName": "Ann"}}), in{"givenName": "Ann"})
		c.want(name(in{"op": "replace", "path": "name", "value": in{"FamilyName": "Lee"}}), in{"givenName": "Ann", "familyName": "Lee"})
		c.want(name(in{"op": "remove", "path": "name.givenName"}), in{"familyName": "Lee"})
		c.want(name(in{"op": "remove", "path": "name.familyName"}), nil)

		extended := func(operations ...in) any {
			return c.patched(ann, operations...).body["urn:example:Ext"]
		}
		c.want(extended(in{"op": "add", "path": "urn:example:Ext:tag", "value": "a"}), in{"tag": "a"})
		c.want(extended(in{"op": "add", "value": in{"urn:example:Ext": in{"other": []int{1}}}}), in{"tag": "a", "other": []int{1}})
		c.want(extended(in{"op": "remove", "path": "urn:example:Ext:tag"}), in{"other": []int{1}})
		c.want(c.patched(ann, in{"op": "add", "path": enterprise, "value": in{"division": "North", "department": "IT"}}, in{"op": "remove", "path": enterprise}).body[enterprise], nil)
	})
}

func TestWhatIsShown(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		c := connect(t, s)
		made := c.send(http.MethodPost, "/Users?attributes=userName", fullUser, nil)
		all := []any{coreUser, "urn:ietf:params:scim:schemas:extension:Custom:2.0:User", enterprise}
		base := in{"schemas": all, "id": made.id()}
		c.want(made.body, with(base, in{"userName": "bjensen@example.com"}))
		shown := func(parameters string) in {
			return c.do(http.StatusOK, http.MethodGet, "/Users/"+made.id()+parameters, nil).body
		}
		c.want(shown("?attributes=NAME.givenname,%20emails.value"), with(base, in{"name": in{"givenName": "Barbara"},
			"emails": []in{{"value": "bjensen@example.com"}, {"value": "babs@jensen.org"}}}))
		c.want(shown("?attributes="+enterprise+":manager.value,"+coreUser+":title"), with(base, in{"title": "Tour Guide",
			enterprise: in{"manager": in{"value": "26118915-6090-4610-87e4-49d8ca9f808d"}}}))
		c.want(shown("?attributes=" + enterprise)[enterprise], decoded(t, fullUser)[enterprise])
		c.want(shown("?attributes=nonsense"), base)
		c.want(shown("?attributes=meta.resourceType"), with(base, in{"meta": in{"resourceType": "User"}}))
		some := shown("?excludedAttributes=meta,name.formatted,id,emails.type,emails.primary,addresses,phoneNumbers,ims,photos,x509Certificates,favorites,roles,entitlements," +
			"urn:ietf:params:scim:schemas:extension:Custom:2.0:User," + enterprise + ":manager,nickName,profileUrl,title,locale,timezone,userType,preferredLanguage,externalId")
		c.want(some, with(base, in{"userName": "bjensen@example.com", "displayName": "Babs Jensen", "active": true,
			"name":   in{"familyName": "Jensen", "givenName": "Barbara", "middleName": "Jane", "honorificPrefix": "Ms.", "honorificSuffix": "III"},
			"emails": []in{{"value": "bjensen@example.com"}, {"value": "babs@jensen.org"}},
			enterprise: in{"employeeNumber": "701984", "costCenter": "4130", "organization": "Universal Studios", "division": "Theme Park",
				"department": "Tour Operations"}}))
	})
}
