package transport

import (
	"errors"
	"io/fs"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"testing"
)

// TestAudits runs all server audits of graphql-http, as somebody signed in (some audits introspect). Node is a requirement of the
// build (it makes GraphiQL), so its absence is a failure and not a reason to skip.
func TestAudits(t *testing.T) {
	const dir = "testdata/audit"
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("node is needed for the audits of graphql-http; install Node 20 or later")
	}
	if _, err := os.Stat(dir + "/node_modules/graphql-http"); errors.Is(err, fs.ErrNotExist) {
		install := exec.Command("npm", "ci", "--no-audit", "--no-fund")
		install.Dir = dir
		if out, err := install.CombinedOutput(); err != nil {
			t.Fatalf("npm ci in graph/transport/%s: %v\n%s", dir, err, out)
		}
	}
	e := newEndpoint(t)
	server := httptest.NewServer(e)
	defer server.Close()
	run := exec.Command(node, "audit.mjs", server.URL+"/graphql", e.token)
	run.Dir = dir
	out, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !regexp.MustCompile(`(?m)^61 of 61 audits are ok$`).Match(out) {
		t.Errorf("not all of the 61 audits ran:\n%s", out)
	}
}
