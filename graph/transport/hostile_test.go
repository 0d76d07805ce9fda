package transport

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/fault"
)

const (
	// answeredWithin is far above what a probe takes (0.1 s here), and far below what one takes that hangs a core.
	answeredWithin = 5 * time.Second
	// largestAnswer is room for 50 errors with the longest messages, and none for an echo of the request.
	largestAnswer = 128 << 10
)

// probe is a request that must be refused: its body, or a whole change of the request.
type probe struct {
	body   string
	change func(*http.Request)
	code   fault.Code
	status int    // 0: 400
	says   string // what the message must name
	field  string
}

func (p probe) run(t *testing.T, e *endpoint) {
	method, target := http.MethodPost, "/graphql"
	start := time.Now()
	changes := []func(*http.Request){func(r *http.Request) {
		if p.change != nil {
			p.change(r)
		}
	}}
	a := e.send(t, method, target, p.body, changes...)
	took := time.Since(start)
	t.Logf("%d bytes answered in %v", len(p.body), took.Round(100*time.Microsecond))
	if took > answeredWithin {
		t.Errorf("took %v", took)
	}
	if p.status == 0 {
		p.status = http.StatusBadRequest
	}
	if a.code() != p.code || a.status != p.status {
		t.Errorf("status %d, code %s, want %d, %s: %.300s", a.status, a.code(), p.status, p.code, a.body)
	}
	if len(a.Errors) == 0 || len(a.Errors) > 50 || len(a.body) > largestAnswer {
		t.Errorf("%d errors in %d bytes", len(a.Errors), len(a.body))
	}
	if p.says != "" && !strings.Contains(a.body, p.says) {
		t.Errorf("the answer does not say %q: %.300s", p.says, a.body)
	}
	if p.field != "" && a.field() != p.field {
		t.Errorf("field %q, want %q", a.field(), p.field)
	}
	if a.Data != nil {
		t.Errorf("something was executed: %.300s", a.Data)
	}
}

// document makes a body of a document and variables, which are JSON as it is.
func document(text string, variables ...string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	if len(variables) == 0 {
		return `{"query":` + string(quoted) + `}`
	}
	return `{"query":` + string(quoted) + `,"variables":` + variables[0] + `}`
}

func tooComplex(says, body string) probe {
	return probe{body: body, code: fault.TooComplex, says: says}
}

func invalid(says, body string) probe {
	return probe{body: body, code: fault.InvalidInput, says: says}
}

func invalidField(field, body string) probe {
	return probe{body: body, code: fault.InvalidInput, field: field}
}

// nest puts n times open before and shut after the middle.
func nest(n int, open, middle, shut string) string {
	return strings.Repeat(open, n) + middle + strings.Repeat(shut, n)
}

// each joins what f makes of 0 to n-1.
func each(n int, f string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(f, "#", fmt.Sprint(i)))
		b.WriteByte(' ')
	}
	return b.String()
}

// chain is fragments f0 to fn, each spreading the next as the body says, with $ for the next one's name.
func chain(n int, body string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "fragment f%d on User { %s } ", i, strings.ReplaceAll(body, "$", fmt.Sprintf("f%d", i+1)))
	}
	fmt.Fprintf(&b, "fragment f%d on User { name }", n)
	return b.String()
}

func shapeProbes() map[string]probe {
	return map[string]probe{
		"doubling fragments":                tooComplex("fields after expansion 274877906943, the limit is 5000", document("{ viewer { ...f0 } } "+chain(37, "...$ ...$"))),
		"doubling under fields":             tooComplex("fields after expansion", document("{ viewer { ...f0 } } "+chain(15, "a: manager { ...$ } b: manager { ...$ }"))),
		"fragments times sixty":             tooComplex("fields after expansion more than", document("{ viewer { ...f0 } } "+chain(12, strings.Repeat("...$ ", 60)))),
		"doubling fragments nobody uses":    tooComplex("fields after expansion", document("{ viewer { name } } "+chain(38, "...$ ...$"))),
		"doubling in many operations":       tooComplex("fields after expansion", document(each(100, "query q# { viewer { ...f0 } }")+chain(6, "...$ ...$"))),
		"one field too deep":                tooComplex("depth 21, the limit is 20", document("{ viewer "+nest(19, "{ manager ", "{ name }", "}")+"}")),
		"a thousand fields deep":            tooComplex("depth", document("{ viewer "+nest(900, "{ manager ", "{ name }", "}")+"}")),
		"deeper than the parser":            tooComplex("depth more than 1000", document("{ viewer "+nest(4000, "{ manager ", "{ name }", "}")+"}")),
		"deeper than the stack":             tooComplex("depth more than 1000", document(nest(300_000, "{a", "", "}"))),
		"deep through fragments":            tooComplex("depth 42", document("{ viewer { ...f0 } } "+chain(40, "manager { ...$ }"))),
		"deep inline fragments":             tooComplex("nested selection sets", document("{ viewer { "+nest(900, "... { ", "name", "}")+" } }")),
		"a long chain of spreads":           tooComplex("nested selection sets", document("{ viewer { ...f0 } } "+chain(1600, "...$"))),
		"a hundred and one aliases":         tooComplex("aliases 101, the limit is 100", document("{ viewer { "+each(101, "a#: name")+"} }")),
		"thousands of aliases":              tooComplex("aliases", document("{ viewer { "+each(4900, "a#: name")+"} }")),
		"aliases in fragments":              tooComplex("aliases 110", document("{ viewer { ...a ...b } } fragment a on User {"+each(55, "a#: id")+"} fragment b on User {"+each(55, "b#: id")+"}")),
		"too many root fields":              tooComplex("root fields 51, the limit is 50", document("{ "+each(51, "a#: viewer { name }")+"}")),
		"root fields in fragments":          tooComplex("root fields 60", document("{ ...a ...a } fragment a on Query {"+each(30, "a#: viewer { name }")+"}")),
		"root fields of a mutation":         tooComplex("root fields 51", document("mutation { "+each(51, `a#: assign(input: {licenseId: 1, userIds: []}) { decision }`)+"}")),
		"one field five thousand times":     tooComplex("fields after expansion 5002, the limit is 5000", document("{ viewer { "+strings.Repeat("name ", 5001)+"} }")),
		"too many spreads":                  tooComplex("fragment spreads in one selection set 61, the limit is 60", document("{ viewer { "+strings.Repeat("...f ", 61)+"} } fragment f on User { name }")),
		"too many inline fragments":         tooComplex("fragment spreads in one selection set", document("{ viewer { "+strings.Repeat("... { name } ", 61)+"} }")),
		"nine directives on a field":        tooComplex("directives in one place 9, the limit is 8", document("{ viewer { name "+strings.Repeat("@skip(if: false) ", 9)+"} }")),
		"unknown directives on a field":     tooComplex("directives in one place", document("{ viewer { name "+each(5000, "@d#")+"} }")),
		"directives on an operation":        tooComplex("directives in one place", document("query "+each(99, "@d#")+"{ viewer { name } }")),
		"directives on a fragment":          tooComplex("directives in one place", document("{ viewer { ...f } } fragment f on User "+each(99, "@d#")+"{ name }")),
		"directives on a spread":            tooComplex("directives in one place", document("{ viewer { ...f "+each(99, "@d#")+"} } fragment f on User { name }")),
		"directives on an inline fragment":  tooComplex("directives in one place", document("{ viewer { ... "+each(99, "@d#")+"{ name } } }")),
		"directives on a variable":          tooComplex("directives in one place", document("query q($a: Int "+each(99, "@d#")+") { echo(count: $a) }")),
		"more tokens than allowed":          tooComplex("more than 15000 tokens", document("{ viewer { "+strings.Repeat("a(b:1)", 3000)+"} }")),
		"comments":                          tooComplex("more than 15000 tokens", document(strings.Repeat("#\n", 20_000)+"{ viewer { name } }")),
		"a nested literal":                  tooComplex("nested values 21, the limit is 20", document("{ nodes(ids: "+nest(30, "[", "", "]")+") { id } }")),
		"a literal as deep as can be":       tooComplex("depth", document("{ nodes(ids: "+nest(3000, "[", "", "]")+") { id } }")),
		"nested objects":                    tooComplex("nested values", document("{ echo(scope: "+nest(40, "{and: [", "", "]}")+") }")),
		"a nested default":                  tooComplex("nested values", document("query q($a: Scope = "+nest(40, "{and: ", "{}", "}")+") { echo(scope: $a) }")),
		"nested literals of a directive":    tooComplex("nested values", document("{ viewer @skip(if: "+nest(300, "[", "", "]")+") { name } }")),
		"a list of lists of lists":          tooComplex("nested list types", document("query q($a: "+nest(500, "[", "ID", "]")+") { nodes(ids: $a) { id } }", `{"a":"x"}`)),
		"pages of pages of pages":           tooComplex("cost", document("{ users(first: 100) { nodes { users(first: 100) { nodes { users(first: 100) { nodes { id name } } } } } } }")),
		"pages sized by variables":          tooComplex("cost", document("query q($n: Int) { users(first: $n) { nodes { users(last: $n) { nodes { users(first: $n) { nodes { id } } } } } } }", `{"n":100}`)),
		"pages of the default size":         tooComplex("cost", document("{ users { nodes { users { nodes { users { nodes { users { nodes { users { nodes { id } } } } } } } } } } }")),
		"a page of two billion":             tooComplex("cost", document("{ users(first: 2147483647) { nodes { id } } }")),
		"more pages than integers":          tooComplex("cost more than", document("{ users(first: 2147483647) { nodes { users(first: 2147483647) { nodes { users(first: 2147483647) { nodes { id } } } } } } }")),
		"pages in a fragment":               tooComplex("cost", document("{ users(first: 100) { nodes { ...p } } } fragment p on User { users(first: 100) { nodes { ...q } } } fragment q on User { users(first: 100) { nodes { id } } }")),
		"pages of many nodes":               tooComplex("cost", document("query q($ids: [ID!]!) { nodes(ids: $ids) { ... on User { users(first: 100) { nodes { id } } } } }", `{"ids":[`+strings.Repeat(`"u",`, 5000)+`"u"]}`)),
		"introspection of introspection":    invalid("introspection", document("{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }")),
		"a fragment that spreads itself":    invalid("the fragment f spreads itself", document("{ viewer { ...f } } fragment f on User { ...f }")),
		"two fragments in a circle":         invalid("spreads itself", document("{ viewer { ...a } } fragment a on User { ...b } fragment b on User { ...a }")),
		"a circle through fields":           invalid("spreads itself", document("{ viewer { ...a } } fragment a on User { name manager { users { nodes { ...a } } } }")),
		"a circle nobody uses":              invalid("spreads itself", document("{ viewer { name } } fragment a on User { manager { ...a } }")),
		"two fragments of one name":         invalid("fragment named", document("{ viewer { ...a } } fragment a on User { name } fragment a on User { ...a }")),
		"a circle in a second of one name":  invalid("", document("{ viewer { ...a } } fragment a on User { name } fragment a on User { ...b } fragment b on User { ...b }")),
		"fields that differ by arguments":   invalid("", document("{ viewer { "+each(1600, "users(first: #) { totalCount }")+"} }")),
		"fields of one name that nest":      invalid("", document("{ viewer { "+strings.Repeat("manager { manager { name(a: 1) } } ", 1200)+"} }")),
		"thousands of operations":           invalid("", document(each(1800, "query q# { viewer { name } }"))),
		"operations of one name":            invalid("", document(strings.Repeat("query q { viewer { name } } ", 1800))),
		"thousands of fragments":            invalid("", document("{ viewer { name } } "+each(2000, "fragment f# on User { name }"))),
		"thousands of variables":            invalid("", document("query q("+each(3000, "$v#: Int")+") { viewer { name } }")),
		"thousands of missing variables":    invalid("", document("{ viewer { "+each(1400, "users(first: $v#) { totalCount }")+"} }")),
		"thousands of unknown fields":       invalid("", document("{ viewer { "+each(4900, "unknown#")+"} }")),
		"thousands of unknown arguments":    invalid("", document("{ viewer { users("+each(4000, "a#: 1")+") { totalCount } } }")),
		"an argument thousands of times":    invalid("", document("{ viewer { users("+strings.Repeat("first: 1 ", 4000)+") { totalCount } } }")),
		"an input field thousands of times": invalid("", document("{ echo(scope: {"+strings.Repeat("limit: 1 ", 4000)+"}) }")),
		"thousands of unknown input fields": invalid("", document("{ echo(scope: {"+each(4000, "x#: 1")+"}) }")),
		"thousands of wrong elements":       invalid("", document("{ echo(scope: {countries: ["+strings.Repeat("1 ", 12_000)+"]}) }")),
	}
}

func valueProbes() map[string]probe {
	const echo = "query q($c: Int, $f: Float, $t: String, $s: State, $k: Code, $o: Scope, $b: Boolean) { echo(count: $c, share: $f, text: $t, state: $s, code: $k, scope: $o, on: $b) }"
	const assign = "mutation m($input: AssignInput!) { assign(input: $input) { decision } }"
	return map[string]probe{
		"a literal beyond 32 bits":         invalid("32 bits", document("{ echo(count: 2147483648) }")),
		"a literal beyond 64 bits":         invalid("", document("{ echo(count: -"+strings.Repeat("9", 400)+") }")),
		"a nested literal beyond 32 bits":  invalid("32 bits", document("{ echo(scope: {and: [{limit: 4294967296}]}) }")),
		"a default beyond 32 bits":         invalid("32 bits", document("query q($c: Int = 3000000000) { echo(count: $c) }")),
		"a float beyond floats":            invalid("", document("{ echo(share: 1e999) }")),
		"a fraction for an Int":            invalidField("", document("{ echo(count: 1.5) }")),
		"NUL in a literal":                 invalid("NUL", document(`{ echo(text: "a\u0000b") }`)),
		"an integer beyond 32 bits":        invalidField("c", document(echo, `{"c":2147483648}`)),
		"an integer beyond 64 bits":        invalidField("c", document(echo, `{"c":99999999999999999999}`)),
		"an integer with an exponent":      invalidField("c", document(echo, `{"c":1e400}`)),
		"a float out of range":             invalidField("f", document(echo, `{"f":-1e400}`)),
		"a float too small":                invalidField("f", document(echo, `{"f":1e-999999999}`)),
		"a decimal of a billion digits":    invalidField("k", document(echo, `{"k":1e999999999}`)),
		"text for an Int":                  invalidField("c", document(echo, `{"c":"5"}`)),
		"text for a Float":                 invalidField("f", document(echo, `{"f":"NaN"}`)),
		"text for a Boolean":               invalidField("b", document(echo, `{"b":"true"}`)),
		"a number for text":                invalidField("t", document(echo, `{"t":5}`)),
		"a list for text":                  invalidField("t", document(echo, `{"t":["a"]}`)),
		"an enum in lower case":            invalidField("s", document(echo, `{"s":"active"}`)),
		"a number for an enum":             invalidField("s", document(echo, `{"s":1}`)),
		"NUL in a variable":                invalidField("t", document(echo, `{"t":"a\u0000"}`)),
		"NUL in a nested variable":         invalidField("countries.1", document(echo, `{"o":{"countries":["DE","\u0000"]}}`)),
		"a nested integer beyond 32 bits":  invalidField("and.0.limit", document(echo, `{"o":{"and":[{"limit":2147483648}]}}`)),
		"a nested text for an Int":         invalidField("limit", document(echo, `{"o":{"limit":"1"}}`)),
		"an unknown input field":           invalidField("unknown", document(assign, `{"input":{"licenseId":"1","userIds":[],"unknown":1}}`)),
		"a missing input field":            invalidField("userIds", document(assign, `{"input":{"licenseId":"1"}}`)),
		"null for what must not be":        invalidField("licenseId", document(assign, `{"input":{"licenseId":null,"userIds":[]}}`)),
		"null in a list":                   invalidField("userIds.1", document(assign, `{"input":{"licenseId":"1","userIds":["a",null]}}`)),
		"a fraction for an ID":             invalidField("licenseId", document(assign, `{"input":{"licenseId":1.5,"userIds":[]}}`)),
		"an input field of 900 kB":         invalid("unknown field", document(assign, `{"input":{"licenseId":"1","userIds":[],"`+strings.Repeat("a", 900_000)+`":1}}`)),
		"a NUL under a name of 900 kB":     invalid("NUL", document(assign, `{"input":{"`+strings.Repeat("a", 900_000)+`":"\u0000"}}`)),
		"an operation name of 900 kB":      tooComplex("bytes of a name", `{"query":"{ __typename }","operationName":"`+strings.Repeat("a", 900_000)+`"}`),
		"no variable at all":               invalidField("input", document(assign)),
		"text for an object":               invalidField("input", document(assign, `{"input":"x"}`)),
		"a variable nested 9000 deep":      tooComplex("nested values in a variable", document(echo, `{"o":`+nest(9000, "[", "", "]")+`}`)),
		"an undeclared variable that deep": tooComplex("nested values in a variable", document(echo, `{"zz":`+nest(4000, `{"a":`, "1", "}")+`}`)),
		"objects nested without end":       tooComplex("nested values in a variable", document(echo, `{"o":`+nest(100, `{"and":[`, "", "]}")+`}`)),
		"JSON nested 400,000 deep":         invalid("not valid JSON", `{"query":"{ __typename }","variables":{"a":`+nest(400_000, "[", "", "]")+`}}`),
		"a name of 900 kB":                 tooComplex("bytes of a name 900000, the limit is 200", document("{ "+strings.Repeat("a", 900_000)+" }")),
		"an operation's long name":         tooComplex("bytes of a name", document("query "+strings.Repeat("a", 900_000)+"("+each(3000, "$v#: Int")+") { viewer { name } }")),
		"a long name in every error":       tooComplex("bytes of a name", document("query q($"+strings.Repeat("a", 900_000)+": [Int] = ["+strings.Repeat("x ", 9000)+"]) { viewer { name } }")),
		"a string of 900 kB as a number":   invalid("", document(`{ echo(count: "`+strings.Repeat("a", 900_000)+`") }`)),
		"a long string in nested lists":    invalid("", document(`{ echo(count: `+nest(18, "[", `"`+strings.Repeat("a", 900_000)+`"`, "]")+`) }`)),
		"a string without an end":          invalid("does not parse", document(`{ echo(text: """`+strings.Repeat("a", 900_000)+`) }`)),
		"@defer":                           invalid("@defer", document("{ ... @defer { viewer { name } } }")),
	}
}

func httpProbes() map[string]probe {
	set := func(name, value string) func(*http.Request) { return header(name, value) }
	get := func(values url.Values) func(*http.Request) {
		return func(r *http.Request) { r.Method, r.URL.RawQuery = http.MethodGet, values.Encode() }
	}
	with := func(p probe, status int, change func(*http.Request)) probe {
		p.status, p.change = status, change
		return p
	}
	var bomb bytes.Buffer
	zip := gzip.NewWriter(&bomb)
	_, _ = zip.Write(bytes.Repeat([]byte(" "), 10<<20))
	_ = zip.Close()
	hello := document("{ __typename }")
	return map[string]probe{
		"a body of 2 MB":             with(tooComplex("more than 1048576 bytes", document("{ viewer { name } }"+strings.Repeat(" ", 2<<20))), http.StatusRequestEntityTooLarge, nil),
		"a variable of 2 MB":         with(tooComplex("more than 1048576 bytes", document("{ __typename }", `{"a":"`+strings.Repeat("a", 2<<20)+`"}`)), http.StatusRequestEntityTooLarge, nil),
		"bytes that are not UTF-8":   invalid("not valid UTF-8", "{\"query\":\"{ echo(text: \\\"\xff\xfe\\\") }\"}"),
		"an overlong encoding":       invalid("not valid UTF-8", "{\"query\":\"{ __typename }\",\"variables\":{\"a\":\"\xc0\xaf\"}}"),
		"a surrogate in UTF-8":       invalid("not valid UTF-8", "{\"query\":\"{ __typename }\",\"operationName\":\"\xed\xa0\x80\"}"),
		"UTF-16":                     invalid("not valid UTF-8", "\xfe\xff\x00{\x00}"),
		"bytes in a URL":             with(invalid("not valid UTF-8", ""), 0, get(url.Values{"query": {"{ echo(text: \"\xff\") }"}})),
		"bytes in a URL's variables": with(invalid("not valid UTF-8", ""), 0, get(url.Values{"query": {"{ __typename }"}, "variables": {"{\"a\":\"\xff\"}"}})),
		"a batch":                    invalid("batches are not supported", "["+hello+","+hello+"]"),
		"a large batch":              invalid("batches are not supported", " ["+strings.Repeat(hello+",", 20_000)+hello+"]"),
		"no body":                    invalid("", ""),
		"a body that is null":        invalidField("query", "null"),
		"a body that is text":        invalid("must be a JSON object", `"{ __typename }"`),
		"two bodies":                 invalid("not valid JSON", hello+hello),
		"a query that is empty":      invalidField("query", `{"query":""}`),
		"a query of white space":     invalidField("query", `{"query":" \n "}`),
		"a query of fragments alone": invalid("no operation", document("fragment a on User { name }")),
		"an unknown operation":       invalid("not found", `{"query":"query a { __typename }","operationName":"b"}`),
		"one of two operations":      invalid("not found", document("query a { __typename } query b { __typename }")),
		"a compressed body":          with(invalid("must not be compressed", bomb.String()), http.StatusUnsupportedMediaType, set("Content-Encoding", "gzip")),
		"an upload":                  with(invalid("application/json", "--x--"), http.StatusUnsupportedMediaType, set("Content-Type", "multipart/form-data; boundary=x")),
		"a form":                     with(invalid("application/json", "query=%7B__typename%7D"), http.StatusUnsupportedMediaType, set("Content-Type", "application/x-www-form-urlencoded")),
		"plain text":                 with(invalid("application/json", hello), http.StatusUnsupportedMediaType, set("Content-Type", "text/plain")),
		"another encoding":           with(invalid("UTF-8", hello), http.StatusUnsupportedMediaType, set("Content-Type", "application/json; charset=utf-16")),
		"an answer in HTML":          with(invalid("application/json", hello), http.StatusNotAcceptable, set("Accept", "text/html, */*;q=0")),
		"a persisted query":          invalidField("query", `{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"x"}}}`),
		"a mutation by GET":          with(invalid("GET is for queries", ""), http.StatusMethodNotAllowed, get(url.Values{"query": {"mutation { assign(input: {licenseId: 1, userIds: []}) { decision } }"}})),
		"a GET without a query":      with(invalidField("query", ""), 0, get(url.Values{})),
		"a GET with half a variable": with(invalidField("variables", ""), 0, get(url.Values{"query": {"{ __typename }"}, "variables": {"{"}})),
		"a DELETE":                   with(invalid("POST or GET", ""), http.StatusMethodNotAllowed, func(r *http.Request) { r.Method = http.MethodDelete }),
	}
}

// TestHostileRequests sends what is made to hang, flood or confuse a server. Each must be refused quickly, with a code and
// in few bytes, and the endpoint must work afterwards.
func TestHostileRequests(t *testing.T) {
	e := newEndpoint(t)
	total := 0
	for kind, probes := range map[string]map[string]probe{"shape": shapeProbes(), "value": valueProbes(), "http": httpProbes()} {
		total += len(probes)
		for name, p := range probes {
			t.Run(kind+"/"+name, func(t *testing.T) { p.run(t, e) })
		}
	}
	if total < 49 {
		t.Errorf("%d probes, want at least 49", total)
	}
	if a := e.query(t, "{ viewer { name } }", nil); a.status != http.StatusOK || string(a.Data) != `{"viewer":{"name":"Ann"}}` {
		t.Errorf("afterwards: %d %s", a.status, a.body)
	}
}
