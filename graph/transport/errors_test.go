package transport

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/identity"
)

// TestEveryCodeReachesTheCaller asks a resolver to fail with each code of semantics.md §8.
func TestEveryCodeReachesTheCaller(t *testing.T) {
	e := newEndpoint(t)
	for _, code := range []fault.Code{
		fault.Unauthenticated, fault.PolicyDenied, fault.NotFound, fault.InvalidInput, fault.Conflict, fault.IdempotencyKeyReused,
		fault.TooComplex, fault.RateLimited, fault.Unavailable, fault.Internal,
	} {
		a := e.query(t, "query q($how: String!) { fail(how: $how) }", map[string]any{"how": code})
		if a.status != http.StatusOK || a.code() != code || string(a.Data) != `{"fail":null}` {
			t.Errorf("%s: %d %s", code, a.status, a.body)
		}
		if path := fmt.Sprint(a.Errors[0].Path); path != "[fail]" {
			t.Errorf("%s: path %s", code, path)
		}
		if strings.Contains(a.body, "10.0.0.1") {
			t.Errorf("%s: the cause reached the caller: %s", code, a.body)
		}
	}
}

func TestDenialCarriesItsNumbers(t *testing.T) {
	a := newEndpoint(t).query(t, `{ fail(how: "POLICY_DENIED") }`, nil)
	want := map[string]any{
		"code": "POLICY_DENIED", "decisionId": "decision-7", "revision": "r1",
		"violations": []any{map[string]any{
			"code": "INSUFFICIENT_POOL", "message": "126 requested, 125 available", "pool": map[string]any{"id": []any{1.0, 2.0}},
			"limit": 275.0, "used": 150.0, "requested": 126.0, "available": 125.0, "shortBy": 1.0, "field": "limit",
		}},
	}
	if got := a.Errors[0].Extensions; !reflect.DeepEqual(got, want) {
		t.Errorf("extensions\n%v, want\n%v", got, want)
	}
	if got := a.Errors[0].Message; got != "the pool has no room" {
		t.Errorf("message %q", got)
	}
}

func TestInternalErrorsTellTheRequestIDAndNothingElse(t *testing.T) {
	for how, logged := range map[string]string{
		"plain": `relation \"seats\" does not exist`, "panic": "nil map", string(fault.Internal): "10.0.0.1",
	} {
		e := newEndpoint(t)
		a := e.query(t, "query q($how: String!) { fail(how: $how) }", map[string]any{"how": how}, header("X-Request-Id", "r-1"))
		want := `{"errors":[{"message":"internal error","path":["fail"],"extensions":{"code":"INTERNAL","requestId":"r-1"}}]` + "\n" + `,"data":{"fail":null}}`
		if a.body != want {
			t.Errorf("%s: %s, want %s", how, a.body, want)
		}
		log := e.log.String()
		if strings.Count(log, "request failed") != 1 || !strings.Contains(log, "r-1") || !strings.Contains(log, logged) {
			t.Errorf("%s: the log is %s", how, log)
		}
		if how == "panic" && !strings.Contains(log, "testschema.(*Resolver).Fail") {
			t.Errorf("the log has no stack: %s", log)
		}
	}
}

// TestPanicOutsideResolvers is one in the gate, where no resolver's recovery is near.
func TestPanicOutsideResolvers(t *testing.T) {
	e := newEndpoint(t, func(c *Config) {
		c.Authorize = func(context.Context, ast.Operation, string) error { panic("the gate is broken") }
	})
	a := e.query(t, "{ viewer { name } }", nil)
	if a.status != http.StatusInternalServerError || a.code() != fault.Internal || strings.Contains(a.body, "broken") ||
		a.header.Get("Content-Type") != graphqlJSON+"; charset=utf-8" {
		t.Errorf("%d %s %s", a.status, a.header.Get("Content-Type"), a.body)
	}
	if log := e.log.String(); !strings.Contains(log, "the gate is broken") || !strings.Contains(log, "stack=") {
		t.Errorf("the log is %s", log)
	}
}

func TestFaultsAreFoundWhenWrapped(t *testing.T) {
	a := newEndpoint(t).query(t, `{ fail(how: "wrapped") }`, nil)
	if a.code() != fault.Conflict || a.Errors[0].Message != "somebody else was first" {
		t.Errorf("%s", a.body)
	}
}

func TestFieldsAtFault(t *testing.T) {
	e := newEndpoint(t)
	for name, c := range map[string]struct {
		document  string
		variables map[string]any
		field     string
	}{
		"a resolver's":                {`{ fail(how: "INVALID_INPUT") }`, nil, "how"},
		"a variable":                  {"query q($n: Int!) { echo(count: $n) }", map[string]any{"n": "x"}, "n"},
		"a missing variable":          {"query q($n: Int!) { echo(count: $n) }", nil, "n"},
		"a field of an input":         {"mutation m($i: AssignInput!) { assign(input: $i) { decision } }", map[string]any{"i": map[string]any{"licenseId": "1", "userIds": []any{}, "count": "x"}}, "count"},
		"an element of a list":        {"query q($i: [ID!]!) { nodes(ids: $i) { id } }", map[string]any{"i": []any{"a", true}}, "i.1"},
		"a nested field":              {"query q($s: Scope) { echo(scope: $s) }", map[string]any{"s": map[string]any{"and": []any{map[string]any{"limit": 1.5}}}}, "and.0.limit"},
		"a single value for a list":   {"query q($s: Scope) { echo(scope: $s) }", map[string]any{"s": map[string]any{"countries": 7}}, "countries"},
		"a scalar the server checks":  {"query q($c: Code) { echo(code: $c) }", map[string]any{"c": map[string]any{"a": 1}}, "code"},
		"a literal":                   {"{ echo(count: true) }", nil, "count"},
		"a literal out of range":      {"{ viewer { name } echo(text: \"a\", count: 3000000000) }", nil, "count"},
		"a literal in an object":      {"{ echo(scope: {and: [{}, {limit: 1.5}]}) }", nil, "and.1.limit"},
		"a literal in a fragment":     {"{ ...f } fragment f on Query { ... { echo(state: GONE) } }", nil, "state"},
		"a default":                   {"query q($n: Int = \"1\") { echo(count: $n) }", nil, "n"},
		"a field nobody knows":        {"mutation { assign(input: {licenseId: 1, userIds: [], shade: 1}) { decision } }", nil, "shade"},
		"a field that is missing":     {"mutation { assign(input: {licenseId: 1}) { decision } }", nil, "userIds"},
		"an argument nobody knows":    {"{ viewer { users(shade: 1) { totalCount } } }", nil, "shade"},
		"an argument that is missing": {"{ node { id } }", nil, "id"},
		"nothing but the document":    {"{ viewer { nothing } }", nil, ""},
	} {
		a := e.query(t, c.document, c.variables)
		if a.code() != fault.InvalidInput || a.field() != c.field {
			t.Errorf("%s: field %q, want %q: %s", name, a.field(), c.field, a.body)
		}
	}
}

func TestOperationsEndAtTheDeadline(t *testing.T) {
	e := newEndpoint(t, func(c *Config) {
		c.Limits = testLimits()
		c.Limits.Deadline = 50 * time.Millisecond
	})
	start := time.Now()
	a := e.query(t, `{ fail(how: "slow") }`, nil)
	if a.code() != fault.Unavailable || a.Errors[0].Message != "the request took too long" || time.Since(start) > 5*time.Second {
		t.Errorf("after %v: %s", time.Since(start), a.body)
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	a = e.query(t, "{ viewer { name } }", nil, func(r *http.Request) { *r = *r.WithContext(gone) })
	if a.code() != fault.Unavailable || a.Data != nil {
		t.Errorf("a caller who is gone: %d %s", a.status, a.body)
	}
}

func TestAtMostFiftyErrors(t *testing.T) {
	e := newEndpoint(t)
	var b strings.Builder
	for i := range 45 {
		fmt.Fprintf(&b, `a%d: fail(how: "CONFLICT") `, i)
	}
	if a := e.query(t, "{ "+b.String()+"}", nil); len(a.Errors) != 45 {
		t.Errorf("%d errors, want 45", len(a.Errors))
	}
	e = newEndpoint(t, func(c *Config) {
		c.Limits = testLimits()
		c.Limits.Errors = 10
	})
	if a := e.query(t, "{ "+b.String()+"}", nil); len(a.Errors) != 10 || !strings.Contains(string(a.Data), `"a44":null`) {
		t.Errorf("%d errors, want 10 with all data: %s", len(a.Errors), a.Data)
	}
}

func TestTheGate(t *testing.T) {
	var asked []string
	e := newEndpoint(t, func(c *Config) {
		c.Authorize = func(ctx context.Context, operation ast.Operation, field string) error {
			asked = append(asked, fmt.Sprintf("%s %s for %s", operation, field, identity.FromContext(ctx).UserName))
			return registered(ctx, operation, field)
		}
	})
	for name, c := range map[string]struct {
		document string
		change   func(*http.Request)
		code     fault.Code
		status   int
		asked    string
	}{
		"a registered field":        {"{ viewer { name } }", nil, "", 200, "[query viewer for ann]"},
		"a mutation":                {`mutation { assign(input: {licenseId: 1, userIds: []}) { decision } }`, nil, "", 200, "[mutation assign for ann]"},
		"an unregistered field":     {"{ unregistered }", nil, fault.PolicyDenied, 403, "[query unregistered for ann]"},
		"under an alias":            {"{ viewer: unregistered }", nil, fault.PolicyDenied, 403, "[query unregistered for ann]"},
		"in a fragment":             {"{ ...f } fragment f on Query { ... { unregistered } }", nil, fault.PolicyDenied, 403, "[query unregistered for ann]"},
		"left out":                  {"{ viewer { name } unregistered @skip(if: true) }", nil, fault.PolicyDenied, 403, "[query viewer for ann query unregistered for ann]"},
		"introspection":             {`{ __schema { queryType { name } } __type(name: "User") { name } }`, nil, "", 200, "[]"},
		"anybody's type name":       {"{ __typename }", anonymous, "", 200, "[]"},
		"anybody's field":           {"{ __typename viewer { name } }", anonymous, fault.Unauthenticated, 401, "[]"},
		"anybody's mutation":        {`mutation { assign(input: {licenseId: 1, userIds: []}) { decision } }`, anonymous, fault.Unauthenticated, 401, "[]"},
		"anybody's introspection":   {"{ __schema { queryType { name } } }", anonymous, fault.Unauthenticated, 401, "[]"},
		"anybody's hidden question": {`{ ...f } fragment f on Query { t: __type(name: "User") { name } }`, anonymous, fault.Unauthenticated, 401, "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			asked = nil
			changes := []func(*http.Request){}
			if c.change != nil {
				changes = append(changes, c.change)
			}
			a := e.query(t, c.document, nil, changes...)
			if a.status != c.status || a.code() != c.code || fmt.Sprint(asked) != c.asked {
				t.Errorf("%d %s, the gate was asked %v: %s", a.status, a.code(), asked, a.body)
			}
			if (a.Data != nil) != (c.code == "") {
				t.Errorf("data is %s", a.Data)
			}
			if challenge := a.header.Get("WWW-Authenticate"); (challenge != "") != (c.status == 401) {
				t.Errorf("WWW-Authenticate is %q", challenge)
			}
		})
	}
}

func TestWithoutAGateEverythingIsDenied(t *testing.T) {
	e := newEndpoint(t, func(c *Config) { c.Authorize = nil })
	if a := e.query(t, "{ viewer { name } }", nil); a.code() != fault.PolicyDenied || a.Data != nil {
		t.Errorf("%s", a.body)
	}
}

// TestViolationsWithoutNumbers is what a policy of somebody else may answer.
func TestViolationsWithoutNumbers(t *testing.T) {
	p := &presenter{}
	f := denial()
	shown, err := json.Marshal(p.extensions(t.Context(), f))
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"code":"POLICY_DENIED","violations":[]}`; string(shown) != want {
		t.Errorf("%s, want %s", shown, want)
	}
}

func denial() *fault.Error { return fault.New(fault.PolicyDenied, "no") }
