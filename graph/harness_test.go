package graph_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/ringfence/ringfence/graph"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/query"
	"github.com/ringfence/ringfence/internal/store"
)

// api answers GraphQL documents on a database, with statements counted.
type api struct {
	t          *testing.T
	server     *handler.Server
	reader     *query.Reader
	store      *store.Store
	statements atomic.Int64
}

// today is when the tests ask.
var today = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, s *store.Store) *api {
	t.Helper()
	engine, err := policy.New(t.Context(), policy.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return openWith(t, s, engine)
}

func openWith(t *testing.T, s *store.Store, engine *policy.Engine) *api {
	t.Helper()
	a := &api{t: t, store: s}
	runner := operation.NewRunner(operation.Config{Store: s, Policy: engine, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(runner.Close)
	a.reader = query.NewReader(query.Config{
		Store: s, Policy: engine, Clock: func() time.Time { return today }, Client: s.Client().Debug(), Rehearsal: runner.Rehearsal(),
	})
	before := log.Writer()
	log.SetOutput(writer(func(line []byte) (int, error) {
		if bytes.Contains(line, []byte("driver.Query")) {
			a.statements.Add(1)
		}
		return len(line), nil
	}))
	t.Cleanup(func() { log.SetOutput(before) })
	a.server = handler.New(graph.New(&graph.Resolver{Runner: runner, Reader: a.reader}))
	a.server.AddTransport(transport.POST{})
	a.server.SetErrorPresenter(func(ctx context.Context, err error) *gqlerror.Error {
		out := graphql.DefaultErrorPresenter(ctx, err)
		out.Extensions = map[string]any{"code": string(fault.CodeOf(err))}
		var e *fault.Error
		if errors.As(err, &e) {
			out.Extensions["field"] = e.Field
		}
		return out
	})
	return a
}

type writer func(line []byte) (int, error)

func (w writer) Write(line []byte) (int, error) { return w(line) }

// object is a JSON object of an answer.
type object map[string]any

type answer struct {
	Data   object `json:"data"`
	Errors []struct {
		Message    string            `json:"message"`
		Path       []any             `json:"path"`
		Extensions map[string]string `json:"extensions"`
	} `json:"errors"`
}

func as(name string, roles ...string) *identity.Principal {
	return &identity.Principal{UserName: name, Roles: roles}
}

// try asks a document for a principal.
func (a *api) try(who *identity.Principal, document string, variables object) answer {
	a.t.Helper()
	body, err := json.Marshal(object{"query": document, "variables": variables})
	if err != nil {
		a.t.Fatal(err)
	}
	ctx := a.t.Context()
	if who != nil {
		ctx = identity.WithPrincipal(ctx, who)
	}
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	a.server.ServeHTTP(w, r)
	var out answer
	text, _ := io.ReadAll(w.Body)
	if err := json.Unmarshal(text, &out); err != nil {
		a.t.Fatalf("%v in %s", err, text)
	}
	return out
}

// ask is try for what must succeed.
func (a *api) ask(who *identity.Principal, document string, variables object) object {
	a.t.Helper()
	out := a.try(who, document, variables)
	for _, e := range out.Errors {
		a.t.Fatalf("%s\n%v %v %v", document, e.Message, e.Path, e.Extensions)
	}
	return out.Data
}

// refused asks for what must fail, and gives the code and the field of the first error.
func (a *api) refused(who *identity.Principal, document string, variables object) (code, field string) {
	a.t.Helper()
	out := a.try(who, document, variables)
	if len(out.Errors) == 0 {
		a.t.Fatalf("%s was answered: %v", document, out.Data)
	}
	return out.Errors[0].Extensions["code"], out.Errors[0].Extensions["field"]
}

// at walks down an answer: names of fields, and numbers of items.
func (o object) at(path ...any) any {
	var here any = map[string]any(o)
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := here.(map[string]any)
			here = m[step]
		case int:
			l, _ := here.([]any)
			if step >= len(l) {
				return nil
			}
			here = l[step]
		}
	}
	return here
}

// texts gives one field of all items of a list as one text, joined by blanks.
func (o object) texts(field string, path ...any) string {
	list, _ := o.at(path...).([]any)
	out := make([]string, 0, len(list))
	for _, item := range list {
		m, _ := item.(map[string]any)
		text, _ := m[field].(string)
		out = append(out, text)
	}
	return strings.Join(out, " ")
}
