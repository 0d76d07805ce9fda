package transport

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/internal/fault"
)

const trustedText = "query Ann($n: Int = 1) { viewer { name } echo(count: $n) }"

func trustedDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, hashOf(trustedText)+".graphql"), []byte(trustedText), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func trust(t *testing.T, mode Trust) *endpoint {
	t.Helper()
	documents, err := LoadTrusted(trustedDir(t), mode)
	if err != nil {
		t.Fatal(err)
	}
	return newEndpoint(t, func(c *Config) { c.Trusted = documents })
}

func TestTrustedDocuments(t *testing.T) {
	body := func(parameters map[string]any) string {
		text, err := json.Marshal(parameters)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	known := body(map[string]any{"query": trustedText})
	byID := body(map[string]any{"documentId": "sha256:" + hashOf(trustedText), "variables": map[string]any{"n": 2}})
	unknown := body(map[string]any{"query": "{ viewer { name } }"})
	unknownID := body(map[string]any{"documentId": hashOf("{ viewer { name } }")})
	both := body(map[string]any{"documentId": hashOf(trustedText), "query": trustedText})
	for _, c := range []struct {
		mode Trust
		body string
		code fault.Code
		log  bool
	}{
		{TrustOff, known, "", false}, {TrustOff, unknown, "", false}, {TrustOff, byID, fault.NotFound, false},
		{TrustLog, known, "", false}, {TrustLog, unknown, "", true}, {TrustLog, byID, "", false}, {TrustLog, unknownID, fault.NotFound, false},
		{TrustRequire, known, "", false}, {TrustRequire, unknown, fault.InvalidInput, false}, {TrustRequire, byID, "", false},
		{TrustRequire, unknownID, fault.NotFound, false}, {TrustRequire, both, fault.InvalidInput, false},
	} {
		e := trust(t, c.mode)
		a := e.send(t, http.MethodPost, "/graphql", c.body)
		if a.code() != c.code || (a.Data != nil) != (c.code == "") {
			t.Errorf("%s of %s: %d %s", c.mode, c.body, a.status, a.body)
		}
		if logged := strings.Contains(e.log.String(), "document is not trusted"); logged != c.log {
			t.Errorf("%s of %s: logged %v, want %v", c.mode, c.body, logged, c.log)
		}
	}
	target := "/graphql?" + url.Values{"documentId": {hashOf(trustedText)}}.Encode()
	if a := trust(t, TrustRequire).send(t, http.MethodGet, target, ""); !strings.Contains(string(a.Data), `"Ann"`) {
		t.Errorf("GET by id: %d %s", a.status, a.body)
	}
}

func TestTrustedDocumentsThatDoNotLoad(t *testing.T) {
	changed := trustedDir(t)
	if err := os.WriteFile(filepath.Join(changed, hashOf(trustedText)+".graphql"), []byte(trustedText+" "), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		dir  string
		mode Trust
	}{
		"a changed file": {changed, TrustLog}, "an empty directory": {t.TempDir(), TrustRequire}, "an unknown mode": {trustedDir(t), "maybe"},
	} {
		if d, err := LoadTrusted(c.dir, c.mode); err == nil {
			t.Errorf("%s: loaded %v", name, d)
		}
	}
}
