package app_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// provider is an OpenID Connect provider with one key.
type provider struct {
	*httptest.Server
	key *ecdsa.PrivateKey
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{key: key}
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, body any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(body)
	}
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"issuer": p.URL, "jwks_uri": p.URL + "/keys"})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Use: "sig", Algorithm: "ES256"}}})
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func (p *provider) token(t *testing.T, claims map[string]any) string {
	t.Helper()
	all := map[string]any{"iss": p.URL, "aud": "ringfence", "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix()}
	for name, value := range claims {
		all[name] = value
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: p.key}, (&jose.SignerOptions{}).WithHeader("kid", "k1").WithType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(all).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Sign-in against a provider, with the claims where Keycloak has them and roles by the provider's names: the program, started by
// flags and environment, and asked over HTTP.
func TestServeOIDC(t *testing.T) {
	id := newProvider(t)
	p := start(t, []string{"RINGFENCE_OIDC_ISSUER=" + id.URL, "RINGFENCE_OIDC_USER_CLAIM=preferred_username",
		"RINGFENCE_OIDC_ROLE_MAP=licensing-admins=LICENSE_ADMIN;staff=AUDITOR"},
		"serve", "--data-dir", t.TempDir(), "--listen", "127.0.0.1:0", "--oidc-audience", "ringfence", "--oidc-roles-claim", "realm_access.roles").serves()
	roles := func(names ...string) map[string]any { return map[string]any{"roles": names} }
	ann := map[string]any{"sub": "8f2c", "preferred_username": "ann@contoso.example", "realm_access": roles("licensing-admins", "offline_access")}
	_, text := fetch(t, http.MethodPost, p.url+"/graphql", id.token(t, ann), whoAmI)
	says(t, text, `"userName":"ann@contoso.example"`, `"roles":["LICENSE_ADMIN"]`)
	_, text = fetch(t, http.MethodPost, p.url+"/graphql", id.token(t, ann), `{"query":"mutation { createVendor(input: {name: \"Initech\"}) { vendor { name } } }"}`)
	says(t, text, `"Initech"`)

	bob := map[string]any{"sub": "91aa", "preferred_username": "bob@contoso.example", "realm_access": roles("staff")}
	_, text = fetch(t, http.MethodPost, p.url+"/graphql", id.token(t, bob), `{"query":"mutation { createVendor(input: {name: \"Hooli\"}) { vendor { name } } }"}`)
	says(t, text, "POLICY_DENIED", "READ_ONLY")

	with := func(claim string, value any) map[string]any {
		changed := map[string]any{claim: value}
		for name, v := range ann {
			if name != claim {
				changed[name] = v
			}
		}
		return changed
	}
	for what, token := range map[string]string{
		"for somebody else": id.token(t, with("aud", "another-service")),
		"expired":           id.token(t, with("exp", time.Now().Add(-time.Hour).Unix())),
		"of another issuer": id.token(t, with("iss", "https://elsewhere.example")),
		"without a name":    id.token(t, with("preferred_username", nil)),
		"of another's key":  newProvider(t).token(t, with("iss", id.URL)),
		"that is no token":  "abc",
	} {
		if _, text := fetch(t, http.MethodPost, p.url+"/graphql", token, whoAmI); !json.Valid([]byte(text)) {
			t.Errorf("a token %s: %s", what, text)
		} else {
			says(t, text, "UNAUTHENTICATED")
		}
	}
	p.terminate()
	p.ends(0).ok(t)
}
