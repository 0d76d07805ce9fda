package policy

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/policies"
)

// pick makes random inputs, with every optional part now there and now not.
type pick struct{ *rand.Rand }

func (p pick) some(n int) []int64 {
	list := make([]int64, p.IntN(n))
	for i := range list {
		list[i] = p.Int64N(1000)
	}
	return list
}

func (p pick) word() string {
	all := []string{"", "Sales", "GB", "E3 \"quoted\"", "Vertrieb & Söhne", "line\nbreak", "日本", "\u0001", "<tag>", "ENTERPRISEPACK", "GUEST"}
	return all[p.IntN(len(all))]
}

func (p pick) words(n int) []string {
	list := make([]string, p.IntN(n))
	for i := range list {
		list[i] = p.word()
	}
	return list
}

func (p pick) count() *int64 {
	if p.IntN(2) == 0 {
		return nil
	}
	return ptr(p.Int64N(1 << 40))
}

func (p pick) time() *time.Time {
	if p.IntN(2) == 0 {
		return nil
	}
	return ptr(time.Unix(p.Int64N(1<<33), p.Int64N(1e9)))
}

func (p pick) scope() Scope {
	if p.IntN(2) == 0 {
		return Scope{}
	}
	return Scope{Groups: p.some(3), Departments: p.words(3), Countries: p.words(3)}
}

func (p pick) yes() bool { return p.IntN(2) == 0 }

func (p pick) input() *Input {
	in := &Input{
		Now:       time.Unix(p.Int64N(1<<33), 0),
		Action:    []string{"assignSeats", "createAllotment", ActionPromoteSeats}[p.IntN(3)],
		Principal: Principal{Name: p.word(), Roles: p.words(3), System: p.yes(), UserID: p.Int64N(2000), DelegateOf: p.yes()},
		Pools:     make([]Pool, p.IntN(5)),
		Subjects:  make([]Subject, p.IntN(4)),
	}
	for i := range in.Pools {
		key := licensing.PoolKey{License: 12, Allotment: int64(100 + i)}
		if i == len(in.Pools)-1 {
			key.Allotment = 0
		}
		in.Pools[i] = Pool{
			Key: key, Name: p.word(), Mode: ModeReserved, Limit: p.count(), Used: p.Int64N(2000), Reserved: p.Int64N(2000), Available: p.count(),
			Requested: p.Int64N(9), Draws: p.yes(), Delegate: p.yes(), Scope: p.scope(), StartsAt: p.time(), EndsAt: p.time(),
		}
	}
	for i := range in.Subjects {
		in.Subjects[i] = Subject{
			UserID: p.Int64N(1 << 50), Type: "GUEST", Enabled: p.yes(), Department: p.word(), UsageLocation: p.word(), Groups: p.some(3),
			HeldPlans: p.words(3), MemberOf: p.words(3), Via: ViaGroup, Count: p.Int64N(3),
		}
	}
	if p.yes() {
		in.License = &License{
			ID: 12, ProductKind: "SUBSCRIPTION", SKU: p.word(), Quantity: p.Int64N(2000), Unlimited: p.yes(), BlockedLocations: p.words(3),
			Plans: p.words(3), StartsAt: p.time(), EndsAt: p.time(),
		}
	}
	if p.yes() {
		in.Allotment = &AllotmentChange{
			Mode: ModeCeiling, Limit: p.count(), PreviousLimit: p.count(), Requested: p.Int64N(2000), Scope: p.scope(), StartsAt: p.time(),
			EndsAt: p.time(), Fields: p.words(3),
		}
	}
	if p.yes() {
		in.Group = &Group{ID: p.Int64N(2000), Members: p.Int64N(2000)}
	}
	if p.yes() {
		in.Purchase = &Purchase{
			Quantity: p.Int64N(2000), StartsAt: time.Unix(p.Int64N(1<<33), 0), DaysAhead: p.IntN(400) - 200, MonthsAhead: p.IntN(9),
			DaysToAnniversary: p.count(), DaysBeforeAnniversary: p.count(), Override: p.yes(),
		}
	}
	if p.yes() {
		in.Confirms = &Confirmation{Same: p.yes(), Principal: p.word(), At: time.Unix(p.Int64N(1<<33), 0), Codes: p.words(3)}
	}
	for range p.IntN(3) {
		in.Renewals = append(in.Renewals, Renewal{Pool: licensing.PoolKey{License: 12}, Name: p.word(), Quantity: p.Int64N(9), Consumed: p.Int64N(9)})
	}
	if p.yes() {
		in.Args = map[string]any{"note": p.word(), "n": p.IntN(10), "list": []any{nil, 1.5, true}}
	}
	return in
}

// The document that is recorded is the one that was evaluated, it is JSON, and it keeps to the schema that policies are
// compiled against.
func TestTheRecordIsTheDocument(t *testing.T) {
	schema := ast.MustParseTerm(string(policies.InputSchema))
	valid, err := rego.New(rego.Query("json.match_schema(input[0], input[1])")).PrepareForEval(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p := pick{rand.New(rand.NewPCG(1, 2))}
	for range 500 {
		in := p.input()
		term, err := in.term()
		if err != nil {
			t.Fatal(err)
		}
		record := in.JSON()
		read, f, err := parseInput(record)
		if err != nil {
			t.Fatalf("%v: %s", err, record)
		}
		if !read.Equal(term) || term.Value.Compare(read.Value) != 0 {
			t.Fatalf("evaluated %v\nrecorded %s", term, record)
		}
		if want := in.frame(); !reflect.DeepEqual(f, want) {
			t.Fatalf("frame %+v, want %+v", f, want)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, record); err != nil || compact.Len() != len(record) {
			t.Fatalf("not compact JSON (%v): %s", err, record)
		}
		result, err := valid.Eval(t.Context(), rego.EvalParsedInput(ast.NewArray(term, schema)))
		if err != nil {
			t.Fatal(err)
		}
		if verdict, ok := result[0].Expressions[0].Value.([]any); !ok || verdict[0] != true {
			t.Fatalf("%v: %s", verdict, record)
		}
	}
}

// The schema may not promise a fact that the builder never writes, nor miss one: both have the same names.
func TestTheSchemaNamesWhatTheInputHas(t *testing.T) {
	in := assignInput()
	in.License.StartsAt, in.License.EndsAt = &testNow, &testNow
	in.Pools[0].StartsAt, in.Pools[0].EndsAt = &testNow, &testNow
	in.Allotment = &AllotmentChange{
		Limit: ptr[int64](1), PreviousLimit: ptr[int64](2), StartsAt: &testNow, EndsAt: &testNow, Scope: Scope{Groups: []int64{1}},
	}
	in.Group, in.Args = &Group{ID: 1}, "x"
	in.Confirms = &Confirmation{Same: true, Principal: "ann", At: testNow, Codes: []string{"FOUR_EYES"}}
	in.Subjects[0].MemberOf = []string{"trained"}
	in.Purchase = &Purchase{DaysToAnniversary: ptr[int64](1), DaysBeforeAnniversary: ptr[int64](2)}
	in.Renewals = []Renewal{{Name: "E3"}}
	var document map[string]any
	if err := json.Unmarshal(in.JSON(), &document); err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(policies.InputSchema, &schema); err != nil {
		t.Fatal(err)
	}
	// What list rules read is built elsewhere.
	var lists map[string]any
	who := Principal{UserID: 7}
	if err := json.Unmarshal(appendJSON(nil, who.rowReader(ast.ObjectTerm())), &lists); err != nil {
		t.Fatal(err)
	}
	document["row"] = lists["row"]
	for name, value := range lists["principal"].(map[string]any) {
		document["principal"].(map[string]any)[name] = value
	}
	compareNames(t, "input", schema, schema, document)
}

func compareNames(t *testing.T, at string, root, schema map[string]any, value any) {
	t.Helper()
	if schema["$ref"] == "#/definitions/scope" {
		schema = root["definitions"].(map[string]any)["scope"].(map[string]any)
	}
	if list, ok := value.([]any); ok && len(list) > 0 {
		if items, ok := schema["items"].(map[string]any); ok {
			compareNames(t, at+"[]", root, items, list[0])
		}
		return
	}
	object, ok := value.(map[string]any)
	if !ok {
		return
	}
	properties, _ := schema["properties"].(map[string]any)
	for name, child := range object {
		property, ok := properties[name].(map[string]any)
		if !ok {
			t.Errorf("%s.%s is not in the schema", at, name)
			continue
		}
		compareNames(t, at+"."+name, root, property, child)
	}
	for name := range properties {
		if _, ok := object[name]; !ok {
			t.Errorf("%s.%s is in the schema only", at, name)
		}
	}
}

func TestTierIsTheHighestRole(t *testing.T) {
	for want, p := range map[string]Principal{
		"GLOBAL_ADMIN":     {Roles: []string{"ANALYST", "GLOBAL_ADMIN"}},
		"LICENSE_ADMIN":    {Roles: []string{"CONTRACT_MANAGER", "LICENSE_ADMIN"}},
		"CONTRACT_MANAGER": {Roles: []string{"AUDITOR", "CONTRACT_MANAGER"}},
		"AUDITOR":          {Roles: []string{"ANALYST", "AUDITOR"}},
		"ANALYST":          {Roles: []string{"POLICY_AUTHOR", "ANALYST"}},
		"POLICY_AUTHOR":    {Roles: []string{"POLICY_AUTHOR"}},
		"PROVISIONER":      {Roles: []string{"PROVISIONER"}},
		"USER":             {Roles: []string{"global_admin"}},
		"SYSTEM":           {Roles: []string{"GLOBAL_ADMIN"}, System: true},
	} {
		if got := p.Tier(); got != want {
			t.Errorf("%v: %s, want %s", p.Roles, got, want)
		}
	}
}

func TestTheWindowIsOpenWhileAllPoolsAreInEffect(t *testing.T) {
	at := func(hours int) *time.Time { return ptr(testNow.Add(time.Duration(hours) * time.Hour)) }
	for name, c := range map[string]struct {
		pools []Pool
		want  string
	}{
		"no dates":         {[]Pool{{}, {}}, `{"open": true}`},
		"within":           {[]Pool{{StartsAt: at(-2)}, {StartsAt: at(-1), EndsAt: at(3)}, {EndsAt: at(2)}}, `{"open": true, "starts_at": 1772438400, "ends_at": 1772449200}`},
		"from this second": {[]Pool{{StartsAt: at(0)}}, `{"open": true, "starts_at": 1772442000}`},
		"until before":     {[]Pool{{EndsAt: at(0)}}, `{"open": false, "ends_at": 1772442000}`},
		"not yet":          {[]Pool{{StartsAt: at(-1)}, {StartsAt: at(1)}}, `{"open": false, "starts_at": 1772445600}`},
	} {
		in := &Input{Now: testNow, Pools: c.pools}
		term, err := in.term()
		if err != nil {
			t.Fatal(err)
		}
		got := term.Value.(ast.Object).Get(kWindow)
		if want := ast.MustParseTerm(c.want); !got.Equal(want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
