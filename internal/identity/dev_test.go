package identity

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/ringfence/ringfence/internal/fault"
)

func devKey(t *testing.T) *DevelopmentKey {
	t.Helper()
	key, err := DevKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func wantCode(t *testing.T, err error, code fault.Code) {
	t.Helper()
	if fault.CodeOf(err) != code {
		t.Fatalf("error %v, want code %s", err, code)
	}
}

func TestDevelopmentTokenGivesItsPrincipal(t *testing.T) {
	dir := t.TempDir()
	key, err := DevKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	token, err := key.Mint("ann@example.com", []string{RoleAuditor, RoleAnalyst, RoleAuditor}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	again, err := DevKey(dir) // what a second process sees
	if err != nil {
		t.Fatal(err)
	}
	who, err := New(Config{Dev: again}).Authenticate(context.Background(), token)
	if err != nil {
		t.Fatal(err)
	}
	if who.UserName != "ann@example.com" || !slices.Equal(who.Roles, []string{RoleAnalyst, RoleAuditor}) || who.System {
		t.Errorf("principal is %+v", who)
	}
}

func TestDevelopmentKeyIsCreatedOnceAndPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	ids := make([]string, 16)
	var group sync.WaitGroup
	for i := range ids {
		group.Go(func() {
			key, err := DevKey(dir)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = key.id
		})
	}
	group.Wait()
	if slices.Sort(ids); ids[0] == "" || ids[0] != ids[len(ids)-1] {
		t.Errorf("processes disagree on the key: %v", ids)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("the directory holds %v (%v), want the key alone", entries, err)
	}
	path := filepath.Join(dir, entries[0].Name())
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: mode %v, error %v, want 0600", info.Mode(), err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := DevKey(dir); err == nil || !strings.Contains(err.Error(), "read by others") {
		t.Errorf("a key others can read was loaded: %v", err)
	}
}

func TestDevelopmentTokensThatAreRefused(t *testing.T) {
	key, other := devKey(t), devKey(t)
	now := time.Now()
	good := func() devClaims {
		return devClaims{Claims: jwt.Claims{
			Issuer: devIssuer, Subject: "ann", Audience: jwt.Audience{devAudience}, Expiry: jwt.NewNumericDate(now.Add(time.Hour)),
		}, Roles: []string{RoleAuditor}}
	}
	with := func(change func(*devClaims)) string { return mustSign(t, key, devType, good(), change) }
	hmac, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(key.public)}, (&jose.SignerOptions{}).WithType(devType))
	if err != nil {
		t.Fatal(err)
	}
	symmetric, err := jwt.Signed(hmac).Claims(good()).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(with(nil), ".")
	tokens := map[string]string{
		"another key":           mustSign(t, other, devType, good(), nil),
		"another type":          mustSign(t, key, "dpop+jwt", good(), nil),
		"another issuer":        with(func(c *devClaims) { c.Issuer = "urn:other" }),
		"another audience":      with(func(c *devClaims) { c.Audience = jwt.Audience{"other"} }),
		"expired":               with(func(c *devClaims) { c.Expiry = jwt.NewNumericDate(now.Add(-time.Minute)) }),
		"no expiry":             with(func(c *devClaims) { c.Expiry = nil }),
		"not valid yet":         with(func(c *devClaims) { c.NotBefore = jwt.NewNumericDate(now.Add(time.Minute)) }),
		"no user":               with(func(c *devClaims) { c.Subject = " " }),
		"a line end as a user":  with(func(c *devClaims) { c.Subject = "ann\n" }),
		"HMAC with public key":  symmetric,
		"algorithm none":        unsecured(t, good()),
		"claims changed":        parts[0] + "." + strings.Split(with(func(c *devClaims) { c.Subject = "bob" }), ".")[1] + "." + parts[2],
		"signature cut off":     parts[0] + "." + parts[1] + ".",
		"empty":                 "",
		"not a token":           "ann",
		"three dots":            "...",
		"longer than any token": strings.Repeat("a", maxTokenBytes+1),
	}
	a := New(Config{Dev: key})
	for name, token := range tokens {
		t.Run(name, func(t *testing.T) {
			who, err := a.Authenticate(context.Background(), token)
			wantCode(t, err, fault.Unauthenticated)
			if who != nil {
				t.Errorf("got a principal: %+v", who)
			}
		})
	}
	if _, err := a.Authenticate(context.Background(), with(nil)); err != nil {
		t.Errorf("the unchanged token is refused too: %v", err)
	}
	_, err = New(Config{}).Authenticate(context.Background(), with(nil))
	wantCode(t, err, fault.Unauthenticated)
}

func mustSign(t *testing.T, key *DevelopmentKey, typ string, claims devClaims, change func(*devClaims)) string {
	t.Helper()
	if change != nil {
		change(&claims)
	}
	token, err := key.sign(typ, claims)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// unsecured makes a token with the algorithm none.
func unsecured(t *testing.T, claims any) string {
	t.Helper()
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return encode(`{"alg":"none","typ":"JWT"}`) + "." + encode(string(body)) + "."
}

func TestExpiryIsCheckedOnEachUse(t *testing.T) {
	key := devKey(t)
	token, err := key.Mint("ann", nil, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	a := New(Config{Dev: key, Now: func() time.Time { return now }})
	for range 2 {
		if _, err := a.Authenticate(context.Background(), token); err != nil {
			t.Fatal(err)
		}
	}
	now = now.Add(time.Hour + leeway + time.Second)
	for range 2 {
		_, err = a.Authenticate(context.Background(), token)
		wantCode(t, err, fault.Unauthenticated)
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	key := devKey(t)
	a := New(Config{Dev: key, CacheSize: 4})
	for i := range 20 {
		token, err := key.Mint("user"+string(rune('a'+i)), nil, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Authenticate(context.Background(), token); err != nil {
			t.Fatal(err)
		}
	}
	if n := a.cache.Len(); n != 4 {
		t.Errorf("%d tokens are remembered, want 4", n)
	}
}

func TestMiddleware(t *testing.T) {
	key := devKey(t)
	token, err := key.Mint("ann", []string{RoleAuditor}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	handler := New(Config{Dev: key}).Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := "anonymous"
		if who := FromContext(r.Context()); who != nil {
			name = who.UserName
		}
		_, _ = w.Write([]byte(name))
	}))
	cases := map[string]struct {
		authorization []string
		status        int
		body          string
	}{
		"no header":        {nil, 200, "anonymous"},
		"a token":          {[]string{"Bearer " + token}, 200, "ann"},
		"scheme in lower":  {[]string{"bearer " + token}, 200, "ann"},
		"a bad token":      {[]string{"Bearer x.y.z"}, 401, ""},
		"an empty header":  {[]string{""}, 401, ""},
		"no token":         {[]string{"Bearer "}, 401, ""},
		"another scheme":   {[]string{"Basic YW5uOmFubg=="}, 401, ""},
		"two good headers": {[]string{"Bearer " + token, "Bearer " + token}, 401, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/graphql", nil)
			r.Header["Authorization"] = c.authorization
			r.Header.Set("Accept", "application/graphql-response+json")
			if c.authorization == nil {
				r.Header.Del("Authorization")
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != c.status {
				t.Fatalf("status %d, want %d", w.Code, c.status)
			}
			if c.status == http.StatusOK {
				if w.Body.String() != c.body {
					t.Errorf("body %q, want %q", w.Body, c.body)
				}
				return
			}
			checkRefusal(t, w)
		})
	}
}

func checkRefusal(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	var answer struct {
		Errors []struct {
			Message    string
			Extensions struct{ Code fault.Code }
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Errors) != 1 || answer.Errors[0].Extensions.Code != fault.Unauthenticated || answer.Errors[0].Message == "" {
		t.Errorf("answer is %s", w.Body)
	}
	if got := w.Header().Get("WWW-Authenticate"); !strings.HasPrefix(got, `Bearer realm="ringfence"`) {
		t.Errorf("WWW-Authenticate is %q", got)
	}
	if got := w.Header().Get("Content-Type"); got != "application/graphql-response+json; charset=utf-8" {
		t.Errorf("Content-Type is %q", got)
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	key, err := DevKey(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	token, err := key.Mint("ann", []string{RoleAuditor}, time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	a := New(Config{Dev: key})
	b.Run("remembered", func(b *testing.B) {
		for b.Loop() {
			if _, err := a.Authenticate(context.Background(), token); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("first time", func(b *testing.B) {
		for b.Loop() {
			if _, err := a.verify(context.Background(), token, time.Now()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
