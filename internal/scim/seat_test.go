package scim_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/app/apptest"
)

// What a provisioning client does reaches the seats in the same request, and the queue moves.

// mutate carries out a mutation as an administrator and gives the id of what it made or changed.
func (c *client) mutate(name, field string, input in) string {
	c.Helper()
	kind := strings.ToUpper(name[:1]) + name[1:] + "Input!"
	if strings.HasSuffix(name, "GroupMembers") {
		kind = "GroupMembersInput!"
	}
	var answer struct {
		Answer map[string]struct{ ID string }
	}
	c.Admin().Do(fmt.Sprintf(`mutation($input: %s) { answer: %s(input: $input) { %s { id } } }`, kind, name, field), apptest.Vars{"input": input}, &answer)
	return answer.Answer[field].ID
}

// license makes a license of so many units.
func (c *client) license(quantity int) string {
	c.Helper()
	vendor := c.mutate("createVendor", "vendor", in{"name": "Microsoft"})
	product := c.mutate("createProduct", "product", in{"vendorId": vendor, "name": "E5", "kind": "SUBSCRIPTION"})
	contract := c.mutate("createContract", "contract", in{"vendorId": vendor, "number": "1", "name": "EA"})
	return c.mutate("createLicense", "license", in{"contractId": contract, "productId": product, "quantity": quantity})
}

// seats gives the states of users' seats of the only license.
func (c *client) seats(users ...string) string {
	c.Helper()
	states := make([]string, len(users))
	for i, user := range users {
		var answer struct {
			Node struct {
				Seats struct {
					Nodes []struct{ State string }
				}
			}
		}
		c.Admin().Do(`query($id: ID!) { node(id: $id) { ... on User { seats { nodes { state } } } } }`, apptest.Vars{"id": user}, &answer)
		states[i] = "none"
		for _, seat := range answer.Node.Seats.Nodes {
			states[i] = seat.State
		}
	}
	return strings.Join(states, " ")
}

func replaced(path string, value any) in { return in{"op": "Replace", "path": path, "value": value} }

func TestADisabledUserLosesTheSeatAndTheQueueMoves(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		c := connect(t, s)
		license := c.license(2)
		ann, bob, cyd := c.user("ann"), c.user("bob"), c.user("cyd")
		group := c.group("staff", ann, bob, cyd)
		c.mutate("licenseGroup", "groupLicense", in{"groupId": group, "licenseId": license})
		c.want(c.seats(ann, bob, cyd), "ACTIVE ACTIVE WAITING")
		c.patched("/Users/"+ann, replaced("active", "False"))
		c.want(c.seats(ann, bob, cyd), "none ACTIVE ACTIVE")
		c.patched("/Users/"+ann, in{"op": "replace", "value": in{"active": true}})
		c.want(c.seats(ann, bob, cyd), "WAITING ACTIVE ACTIVE")
		c.do(http.StatusOK, http.MethodPut, "/Users/"+bob, in{"schemas": []string{coreUser}, "userName": "bob", "active": false})
		c.want(c.seats(ann, bob, cyd), "ACTIVE none ACTIVE")
		c.do(http.StatusNoContent, http.MethodDelete, "/Users/"+cyd, nil)
		c.patched("/Users/"+bob, replaced("active", true))
		c.want(c.seats(ann, bob), "ACTIVE ACTIVE")
		again(t, s)
	})
}

func TestWhoLeavesAGroupLosesTheSeatAndTheQueueMoves(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		c := connect(t, s)
		license := c.license(2)
		ann, bob, cyd, dan := c.user("ann"), c.user("bob"), c.user("cyd"), c.user("dan")
		group := c.group("staff", ann, bob, cyd)
		c.mutate("licenseGroup", "groupLicense", in{"groupId": group, "licenseId": license})
		c.patched("/Groups/"+group, in{"op": "Remove", "path": "members", "value": values([]string{ann})})
		c.want(c.seats(ann, bob, cyd, dan), "none ACTIVE ACTIVE none")
		c.patched("/Groups/"+group, in{"op": "add", "path": "members", "value": values([]string{dan, ann})}, in{"op": "remove", "path": `members[value eq "` + bob + `"]`})
		c.want(c.seats(ann, bob, cyd, dan), "ACTIVE none ACTIVE WAITING") // who comes at the same moment is served by id
		c.do(http.StatusOK, http.MethodPut, "/Groups/"+group, in{"schemas": []string{coreGroup}, "displayName": "staff", "members": values([]string{ann, bob})})
		c.want(c.seats(ann, bob, cyd, dan), "ACTIVE ACTIVE none none")
		c.do(http.StatusOK, http.MethodPut, "/Groups/"+group, in{"schemas": []string{coreGroup}, "displayName": "people"}) // says nothing of members
		c.want(c.seats(ann, bob, cyd, dan), "ACTIVE ACTIVE none none")
		c.patched("/Groups/"+group, in{"op": "remove", "path": "members"})
		c.want(c.seats(ann, bob, cyd, dan), "none none none none")
		again(t, s)
	})
}

// A group that licenses its members is not deleted from afar, nor is one that a scope names.
func TestAGroupWithLicensesIsNotDeleted(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		c := connect(t, s)
		license := c.license(2)
		ann := c.user("ann")
		group := c.group("staff", ann)
		grant := c.mutate("licenseGroup", "groupLicense", in{"groupId": group, "licenseId": license})
		c.want(c.refused(http.MethodDelete, "/Groups/"+group, "", nil), "409")
		c.want(c.seats(ann), "ACTIVE")
		c.Admin().Do(`mutation($input: UnlicenseGroupInput!) { unlicenseGroup(input: $input) { deletedId } }`, apptest.Vars{"input": in{"groupLicenseId": grant}}, nil)
		c.do(http.StatusNoContent, http.MethodDelete, "/Groups/"+group, nil)
		c.want(c.seats(ann), "none")
	})
}

// Groups in groups: members of a nested group are licensed where the license includes them, and are not where it is taken out.
func TestNestedGroups(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		c := connect(t, s)
		license := c.license(5)
		ann, bob := c.user("ann"), c.user("bob")
		inner := c.group("inner", ann)
		outer := c.group("outer", bob, inner)
		c.mutate("licenseGroup", "groupLicense", in{"groupId": outer, "licenseId": license, "includeNested": true})
		c.want(c.seats(ann, bob), "ACTIVE ACTIVE")
		shown := c.do(http.StatusOK, http.MethodGet, "/Groups/"+outer+"?attributes=members.value,members.type", nil)
		c.want(shown.body["members"], []in{{"type": "User", "value": bob}, {"type": "Group", "value": inner}})
		c.want(c.refused(http.MethodPatch, "/Groups/"+inner, `{"schemas": ["`+patchOp+`"], "Operations": [{"op": "add", "path": "members", "value": [{"value": "`+outer+`"}]}]}`, nil), "400 invalidValue")
		c.patched("/Groups/"+outer, in{"op": "remove", "path": `members[type eq "Group"]`})
		c.want(c.seats(ann, bob), "none ACTIVE")
		c.patched("/Groups/"+outer, in{"op": "add", "path": "members", "value": []in{{"value": inner, "type": "Group"}}}, in{"op": "remove", "path": `members[display sw "BO"]`})
		c.want(c.seats(ann, bob), "ACTIVE none")
	})
}

// Every change leaves its decision and its events under the name of the token.
func TestWhatTheClientDoesIsRecorded(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		c := connect(t, s)
		ann := c.user("ann")
		group := c.group("staff", ann)
		c.patched("/Groups/"+group, replaced("displayName", "people"), in{"op": "remove", "path": "members"}, in{"op": "add", "path": "members", "value": values([]string{c.user("bob")})})
		c.do(http.StatusNoContent, http.MethodDelete, "/Users/"+ann, nil)
		var told struct {
			Events struct {
				Nodes []struct{ Type, Actor string }
			}
		}
		c.Admin().Do(`{ events(first: 100) { nodes { type actor } } }`, nil, &told)
		var kinds []string
		for _, e := range told.Events.Nodes[:len(told.Events.Nodes)-1] { // the last is about the token
			kinds = append(kinds, e.Type)
			c.want(e.Actor, "Entra")
		}
		c.want(kinds, []string{"USER_DELETED", "MEMBERS_ADDED", "MEMBERS_REMOVED", "GROUP_UPDATED", "USER_CREATED", "MEMBERS_ADDED", "GROUP_CREATED", "USER_CREATED"})
		var decided struct {
			Decisions struct {
				Nodes []struct {
					Action, Principal string
					Allow             bool
				}
			}
		}
		c.Admin().Do(`{ decisions(first: 100) { nodes { action principal allow } } }`, nil, &decided)
		var actions []string
		for _, d := range decided.Decisions.Nodes[:len(decided.Decisions.Nodes)-1] {
			actions = append(actions, d.Action)
			c.want([]any{d.Allow, d.Principal}, []any{true, "Entra"})
		}
		c.want(actions, []string{"deleteUsers", "upsertGroups", "removeGroupMembers", "addGroupMembers", "upsertUsers", "upsertGroups", "addGroupMembers", "upsertUsers"})
	})
}

// Ten pages of a thousand members into a licensed group that has room for a part of them, and out again.
func TestPagesOfAThousandMembers(t *testing.T) {
	const pages, size = 10, 1000
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		c := connect(t, s)
		license := c.license(9_500)
		var made struct {
			Answer struct{ Users []struct{ ID string } }
		}
		users := make([]in, pages*size)
		for i := range users {
			users[i] = in{"userName": fmt.Sprintf("user%05d", i)}
		}
		c.Admin().Do(`mutation($input: UpsertUsersInput!) { answer: upsertUsers(input: $input) { users { id } } }`, apptest.Vars{"input": in{"users": users}}, &made)
		group := c.group("everybody")
		c.mutate("licenseGroup", "groupLicense", in{"groupId": group, "licenseId": license})
		var slowest time.Duration
		change := func(op string, page int) {
			ids := make([]string, size)
			for i := range ids {
				ids[i] = made.Answer.Users[page*size+i].ID
			}
			begin := time.Now()
			c.patched("/Groups/"+group, in{"op": op, "path": "members", "value": values(ids)})
			slowest = max(slowest, time.Since(begin))
		}
		for page := range pages {
			change("Add", page)
		}
		t.Logf("the slowest of %d additions of %d members took %v", pages, size, slowest)
		shown := c.do(http.StatusOK, http.MethodGet, "/Groups/"+group, nil)
		list, _ := shown.body["members"].([]any)
		c.want(len(list), pages*size)
		c.want(c.figures(license), "9500 used 500 waiting")
		slowest = 0
		change("Remove", 0)
		t.Logf("the removal of %d members, with 500 promoted, took %v", size, slowest)
		c.want(c.figures(license), "9000 used 0 waiting")
		change("Add", 0)
		more := c.user("one more")
		c.patched("/Groups/"+group, in{"op": "add", "path": "members", "value": values([]string{more})})
		large := c.do(http.StatusOK, http.MethodGet, "/Groups/"+group, nil)
		if _, there := large.body["members"]; there {
			t.Error("the members of a large group are shown without being asked for")
		}
		begin := time.Now()
		asked := c.do(http.StatusOK, http.MethodGet, "/Groups/"+group+"?attributes=members", nil)
		list, _ = asked.body["members"].([]any)
		c.want(len(list), pages*size+1)
		t.Logf("showing %d members took %v", len(list), time.Since(begin))
		in := c.do(http.StatusOK, http.MethodGet, `/Groups?attributes=id&filter=members.value%20eq%20%22`+more+`%22`, nil)
		c.want(in.body["totalResults"], 1)
	})
}

func (c *client) figures(license string) string {
	c.Helper()
	var answer struct {
		Node struct{ Used, WaitingCount int }
	}
	c.Admin().Do(`query($id: ID!) { node(id: $id) { ... on License { used waitingCount } } }`, apptest.Vars{"id": license}, &answer)
	return fmt.Sprintf("%d used %d waiting", answer.Node.Used, answer.Node.WaitingCount)
}
