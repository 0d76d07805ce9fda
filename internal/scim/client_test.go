package scim_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/internal/app"
	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/history"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/scim"
)

type in = map[string]any

// client is a provisioning client of a running service, and what a test needs of the service beside it.
type client struct {
	testing.TB
	*apptest.Service
	base  string
	token string
}

// connect makes a client with a token of its own. At the end of the test every pool, seat, queue and the event chain is recounted.
func connect(t testing.TB, s *apptest.Service) *client {
	t.Helper()
	t.Cleanup(func() {
		if _, is := t.(*testing.T); !is {
			return
		}
		err := operation.Verify(context.Background(), s.Store, func(f operation.Finding) { t.Errorf("%s: %s %s", f.Rule, f.Subject, f.Message) })
		if err != nil {
			t.Error(err)
		}
		if os.Getenv("HISTORY") != "" { // it doubles the time
			again(t, s)
		}
	})
	return &client{t, s, s.URL + scim.Root, secret(s, in{"name": "Entra", "purpose": "SCIM"})}
}

// again runs all that was done again, and fails if anything comes out otherwise.
func again(t testing.TB, s *apptest.Service) {
	t.Helper()
	r, err := app.Simulate(context.Background(), history.Config{Recorded: s.Store, Policy: s.Policy.Current(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Error(err)
		return
	}
	if r.Counts.Requests == 0 || !r.Nothing() {
		t.Errorf("the history is another one: %+v, users %+v", r.Counts, r.Users)
		for _, d := range r.Differences {
			t.Errorf("%+v", *d)
		}
	}
}

// secret makes a service token and gives its secret.
func secret(s *apptest.Service, input in) string {
	var made struct{ Answer struct{ Secret string } }
	s.Admin().Do(`mutation($input: CreateServiceTokenInput!) { answer: createServiceToken(input: $input) { secret } }`, apptest.Vars{"input": input}, &made)
	return made.Answer.Secret
}

// response is an answer.
type response struct {
	status int
	header http.Header
	raw    string
	body   in
}

// send makes a request. Every answer is searched for what no answer may tell.
func (c *client) send(method, path, body string, header http.Header) *response {
	c.Helper()
	target := path
	if strings.HasPrefix(path, "/") {
		target = c.base + path
	}
	r, err := http.NewRequestWithContext(c.Context(), method, target, strings.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/scim+json")
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	for name, values := range header {
		r.Header.Del(name)
		for _, value := range values {
			r.Header.Add(name, value)
		}
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		c.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		c.Fatal(err)
	}
	a := &response{status: res.StatusCode, header: res.Header, raw: string(raw)}
	if leak := apptest.Leak(strings.ReplaceAll(a.raw[:min(len(a.raw), 1<<20)], c.URL, "")); leak != "" {
		c.Errorf("%s %s tells %q: %.1000s", method, path, leak, a.raw)
	}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &a.body); err != nil {
			c.Fatalf("%v in %s", err, raw)
		}
	}
	return a
}

// do makes a request that must be answered with a status.
func (c *client) do(status int, method, path string, body any) *response {
	c.Helper()
	text := ""
	if body != nil {
		written, err := json.Marshal(body)
		if err != nil {
			c.Fatal(err)
		}
		text = string(written)
	}
	a := c.send(method, path, text, nil)
	if a.status != status {
		c.Fatalf("%s %s %s: %d, want %d\n%s", method, path, text, a.status, status, a.raw)
	}
	return a
}

const (
	coreUser   = "urn:ietf:params:scim:schemas:core:2.0:User"
	coreGroup  = "urn:ietf:params:scim:schemas:core:2.0:Group"
	enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	patchOp    = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
)

// user makes a user and gives the id.
func (c *client) user(name string, more ...in) string {
	c.Helper()
	return c.do(http.StatusCreated, http.MethodPost, "/Users", with(append([]in{{"schemas": []string{coreUser}, "userName": name}}, more...)...)).id()
}

func (c *client) group(name string, members ...string) string {
	c.Helper()
	return c.do(http.StatusCreated, http.MethodPost, "/Groups", in{"schemas": []string{coreGroup}, "displayName": name, "members": values(members)}).id()
}

// values are members as clients name them.
func values(ids []string) []in {
	list := make([]in, len(ids))
	for i, id := range ids {
		list[i] = in{"value": id}
	}
	return list
}

func (a *response) id() string { return fmt.Sprint(a.body["id"]) }

// patch makes a PATCH of one user or group.
func (c *client) patch(path string, operations ...in) *response {
	c.Helper()
	body, err := json.Marshal(in{"schemas": []string{patchOp}, "Operations": operations})
	if err != nil {
		c.Fatal(err)
	}
	return c.send(http.MethodPatch, path, string(body), nil)
}

// patched is patch that must go well.
func (c *client) patched(path string, operations ...in) *response {
	c.Helper()
	a := c.patch(path, operations...)
	if a.status != http.StatusOK && a.status != http.StatusNoContent {
		c.Fatalf("PATCH %s %v: %d %s", path, operations, a.status, a.raw)
	}
	return a
}

// found gives the user names that a filter finds, in the order of the list.
func (c *client) found(filter string, more ...string) string {
	c.Helper()
	a := c.do(http.StatusOK, http.MethodGet, "/Users?count=1000&filter="+url.QueryEscape(filter)+strings.Join(more, ""), nil)
	list, _ := a.body["Resources"].([]any)
	names := make([]string, len(list))
	for i, item := range list {
		o, _ := item.(in)
		names[i] = fmt.Sprint(o["userName"])
	}
	return strings.Join(names, " ")
}

// refused makes a request that must fail, and gives the status with the scimType.
func (c *client) refused(method, path, body string, header http.Header) string {
	c.Helper()
	a := c.send(method, path, body, header)
	if kind, is := a.body["scimType"]; is {
		return fmt.Sprintf("%d %v", a.status, kind)
	}
	return fmt.Sprint(a.status)
}

func with(objects ...in) in {
	out := in{}
	for _, o := range objects {
		for name, value := range o {
			out[name] = value
		}
	}
	return out
}

func (c *client) want(got, want any) {
	c.Helper()
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	if string(a) != string(b) {
		c.Errorf("got  %s\nwant %s", a, b)
	}
}
