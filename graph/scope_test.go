package graph_test

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/store"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

const everything = `{
  vendors { totalCount nodes { name } }
  products { totalCount nodes { name } }
  contracts { totalCount nodes { name: number } }
  licenses { totalCount nodes { id } }
  deployments { totalCount nodes { id } }
  allocations { totalCount nodes { id } }
  allotments { totalCount nodes { name } }
  users { totalCount nodes { name: id } }
  groups { totalCount nodes { name } }
  decisions { totalCount nodes { id } }
  events { totalCount nodes { id } }
}`

// Who sees how many of what: what a list shows is what it counts.
func TestListsAreScoped(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		build(t, s)
		a := open(t, s)
		for _, c := range []struct {
			who  *identity.Principal
			want map[string]float64
		}{
			{as("root", "GLOBAL_ADMIN"), map[string]float64{"vendors": 2, "products": 3, "contracts": 3, "licenses": 3, "deployments": 2, "allocations": 2, "allotments": 4, "users": 13, "groups": 3, "decisions": 3, "events": 2}},
			{as("eve", "AUDITOR"), map[string]float64{"vendors": 2, "products": 3, "contracts": 3, "licenses": 3, "deployments": 2, "allocations": 2, "allotments": 4, "users": 13, "groups": 3, "decisions": 3, "events": 2}},
			// Sales is six users by department; dora sees herself, too. The denial is hers and about hers.
			{as("dora"), map[string]float64{"vendors": 2, "products": 3, "contracts": 1, "licenses": 1, "deployments": 0, "allocations": 0, "allotments": 2, "users": 7, "groups": 1, "decisions": 1, "events": 0}},
			// The scope of inside is that of sales above it. lea is in leads herself.
			{as("lea"), map[string]float64{"vendors": 2, "products": 3, "contracts": 1, "licenses": 1, "allotments": 1, "users": 7, "groups": 2, "decisions": 0, "events": 0}},
			{as("bob"), map[string]float64{"vendors": 2, "products": 3, "contracts": 1, "licenses": 1, "allotments": 1, "users": 13, "groups": 3, "decisions": 1, "events": 1}},
			{as("h0"), map[string]float64{"vendors": 2, "products": 3, "contracts": 1, "licenses": 1, "allotments": 0, "users": 1, "groups": 1, "decisions": 0}},
			{as("stranger"), map[string]float64{"vendors": 2, "products": 3, "contracts": 0, "licenses": 0, "allotments": 0, "users": 0, "groups": 0, "decisions": 0, "events": 0}},
			{as("stranger", "MADE_UP"), map[string]float64{"licenses": 0, "users": 0, "events": 0}},
		} {
			got := a.ask(c.who, everything, nil)
			for field, want := range c.want {
				if count := got.at(field, "totalCount"); count != want {
					t.Errorf("%s counts %v %s, want %v", c.who.UserName, count, field, want)
				}
				if nodes, _ := got.at(field, "nodes").([]any); float64(len(nodes)) != want {
					t.Errorf("%s sees %d %s, want %v", c.who.UserName, len(nodes), field, want)
				}
			}
		}
		if code, _ := a.refused(nil, everything, nil); code != "UNAUTHENTICATED" {
			t.Errorf("anonymous: %s", code)
		}
	})
}

// node finds every noun; what one may not see answers like what does not exist, and like what is no id.
func TestNode(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		e := build(t, s)
		a := open(t, s)
		const document = `query($id: ID!) { node(id: $id) { __typename id } }`
		const many = `query($ids: [ID!]!) { nodes(ids: $ids) { id } }`
		names := map[id.Noun]string{
			id.Vendor: "microsoft", id.Product: "E5", id.ServicePlan: "Forms", id.Contract: "MS-1", id.License: "e5", id.Allotment: "sales", id.User: "s0",
			id.Group: "group sales", id.GroupLicense: "gl sales", id.Seat: "seat s0", id.Decision: "denial", id.Event: "assigned",
			id.Deployment: "office", id.Allocation: "track", id.Purchase: "purchase", id.ServiceToken: "token", id.Feed: "feed",
			id.PolicyPublication: "publication", id.PolicyTrial: "trial",
		}
		kinds := map[id.Noun]string{
			id.Vendor: "Vendor", id.Product: "Product", id.ServicePlan: "ServicePlan", id.Contract: "Contract", id.License: "License",
			id.Allotment: "Allotment", id.User: "User", id.Group: "Group", id.GroupLicense: "GroupLicense", id.Seat: "Seat", id.Decision: "Decision", id.Event: "Event",
			id.Deployment: "Deployment", id.Allocation: "Allocation", id.Purchase: "PurchaseReservation", id.ServiceToken: "ServiceToken", id.Feed: "Feed",
			id.PolicyPublication: "PolicyPublication", id.PolicyTrial: "PolicyTrial",
		}
		public := map[id.Noun]bool{id.Vendor: true, id.Product: true, id.ServicePlan: true}
		for _, noun := range id.Nouns() {
			of, ok := e.id[names[noun]]
			if !ok {
				t.Fatalf("the test has no %s", noun)
			}
			got := a.ask(as("root", "GLOBAL_ADMIN"), document, object{"id": of.String()})
			if got.at("node", "id") != of.String() || got.at("node", "__typename") != kinds[noun] {
				t.Errorf("%s: %v", noun, got)
			}
			if public[noun] {
				continue
			}
			hidden := a.try(as("stranger"), document, object{"id": of.String()})
			for _, absent := range []string{id.Of(noun, 999_999).String(), "nonsense", ""} {
				if nothing := a.try(as("stranger"), document, object{"id": absent}); !reflect.DeepEqual(hidden, nothing) || hidden.Data.at("node") != nil {
					t.Errorf("%s: hidden answers %v, %q answers %v", noun, hidden, absent, nothing)
				}
			}
		}
		got := a.ask(as("dora"), many, object{"ids": []string{e.id["free"].String(), e.id["inside"].String(), "x", e.id["sales"].String()}})
		if want := fmt.Sprint([]any{nil, map[string]any{"id": e.id["inside"].String()}, nil, map[string]any{"id": e.id["sales"].String()}}); fmt.Sprint(got.at("nodes")) != want {
			t.Errorf("nodes: %v, want %v", got.at("nodes"), want)
		}
		if code, field := a.refused(as("dora"), many, object{"ids": make([]string, 101)}); code != "INVALID_INPUT" || field != "ids" {
			t.Errorf("101 ids: %s %s", code, field)
		}
	})
}

// What is nested is scoped like what is listed, counts included.
func TestNestedFieldsAreScoped(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		build(t, s)
		a := open(t, s)
		const document = `{ licenses { nodes {
			contract { number vendor { name } } product { name servicePlans { name } }
			seats { totalCount nodes { user { userName } allotment { name } } }
			allotments { totalCount nodes { name parent { name } children { totalCount nodes { name parent { name } } } delegates { users { userName } groups { name } } } }
			groupLicenses { totalCount nodes { group { name memberCount members { totalCount } } summary { active waiting errors } exclusions { totalCount } } }
		} } }`
		for _, c := range []struct {
			who                                              *identity.Principal
			seats, allotments, groupLicenses, members, excls float64
		}{
			{as("root", "GLOBAL_ADMIN"), 9, 3, 2, 6, 0},
			{as("dora"), 6, 1, 1, 6, 0},
			{as("bob"), 3, 1, 1, 4, 1},
		} {
			got := a.ask(c.who, document, nil)
			here := func(path ...any) any { return got.at(append([]any{"licenses", "nodes", 0}, path...)...) }
			for _, check := range []struct {
				name string
				want float64
				got  any
			}{
				{"seats", c.seats, here("seats", "totalCount")},
				{"allotments", c.allotments, here("allotments", "totalCount")},
				{"group licenses", c.groupLicenses, here("groupLicenses", "totalCount")},
				{"members", c.members, here("groupLicenses", "nodes", 0, "group", "memberCount")},
				{"members listed", c.members, here("groupLicenses", "nodes", 0, "group", "members", "totalCount")},
				{"exclusions", c.excls, here("groupLicenses", "nodes", 0, "exclusions", "totalCount")},
			} {
				if check.got != check.want {
					t.Errorf("%s: %s are %v, want %v", c.who.UserName, check.name, check.got, check.want)
				}
			}
		}
		// lea is a delegate of inside only: its parent is hidden, and so is the other allotment of the same license.
		got := a.ask(as("lea"), `{ allotments { nodes { name parent { name } license { allotments { totalCount } product { name } } } } }`, nil)
		if got.texts("name", "allotments", "nodes") != "inside" || got.at("allotments", "nodes", 0, "parent") != nil ||
			got.at("allotments", "nodes", 0, "license", "allotments", "totalCount") != 0.0 {
			t.Errorf("lea sees %v", got)
		}
		// A holder sees that they hold the license, not out of which allotment.
		got = a.ask(as("h0"), `{ viewer { seats { nodes { allotment { name } license { product { name } } reasons { group { name } groupLicense { id } allotment { name } } } } } }`, nil)
		if got.at("viewer", "seats", "nodes", 0, "allotment") != nil || got.at("viewer", "seats", "nodes", 0, "reasons", 0, "group", "name") != "hr" ||
			got.at("viewer", "seats", "nodes", 0, "license", "product", "name") != "Microsoft 365 E5" {
			t.Errorf("h0 sees %v", got)
		}
	})
}

// A condition on something hidden tells nothing about it.
func TestConditionsAreNoOracle(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		e := build(t, s)
		a := open(t, s)
		for name, document := range map[string]string{
			"members of a hidden group":   `query($group: ID!) { users(where: {groupIdIn: [$group]}) { totalCount } }`,
			"children of a hidden pool":   `query($pool: ID!) { users { totalCount } allotments(where: {parentId: $pool}) { totalCount } }`,
			"groups of a hidden user":     `query($user: ID!) { groups(where: {memberId: $user}) { totalCount } }`,
			"decisions on a hidden pool":  `query($pool: ID!) { decisions(where: {allotmentId: $pool}) { totalCount } }`,
			"events of a hidden user":     `query($user: ID!) { events(where: {userId: $user}) { totalCount } }`,
			"holders of a hidden license": `query($license: ID!) { users(where: {licenseIdIn: [$license]}) { totalCount } }`,
		} {
			// lea sees inside, dora's sales above it she does not; hr and its people are hidden from her, and so is the license e3.
			ids := object{"group": e.id["group hr"].String(), "pool": e.id["sales"].String(), "user": e.id["h0"].String(), "license": e.id["e3"].String()}
			none := object{"group": id.Of(id.Group, 999).String(), "pool": id.Of(id.Allotment, 999).String(), "user": id.Of(id.User, 999).String(), "license": id.Of(id.License, 999).String()}
			hidden, absent := a.try(as("lea"), document, ids), a.try(as("lea"), document, none)
			if !reflect.DeepEqual(hidden, absent) || len(hidden.Errors) > 0 {
				t.Errorf("%s: %v, absent: %v", name, hidden, absent)
			}
		}
	})
}
