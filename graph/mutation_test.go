package graph_test

import (
	"fmt"
	"testing"

	"github.com/ringfence/ringfence/internal/store"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

// A mutation answers with what it made, as far as its fields are asked for, and with its decision.
func TestMutationAnswers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		e := build(t, s)
		a := open(t, s)
		got := a.ask(root, `mutation { createVendor(input: {name: "Adobe"}) { dryRun decision { allow action principal } vendor { name products { totalCount } } } }`, nil)
		expect(t, got, []any{"createVendor", "vendor", "name"}, "Adobe")
		expect(t, got, []any{"createVendor", "vendor", "products", "totalCount"}, 0.0)
		expect(t, got, []any{"createVendor", "decision", "allow"}, true)
		expect(t, got, []any{"createVendor", "decision", "action"}, "createVendor")
		expect(t, got, []any{"createVendor", "decision", "principal"}, "root")
		expect(t, got, []any{"createVendor", "dryRun"}, false)

		got = a.ask(root, `mutation($license: ID!, $dora: ID!) { createAllotment(input: {licenseId: $license, name: "new", limit: 25, delegateUserIds: [$dora],
			scope: {departments: ["HR"]}, dryRun: true}) { dryRun decision { allow dryRun } allotment { name limit available state mode parent { name }
			license { product { name } } seats { totalCount } } } }`, object{"license": e.id["e5"].String(), "dora": e.id["Dora"].String()})
		expect(t, got, []any{"createAllotment", "dryRun"}, true)
		expect(t, got, []any{"createAllotment", "decision", "dryRun"}, true)
		expect(t, got, []any{"createAllotment", "allotment", "name"}, "new")
		expect(t, got, []any{"createAllotment", "allotment", "available"}, 25.0)
		expect(t, got, []any{"createAllotment", "allotment", "mode"}, "RESERVED")
		expect(t, got, []any{"createAllotment", "allotment", "state"}, "OK")
		expect(t, got, []any{"createAllotment", "allotment", "license", "product", "name"}, "Microsoft 365 E5")
		expect(t, a.ask(root, `{ allotments { totalCount } }`, nil), []any{"allotments", "totalCount"}, 4.0)

		got = a.ask(root, `mutation($group: ID!, $user: ID!) { addGroupMembers(input: {groupId: $group, userIds: [$user]}) { changed group { name memberCount } } }`,
			object{"group": e.id["group leads"].String(), "user": e.id["bob"].String()})
		expect(t, got, []any{"addGroupMembers", "changed"}, 1.0)
		expect(t, got, []any{"addGroupMembers", "group", "memberCount"}, 2.0)

		if code, _ := a.refused(as("eve", "AUDITOR"), `mutation { createVendor(input: {name: "No"}) { dryRun } }`, nil); code != "POLICY_DENIED" {
			t.Errorf("an auditor: %s", code)
		}
		if code, _ := a.refused(root, `mutation { upsertUsers(input: {users: [{userName: ""}]}) { dryRun } }`, nil); code != "INVALID_INPUT" {
			t.Errorf("an empty name: %s", code)
		}
	})
}

// The answer to a request for many users is shown in the same number of statements as that for a few.
func TestResultsAreShownTogether(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		e := build(t, s)
		a := open(t, s)
		const document = `mutation($pool: ID!, $users: [ID!]!) { assignSeats(input: {allotmentId: $pool, userIds: $users, whenFull: WAIT}) { results {
			user { userName groups { totalCount } } seat { state position license { product { name } } allotment { name } reasons { direct state } }
			violations { code pool { limit } } } } }`
		assign := func(users ...string) int64 {
			ids := make([]string, len(users))
			for i, name := range users {
				ids[i] = e.id[name].String()
			}
			a.statements.Store(0)
			got := a.ask(root, document, object{"pool": e.id["free"].String(), "users": ids})
			for i, name := range users {
				expect(t, got, []any{"assignSeats", "results", i, "user", "userName"}, name)
				expect(t, got, []any{"assignSeats", "results", i, "seat", "state"}, "ACTIVE")
				expect(t, got, []any{"assignSeats", "results", i, "seat", "allotment", "name"}, "free")
				expect(t, got, []any{"assignSeats", "results", i, "seat", "reasons", 0, "direct"}, true)
			}
			return a.statements.Load()
		}
		few, many := assign("h3"), assign("lea", "Dora", "bob")
		t.Logf("%d statements", many)
		if few != many {
			t.Errorf("%d statements for one user, %d for three", few, many)
		}
		// What a mutation changed, the next reading sees.
		got := a.ask(as("bob"), `{ viewer { seats { totalCount } allotments { nodes { used seats { totalCount } } } } }`, nil)
		if fmt.Sprint(got.at("viewer", "seats", "totalCount"), got.at("viewer", "allotments", "nodes", 0, "used"), got.at("viewer", "allotments", "nodes", 0, "seats", "totalCount")) != "1 6 7" {
			t.Errorf("bob sees %v", got)
		}
	})
}

// A delegate is answered within their own sight.
func TestAnswersAreScoped(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		e := build(t, s)
		a := open(t, s)
		got := a.ask(as("lea"), `mutation($pool: ID!, $user: ID!) { assignSeats(input: {allotmentId: $pool, userIds: [$user], whenFull: WAIT}) { results {
			seat { state allotment { name parent { name } } license { seats { totalCount } } } } } }`,
			object{"pool": e.id["inside"].String(), "user": e.id["s1"].String()})
		expect(t, got, []any{"assignSeats", "results", 0, "seat", "allotment"}, nil)
		expect(t, got, []any{"assignSeats", "results", 0, "seat", "license", "seats", "totalCount"}, 5.0)
	})
}
