package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/app/apptest"
)

const (
	// answeredWithin is far above what a probe takes, also on a busy machine, and far below what one takes that hangs a core.
	answeredWithin = 5 * time.Second
	// largestAnswer is room for 50 errors with the longest messages, and none for an echo of the request.
	largestAnswer = 128 << 10
)

// What a probe is answered with.
const (
	tooComplex = "TOO_COMPLEX"
	invalid    = "INVALID_INPUT"
)

// probe is a request made to hang, flood or confuse the service, and the code it must be refused with.
type probe struct {
	code, body string
	change     func(*http.Request)
	status     int // 0: 400
}

// document makes a body of a document and variables, which are JSON as it is.
func document(text string, variables ...string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return `{"query":` + string(quoted) + strings.Join(append([]string{""}, variables...), `,"variables":`) + `}`
}

// nest puts n times open before and shut after the middle.
func nest(n int, open, middle, shut string) string {
	return strings.Repeat(open, n) + middle + strings.Repeat(shut, n)
}

// many joins n copies of a text, with numbers for #.
func many(n int, text string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(text, "#", fmt.Sprint(i)) + " ")
	}
	return b.String()
}

// chain is fragments f0 to fn, each spreading the next as the body says, with $ for the next one's name.
func chain(n int, body string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "fragment f%d on Allotment { %s } ", i, strings.ReplaceAll(body, "$", fmt.Sprintf("f%d", i+1)))
	}
	return b.String() + fmt.Sprintf("fragment f%d on Allotment { name }", n)
}

const inAllotments = "{ allotments { nodes { ...f0 } } } "

// shapes are documents that are too deep, too wide, too long or that go in circles.
var shapes = map[string]probe{
	"fragments that double":              {code: tooComplex, body: document(inAllotments + chain(37, "...$ ...$"))},
	"fragments that double under fields": {code: tooComplex, body: document(inAllotments + chain(15, "a: parent { ...$ } b: parent { ...$ }"))},
	"fragments that double unused":       {code: tooComplex, body: document("{ viewer { userName } } " + chain(38, "...$ ...$"))},
	"fragments sixty times each":         {code: tooComplex, body: document(inAllotments + chain(12, strings.Repeat("...$ ", 60)))},
	"a hundred operations that double":   {code: tooComplex, body: document(many(100, "query q# "+inAllotments) + chain(6, "...$ ...$"))},
	"one field too deep":                 {code: tooComplex, body: document("{ allotments { nodes " + nest(18, "{ parent ", "{ name }", "}") + "} }")},
	"a thousand fields deep":             {code: tooComplex, body: document("{ allotments { nodes " + nest(900, "{ parent ", "{ name }", "}") + "} }")},
	"deeper than any stack":              {code: tooComplex, body: document(nest(300_000, "{a", "", "}"))},
	"deep through fragments":             {code: tooComplex, body: document(inAllotments + chain(40, "parent { ...$ }"))},
	"deep inline fragments":              {code: tooComplex, body: document("{ viewer { " + nest(900, "... { ", "userName", "}") + " } }")},
	"a long chain of spreads":            {code: tooComplex, body: document(inAllotments + chain(1600, "...$"))},
	"a hundred and one aliases":          {code: tooComplex, body: document("{ viewer { " + many(101, "a#: userName") + "} }")},
	"a login for every password":         {code: tooComplex, body: document("{ " + many(101, `a#: node(id: "usr_#") { id }`) + "}")},
	"too many root fields":               {code: tooComplex, body: document("{ " + strings.Repeat("viewer { userName } ", 51) + "}")},
	"too many mutations":                 {code: tooComplex, body: document("mutation { " + many(51, `a#: createVendor(input: {name: "#"}) { dryRun }`) + "}")},
	"one field five thousand times":      {code: tooComplex, body: document("{ viewer { " + strings.Repeat("userName ", 5001) + "} }")},
	"too many spreads":                   {code: tooComplex, body: document("{ viewer { " + strings.Repeat("...f ", 61) + "} } fragment f on Viewer { userName }")},
	"nine directives on a field":         {code: tooComplex, body: document("{ viewer { userName " + strings.Repeat("@skip(if: false) ", 9) + "} }")},
	"thousands of unknown directives":    {code: tooComplex, body: document("{ viewer { userName " + many(5000, "@d#") + "} }")},
	"too many tokens":                    {code: tooComplex, body: document("{ viewer { " + strings.Repeat("a(b:1)", 3000) + "} }")},
	"comments":                           {code: tooComplex, body: document(strings.Repeat("#\n", 20_000) + "{ viewer { userName } }")},
	"a literal thousands deep":           {code: tooComplex, body: document("{ nodes(ids: " + nest(3000, "[", "", "]") + ") { id } }")},
	"a type of lists of lists":           {code: tooComplex, body: document("query q($a: "+nest(500, "[", "ID", "]")+") { nodes(ids: $a) { id } }", `{"a":"x"}`)},
	"pages of pages of pages":            {code: tooComplex, body: document("{ groups(first: 100) { nodes { members(first: 100) { nodes { groups(first: 100) { nodes { id name } } } } } } }")},
	"pages sized by variables":           {code: tooComplex, body: document("query q($n: Int) { groups(first: $n) { nodes { members(last: $n) { nodes { groups(first: $n) { nodes { id } } } } } } }", `{"n":100}`)},
	"a page of two billion":              {code: tooComplex, body: document("{ users(first: 2147483647) { nodes { id } } }")},
	"introspection of introspection":     {code: invalid, body: document("{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }")},
	"a fragment that spreads itself":     {code: invalid, body: document("{ viewer { ...f } } fragment f on Viewer { ...f }")},
	"fragments in a circle":              {code: invalid, body: document("{ viewer { ...a } } fragment a on Viewer { ...b } fragment b on Viewer { ...a }")},
	"a circle through fields":            {code: invalid, body: document("{ allotments { nodes { ...a } } } fragment a on Allotment { parent { ...a } }")},
	"fields that differ by arguments":    {code: invalid, body: document("{ " + many(40, "users(first: #) { totalCount }") + "}")},
	"thousands of unknown fields":        {code: invalid, body: document("{ viewer { " + many(4900, "unknown#") + "} }")},
	"thousands of unknown arguments":     {code: invalid, body: document("{ users(" + many(4000, "a#: 1") + ") { totalCount } }")},
	"thousands of variables":             {code: invalid, body: document("query q(" + many(3000, "$v#: Int") + ") { viewer { userName } }")},
	"thousands of operations":            {code: invalid, body: document(many(1800, "query q# { viewer { userName } }"))},
	"thousands of fragments":             {code: invalid, body: document("{ viewer { userName } } " + many(2000, "fragment f# on Viewer { userName }"))},
	"an unknown directive":               {code: invalid, body: document("{ viewer @admin { userName } }")},
	"defer":                              {code: invalid, body: document("{ ... @defer { viewer { userName } } }")},
	"a type that is not there":           {code: invalid, body: document("{ node(id: \"usr_1\") { ... on Password { value } } }")},
	"a field that is not there":          {code: invalid, body: document("{ viewer { passwordHash } }")},
	"a subscription":                     {code: invalid, body: document("subscription { poolChanged(id: 1) { used } }")},
}

// values are literals and variables that no field takes.
var values = func() map[string]probe {
	const create = "mutation m($input: CreateAllotmentInput!) { createAllotment(input: $input) { dryRun } }"
	const assign = "mutation m($input: AssignSeatsInput!) { assignSeats(input: $input) { dryRun } }"
	const list = "query q($first: Int, $where: UserWhere) { users(first: $first, where: $where) { totalCount } }"
	return map[string]probe{
		"a number beyond 32 bits":         {code: invalid, body: document("{ users(first: 2147483648) { totalCount } }")},
		"a number beyond 64 bits":         {code: invalid, body: document(list, `{"first":99999999999999999999}`)},
		"a number of 400 digits":          {code: invalid, body: document("{ users(first: -" + strings.Repeat("9", 400) + ") { totalCount } }")},
		"a fraction":                      {code: invalid, body: document(list, `{"first":1.5}`)},
		"a huge exponent":                 {code: invalid, body: document(list, `{"first":1e400}`)},
		"text for a number":               {code: invalid, body: document(list, `{"first":"5"}`)},
		"a limit beyond 32 bits":          {code: invalid, body: document(create, `{"input":{"licenseId":"lic_1","name":"a","limit":2147483648}}`)},
		"NUL in a literal":                {code: invalid, body: document(`{ users(where: { department: { eq: "a\u0000b" } }) { totalCount } }`)},
		"NUL in a variable":               {code: invalid, body: document(create, `{"input":{"licenseId":"lic_1","name":"a\u0000","limit":1}}`)},
		"half a character":                {code: invalid, body: "{\"query\":\"{ node(id: \\\"\xff\xfe\\\") { id } }\"}"},
		"an overlong encoding":            {code: invalid, body: "{\"query\":\"{ __typename }\",\"variables\":{\"a\":\"\xc0\xaf\"}}"},
		"UTF-16":                          {code: invalid, body: "\xfe\xff\x00{\x00}"},
		"an unknown input field":          {code: invalid, body: document(assign, `{"input":{"licenseId":"lic_1","userIds":[],"used":0}}`)},
		"a required field left out":       {code: invalid, body: document(assign, `{"input":{"licenseId":"lic_1"}}`)},
		"null in a list of ids":           {code: invalid, body: document(assign, `{"input":{"licenseId":"lic_1","userIds":[null]}}`)},
		"a number for an id":              {code: invalid, body: document(assign, `{"input":{"licenseId":1.5,"userIds":[]}}`)},
		"an object for an id":             {code: invalid, body: document("query q($id: ID!) { node(id: $id) { id } }", `{"id":{"$ne":null}}`)},
		"an unknown enum value":           {code: invalid, body: document(create, `{"input":{"licenseId":"lic_1","name":"a","limit":1,"mode":"reserved"}}`)},
		"a time that is none":             {code: invalid, body: document(create, `{"input":{"licenseId":"lic_1","name":"a","limit":1,"startsAt":"2026-02-30T00:00:00Z"}}`), status: http.StatusOK},
		"a time without a zone":           {code: invalid, body: document(create, `{"input":{"licenseId":"lic_1","name":"a","limit":1,"startsAt":"2026-02-03T00:00:00"}}`), status: http.StatusOK},
		"a time that is a number":         {code: invalid, body: document(create, `{"input":{"licenseId":"lic_1","name":"a","limit":1,"startsAt":0}}`), status: http.StatusOK},
		"no variable":                     {code: invalid, body: document(create)},
		"a variable thousands deep":       {code: tooComplex, body: document(list, `{"where":`+nest(9000, "[", "", "]")+`}`)},
		"JSON hundreds of thousands deep": {code: invalid, body: `{"query":"{ __typename }","variables":{"a":` + nest(400_000, "[", "", "]") + `}}`},
		"an input field of 900 kB":        {code: invalid, body: document(assign, `{"input":{"`+strings.Repeat("a", 900_000)+`":1}}`)},
		"a field name of 900 kB":          {code: tooComplex, body: document("{ " + strings.Repeat("a", 900_000) + " }")},
		"an operation name of 900 kB":     {code: tooComplex, body: `{"query":"{ __typename }","operationName":"` + strings.Repeat("a", 900_000) + `"}`},
		"text of 900 kB for a number":     {code: invalid, body: document(`{ users(first: "` + strings.Repeat("a", 900_000) + `") { totalCount } }`)},
		"a string without an end":         {code: invalid, body: document(`{ node(id: """` + strings.Repeat("a", 900_000) + `) { id } }`)},
		"a name of 900 kB":                {code: invalid, body: document(create, `{"input":{"licenseId":"lic_1","limit":1,"name":"`+strings.Repeat("a", 900_000)+`"}}`), status: http.StatusOK},
	}
}()

// transports are requests that are no GraphQL request.
var transports = map[string]probe{
	"a body of 2 MB":        {code: tooComplex, body: document("{ __typename }" + strings.Repeat(" ", 2<<20)), status: http.StatusRequestEntityTooLarge},
	"a name of 2 MB":        {code: tooComplex, body: document("{ __typename }", `{"a":"`+strings.Repeat("a", 2<<20)+`"}`), status: http.StatusRequestEntityTooLarge},
	"a batch":               {code: invalid, body: "[" + document("{ __typename }") + "]"},
	"a batch of thousands":  {code: invalid, body: "[" + strings.Repeat(document("{ __typename }")+",", 20_000) + "{}]"},
	"no body":               {code: invalid, body: ""},
	"text":                  {code: invalid, body: `"{ __typename }"`},
	"two bodies":            {code: invalid, body: document("{ __typename }") + document("{ __typename }")},
	"an unknown operation":  {code: invalid, body: `{"query":"query a { __typename }","operationName":"b"}`},
	"a persisted query":     {code: invalid, body: `{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"x"}}}`},
	"an upload":             {code: invalid, body: "--x--", change: setting("Content-Type", "multipart/form-data; boundary=x"), status: http.StatusUnsupportedMediaType},
	"a form":                {code: invalid, body: "query=%7B__typename%7D", change: setting("Content-Type", "application/x-www-form-urlencoded"), status: http.StatusUnsupportedMediaType},
	"a compressed body":     {code: invalid, body: "\x1f\x8b", change: setting("Content-Encoding", "gzip"), status: http.StatusUnsupportedMediaType},
	"a method nobody knows": {code: invalid, body: "", change: func(r *http.Request) { r.Method = "BREW" }, status: http.StatusMethodNotAllowed},
	"a mutation by GET": {code: invalid, change: func(r *http.Request) {
		r.Method, r.URL.RawQuery = http.MethodGet, `query=mutation{createVendor(input:{name:"x"}){dryRun}}`
	}, status: http.StatusMethodNotAllowed},
}

func setting(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// Every probe is refused quickly, in few bytes, with nothing executed and nothing told; also when nobody is signed in. The limits
// are on by default.
func TestHostileRequests(t *testing.T) {
	s := apptest.Start(t, "sqlite")
	tokens := map[string]string{"root": s.Token("root", "GLOBAL_ADMIN"), "anonymous": ""}
	total := 0
	for kind, probes := range map[string]map[string]probe{"shape": shapes, "value": values, "transport": transports} {
		total += len(probes)
		for name, p := range probes {
			for who, token := range tokens {
				t.Run(kind+"/"+name+"/"+who, func(t *testing.T) { p.run(t, s.URL, token) })
			}
		}
	}
	if total < 49 {
		t.Errorf("%d probes, want at least 49", total)
	}
	var answer object
	s.Admin().Do(`{ vendors { totalCount } viewer { userName } }`, nil, &answer)
	if answer.at("vendors", "totalCount") != 0.0 || answer.at("viewer", "userName") != "root@contoso.example" {
		t.Errorf("afterwards: %v", answer)
	}
}

func (p probe) run(t *testing.T, url, token string) {
	start := time.Now()
	status, raw := post(t, url, token, p.body, p.change)
	if took := time.Since(start); took > answeredWithin {
		t.Errorf("answered after %v", took)
	}
	var answer struct {
		Data   map[string]any
		Errors []struct{ Extensions struct{ Code string } }
	}
	if err := json.Unmarshal([]byte(raw), &answer); err != nil || len(answer.Errors) == 0 || len(answer.Errors) > 50 || len(raw) > largestAnswer {
		t.Fatalf("%v: %d errors in %d bytes: %.300s", err, len(answer.Errors), len(raw), raw)
	}
	if p.status == 0 {
		p.status = http.StatusBadRequest
	}
	code := answer.Errors[0].Extensions.Code
	refused := code == p.code && status == p.status
	if token == "" && code == unknown { // who nobody knows is told so first, where the document can be read
		refused = true
	}
	if !refused {
		t.Errorf("status %d, code %s, want %d, %s: %.300s", status, code, p.status, p.code, raw)
	}
	for field, value := range answer.Data {
		if value != nil {
			t.Errorf("%s was executed: %.300s", field, raw)
		}
	}
}

// post sends a body and gives the status and the answer, which must tell nothing of the inside.
func post(t *testing.T, url, token, body string, change func(*http.Request)) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/graphql", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"application/graphql-response+json"}}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if change != nil {
		change(request)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if leak := apptest.Leak(string(raw)); leak != "" {
		t.Errorf("the answer tells %q: %.500s", leak, raw)
	}
	return response.StatusCode, string(raw)
}

// What no answer may tell is found, and what answers are made of is not taken for it.
func TestLeak(t *testing.T) {
	for _, leak := range []string{
		`pq: duplicate key value violates unique constraint "vendors_name_key"`, `UNIQUE constraint failed: vendors.name`, `ent: vendor not found`,
		`SELECT "id" FROM "users"`, `open /var/lib/ringfence/ringfence.db: permission denied`, `runtime error: index out of range [3]`, `main.go:12`,
		`*fault.Error`, `seat_license_id_user_id`, `strconv.ParseInt: parsing "x"`, `context deadline exceeded`, `dial tcp 10.0.0.1:5432`, `no such table: seats`,
	} {
		if apptest.Leak(`{"errors":[{"message":"`+leak+`"}]}`) == "" {
			t.Errorf("%s is not found", leak)
		}
	}
	for _, plain := range []string{
		`{"message":"select a vendor from the list","path":["updateLicense"],"extensions":{"code":"INVALID_INPUT","field":"scope.groupIds.0"}}`,
		`{"data":{"users":{"nodes":[{"userName":"ann@contoso.example","seats":{"totalCount":1}}]}}}`,
	} {
		if leak := apptest.Leak(plain); leak != "" {
			t.Errorf("%q is found in %s", leak, plain)
		}
	}
}
