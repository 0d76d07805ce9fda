package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/ringfence/ringfence/internal/fault"
)

const audience = "ringfence-api"

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// provider is an OpenID Connect provider: discovery, keys, and tokens signed by whichever key is named.
type provider struct {
	server    *httptest.Server
	down      atomic.Bool
	discovery atomic.Int64 // requests for the metadata
	fetches   atomic.Int64 // requests for the keys

	mu   sync.Mutex
	keys map[string]*ecdsa.PrivateKey
}

func newProvider(t *testing.T, ids ...string) *provider {
	t.Helper()
	p := &provider{keys: map[string]*ecdsa.PrivateKey{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		p.discovery.Add(1)
		p.answer(w, map[string]any{"issuer": p.server.URL, "jwks_uri": p.server.URL + "/keys"})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		p.fetches.Add(1)
		p.answer(w, p.keySet())
	})
	p.server = httptest.NewServer(mux)
	t.Cleanup(p.server.Close)
	for _, id := range ids {
		p.rotateIn(t, id)
	}
	return p
}

func (p *provider) answer(w http.ResponseWriter, body any) {
	if p.down.Load() {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}

// keySet lists the public keys, beside one of a kind nobody knows and one that is not for signatures.
func (p *provider) keySet() any {
	p.mu.Lock()
	defer p.mu.Unlock()
	keys := []any{map[string]any{"kty": "future", "kid": "future"}}
	for id, key := range p.keys {
		keys = append(keys, jose.JSONWebKey{Key: key.Public(), KeyID: id, Use: "sig", Algorithm: "ES256"})
		keys = append(keys, jose.JSONWebKey{Key: key.Public(), KeyID: "encryption-" + id, Use: "enc"})
	}
	return map[string]any{"keys": keys}
}

func (p *provider) rotateIn(t *testing.T, id string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys[id] = key
}

// withdraw takes a key out of the published set and gives it, as a thief would have it.
func (p *provider) withdraw(id string) *ecdsa.PrivateKey {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := p.keys[id]
	delete(p.keys, id)
	return key
}

type tokenSpec struct {
	key     *ecdsa.PrivateKey
	id, typ string
	claims  map[string]any
}

// sign makes a good token of the provider, after the changes.
func (p *provider) sign(t *testing.T, id string, changes ...func(*tokenSpec)) string {
	t.Helper()
	p.mu.Lock()
	spec := tokenSpec{key: p.keys[id], id: id, typ: "JWT", claims: map[string]any{
		"iss": p.server.URL, "aud": []string{"account", audience}, "sub": "ann",
		"exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(), "roles": []string{RoleAuditor},
	}}
	p.mu.Unlock()
	for _, change := range changes {
		change(&spec)
	}
	options := (&jose.SignerOptions{}).WithHeader("kid", spec.id)
	if spec.typ != "" {
		options = options.WithType(jose.ContentType(spec.typ))
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: spec.key}, options)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(spec.claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func claim(name string, value any) func(*tokenSpec) {
	return func(s *tokenSpec) {
		if s.claims[name] = value; value == nil {
			delete(s.claims, name)
		}
	}
}

// clock is a time that tests move.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.offset.Load())) }
func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }

func (p *provider) authenticator(t *testing.T, c *clock, change func(*OIDCConfig)) *Authenticator {
	t.Helper()
	cfg := OIDCConfig{Issuer: p.server.URL, Audience: audience, Now: c.now}
	if change != nil {
		change(&cfg)
	}
	o, err := NewOIDC(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return New(Config{OIDC: o, Now: c.now})
}

func TestOIDCTokenGivesItsPrincipal(t *testing.T) {
	p := newProvider(t, "k1")
	cases := map[string]struct {
		change func(*OIDCConfig)
		claims []func(*tokenSpec)
		user   string
		roles  []string
	}{
		"the defaults":       {nil, nil, "ann", []string{RoleAuditor}},
		"an access token":    {nil, []func(*tokenSpec){func(s *tokenSpec) { s.typ = "at+jwt" }}, "ann", []string{RoleAuditor}},
		"no type":            {nil, []func(*tokenSpec){func(s *tokenSpec) { s.typ = "" }}, "ann", []string{RoleAuditor}},
		"no roles":           {nil, []func(*tokenSpec){claim("roles", nil)}, "ann", nil},
		"roles as words":     {nil, []func(*tokenSpec){claim("roles", "B A")}, "ann", []string{"A", "B"}},
		"roles of no string": {nil, []func(*tokenSpec){claim("roles", []any{1, "A", nil})}, "ann", []string{"A"}},
		"nested claims": {
			func(c *OIDCConfig) { c.UserClaim, c.RolesClaim = "preferred_username", "realm_access.roles" },
			[]func(*tokenSpec){claim("preferred_username", "bob"), claim("realm_access", map[string]any{"roles": []string{"X"}})},
			"bob", []string{"X"},
		},
		"a claim with dots in its name": {
			func(c *OIDCConfig) { c.RolesClaim = "https://example.com/roles" },
			[]func(*tokenSpec){claim("https://example.com/roles", []string{"X"})}, "ann", []string{"X"},
		},
		"a role map": {
			func(c *OIDCConfig) { c.RoleMap = map[string]string{"lic-admins": RoleLicenseAdmin} },
			[]func(*tokenSpec){claim("roles", []string{"lic-admins", RoleGlobalAdmin})}, "ann", []string{RoleLicenseAdmin},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a := p.authenticator(t, new(clock), c.change)
			who, err := a.Authenticate(context.Background(), p.sign(t, "k1", c.claims...))
			if err != nil {
				t.Fatal(err)
			}
			if who.UserName != c.user || !slices.Equal(who.Roles, c.roles) || who.System {
				t.Errorf("principal is %+v, want %s %v", who, c.user, c.roles)
			}
		})
	}
}

func TestOIDCTokensThatAreRefused(t *testing.T) {
	p, stranger := newProvider(t, "k1"), newProvider(t, "k1")
	now := time.Now()
	change := func(changes ...func(*tokenSpec)) string { return p.sign(t, "k1", changes...) }
	hmac, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte("0123456789abcdef0123456789abcdef")},
		(&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", "k1"))
	if err != nil {
		t.Fatal(err)
	}
	good := map[string]any{"iss": p.server.URL, "aud": audience, "sub": "ann", "exp": now.Add(time.Hour).Unix()}
	symmetric, err := jwt.Signed(hmac).Claims(good).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	tokens := map[string]string{
		"another provider":    stranger.sign(t, "k1"),
		"a stranger's key":    stranger.sign(t, "k1", claim("iss", p.server.URL)),
		"another issuer":      change(claim("iss", p.server.URL+"/")),
		"another audience":    change(claim("aud", "account")),
		"no audience":         change(claim("aud", nil)),
		"expired":             change(claim("exp", now.Add(-time.Minute).Unix())),
		"no expiry":           change(claim("exp", nil)),
		"not valid yet":       change(claim("nbf", now.Add(time.Minute).Unix())),
		"no user":             change(claim("sub", nil)),
		"a number as user":    change(claim("sub", 7)),
		"a logout token":      change(func(s *tokenSpec) { s.typ = "logout+jwt" }),
		"an untyped logout":   change(claim("events", map[string]any{"http://schemas.openid.net/event/backchannel-logout": nil})),
		"a proof":             change(func(s *tokenSpec) { s.typ = "dpop+jwt" }),
		"an unknown key":      change(func(s *tokenSpec) { s.id = "k2" }),
		"a key to encrypt to": change(func(s *tokenSpec) { s.id = "encryption-k1" }),
		"HMAC":                symmetric,
		"algorithm none":      unsecured(t, good),
	}
	a := p.authenticator(t, new(clock), nil)
	for name, token := range tokens {
		t.Run(name, func(t *testing.T) {
			_, err := a.Authenticate(context.Background(), token)
			wantCode(t, err, fault.Unauthenticated)
		})
	}
	if _, err := a.Authenticate(context.Background(), change()); err != nil {
		t.Errorf("the unchanged token is refused too: %v", err)
	}
	only := p.authenticator(t, new(clock), func(c *OIDCConfig) { c.Algorithms = []string{"RS256"} })
	_, err = only.Authenticate(context.Background(), change())
	wantCode(t, err, fault.Unauthenticated)
}

func TestRotatedInKeyIsFound(t *testing.T) {
	p, c := newProvider(t, "k1"), new(clock)
	a := p.authenticator(t, c, nil)
	if _, err := a.Authenticate(context.Background(), p.sign(t, "k1")); err != nil {
		t.Fatal(err)
	}
	p.rotateIn(t, "k2")
	token := p.sign(t, "k2")
	_, err := a.Authenticate(context.Background(), token)
	wantCode(t, err, fault.Unauthenticated) // the interval is not over
	c.advance(defaultFetchInterval)
	if _, err := a.Authenticate(context.Background(), token); err != nil {
		t.Errorf("after the interval: %v", err)
	}
}

func TestWithdrawnKeyIsForgotten(t *testing.T) {
	p, c := newProvider(t, "k1", "k2"), new(clock)
	a := p.authenticator(t, c, nil)
	token := p.sign(t, "k1")
	if _, err := a.Authenticate(context.Background(), token); err != nil {
		t.Fatal(err)
	}
	stolen := p.withdraw("k1")
	forged := p.sign(t, "k2", func(s *tokenSpec) { s.key, s.id = stolen, "k1" })
	c.advance(defaultKeyLifetime)
	for name, token := range map[string]string{"remembered": token, "forged": forged} {
		_, err := a.Authenticate(context.Background(), token)
		if fault.CodeOf(err) != fault.Unauthenticated {
			t.Errorf("%s token of a withdrawn key: error %v", name, err)
		}
	}
	if _, err := a.Authenticate(context.Background(), p.sign(t, "k2")); err != nil {
		t.Errorf("the other key: %v", err)
	}
}

func TestUnknownKeyIdsDoNotFloodTheProvider(t *testing.T) {
	p, c := newProvider(t, "k1"), new(clock)
	a := p.authenticator(t, c, nil)
	var group sync.WaitGroup
	for i := range 200 {
		token := p.sign(t, "k1", func(s *tokenSpec) { s.id = fmt.Sprint("unknown-", i) })
		group.Go(func() {
			if _, err := a.Authenticate(context.Background(), token); fault.CodeOf(err) != fault.Unauthenticated {
				t.Errorf("error %v", err)
			}
		})
	}
	group.Wait()
	if n := p.fetches.Load(); n != 1 {
		t.Errorf("200 tokens with unknown key ids made %d requests, want 1", n)
	}
	if n := p.discovery.Load(); n != 1 {
		t.Errorf("the provider was discovered %d times, want once", n)
	}
}

func TestProviderThatIsDown(t *testing.T) {
	p, c := newProvider(t, "k1"), new(clock)
	p.down.Store(true)
	a := p.authenticator(t, c, nil) // starts all the same
	token := p.sign(t, "k1")
	for range 50 {
		_, err := a.Authenticate(context.Background(), token)
		wantCode(t, err, fault.Unavailable)
	}
	if n := p.discovery.Load(); n != 1 {
		t.Errorf("it was asked %d times while down, want once per interval", n)
	}
	p.down.Store(false)
	c.advance(retryInterval)
	if _, err := a.Authenticate(context.Background(), token); err != nil {
		t.Fatalf("after it came back: %v", err)
	}

	p.down.Store(true)
	c.advance(defaultKeyLifetime - time.Minute)
	if _, err := a.Authenticate(context.Background(), token); err != nil {
		t.Errorf("down for less than the keys' lifetime: %v", err)
	}
	c.advance(2 * time.Minute)
	_, err := a.Authenticate(context.Background(), token)
	wantCode(t, err, fault.Unavailable)

	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/graphql", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	a.Middleware(http.NotFoundHandler()).ServeHTTP(w, r)
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("status %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
}

func TestCallerWhoGoesAwayDoesNotStopADiscovery(t *testing.T) {
	p := newProvider(t, "k1")
	a := p.authenticator(t, new(clock), nil)
	token := p.sign(t, "k1")
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	_, _ = a.Authenticate(gone, token) // may or may not be served, but must not be held against the provider
	if _, err := a.Authenticate(context.Background(), token); err != nil {
		t.Error(err)
	}
}

func TestOIDCConfigurationsThatAreRefused(t *testing.T) {
	good := OIDCConfig{Issuer: "https://id.example.com", Audience: audience}
	if _, err := NewOIDC(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*OIDCConfig){
		"no issuer":    func(c *OIDCConfig) { c.Issuer = "" },
		"not a URL":    func(c *OIDCConfig) { c.Issuer = "id.example.com" },
		"no audience":  func(c *OIDCConfig) { c.Audience = "" },
		"HMAC":         func(c *OIDCConfig) { c.Algorithms = []string{"HS256"} },
		"no algorithm": func(c *OIDCConfig) { c.Algorithms = []string{"none"} },
	} {
		cfg := good
		change(&cfg)
		if _, err := NewOIDC(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
