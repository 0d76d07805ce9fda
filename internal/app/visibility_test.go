package app_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"entgo.io/ent/dialect"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/policy/policytest"
)

// What one may not see answers exactly like what does not exist (semantics.md §8). What somebody may see is what node shows them;
// everything else is held against that.

var (
	anID     = regexp.MustCompile(`\b(?:` + strings.Join(nouns(), "|") + `)_[0-9a-z]+\b`)
	changing = regexp.MustCompile(`\bdec_[0-9a-z]+\b|\d{4}-\d\d-\d\dT[0-9:.]+Z|"now":\d+`)
)

func nouns() []string {
	var names []string
	for _, noun := range id.Nouns() {
		names = append(names, string(noun))
	}
	return names
}

// nowhere is an id of the kind of another, of which there is nothing.
func nowhere(id string) string { return id[:4] + "zzzzz" }

// sees tells whether node shows somebody what an id names.
func (s *stage) sees(who, id string) bool {
	s.Helper()
	return s.ask(s.as(who), `query($id: ID!) { node(id: $id) { id } }`, in{"id": id}).at("node") != nil
}

// hidden gives what of a kind somebody may not see, by name.
func (s *stage) hidden(who, kind string) []string {
	s.Helper()
	var names []string
	for name, id := range s.ids {
		if strings.HasPrefix(id, kind) && !s.sees(who, id) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// place is an id in an input: the name of its field and, in a list, its number.
type place struct {
	path []any
	id   string
}

// places finds the ids in an input.
func places(value any, path ...any) []place {
	var found []place
	switch value := value.(type) {
	case string:
		if strings.HasPrefix(value, "@") {
			return []place{{slices.Clone(path), value}}
		}
	case in:
		for key, inner := range value {
			found = append(found, places(inner, append(path, key)...)...)
		}
	case []string:
		for i, inner := range value {
			found = append(found, places(inner, append(path, i)...)...)
		}
	}
	slices.SortFunc(found, func(a, b place) int { return strings.Compare(fmt.Sprint(a.path), fmt.Sprint(b.path)) })
	return found
}

// put gives an input with another id in a place.
func put(value any, path []any, id string) any {
	if len(path) == 0 {
		return id
	}
	switch value := value.(type) {
	case in:
		key, _ := path[0].(string)
		return with(value, in{key: put(value[key], path[1:], id)})
	case []string:
		at, _ := path[0].(int)
		out := slices.Clone(value)
		out[at] = id
		return out
	}
	return value
}

// naming are requests that name something in every field that takes an id.
var naming = slices.Concat(attempts, []attempt{
	{"createAllotment", in{"parentId": "@uk", "name": "new", "limit": 1, "scope": in{"groupIds": []string{"@sales"}}}, nil},
	{"createAllotment", in{"parentId": "@uk", "name": "new", "limit": 1, "delegateUserIds": []string{"@inside"}, "delegateGroupIds": []string{"@sales"}}, nil},
	{"updateAllotment", in{"allotmentId": "@uk", "limit": nil}, nil},
	{"updateAllotment", in{"allotmentId": "@london", "scope": in{"groupIds": []string{"@sales"}}}, nil},
	{"updateAllotment", in{"allotmentId": "@london", "delegateUserIds": []string{"@inside"}, "delegateGroupIds": []string{"@sales"}}, nil},
	{"assignSeats", in{"allotmentId": "@uk", "userIds": []string{"@inside", "@grouped"}, "disabledPlanIds": []string{"@suite product plan"}}, nil},
	{"assignSeats", in{"allotmentId": "@uk", "userIds": []string{"@inside"}, "disabledPlanIds": []string{"@tool product plan"}}, nil},
	{"licenseGroup", in{"groupId": "@spare group", "allotmentId": "@uk", "disabledPlanIds": []string{"@suite product plan"}}, nil},
	{"updateGroupLicense", in{"groupLicenseId": "@grant", "disabledPlanIds": []string{"@tool product plan"}}, nil},
	{"swapGroupLicense", in{"groupLicenseId": "@grant", "allotmentId": "@uk"}, nil},
	{"swapGroupLicense", in{"groupLicenseId": "@grant", "allotmentId": "@tools", "disabledPlanIds": []string{"@tool product plan"}}, nil},
})

// Every id in every request of everybody: what is hidden from them answers like what is not there, also when something else of the
// request is not there or wrong; and so do the records of it that they may read.
func TestHiddenAnswersLikeMissing(t *testing.T) {
	everybody := func(who ...string) func(t *testing.T, s *stage) {
		return func(t *testing.T, s *stage) {
			if s.Store.Dialect() == dialect.Postgres {
				who = who[:1] // what is asked of the database is the same for all
			}
			compared := 0
			for _, name := range who {
				compared += s.compare(name)
			}
			t.Logf("%d pairs of answers", compared)
			if compared < 300 {
				t.Errorf("only %d pairs of answers were compared", compared)
			}
		}
	}
	t.Run("default", func(t *testing.T) { each(t, everybody("ursula", "lea", "hal", "cora", "petra")) })
	t.Run("subdelegate", func(t *testing.T) {
		each(t, everybody("ursula", "oscar"), apptest.Policies(policytest.Changed(t, "data.json", `"subdelegate": false`, `"subdelegate": true`)))
	})
}

// compare makes every request of naming with each id in turn hidden and missing, and tells how many pairs that were.
func (s *stage) compare(who string) int {
	s.Helper()
	n := 0
	unseen := map[string][]string{}
	for _, kind := range []string{"alt_", "lic_", "con_", "usr_", "grp_", "gli_", "dep_", "alc_", "pur_"} {
		unseen[kind] = some(s.hidden(who, kind))
	}
	for _, a := range naming {
		spots := places(a.input)
		for _, at := range spots {
			kind := s.ids[at.id[1:]][:4]
			for _, base := range s.variants(who, a, at, spots) {
				nothing := nowhere(s.ids[at.id[1:]])
				want := ""
				for _, name := range unseen[kind] {
					if want == "" {
						want = s.told(who, a.mutation, put(base, at.path, nothing), nothing)
					}
					id := s.ids[name]
					n++
					if got := s.told(who, a.mutation, put(base, at.path, id), id); got != want {
						s.Errorf("%s is told of %s at %v of %s %v:\n%s\nand of what is not there:\n%s", who, name, at.path, a.mutation, base, got, want)
						break
					}
				}
			}
		}
	}
	return n
}

// some gives at most four of a list, from all over it; who is in a group that delegates see is always among them.
func some(names []string) []string {
	if at := slices.Index(names, "outside"); at >= 0 {
		names[0], names[at] = names[at], names[0]
	}
	for len(names) > 4 {
		names = slices.Delete(names, len(names)/2, len(names)/2+1)
	}
	return names
}

// variants are an input as it is, and with each of its other ids missing, for those who get so far as to be told.
func (s *stage) variants(who string, a attempt, at place, spots []place) []any {
	input, all := a.input, []any{a.input}
	actions, _ := s.ask(s.as(who), `{ viewer { actions } }`, nil).at("viewer", "actions").([]any)
	if !slices.Contains(actions, any(a.mutation)) {
		return all
	}
	for _, other := range spots {
		if fmt.Sprint(other.path) != fmt.Sprint(at.path) {
			all = append(all, put(input, other.path, s.ids[other.id[1:]][:4]+"yyyyy"))
		}
	}
	return all
}

// told is all that somebody learns from a request: the answers to a dry run, to the request if it is refused, and the records they
// may read afterwards; without what changes from one request to the next.
func (s *stage) told(who, mutation string, input any, asked string) string {
	s.Helper()
	variables, _ := input.(in)
	document := s.mutation(mutation)
	var told strings.Builder
	client := s.as(who)
	first := s.send(client, document, in{"input": with(variables, in{"dryRun": true})})
	told.WriteString(first.Raw)
	if len(first.Errors) > 0 {
		told.WriteString(s.send(client, document, in{"input": variables}).Raw)
	}
	told.WriteString(s.send(client, `{ decisions(first: 1) { nodes `+everything(s.Schema.Schema(), "Decision", 3)+` } events(first: 1) { nodes { id } } }`, nil).Raw)
	return changing.ReplaceAllString(strings.ReplaceAll(told.String(), `"`+asked+`"`, `"ASKED"`), "CHANGING")
}

// Lists show and count exactly what node shows, to everybody; and whatever is nested shows nothing else.
func TestNothingHiddenIsShown(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		lists := rootLists(s.Schema.Schema())
		all := map[string][]string{}
		for _, list := range lists {
			all[list.Name] = s.listed("root", list.Name)
			if len(all[list.Name]) == 0 {
				t.Errorf("there are no %s", list.Name)
			}
		}
		for _, p := range cast {
			if p.name == "dan" || p.name == "dana" || p.name == "anonymous" || p.name == "root" {
				continue
			}
			if s.Store.Dialect() == dialect.Postgres && !slices.Contains([]string{"cora", "aisha", "noel", "ursula", "lea", "hal"}, p.name) {
				continue // what is asked of the database is the same for all
			}
			for _, list := range lists {
				var visible []string
				for _, id := range all[list.Name] {
					if s.sees(p.name, id) {
						visible = append(visible, id)
					}
				}
				if got := s.listed(p.name, list.Name); fmt.Sprint(got) != fmt.Sprint(visible) {
					t.Errorf("%s lists of %s %v, and node shows %v", p.name, list.Name, got, visible)
				}
				s.showsOnlyVisible(p.name, list)
			}
		}
	})
}

// rootLists are the root fields that are connections of things with ids.
func rootLists(schema *ast.Schema) []*ast.FieldDefinition {
	var lists []*ast.FieldDefinition
	for _, f := range schema.Query.Fields {
		if strings.HasSuffix(f.Type.Name(), "Connection") && slices.Contains(listed(schema, f).Interfaces, "Node") {
			lists = append(lists, f)
		}
	}
	return lists
}

// listed is the type of the things in a connection.
func listed(schema *ast.Schema, list *ast.FieldDefinition) *ast.Definition {
	return schema.Types[schema.Types[list.Type.Name()].Fields.ForName("nodes").Type.Name()]
}

// listed gives the sorted ids of a list, and checks the count. Decisions and events that are made meanwhile do not matter: nothing
// asks for them in order.
func (s *stage) listed(who, list string) []string {
	s.Helper()
	var ids []string
	after := any(nil)
	for {
		page := s.ask(s.as(who), `query($after: String) { list: `+list+`(first: 100, after: $after) { totalCount nodes { id } pageInfo { hasNextPage endCursor } } }`, in{"after": after})
		nodes, _ := page.at("list", "nodes").([]any)
		for i := range nodes {
			ids = append(ids, page.id("list", "nodes", i))
		}
		if page.at("list", "pageInfo", "hasNextPage") == true {
			after = page.at("list", "pageInfo", "endCursor")
			continue
		}
		if total, _ := page.at("list", "totalCount").(float64); int(total) != len(ids) {
			s.Errorf("%s counts %v %s and is shown %d", who, total, list, len(ids))
		}
		slices.Sort(ids)
		return ids
	}
}

// showsOnlyVisible asks for all that is nested in a list, two levels deep, and fails for any id that node does not show. Who sees a
// seat sees whose it is.
func (s *stage) showsOnlyVisible(who string, list *ast.FieldDefinition) {
	s.Helper()
	schema := s.Schema.Schema()
	for _, f := range listed(schema, list).Fields {
		inner := schema.Types[f.Type.Name()]
		if inner.IsLeafType() || inner.IsAbstractType() || f.Arguments.ForName("action") != nil { // viewerCan has a test of its own
			continue
		}
		size := 20
		if inner.Name == "Overview" { // a list of rows for each, which is dear
			size = 8
		}
		document := fmt.Sprintf(`{ %s(first: %d) { nodes { id %s %s } } }`, list.Name, size, f.Name, everything(schema, inner.Name, 2))
		answer := s.send(s.as(who), document, nil)
		if len(answer.Errors) > 0 {
			s.Errorf("%s: %s\n%s", who, document, answer.Raw)
		}
		ids := anID.FindAllString(answer.Raw, -1)
		slices.Sort(ids)
		for _, id := range slices.Compact(ids) {
			if !s.sees(who, id) {
				s.Errorf("%s is shown %s (%s) in %s.%s", who, id, s.nameOf(id), list.Name, f.Name)
			}
		}
	}
}

func (s *stage) nameOf(id string) string {
	for name, known := range s.ids {
		if known == id {
			return name
		}
	}
	return "no name"
}

// A condition on what is hidden finds what a condition on nothing finds: of every list, every condition that takes ids.
func TestConditionsTellNothing(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		schema := s.Schema.Schema()
		conditions := 0
		principals := []string{"ursula", "hal", "lea", "oscar", "pat"}
		if s.Store.Dialect() == dialect.Postgres {
			principals = principals[:2] // what is asked of the database is the same for all
		}
		for _, list := range rootLists(schema) {
			where := list.Arguments.ForName("where").Type.Name()
			for _, f := range schema.Types[where].Fields {
				if f.Type.Name() != "ID" {
					continue
				}
				conditions++
				for _, who := range principals {
					for name, id := range s.ids {
						if !s.sees(who, id) {
							s.finds(who, list.Name, f, name)
						}
					}
				}
			}
		}
		if conditions < 15 {
			t.Errorf("only %d conditions take ids", conditions)
		}
	})
}

func (s *stage) finds(who, list string, f *ast.FieldDefinition, name string) {
	s.Helper()
	document := fmt.Sprintf(`query($where: %sWhere) { list: %s(where: $where) { totalCount nodes { id } } }`, singular(list), list)
	value := func(id string) any {
		if f.Type.Elem != nil {
			return []string{id}
		}
		return id
	}
	hidden := s.send(s.as(who), document, in{"where": in{f.Name: value(s.ids[name])}})
	absent := s.send(s.as(who), document, in{"where": in{f.Name: value(nowhere(s.ids[name]))}})
	if hidden.Raw != absent.Raw || len(hidden.Errors) > 0 {
		s.Errorf("%s finds %s by %s of %s: %s, and of nothing %s", who, list, f.Name, name, hidden.Raw, absent.Raw)
	}
}

func singular(list string) string {
	return strings.ToUpper(list[:1]) + strings.TrimSuffix(list[1:], "s")
}

// Whoever is refused is told of no pool they may not see, in the error as in the record.
func TestErrorsNameNothingHidden(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		s.make("ward", "createAllotment", in{"parentId": "@london", "name": "ward", "limit": 10, "mode": "CEILING", "delegateUserIds": []string{"@pat"}})
		s.do("assignSeats", in{"allotmentId": "@london", "userIds": []string{"@spare"}})
		s.do("updateAllotment", in{"allotmentId": "@ward", "limit": 2})
		s.do("updateAllotment", in{"allotmentId": "@london", "limit": 2})
		for code, input := range map[string]in{
			"INSUFFICIENT_POOL": {"allotmentId": "@ward", "userIds": []string{"@member1", "@member2"}, "atomic": true}, // London has room for one
			"NOT_DELEGATED":     {"licenseId": "@suite", "userIds": []string{"@inside"}},
		} {
			answer := s.send(s.as("pat"), s.mutation("assignSeats"), in{"input": input})
			if len(answer.Errors) == 0 || len(answer.Errors[0].Extensions.Violations) == 0 || answer.Errors[0].Extensions.Violations[0].Code != code {
				t.Fatalf("want %s: %s", code, answer.Raw)
			}
			asked, err := json.Marshal(s.named(input))
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range anID.FindAllString(answer.Raw, -1) {
				if !strings.Contains(string(asked), id) && !s.sees("pat", id) {
					t.Errorf("pat is told of %s (%s): %s", id, s.nameOf(id), answer.Raw)
				}
			}
		}
	})
}
