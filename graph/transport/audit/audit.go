// Package audit runs the audits of the npm package graphql-http against an endpoint, for tests. They say whether it speaks GraphQL
// over HTTP as the specification has it.
package audit

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"syscall"
	"testing"
)

// all is what the program says when every audit is ok. There are 61, so that none can be left out unnoticed.
var all = regexp.MustCompile(`(?m)^61 of 61 audits are ok$`)

// Run runs all audits against the endpoint as the owner of a token (some audits introspect), and fails the test unless all are ok.
// Node is a requirement of the build (it makes GraphiQL), so its absence is a failure and not a reason to skip.
func Run(t *testing.T, url, token string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("node is needed for the audits of graphql-http; install Node 20 or later")
	}
	_, self, _, _ := runtime.Caller(0)
	dir := filepath.Join(filepath.Dir(filepath.Dir(self)), "testdata", "audit")
	install(t, dir)
	run := exec.CommandContext(t.Context(), node, "audit.mjs", url, token) //nolint:gosec // a program of this repository
	run.Dir = dir
	out, err := run.CombinedOutput()
	if err != nil || !all.Match(out) {
		t.Errorf("not all of the 61 audits are ok: %v\n%s", err, out)
	}
}

// install brings graphql-http, once: tests of several packages may want it at the same time.
func install(t *testing.T, dir string) {
	t.Helper()
	lock, err := os.Open(filepath.Join(dir, "package.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Close() }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "graphql-http")); !errors.Is(err, fs.ErrNotExist) {
		return
	}
	npm := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		t.Fatalf("npm ci in %s: %v\n%s", dir, err, out)
	}
}
