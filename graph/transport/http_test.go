package transport

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/graph/guard"
	"github.com/ringfence/ringfence/internal/fault"
)

func testLimits() guard.Limits { return guard.DefaultLimits() }

func TestMediaTypes(t *testing.T) {
	e := newEndpoint(t)
	for accept, want := range map[string]string{
		"":                                  plainJSON,
		"*/*":                               plainJSON,
		"application/*":                     plainJSON,
		"application/json":                  plainJSON,
		"application/graphql-response+json": graphqlJSON,
		"application/graphql-response+json, application/json":                               graphqlJSON,
		"application/json, application/graphql-response+json":                               plainJSON,
		"application/json;q=0.5, application/graphql-response+json;q=0.9":                   graphqlJSON,
		"application/graphql-response+json; charset=utf-8, application/json; charset=utf-8": graphqlJSON,
		"text/html, application/xhtml+xml, */*;q=0.8":                                       plainJSON,
		"application/graphql-response+json; charset=utf-16, */*;q=0.1":                      plainJSON,
		"text/html":            "",
		"application/json;q=0": "",
		"nonsense":             "",
	} {
		a := e.query(t, "{ __typename }", nil, header("Accept", accept))
		status := http.StatusOK
		if want == "" {
			status, want = http.StatusNotAcceptable, plainJSON
		}
		if got := a.header.Get("Content-Type"); a.status != status || got != want+"; charset=utf-8" {
			t.Errorf("Accept %q: %d %s, want %d %s", accept, a.status, got, status, want)
		}
	}
}

func TestStatusOfADocumentAtFault(t *testing.T) {
	e := newEndpoint(t)
	for _, document := range []string{"{", "{ nothing }", "query q($n: Int!) { echo(count: $n) }", "{ viewer " + strings.Repeat("{ manager ", 30) + "{ id }" + strings.Repeat("}", 31)} {
		for accept, status := range map[string]int{graphqlJSON: http.StatusBadRequest, plainJSON: http.StatusOK} {
			if a := e.query(t, document, nil, header("Accept", accept)); a.status != status || len(a.Errors) == 0 || strings.Contains(a.body, `"data"`) {
				t.Errorf("%.20s for %s: %d %s", document, accept, a.status, a.body)
			}
		}
	}
}

func TestMethods(t *testing.T) {
	e := newEndpoint(t)
	query := url.Values{"query": {"query a { __typename } query q($n: Int) { echo(count: $n) }"}, "operationName": {"q"}, "variables": {`{"n":7}`}}
	a := e.send(t, http.MethodGet, "/graphql?"+query.Encode(), "")
	if a.status != http.StatusOK || string(a.Data) != `{"echo":"7"}` {
		t.Errorf("GET: %d %s", a.status, a.body)
	}
	a = e.send(t, http.MethodOptions, "/graphql", "")
	if a.status != http.StatusNoContent || a.header.Get("Allow") != allowedMethods || a.body != "" || a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("OPTIONS: %d %v", a.status, a.header)
	}
	for method, allow := range map[string]string{http.MethodPut: allowedMethods, http.MethodDelete: allowedMethods, http.MethodHead: allowedMethods} {
		if a := e.send(t, method, "/graphql", ""); a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != allow {
			t.Errorf("%s: %d, Allow %q", method, a.status, a.header.Get("Allow"))
		}
	}
	mutation := url.Values{"query": {"mutation { assign(input: {licenseId: 1, userIds: []}) { decision } }"}}
	a = e.send(t, http.MethodGet, "/graphql?"+mutation.Encode(), "")
	if a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != http.MethodPost || a.Data != nil {
		t.Errorf("GET of a mutation: %d, Allow %q: %s", a.status, a.header.Get("Allow"), a.body)
	}
}

func TestAnswerIsDataAndErrors(t *testing.T) {
	e := newEndpoint(t)
	a := e.query(t, `mutation m($input: AssignInput!) { assign(input: $input) { decision results { user { id } state note } } }`,
		map[string]any{"input": map[string]any{"licenseId": "l1", "userIds": []string{"u1"}, "note": "ünï\u2028<>&"}})
	want := `{"data":{"assign":{"decision":"d1","results":[{"user":{"id":"u1"},"state":"ACTIVE","note":"ünï` + "\u2028" + `<>&"}]}}}`
	if a.body != want {
		t.Errorf("%s, want %s", a.body, want)
	}
	a = e.query(t, `{ viewer { name } fail(how: "CONFLICT") }`, nil)
	if a.status != http.StatusOK || string(a.Data) != `{"viewer":{"name":"Ann"},"fail":null}` || len(a.Errors) != 1 {
		t.Errorf("%s", a.body)
	}
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	e := newEndpoint(t)
	for name, change := range map[string]func(*http.Request){
		"an answer": header("X", ""), "a bad token": header("Authorization", "Bearer x"), "a bad method": func(r *http.Request) { r.Method = "PUT" },
	} {
		a := e.query(t, "{ __typename }", nil, change)
		for header, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
		} {
			if got := a.header.Get(header); got != want {
				t.Errorf("%s: %s is %q, want %q", name, header, got, want)
			}
		}
		if len(a.header.Get("X-Request-Id")) != 24 {
			t.Errorf("%s: X-Request-Id is %q", name, a.header.Get("X-Request-Id"))
		}
	}
}

func TestRequestIDs(t *testing.T) {
	e := newEndpoint(t)
	for id, kept := range map[string]bool{
		"trace-1_a.B": true, "": false, "a b": false, "a\"b": false, "id\u00fc": false, strings.Repeat("a", 64): true, strings.Repeat("a", 65): false,
	} {
		got := e.query(t, "{ __typename }", nil, header("X-Request-Id", id)).header.Get("X-Request-Id")
		if (got == id) != kept || got == "" {
			t.Errorf("id %q became %q, want it kept: %v", id, got, kept)
		}
	}
}

func TestRateIsLimitedPerCaller(t *testing.T) {
	e := newEndpoint(t, func(c *Config) { c.Rate, c.Burst = 0.001, 3 })
	from := func(address string) func(*http.Request) { return func(r *http.Request) { r.RemoteAddr = address } }
	for caller, changes := range map[string][]func(*http.Request){
		"ann":      {from("192.0.2.1:1")},
		"anybody":  {from("192.0.2.1:1"), anonymous},
		"somebody": {from("192.0.2.2:1"), anonymous},
	} {
		for i := range 5 {
			a := e.query(t, "{ __typename }", nil, changes...)
			if i < 3 && a.status != http.StatusOK {
				t.Errorf("%s, request %d: %d %s", caller, i, a.status, a.body)
			}
			if i >= 3 && (a.status != http.StatusTooManyRequests || a.code() != fault.RateLimited || a.header.Get("Retry-After") == "") {
				t.Errorf("%s, request %d: %d %s", caller, i, a.status, a.body)
			}
		}
	}
}

func TestDocumentsAreCached(t *testing.T) {
	e := newEndpoint(t)
	const document = "query q($n: Int!, $m: Int) { users(first: $n) { nodes { users(first: $m) { totalCount } } } }"
	for n, code := range map[int]fault.Code{1: "", 2: ""} {
		for range 3 {
			if a := e.query(t, document, map[string]any{"n": n}); a.code() != code {
				t.Errorf("%s", a.body)
			}
		}
	}
	// What depends on variables is checked however often the document passed.
	if a := e.query(t, document, map[string]any{"n": 100_000, "m": 100}); a.code() != fault.TooComplex {
		t.Errorf("%s", a.body)
	}
	if a := e.query(t, document, nil); a.code() != fault.InvalidInput {
		t.Errorf("%s", a.body)
	}
}
