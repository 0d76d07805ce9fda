package app_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/policy/policytest"
	"github.com/ringfence/ringfence/policies"
)

// A process serves by a signed bundle: it takes the next one when there is one, keeps the last good one when what is offered is not signed
// or out of reach, has nothing published, and does not start on a bundle that another key signed.
func TestServeBundle(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k := policytest.KeyOf(t, private)
	files, err := policy.ReadFiles(policies.FS)
	if err != nil {
		t.Fatal(err)
	}
	var shelf atomic.Pointer[[]byte]
	put := func(body []byte) { shelf.Store(&body) }
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		body := shelf.Load()
		if body == nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		w.Header().Set("ETag", fmt.Sprintf("%q", fmt.Sprint(len(*body))))
		_, _ = w.Write(*body)
	}))
	defer server.Close()
	put(policytest.Bundle(t, files, "ES256", k.Private))

	dir := t.TempDir()
	flags := []string{"serve", "--dev", "--data-dir", dir, "--listen", "127.0.0.1:0", "--policy-bundle", server.URL + "/policy.tar.gz", "--policy-bundle-every", "50ms", "--policy-bundle-key"}
	p := start(t, nil, append(flags, k.File)...).serves()
	token := strings.TrimSpace(cli(t, "token", "--data-dir", dir, "--user", "petra", "--role", "POLICY_AUTHOR").ok(t).stdout)
	type status struct {
		Revision, Source string
		Problems         []struct{ Message string }
	}
	shown := func() status {
		t.Helper()
		_, answer := fetch(t, http.MethodPost, p.url+"/graphql", token, `{"query":"{ policy { revision source problems { message } } }"}`)
		var got struct{ Data struct{ Policy status } }
		if err := json.Unmarshal([]byte(answer), &got); err != nil {
			t.Fatalf("%v in %s", err, answer)
		}
		return got.Data.Policy
	}
	eventually := func(what string, is func(status) bool) status {
		t.Helper()
		for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
			s := shown()
			if is(s) {
				return s
			}
			if time.Since(begin) > 20*time.Second {
				t.Fatalf("%s: %+v", what, s)
			}
		}
	}
	first := shown()
	if first.Source != policy.SourceBundle || first.Revision != files.Revision() || len(first.Problems) > 0 {
		t.Errorf("at first there is %+v", first)
	}
	_, answer := fetch(t, http.MethodPost, p.url+"/graphql", token, `{"query":"mutation { rollbackPolicy(input: {revision: \"0123456789abcdef\", note: \"back\"}) { decision { allow } } }"}`)
	says(t, answer, "CONFLICT")

	files["data.json"] = strings.Replace(files["data.json"], `"subdelegate": false`, `"subdelegate": false `, 1)
	put(policytest.Bundle(t, files, "ES256", k.Private))
	eventually("the next bundle", func(s status) bool { return s.Revision == files.Revision() && len(s.Problems) == 0 })
	put(policytest.Bundle(t, map[string]string{"open.rego": "package ringfence\n"}, "", ""))
	unsigned := eventually("an unsigned bundle", func(s status) bool { return len(s.Problems) > 0 })
	if unsigned.Revision != files.Revision() {
		t.Errorf("an unsigned bundle answers: %+v", unsigned)
	}
	shelf.Store(nil)
	if s := eventually("no bundle", func(s status) bool { return len(s.Problems) > 0 && s.Problems[0] != unsigned.Problems[0] }); s.Revision != files.Revision() {
		t.Errorf("without a bundle there is %+v", s)
	}
	p.terminate()
	p.ends(0).ok(t)

	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	put(policytest.Bundle(t, files, "ES256", k.Private))
	flags[3] = t.TempDir()
	refused := cli(t, append(flags, policytest.KeyOf(t, other).File)...)
	if refused.code != 1 || strings.Contains(refused.stdout, "listens") {
		t.Errorf("by another key: exit code %d, stdout %q", refused.code, refused.stdout)
	}
	says(t, refused.stderr, "verify")
}
