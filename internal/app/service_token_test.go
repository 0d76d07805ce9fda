package app_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// The command prints the secret alone, and the secret opens what the purpose says, on a server of the same database.
func TestServiceTokenCommand(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	made := cli(t, "service-token", "--name", "Entra", "--data-dir", dir).ok(t)
	secret := strings.TrimSuffix(made.stdout, "\n")
	if !strings.HasPrefix(secret, "rf_") || strings.ContainsAny(secret, " \n") {
		t.Fatalf("stdout is %q", made.stdout)
	}
	api := strings.TrimSpace(cli(t, "service-token", "--name", "reports", "--purpose", "API", "--role", "AUDITOR", "--ttl", "1h", "--data-dir", dir).ok(t).stdout)
	for _, c := range []struct {
		says string
		args []string
	}{
		{"exists already", []string{"--name", "entra"}},
		{"has the role PROVISIONER and no other", []string{"--name", "x", "--role", "AUDITOR"}},
		{"must be one of", []string{"--name", "x", "--purpose", "ALL"}},
		{"not negative", []string{"--name", "x", "--ttl=-1s"}},
		{"missing flags: --name", nil},
	} {
		failed := cli(t, append([]string{"service-token", "--data-dir", dir}, c.args...)...)
		if failed.code == 0 || failed.stdout != "" {
			t.Errorf("%v: exit code %d, %q", c.args, failed.code, failed.stdout)
		}
		says(t, failed.stderr, c.says)
	}

	p := start(t, nil, "serve", "--dev", "--listen", "127.0.0.1:0", "--data-dir", dir).serves()
	status := func(token, path string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Accept", "application/json")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	for _, c := range []struct {
		token, path string
		want        int
	}{
		{secret, "/scim/v2/Users", 200}, {api, "/scim/v2/Users", 403}, {"rf_nonsense", "/scim/v2/Users", 401},
		{secret, "/graphql?query=%7Bviewer%7BuserName%7D%7D", 403}, {api, "/graphql?query=%7Bviewer%7BuserName%7D%7D", 200},
	} {
		if got := status(c.token, c.path); got != c.want {
			t.Errorf("%s with %.6s…: %d, want %d", c.path, c.token, got, c.want)
		}
	}
	p.terminate()
}
