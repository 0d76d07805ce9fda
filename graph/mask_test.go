package graph_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/store"
	"github.com/ringfence/ringfence/internal/store/storetest"
	"github.com/ringfence/ringfence/policies"
)

// An analyst reads everything but personal data, which is null or empty and no error.
func TestMasksAreData(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		e := build(t, s)
		a := open(t, s)
		analyst := as("ada", "ANALYST")
		got := a.ask(analyst, `query($id: ID!) {
			node(id: $id) { ... on User { userName displayName email externalId department usageLocation enabled type } }
			decisions { nodes { principal input violations { code message } } }
			events { nodes { actor data type } }
			seats: licenses { nodes { seats(state: ERROR) { nodes { violations { message } user { userName department } } } } }
		}`, object{"id": e.id["s0"].String()})
		for _, c := range []struct {
			want any
			path []any
		}{
			{nil, []any{"node", "userName"}},
			{nil, []any{"node", "displayName"}},
			{nil, []any{"node", "email"}},
			{nil, []any{"node", "externalId"}},
			{"Sales", []any{"node", "department"}},
			{"DE", []any{"node", "usageLocation"}},
			{true, []any{"node", "enabled"}},
			{"MEMBER", []any{"node", "type"}},
			{"", []any{"decisions", "nodes", 2, "principal"}},
			{"INSUFFICIENT_POOL", []any{"decisions", "nodes", 2, "violations", 0, "message"}},
			{"", []any{"events", "nodes", 1, "actor"}},
			{nil, []any{"events", "nodes", 1, "data"}},
			{"SEAT_ASSIGNED", []any{"events", "nodes", 1, "type"}},
			{"USAGE_LOCATION_NOT_ALLOWED", []any{"seats", "nodes", 0, "seats", "nodes", 0, "violations", 0, "message"}},
			{nil, []any{"seats", "nodes", 0, "seats", "nodes", 0, "user", "userName"}},
			{"HR", []any{"seats", "nodes", 0, "seats", "nodes", 0, "user", "department"}},
		} {
			if here := got.at(c.path...); here != c.want {
				t.Errorf("%v is %v, want %v", c.path, here, c.want)
			}
		}
		if input, _ := got.at("decisions", "nodes", 2, "input").(map[string]any); input == nil || len(input) > 0 {
			t.Errorf("input is %v", got.at("decisions", "nodes", 2, "input"))
		}
		auditor := a.ask(as("eve", "AUDITOR"), `{ decisions { nodes { principal input violations { message pool { ... on Allotment { name } } } } } events { nodes { data subject { id } } } }`, nil)
		if auditor.at("decisions", "nodes", 2, "principal") != "dora" || auditor.at("decisions", "nodes", 2, "input", "action") != "assignSeats" ||
			auditor.at("decisions", "nodes", 2, "violations", 0, "pool", "name") != "sales" || auditor.at("events", "nodes", 1, "data", "state") != "ACTIVE" ||
			auditor.at("events", "nodes", 1, "subject", "id") != e.id["seat h0"].String() {
			t.Errorf("an auditor sees %v", auditor)
		}
	})
}

// What is masked can neither be searched nor ordered by: the answers would tell it.
func TestMaskedFieldsAreNoOracle(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		build(t, s)
		a := open(t, s)
		for document, want := range map[string]string{
			`{ users(where: {search: "dora"}) { totalCount } }`:                        "search",
			`{ users(where: {userName: {eq: "dora"}}) { totalCount } }`:                "userName",
			`{ users(where: {displayName: {contains: "a"}}) { totalCount } }`:          "displayName",
			`{ users(where: {email: {startsWith: "a"}}) { totalCount } }`:              "email",
			`{ users(where: {externalId: {in: ["x"]}}) { totalCount } }`:               "externalId",
			`{ users(orderBy: {field: USER_NAME}) { totalCount } }`:                    "orderBy",
			`{ users(orderBy: {field: DISPLAY_NAME, direction: DESC}) { totalCount }}`: "orderBy",
			`{ decisions(where: {principal: {eq: "dora"}}) { totalCount } }`:           "principal",
			`{ events(where: {actor: {eq: "dora"}}) { totalCount } }`:                  "actor",
		} {
			if code, field := a.refused(as("ada", "ANALYST"), document, nil); code != "POLICY_DENIED" || field != want {
				t.Errorf("%s: %s %s", document, code, field)
			}
			a.ask(as("eve", "AUDITOR"), document, nil)
		}
		a.ask(as("ada", "ANALYST"), `{ users(where: {department: {eq: "Sales"}}, orderBy: {field: DEPARTMENT}) { totalCount } }`, nil)
	})
}

// ruled loads the default policy with one more rule. The tests of the default policy say nothing of it.
func ruled(t *testing.T, rule string) *policy.Engine {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, policies.FS); err != nil {
		t.Fatal(err)
	}
	tests, err := filepath.Glob(filepath.Join(dir, "*_test.rego"))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		if err := os.Remove(test); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "extra.rego"), []byte("package ringfence\n\n"+rule+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	engine, err := policy.New(t.Context(), policy.Config{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return engine
}

// A policy that masks what cannot be masked hides the whole type, rather than showing it.
func TestUnknownMaskHides(t *testing.T) {
	engine := ruled(t, `masked["contract"] contains "number" if input.principal.tier == "AUDITOR"`)
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		build(t, s)
		a := openWith(t, s, engine)
		const document = `{ contracts { totalCount } licenses { totalCount } policy { source } }`
		if got := a.ask(as("eve", "AUDITOR"), document, nil); got.at("contracts", "totalCount") != 0.0 || got.at("licenses", "totalCount") != 3.0 {
			t.Errorf("an auditor sees %v", got)
		}
		if got := a.ask(as("root", "GLOBAL_ADMIN"), document, nil); got.at("contracts", "totalCount") != 3.0 || got.at("policy", "source") != "directory" {
			t.Errorf("an administrator sees %v", got)
		}
	})
}
