// Package apptest starts the whole service for a test, on each database, and talks to it as a client would: over HTTP, with
// tokens.
package apptest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"github.com/ringfence/ringfence/internal/app"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/store/migration"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

// Service is a running service under test.
type Service struct {
	*app.App
	URL   string
	Clock *Clock

	t      testing.TB
	mu     sync.Mutex
	tokens map[string]string
}

// Option changes the configuration of a service before it starts.
type Option func(*app.Config)

// Policies has the service read its policy from a directory.
func Policies(dir string) Option { return func(c *app.Config) { c.Policies = dir } }

// Each runs a test against a fresh service on SQLite and on PostgreSQL.
func Each(t *testing.T, run func(t *testing.T, s *Service), options ...Option) {
	t.Helper()
	for _, d := range storetest.Dialects {
		t.Run(migration.Folder(d), func(t *testing.T) { run(t, Start(t, d, options...)) })
	}
}

// Start starts a service on a fresh database of the dialect, by its name in ent.
func Start(t testing.TB, d string, options ...Option) *Service {
	t.Helper()
	return StartOn(t, storetest.URL(t, d), options...)
}

// StartOn starts a service on a database that may have others on it: a replica.
func StartOn(t testing.TB, url string, options ...Option) *Service {
	t.Helper()
	clock := &Clock{}
	cfg := app.Config{
		Database: url, DataDir: t.TempDir(), Dev: true, Clock: clock.Now, SweepEvery: time.Hour,
		PolicyTimeout: 2 * time.Second, // many tests at once on few processors must not make decisions late
		Log:           slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelError})),
	}
	for _, option := range options {
		option(&cfg)
	}
	a, err := app.New(context.Background(), cfg)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	server := httptest.NewServer(a.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := a.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return &Service{App: a, URL: server.URL, Clock: clock, t: t, tokens: map[string]string{}}
}

// Replicas starts a number of services on one fresh PostgreSQL database: SQLite has one writer, one process.
func Replicas(t testing.TB, n int, options ...Option) []*Service {
	t.Helper()
	url := storetest.URL(t, dialect.Postgres)
	services := make([]*Service, n)
	for i := range services {
		services[i] = StartOn(t, url, options...)
	}
	return services
}

// Clock is the service's time, which a test can move.
type Clock struct {
	mu     sync.Mutex
	offset time.Duration
}

// Now gives the time the service sees.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

// Advance moves the service's time.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
}

// Token gives a token for a user with roles.
func (s *Service) Token(user string, roles ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := fmt.Sprint(user, roles)
	if s.tokens[key] == "" {
		token, err := s.DevKey.Mint(user, roles, 10*365*24*time.Hour) // tests move the clock
		if err != nil {
			s.t.Fatalf("token: %v", err)
		}
		s.tokens[key] = token
	}
	return s.tokens[key]
}

// As gives a client that asks as a user with roles.
func (s *Service) As(user string, roles ...string) *Client {
	return &Client{t: s.t, url: s.URL, token: s.Token(user, roles...)}
}

// WithToken gives a client that sends a token as it is.
func (s *Service) WithToken(token string) *Client { return &Client{t: s.t, url: s.URL, token: token} }

// Admin gives a client with all rights.
func (s *Service) Admin() *Client { return s.As("root@contoso.example", identity.RoleGlobalAdmin) }

// Client asks over HTTP. The zero token is anonymous.
type Client struct {
	t     testing.TB
	url   string
	token string
}

// Anonymous gives a client without a token.
func (s *Service) Anonymous() *Client { return &Client{t: s.t, url: s.URL} }

// Answer is a GraphQL answer.
type Answer struct {
	Status int
	Data   json.RawMessage
	Errors []Error
	Raw    string
}

// Error is one error of an answer.
type Error struct {
	Message    string
	Path       []any
	Extensions struct {
		Code       string
		Field      string
		Violations []Violation
		RequestID  string `json:"requestId"`
		DecisionID string `json:"decisionId"`
		Revision   string
	}
}

// Violation is one violation, in an error or in a payload.
type Violation struct {
	Code, Message, Field                       string
	Limit, Used, Requested, Available, ShortBy *int
	Pool                                       any
}

// Vars are the variables of a request.
type Vars map[string]any

// Send asks and gives the whole answer; only a broken connection fails the test.
func (c *Client) Send(query string, vars Vars) *Answer {
	c.t.Helper()
	a, err := c.Try(context.Background(), query, vars)
	if err != nil {
		c.t.Fatalf("send: %v", err)
	}
	return a
}

// Try asks with a context and gives the answer or what broke. Every answer is searched for what no answer may tell.
func (c *Client) Try(ctx context.Context, query string, vars Vars) (*Answer, error) {
	body, err := json.Marshal(map[string]any{"query": query, "variables": vars})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	a := &Answer{Status: res.StatusCode, Raw: string(raw)}
	if leak := Leak(a.Raw); leak != "" {
		c.t.Errorf("the answer tells %q: %.1000s\nfor %.1000s", leak, a.Raw, query)
	}
	if err := json.Unmarshal(raw, &struct {
		Data   *json.RawMessage
		Errors *[]Error
	}{&a.Data, &a.Errors}); err != nil {
		return nil, fmt.Errorf("%w in %s", err, raw)
	}
	return a, nil
}

// Do asks, fails the test on any error, and reads the data into out (which may be nil).
func (c *Client) Do(query string, vars Vars, out any) {
	c.t.Helper()
	a := c.Send(query, vars)
	if len(a.Errors) > 0 {
		c.t.Fatalf("unexpected errors in %s\nfor %s %v", a.Raw, query, vars)
	}
	if out != nil {
		if err := json.Unmarshal(a.Data, out); err != nil {
			c.t.Fatalf("%v in %s", err, a.Raw)
		}
	}
}

// Fails asks, and fails the test unless the first error has the code; it gives that error.
func (c *Client) Fails(code, query string, vars Vars) Error {
	c.t.Helper()
	a := c.Send(query, vars)
	if len(a.Errors) == 0 || a.Errors[0].Extensions.Code != code {
		c.t.Fatalf("want error %s, got %s\nfor %s %v", code, a.Raw, query, vars)
	}
	return a.Errors[0]
}

type testWriter struct{ t testing.TB }

// Write logs a line of the service's log with the test.
func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", bytes.TrimRight(p, "\n"))
	return len(p), nil
}
