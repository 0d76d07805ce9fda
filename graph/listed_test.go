package graph_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/store"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

// helpdesk is a policy that shows a role some users, by what they hold and where they are, and some of everything else by row.
const helpdesk = `helpdesk if "HELPDESK" in input.principal.roles

listed.user if {
	helpdesk
	input.row.department in ["Sales", "Board"]
	not leads(input.row)
}

leads(row) if {
	some membership in row.memberships
	membership.group.name == "leads"
}

listed.license if {
	helpdesk
	input.row.quantity > 100
	input.row.contract.number == "MS-1"
}

listed.contract if {
	helpdesk
	some license in input.row.licenses
	license.unlimited_quantity
}

listed.seat if {
	helpdesk
	input.row.state == "ACTIVE"
	input.row.user.department == "Sales"
}

listed.group if {
	helpdesk
	startswith(input.row.name, "s")
}`

// A policy of one's own changes who sees what, with a row's columns and what it is related to: in lists and their counts, by node and
// nodes, below other things, and in conditions on others. Nobody else sees more or less.
func TestAPolicyChangesWhoSeesWhat(t *testing.T) {
	engine := ruled(t, helpdesk)
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		e := build(t, s)
		a := openWith(t, s, engine)
		who := as("hanna", "HELPDESK")
		got := a.ask(who, `{
			users { totalCount nodes { userName } }
			licenses { totalCount nodes { id } }
			contracts { totalCount nodes { number licenses { totalCount } } }
			groups { totalCount nodes { name memberCount members { totalCount nodes { userName } } } }
		}`, nil)
		want := []string{"Dora", "bob", "s0", "s1", "s2", "s3", "s4", "s5"}
		names := func(path ...any) []string {
			list, _ := got.at(path...).([]any)
			found := []string{}
			for i := range list {
				found = append(found, fmt.Sprint(got.at(append(slices.Clone(path), i, "userName")...)))
			}
			slices.Sort(found)
			return found
		}
		if found := names("users", "nodes"); !slices.Equal(found, want) || got.at("users", "totalCount") != float64(len(want)) {
			t.Errorf("users: %v of %v, want %v", found, got.at("users", "totalCount"), want)
		}
		if got.at("licenses", "totalCount") != 1.0 || got.at("licenses", "nodes", 0, "id") != e.id["e5"].String() {
			t.Errorf("licenses: %v", got.at("licenses"))
		}
		// MS-2 is shown for its unlimited license, which is not: it is not counted below it.
		if got.at("contracts", "totalCount") != 1.0 || got.at("contracts", "nodes", 0, "number") != "MS-2" ||
			got.at("contracts", "nodes", 0, "licenses", "totalCount") != 0.0 {
			t.Errorf("contracts: %v", got.at("contracts"))
		}
		if got.at("groups", "totalCount") != 1.0 || got.at("groups", "nodes", 0, "name") != "sales" || got.at("groups", "nodes", 0, "memberCount") != 6.0 ||
			got.at("groups", "nodes", 0, "members", "totalCount") != 6.0 {
			t.Errorf("groups: %v", got.at("groups"))
		}
		a.nodesAre(e, who, map[string]bool{"s0": true, "Dora": true, "lea": false, "h0": false, "e5": true, "e3": false, "db": false, "MS-2": true, "MS-1": false})
		for _, condition := range []string{`search: "lea"`, fmt.Sprintf("idIn: [%q]", e.id["lea"]), fmt.Sprintf("groupIdIn: [%q]", e.id["group leads"])} {
			if n := a.ask(who, "{ users(where: {"+condition+"}) { totalCount nodes { id } } }", nil).at("users", "totalCount"); n != 0.0 {
				t.Errorf("{%s} finds %v users who are not shown", condition, n)
			}
		}
		if n := a.ask(as("h0"), `{ users { totalCount } }`, nil).at("users", "totalCount"); n != 1.0 {
			t.Errorf("a user without the role sees %v users", n)
		}
		if n := a.ask(as("root", "GLOBAL_ADMIN"), `{ users { totalCount } }`, nil).at("users", "totalCount"); n != 13.0 {
			t.Errorf("an administrator sees %v users", n)
		}
	})
}

// nodesAre asks for things one by one and all together.
func (a *api) nodesAre(e *estate, who *identity.Principal, shown map[string]bool) {
	a.t.Helper()
	var ids []string
	var want []bool
	for name, seen := range shown {
		ids, want = append(ids, e.id[name].String()), append(want, seen)
	}
	all := a.ask(who, `query($ids: [ID!]!) { nodes(ids: $ids) { id } }`, object{"ids": ids})
	for i, one := range ids {
		if seen := all.at("nodes", i) != nil; seen != want[i] {
			a.t.Errorf("nodes shows %s: %v, want %v", one, seen, want[i])
		}
		alone := a.ask(who, `query($id: ID!) { node(id: $id) { id } }`, object{"id": one})
		if seen := alone.at("node") != nil; seen != want[i] {
			a.t.Errorf("node shows %s: %v, want %v", one, seen, want[i])
		}
	}
}
