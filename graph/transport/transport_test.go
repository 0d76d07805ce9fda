package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/ringfence/ringfence/graph/transport/internal/testschema"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/licensing"
)

// endpoint is a handler under test, with a token of someone who is signed in and what it logged.
type endpoint struct {
	http.Handler
	token string
	log   *bytes.Buffer
}

func newEndpoint(t testing.TB, changes ...func(*Config)) *endpoint {
	t.Helper()
	key, err := identity.DevKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	token, err := key.Mint("ann", []string{identity.RoleAuditor}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	e := &endpoint{token: token, log: new(bytes.Buffer)}
	cfg := Config{
		Authorize: registered,
		Identity:  identity.New(identity.Config{Dev: key}).Middleware,
		Pool: func(_ context.Context, k licensing.PoolKey) any {
			return map[string]any{"id": []int64{k.License, k.Allotment}}
		},
		Decision: func(id int64) string { return "decision-" + string(rune('0'+id)) },
		Log:      slog.New(slog.NewTextHandler(e.log, nil)),
	}
	for _, change := range changes {
		change(&cfg)
	}
	e.Handler = New(testschema.NewExecutableSchema(testschema.Config{Resolvers: &testschema.Resolver{}}), cfg)
	return e
}

// registered is a gate that knows all fields but one.
func registered(_ context.Context, _ ast.Operation, field string) error {
	if field == "unregistered" {
		return fault.New(fault.PolicyDenied, "this field is not registered")
	}
	return nil
}

// answer is a GraphQL answer over HTTP.
type answer struct {
	status int
	header http.Header
	body   string
	Data   json.RawMessage
	Errors []struct {
		Message    string
		Path       []any
		Locations  []any
		Extensions map[string]any
	}
}

func (a *answer) code() fault.Code {
	if len(a.Errors) == 0 {
		return ""
	}
	code, _ := a.Errors[0].Extensions["code"].(string)
	return fault.Code(code)
}

func (a *answer) field() string {
	if len(a.Errors) == 0 {
		return ""
	}
	field, _ := a.Errors[0].Extensions["field"].(string)
	return field
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) {
		if r.Header.Set(name, value); value == "" {
			r.Header.Del(name)
		}
	}
}

var anonymous = header("Authorization", "")

// send sends a request with a body as it is, signed in and taking graphql-response+json unless changed.
func (e *endpoint) send(t testing.TB, method, target, body string, changes ...func(*http.Request)) *answer {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+e.token)
	r.Header.Set("Accept", graphqlJSON)
	r.Header.Set("Content-Type", plainJSON)
	for _, change := range changes {
		change(r)
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	result := w.Result()
	text, err := io.ReadAll(result.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := &answer{status: result.StatusCode, header: result.Header, body: string(text)}
	if len(text) > 0 {
		if err := json.Unmarshal(text, a); err != nil {
			t.Fatalf("the answer %q is not JSON: %v", text, err)
		}
	}
	return a
}

// query sends a document with variables.
func (e *endpoint) query(t testing.TB, document string, variables map[string]any, changes ...func(*http.Request)) *answer {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": document, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	return e.send(t, http.MethodPost, "/graphql", string(body), changes...)
}
