package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/ringfence/ringfence/internal/app/apptest"
)

// in is the input of a mutation. A text that begins with @ stands for the id of what is on the stage under that name.
type in = map[string]any

// stage is an organization in which everybody who may or may not do something has a part: the license "suite" with EMEA > UK >
// London and APAC beside them, each with a delegate of its own, and the license "tool" with an allotment of somebody else's.
type stage struct {
	*apptest.Service
	*testing.T
	ids map[string]string
}

// part is somebody on the stage: a user of the directory or not, with roles in the token.
type part struct {
	name  string
	roles []string
}

// cast is everybody. Of those without a role, some are delegates.
var cast = []part{
	{"root", []string{"GLOBAL_ADMIN"}},
	{"liam", []string{"LICENSE_ADMIN"}},
	{"max", []string{"AUDITOR", "LICENSE_ADMIN"}},
	{"cora", []string{"CONTRACT_MANAGER"}},
	{"aisha", []string{"AUDITOR"}},
	{"noel", []string{"ANALYST"}},
	{"petra", []string{"POLICY_AUTHOR"}},
	{"mallory", []string{"MADE_UP", "global_admin"}},
	{"stranger", nil},
	{"pat", nil},
	{"hal", nil},                  // holds a seat of the suite, out of the license itself
	{"ursula", nil},               // delegate of UK
	{"gina", nil},                 // delegate of UK through a group
	{"dora", nil},                 // delegate of EMEA, above UK
	{"lea", nil},                  // delegate of London, below UK
	{"arun", nil},                 // delegate of APAC, beside them
	{"oscar", nil},                // delegate of an allotment of the tool
	{"bea", nil},                  // delegate of UK and of that
	{"aude", []string{"AUDITOR"}}, // delegate of UK who sees everything
	{"otto", []string{"AUDITOR"}}, // delegate of an allotment of the tool who sees everything
	{"dan", nil},                  // delegate of UK whose account is disabled
	{"dana", []string{"GLOBAL_ADMIN"}},
	{"anonymous", nil},
}

// as gives the client of somebody of the cast.
func (s *stage) as(name string) *apptest.Client {
	s.Helper()
	if name == "anonymous" {
		return s.Anonymous()
	}
	for _, p := range cast {
		if p.name == name {
			return s.As(p.name, p.roles...)
		}
	}
	s.Fatalf("nobody is called %s", name)
	return nil
}

// set builds the stage on a service.
func set(t *testing.T, service *apptest.Service) *stage {
	t.Helper()
	s := &stage{Service: service, T: t, ids: map[string]string{}}
	s.make("vendor", "createVendor", in{"name": "Microsoft"})
	s.make("empty vendor", "createVendor", in{"name": "Nobody's"})
	for _, product := range []string{"suite product", "tool product", "empty product"} {
		plans := []in{{"planId": product + " 1", "name": product + " one"}, {"planId": product + " 2", "name": product + " two"}}
		s.make(product, "createProduct", in{"vendorId": "@vendor", "name": product, "sku": strings.ToUpper(product), "servicePlans": plans})
		s.ids[product+" plan"] = s.ask(s.Admin(), `query($id: ID!) { node(id: $id) { ... on Product { servicePlans { id } } } }`, in{"id": "@" + product}).id("node", "servicePlans", 0)
	}
	s.make("contract", "createContract", in{"vendorId": "@vendor", "number": "EA-1", "name": "Agreement"})
	s.make("empty contract", "createContract", in{"vendorId": "@vendor", "number": "EA-2", "name": "Another", "endsOn": "2030-12-31"})
	for license, product := range map[string]string{"suite": "@suite product", "tool": "@tool product", "empty license": "@empty product"} {
		s.make(license, "createLicense", in{"contractId": "@contract", "productId": product, "quantity": 300})
	}
	s.ids["deployment"] = s.do("recordDeployments", in{"source": "scan", "deployments": []in{{"vendor": "Microsoft", "product": "Office", "users": 30}}}).id("answer", "deployments", 0)
	s.make("allocation", "createAllocation", in{"licenseId": "@tool", "type": "TRACK_DEPLOYMENT", "deploymentId": "@deployment", "quantity": 5})
	s.make("purchase", "placePurchaseReservation", in{"licenseId": "@tool", "quantity": 5, "startsOn": soon})
	s.make("token", "createServiceToken", in{"name": "a service", "purpose": "SCIM"})
	s.ids["revision"] = s.Policy.Revision()
	s.make("trial", "startPolicyTrial", in{"revision": "@revision", "share": 1})
	s.do("stopPolicyTrial", in{"policyTrialId": "@trial"}) // there is one at a time, and doing it again changes nothing
	s.people()
	s.shares()
	s.file()
	s.do("upsertUsers", in{"users": []in{{"userName": "dan", "enabled": false}, {"userName": "dana", "enabled": false}}})
	return s
}

// soon is a day on which a purchase reservation may start.
var soon = time.Now().UTC().AddDate(0, 0, 30).Format(time.DateOnly)

// file has a file read, so that there is a feed.
func (s *stage) file() {
	s.Helper()
	request, err := http.NewRequestWithContext(s.Context(), http.MethodPost, s.URL+"/import/groups?name=groups.csv", strings.NewReader("name\nout of a file\n"))
	if err != nil {
		s.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+s.token("root"))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.Fatal(err)
	}
	if _ = response.Body.Close(); response.StatusCode != http.StatusOK {
		s.Fatalf("import: %s", response.Status)
	}
}

func (s *stage) people() {
	s.Helper()
	for _, name := range []string{"inside", "outside", "grouped", "spare", "far", "member1", "member2"} {
		department := map[string]string{"inside": "Sales", "grouped": "Sales", "member1": "Sales", "member2": "Sales", "outside": "IT", "far": "Far"}[name]
		s.user(name, department)
	}
	for _, p := range cast {
		if p.name != "stranger" && p.name != "anonymous" {
			s.user(p.name, "Staff")
		}
	}
	for group, members := range map[string][]string{
		"sales": {"@grouped", "@inside"}, "team": {"@gina"}, "hidden group": {"@far", "@outside"}, "spare group": {"@spare"}, "nested group": nil,
		"mixed group": {"@outside"}, // which whoever is a delegate of UK sees, but not its member
	} {
		s.make(group, "upsertGroups", in{"groups": []in{{"name": group, "externalId": group}}})
		if members != nil {
			s.do("addGroupMembers", in{"groupId": "@" + group, "userIds": members})
		}
	}
}

func (s *stage) user(name, department string) {
	s.Helper()
	s.make(name, "upsertUsers", in{"users": []in{{"userName": name, "displayName": "The " + name, "email": name + "@contoso.example", "externalId": "ext " + name,
		"department": department, "roles": []string{"STAFF"}}}})
}

func (s *stage) shares() {
	s.Helper()
	scope := in{"departments": []string{"Sales"}, "groupIds": []string{"@sales", "@spare group"}}
	share := func(name, above string, limit int, scope in, delegates ...string) {
		key := map[bool]string{true: "licenseId", false: "parentId"}[above == "suite" || above == "tool"]
		s.make(name, "createAllotment", in{key: "@" + above, "name": name, "limit": limit, "scope": scope, "delegateUserIds": delegates, "delegateGroupIds": []string{}})
	}
	share("emea", "suite", 150, scope, "@dora")
	share("uk", "emea", 60, scope, "@ursula", "@bea", "@aude", "@dan")
	share("london", "uk", 25, scope, "@lea")
	share("apac", "suite", 50, in{"departments": []string{"Far"}, "groupIds": []string{"@hidden group"}}, "@arun")
	share("tools", "tool", 40, in{"departments": []string{"Tools"}, "groupIds": []string{"@sales"}}, "@oscar", "@bea", "@otto")
	share("empty", "emea", 1, scope)
	s.do("updateAllotment", in{"allotmentId": "@uk", "delegateGroupIds": []string{"@team"}})
	s.make("grant", "licenseGroup", in{"groupId": "@sales", "allotmentId": "@uk"})
	s.make("mixed grant", "licenseGroup", in{"groupId": "@mixed group", "allotmentId": "@uk"})
	s.make("hidden grant", "licenseGroup", in{"groupId": "@hidden group", "allotmentId": "@apac"})
	s.do("assignSeats", in{"licenseId": "@suite", "userIds": []string{"@hal", "@outside"}})
}

// make does something as an administrator and keeps the id of what was made under a name.
func (s *stage) make(name, mutation string, input in) {
	s.Helper()
	made := s.do(mutation, input)
	for _, field := range []string{"serviceToken", "purchaseReservation", "policyTrial"} {
		if id := made.id("answer", field); id != "" {
			s.ids[name] = id
			return
		}
	}
	for _, field := range []string{"vendor", "product", "contract", "license", "allocation", "allotment", "groupLicense"} {
		if id := made.id("answer", field); id != "" {
			s.ids[name] = id
			if field != "license" {
				return
			}
		}
	}
	for _, field := range []string{"users", "groups"} {
		if id := made.id("answer", field, 0); id != "" {
			s.ids[name] = id
		}
	}
	if s.ids[name] == "" {
		s.Fatalf("%s made nothing: %v", mutation, made)
	}
}

// do does something as an administrator.
func (s *stage) do(mutation string, input in) object {
	s.Helper()
	return s.ask(s.Admin(), s.mutation(mutation), in{"input": input})
}

// ask asks for what must be answered.
func (s *stage) ask(who *apptest.Client, document string, variables in) object {
	s.Helper()
	var answer object
	who.Do(document, s.named(variables).(in), &answer)
	return answer
}

// send asks with ids by name.
func (s *stage) send(who *apptest.Client, document string, variables in) *apptest.Answer {
	s.Helper()
	return who.Send(document, s.named(variables).(in))
}

// named puts the ids in the places of their names.
func (s *stage) named(value any) any {
	switch value := value.(type) {
	case string:
		name, is := strings.CutPrefix(value, "@")
		if !is {
			return value
		}
		if s.ids[name] == "" {
			s.Fatalf("nothing is called %s", name)
		}
		return s.ids[name]
	case in:
		out := make(in, len(value))
		for key, inner := range value {
			out[key] = s.named(inner)
		}
		return out
	case []string:
		out := make([]string, len(value))
		for i, inner := range value {
			out[i], _ = s.named(inner).(string)
		}
		return out
	case []in:
		out := make([]in, len(value))
		for i, inner := range value {
			out[i], _ = s.named(inner).(in)
		}
		return out
	}
	return value
}

// with is one input with another over it.
func with(inputs ...in) in {
	out := in{}
	for _, input := range inputs {
		for key, value := range input {
			out[key] = value
		}
	}
	return out
}

// mutation writes the document of a mutation that asks for all its payload has, down to the third level.
func (s *stage) mutation(name string) string {
	schema := s.Schema.Schema()
	field := schema.Mutation.Fields.ForName(name)
	if field == nil {
		s.Fatalf("there is no mutation %s", name)
	}
	return fmt.Sprintf("mutation($input: %s) { answer: %s(input: $input) %s }", field.Arguments[0].Type, name, everything(schema, field.Type.Name(), 3))
}

// everything selects all fields of a type, and of what it refers to, so many levels deep.
func everything(schema *ast.Schema, name string, depth int) string {
	var fields []string
	for _, f := range schema.Types[name].Fields {
		inner := schema.Types[f.Type.Name()]
		switch {
		case strings.HasPrefix(f.Name, "__"), f.Arguments.ForName("action") != nil: // viewerCan has a test of its own
		case inner.IsLeafType():
			fields = append(fields, f.Name)
		case depth > 0 && inner.IsAbstractType():
			fields = append(fields, f.Name+" { __typename ... on Node { id } }")
		case depth > 0:
			fields = append(fields, f.Name+few(f)+" "+everything(schema, inner.Name, depth-1))
		}
	}
	if fields == nil {
		return "{ __typename }"
	}
	return "{ " + strings.Join(fields, " ") + " }"
}

// few asks for less of a list than the schema gives by default, so that not too much is asked for.
func few(f *ast.FieldDefinition) string {
	if first := f.Arguments.ForName("first"); first != nil && first.DefaultValue != nil {
		return "(first: 10)"
	}
	return ""
}

// object is a JSON object of an answer.
type object map[string]any

// at walks down an answer: names of fields, and numbers of items.
func (o object) at(path ...any) any {
	var here any = map[string]any(o)
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := here.(map[string]any)
			here = m[step]
		case int:
			list, _ := here.([]any)
			if step >= len(list) {
				return nil
			}
			here = list[step]
		}
	}
	return here
}

// id gives the id of what is at a place, empty if nothing is.
func (o object) id(path ...any) string {
	text, _ := o.at(append(slices.Clone(path), "id")...).(string)
	return text
}

// data reads the data of an answer.
func (s *stage) data(a *apptest.Answer) object {
	s.Helper()
	var out object
	if len(a.Data) > 0 {
		if err := json.Unmarshal(a.Data, &out); err != nil {
			s.Fatal(err)
		}
	}
	return out
}
