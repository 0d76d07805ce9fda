package app_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/app"
)

// What serve refuses to begin with, and says why.
func TestServeRefuses(t *testing.T) {
	dir := t.TempDir()
	broken := copiedPolicies(t)
	if err := os.WriteFile(filepath.Join(broken, "extra.rego"), []byte("package ringfence\n\ngrants contains \"everyone\" if {\n\tinput.nobody.knows == 1\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	torn := copiedPolicies(t)
	if err := os.WriteFile(filepath.Join(torn, "extra.rego"), []byte("package ringfence\n\nallow if {\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		want string
		code int
	}{
		"nobody could sign in":                           {[]string{"serve"}, "nobody could sign in", 1},
		"public, in development":                         {[]string{"serve", "--dev", "--listen", "0.0.0.0:0"}, "loopback addresses only", 1},
		"public by an empty host":                        {[]string{"serve", "--dev", "--listen", ":0"}, "loopback addresses only", 1},
		"a policy with a name that is not in the schema": {[]string{"serve", "--dev", "--listen", "127.0.0.1:0", "--policies", broken}, "extra.rego:4:2", 1},
		"a policy that is not Rego":                      {[]string{"serve", "--dev", "--listen", "127.0.0.1:0", "--policies", torn}, "extra.rego:4:", 1},
		"no such policy":                                 {[]string{"serve", "--dev", "--listen", "127.0.0.1:0", "--policies", filepath.Join(dir, "none")}, "none", 1},
		"issuer alone":                                   {[]string{"serve", "--oidc-issuer", "https://id.example"}, "--oidc-audience belong together", 2},
		"audience alone":                                 {[]string{"serve", "--oidc-audience", "x"}, "belong together", 2},
		"not a country":                                  {[]string{"serve", "--dev", "--default-location", "Germany"}, "two capital letters", 2},
		"no address":                                     {[]string{"serve", "--dev", "--listen", "localhost:http-nowhere"}, "http-nowhere", 1},
		"not a trusted mode":                             {[]string{"serve", "--dev", "--trusted-mode", "perhaps"}, "trusted-mode", 2},
	} {
		t.Run(name, func(t *testing.T) {
			got := cli(t, append(c.args, "--data-dir", dir)...)
			if got.code != c.code || strings.Contains(got.stdout, "listens") {
				t.Errorf("exit code %d, want %d; stdout %q", got.code, c.code, got.stdout)
			}
			says(t, got.stderr, c.want)
		})
	}
}

func fetch(t *testing.T, method, url, token, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

const whoAmI = `{"query":"{ viewer { userName roles } }"}`

// The whole program: it loads the demo, prints a token for each persona, and they work; so does one that `token` prints.
func TestServeDemo(t *testing.T) {
	dir := t.TempDir()
	p := start(t, []string{"RINGFENCE_DATA_DIR=" + dir, "RINGFENCE_DEV=true"}, "serve", "--demo", "--listen", "127.0.0.1:0").serves()
	var token, name string
	for name == "" {
		line, err := p.stdout.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line, "Dora Lindqvist <dora@contoso.example>, delegate of EMEA") {
			name = line
		}
	}
	token, err := p.stdout.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	status, answer := fetch(t, http.MethodPost, p.url+"/graphql", strings.TrimSpace(token), `{"query":"{ viewer { userName allotments { nodes { name } } } }"}`)
	if status != http.StatusOK {
		t.Errorf("status %d", status)
	}
	says(t, answer, `"dora@contoso.example"`, `"EMEA"`, `"Pilot EMEA"`)
	minted := cli(t, "token", "--data-dir", dir, "--user", "grace@contoso.example", "--role", "GLOBAL_ADMIN").ok(t).stdout
	_, answer = fetch(t, http.MethodPost, p.url+"/graphql", strings.TrimSpace(minted), whoAmI)
	says(t, answer, "GLOBAL_ADMIN")
	_, answer = fetch(t, http.MethodGet, p.url+"/dev/personas", "", "")
	says(t, answer, "ursula@contoso.example", "token")
	if status, _ := fetch(t, http.MethodGet, p.url+"/graphiql", "", ""); status != http.StatusOK {
		t.Errorf("GraphiQL: status %d", status)
	}
	p.terminate()
	first := p.ends(0).ok(t)
	says(t, first.stderr, "Contoso was loaded")

	again := start(t, []string{"RINGFENCE_DATA_DIR=" + dir}, "serve", "--dev", "--demo", "--listen", "127.0.0.1:0").serves()
	again.terminate()
	says(t, again.ends(0).ok(t).stderr, "Contoso is there already")
	says(t, cli(t, "verify", "--data-dir", dir).ok(t).stdout, "clean: 25 licenses")
}

// A request that is being sent when SIGTERM comes is answered; new ones are not taken; the program ends with 0.
func TestServeFinishes(t *testing.T) {
	dir := t.TempDir()
	p := start(t, nil, "serve", "--dev", "--data-dir", dir, "--listen", "127.0.0.1:0").serves()
	token := strings.TrimSpace(cli(t, "token", "--data-dir", dir, "--user", "root", "--role", "GLOBAL_ADMIN").ok(t).stdout)
	address := strings.TrimPrefix(p.url, "http://")
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	body := `{"query":"mutation { createVendor(input: {name: \"Last\"}) { vendor { name } } }"}`
	fmt.Fprintf(conn, "POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
		token, len(body))
	answers := bufio.NewReader(conn)
	// The server says that it goes on when it begins to read the body: from then on the request is running.
	if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("the server says %q: %v", line, err)
	}
	if _, err := answers.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, body[:10])
	p.terminate()
	for refused := false; !refused; {
		other, err := net.DialTimeout("tcp", address, time.Second)
		if refused = err != nil; !refused {
			_ = other.Close()
			time.Sleep(5 * time.Millisecond)
		}
	}
	fmt.Fprint(conn, body[10:])
	res, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatalf("the running request was not answered: %v", err)
	}
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("status %d, %v", res.StatusCode, err)
	}
	says(t, string(text), `"Last"`)
	p.ends(15 * time.Second).ok(t)
	if n := rows(t, filepath.Join(dir, "ringfence.db"), `SELECT COUNT(*) FROM vendors WHERE name = 'Last'`); n != 1 {
		t.Errorf("%d vendors stored", n)
	}
}

// Alive is not ready: a server whose database is gone says so, and still lives.
func TestHealth(t *testing.T) {
	a, err := app.New(t.Context(), app.Config{DataDir: t.TempDir(), Dev: true, SweepEvery: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(a.Handler())
	defer server.Close()
	for path, want := range map[string]string{"/livez": "ok", "/readyz": "ok", "/metrics": "go_goroutines"} {
		status, text := fetch(t, http.MethodGet, server.URL+path, "", "")
		if status != http.StatusOK {
			t.Errorf("%s: status %d", path, status)
		}
		says(t, text, want)
	}
	if status, _ := fetch(t, http.MethodPost, server.URL+"/graphql", "", whoAmI); status != http.StatusUnauthorized && status != http.StatusOK {
		t.Errorf("anonymous: status %d", status)
	}
	_, text := fetch(t, http.MethodGet, server.URL+"/metrics", "", "")
	says(t, text, "ringfence_graphql_request_duration_seconds_count")
	if status, _ := fetch(t, http.MethodPost, server.URL+"/livez", "", ""); status != http.StatusMethodNotAllowed {
		t.Errorf("POST /livez: status %d", status)
	}
	if err := a.Store.Close(); err != nil {
		t.Fatal(err)
	}
	if status, text := fetch(t, http.MethodGet, server.URL+"/readyz", "", ""); status != http.StatusServiceUnavailable || strings.Contains(text, "sql") {
		t.Errorf("without a database: status %d, %q", status, text)
	}
	if status, _ := fetch(t, http.MethodGet, server.URL+"/livez", "", ""); status != http.StatusOK {
		t.Errorf("livez without a database: status %d", status)
	}
	_ = a.Close() // the store is closed already
}

// Outside development mode there are no personas, and tokens of the development key are strangers'.
func TestNoPersonasInProduction(t *testing.T) {
	dir := t.TempDir()
	p := start(t, nil, "serve", "--data-dir", dir, "--listen", "127.0.0.1:0", "--oidc-issuer", "http://127.0.0.1:1", "--oidc-audience", "x", "--demo").serves()
	if strings.Contains(p.told, "Sign in") {
		t.Errorf("it says %s", p.told)
	}
	if status, _ := fetch(t, http.MethodGet, p.url+"/dev/personas", "", ""); status != http.StatusNotFound {
		t.Errorf("personas: status %d", status)
	}
	token := strings.TrimSpace(cli(t, "token", "--data-dir", dir, "--user", "root", "--role", "GLOBAL_ADMIN").ok(t).stdout)
	if _, text := fetch(t, http.MethodPost, p.url+"/graphql", token, whoAmI); strings.Contains(text, "GLOBAL_ADMIN") {
		t.Errorf("a development token was accepted: %s", text)
	}
	p.terminate()
	if got := p.ends(0).ok(t); strings.Contains(got.stdout, "ey") {
		t.Errorf("it printed a token: %s", got.stdout)
	}
}
