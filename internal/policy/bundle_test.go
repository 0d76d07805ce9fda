package policy_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/policy/policytest"
)

func rsaKeys(t *testing.T) policytest.Key {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return policytest.KeyOf(t, key)
}

// shelf serves what lies on it, with an ETag, and counts what it gave.
type shelf struct {
	*httptest.Server
	mu    sync.Mutex
	body  []byte
	etag  string
	given int
	down  bool
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	s := &shelf{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case s.down:
			w.WriteHeader(http.StatusBadGateway)
		case r.Header.Get("If-None-Match") == s.etag:
			w.WriteHeader(http.StatusNotModified)
		default:
			s.given++
			w.Header().Set("ETag", s.etag)
			_, _ = w.Write(s.body)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *shelf) put(body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.body, s.etag = body, fmt.Sprintf("%q", fmt.Sprint(len(body), time.Now().UnixNano()))
}

func (s *shelf) fails(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// named is a sound policy whose only grant tells which of several it is.
func named(grant string) policy.Files {
	return small(fmt.Sprintf("grants contains %q if input.principal.name == \"lena@example.org\"\n%s", grant, guarded))
}

func bundled(t *testing.T, s *shelf, k policytest.Key, cache string) (*policy.Engine, error) {
	t.Helper()
	return policy.New(t.Context(), policy.Config{
		Bundle: policy.BundleConfig{URL: s.URL + "/policy.tar.gz", KeyFile: k.File, Cache: cache},
		Logger: slog.New(slog.DiscardHandler),
	})
}

// grantOf is the grant by which lena may assign a seat, which names the policy that answers.
func grantOf(t *testing.T, e *policy.Engine) string {
	t.Helper()
	limit := int64(10)
	in := assign(&limit, "GB")
	in.Principal = policy.Principal{Name: "lena@example.org"}
	return strings.Join(e.Decide(t.Context(), in).Grants, ",")
}

func TestBundleOfEachAlgorithm(t *testing.T) {
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for algorithm, k := range map[string]policytest.Key{"RS256": rsaKeys(t), "ES256": policytest.KeyOf(t, p256), "ES384": policytest.KeyOf(t, p384), "EdDSA": policytest.KeyOf(t, edwards)} {
		t.Run(algorithm, func(t *testing.T) {
			s := newShelf(t)
			s.put(policytest.Bundle(t, named("one"), algorithm, k.Private))
			e, err := bundled(t, s, k, "")
			if err != nil {
				t.Fatal(err)
			}
			if grantOf(t, e) != "one" || e.Kind() != policy.SourceBundle || e.Source() != policy.SourceBundle || len(e.Problems()) != 0 {
				t.Errorf("grant %q, kind %s, source %s, problems %v", grantOf(t, e), e.Kind(), e.Source(), e.Problems())
			}
		})
	}
}

// Whatever comes that is not signed by the key, or does not pass the gate, is told and changes nothing. It is fetched once only.
func TestBundleRefused(t *testing.T) {
	k, other := rsaKeys(t), rsaKeys(t)
	tampered := map[string]string{}
	open := named("open")
	open["p.rego"] = strings.Replace(open["p.rego"], `if input.principal.name == "lena@example.org"`, "", 1)
	good := policytest.Bundle(t, named("good"), "RS256", k.Private)
	for name, text := range unpack(t, good) {
		tampered[name] = strings.ReplaceAll(text, `"good"`, `"evil"`)
	}
	added := unpack(t, good)
	added["/more.rego"] = "package ringfence\n\ngrants contains \"more\"\n"
	for name, c := range map[string]struct {
		body  []byte
		found string
	}{
		"unsigned":              {policytest.Bundle(t, named("unsigned"), "", ""), "missing .signatures.json"},
		"signed by another":     {policytest.Bundle(t, named("foreign"), "RS256", other.Private), "verify"},
		"changed afterwards":    {policytest.Archive(t, tampered), "digest mismatch"},
		"added afterwards":      {policytest.Archive(t, added), "not included in bundle signature"},
		"a secret as the key":   {policytest.Bundle(t, named("hmac"), "HS256", k.Public), "verify"},
		"no archive":            {[]byte("<html>not found</html>"), "not a gzipped archive"},
		"cut short":             {good[:len(good)/2], "cannot be unpacked"},
		"a bomb":                {policytest.Archive(t, map[string]string{"/a.rego": strings.Repeat(" ", 20<<20)}), "when it is unpacked"},
		"many files":            {policytest.Archive(t, many(40_000)), "when it is unpacked"},
		"a policy that lets in": {policytest.Bundle(t, open, "RS256", k.Private), `house rule "nobody"`},
		"a policy with a fault": {policytest.Bundle(t, policy.Files{"p.rego": "package ringfence\n\nallow )\n"}, "RS256", k.Private), "unexpected"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t)
			s.put(good)
			e, err := bundled(t, s, k, "")
			if err != nil {
				t.Fatal(err)
			}
			s.put(c.body)
			for range 3 {
				if err := e.Reload(t.Context()); err == nil || !strings.Contains(fmt.Sprint(e.Problems()), c.found) {
					t.Fatalf("want %q, got %v, problems %v", c.found, err, e.Problems())
				}
			}
			if s.given != 2 || grantOf(t, e) != "good" {
				t.Errorf("fetched %d times, %q answers", s.given, grantOf(t, e))
			}
			// A failing network does not hide why, and the next good one is taken.
			s.fails(true)
			if err := e.Reload(t.Context()); err == nil || !strings.Contains(fmt.Sprint(e.Problems()), "502 Bad Gateway") {
				t.Errorf("got %v, problems %v", err, e.Problems())
			}
			s.fails(false)
			if err := e.Reload(t.Context()); err == nil || !strings.Contains(fmt.Sprint(e.Problems()), c.found) {
				t.Errorf("the veto is forgotten: %v", e.Problems())
			}
			s.put(policytest.Bundle(t, named("better"), "RS256", k.Private))
			if err := e.Reload(t.Context()); err != nil || grantOf(t, e) != "better" || len(e.Problems()) != 0 {
				t.Errorf("got %v, %q answers, problems %v", err, grantOf(t, e), e.Problems())
			}
		})
	}
}

func many(n int) map[string]string {
	files := map[string]string{}
	for i := range n {
		files[fmt.Sprintf("/f%d.txt", i)] = "x"
	}
	return files
}

func unpack(t *testing.T, body []byte) map[string]string {
	t.Helper()
	zipped, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for reader := tar.NewReader(zipped); ; {
		header, err := reader.Next()
		if err != nil {
			return files
		}
		text, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = string(text)
	}
}

// Without the network a start needs the last good bundle, whose signature counts again.
func TestBundleStartsFromTheLastGoodOne(t *testing.T) {
	k := rsaKeys(t)
	s := newShelf(t)
	cache := filepath.Join(t.TempDir(), "data", "policy-bundle.tar.gz")
	s.fails(true)
	if _, err := bundled(t, s, k, cache); err == nil || !strings.Contains(err.Error(), "cannot be fetched") {
		t.Fatalf("started without any policy: %v", err)
	}
	s.fails(false)
	s.put(policytest.Bundle(t, named("one"), "RS256", k.Private))
	if _, err := bundled(t, s, k, cache); err != nil {
		t.Fatal(err)
	}
	for name, prepare := range map[string]func(){
		"no network":      func() { s.fails(true) },
		"a bad bundle":    func() { s.fails(false); s.put([]byte("x")) },
		"an unsigned one": func() { s.put(policytest.Bundle(t, named("two"), "", "")) },
	} {
		prepare()
		e, err := bundled(t, s, k, cache)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if grantOf(t, e) != "one" || len(e.Problems()) == 0 {
			t.Errorf("%s: %q answers, problems %v", name, grantOf(t, e), e.Problems())
		}
	}
	if err := os.WriteFile(cache, policytest.Bundle(t, named("planted"), "", ""), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := bundled(t, s, k, cache); err == nil {
		t.Error("a bundle that somebody put into the data directory answers")
	}
}

func TestBundleIsPolled(t *testing.T) {
	k := rsaKeys(t)
	s := newShelf(t)
	s.put(policytest.Bundle(t, named("one"), "RS256", k.Private))
	e, err := policy.New(t.Context(), policy.Config{
		Bundle: policy.BundleConfig{URL: s.URL, KeyFile: k.File, Every: 5 * time.Millisecond}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Watch(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	s.put(policytest.Bundle(t, named("two"), "RS256", k.Private))
	for deadline := time.Now().Add(20 * time.Second); grantOf(t, e) != "two"; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never taken: %v", e.Problems())
		}
	}
}

func TestBundleConfiguration(t *testing.T) {
	k := rsaKeys(t)
	private := filepath.Join(t.TempDir(), "private.pem")
	if err := os.WriteFile(private, []byte(k.Private), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		config policy.Config
		found  string
	}{
		"both":            {policy.Config{Dir: ".", Bundle: policy.BundleConfig{URL: "https://x.example"}}, "not both"},
		"no address":      {policy.Config{Bundle: policy.BundleConfig{URL: "file:///etc/passwd", KeyFile: k.File}}, "http or https"},
		"no key":          {policy.Config{Bundle: policy.BundleConfig{URL: "https://x.example"}}, "the key"},
		"a private key":   {policy.Config{Bundle: policy.BundleConfig{URL: "https://x.example", KeyFile: private}}, "not a public key"},
		"a shared secret": {policy.Config{Bundle: policy.BundleConfig{URL: "https://x.example", KeyFile: k.File, Algorithm: "HS256"}}, "shared secret"},
	} {
		if _, err := policy.New(t.Context(), c.config); err == nil || !strings.Contains(err.Error(), c.found) {
			t.Errorf("%s: got %v, want %q", name, err, c.found)
		}
	}
}
