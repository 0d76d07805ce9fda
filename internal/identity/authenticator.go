package identity

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/ringfence/ringfence/internal/fault"
)

const (
	// leeway is how far the clocks of issuer and server may differ.
	leeway = 30 * time.Second
	// maxTokenBytes bounds a token before anything is done with it; a real one has one or two kilobytes.
	maxTokenBytes = 16 << 10
	// defaultCacheSize is how many verified tokens are remembered.
	defaultCacheSize = 10_000
)

// verifier checks the tokens of one issuer.
type verifier interface {
	// issuer is the claim iss of the tokens this verifier answers for.
	issuer() string
	// verify checks signature and claims. Its error is a *fault.Error: UNAUTHENTICATED when the token is at fault,
	// UNAVAILABLE when the issuer's keys cannot be had.
	verify(ctx context.Context, token string, now time.Time) (verified, error)
}

// verified is what is known of a token whose signature was checked.
type verified struct {
	principal *Principal
	notBefore time.Time // zero: none
	expires   time.Time // the claim exp
	recheck   time.Time // when the signature must be checked again, because a key may have been withdrawn; zero: never
}

// valid tells whether the token may be used at a time, allowing for clocks that differ a little.
func (v verified) valid(now time.Time) error {
	if !now.Before(v.expires.Add(leeway)) {
		return rejected(nil, "the token has expired")
	}
	if !v.notBefore.IsZero() && now.Add(leeway).Before(v.notBefore) {
		return rejected(nil, "the token is not valid yet")
	}
	return nil
}

// Config names the parts of an Authenticator. With neither Dev nor OIDC no token is accepted.
type Config struct {
	Dev       *DevelopmentKey  // accept tokens of the development key; nil: do not
	OIDC      *OIDC            // accept tokens of an OpenID Connect provider; nil: do not
	Services  ServiceTokens    // accept service tokens; nil: do not
	CacheSize int              // how many verified tokens are remembered; 0: 10,000
	Now       func() time.Time // the clock; nil: time.Now
	Log       *slog.Logger     // why callers were refused, for debugging, and a provider that fails; nil: slog.Default
}

// Authenticator turns bearer tokens into principals. It is safe for concurrent use.
type Authenticator struct {
	verifiers []verifier
	tokens    ServiceTokens
	cache     *lru.Cache[[sha256.Size]byte, verified]
	now       func() time.Time
	log       *slog.Logger
}

// New makes an authenticator.
func New(cfg Config) *Authenticator {
	if cfg.CacheSize <= 0 {
		cfg.CacheSize = defaultCacheSize
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	// The only error of lru.New is a size that is not positive.
	cache, err := lru.New[[sha256.Size]byte, verified](cfg.CacheSize)
	if err != nil {
		panic(err)
	}
	a := &Authenticator{cache: cache, now: cfg.Now, log: cfg.Log, tokens: cfg.Services}
	if cfg.Dev != nil {
		a.verifiers = append(a.verifiers, cfg.Dev)
	}
	if cfg.OIDC != nil {
		a.verifiers = append(a.verifiers, cfg.OIDC)
	}
	return a
}

// Authenticate gives the principal of a bearer token. The error is a *fault.Error with UNAUTHENTICATED for a token that is
// malformed, forged, of another issuer or audience, or outside its dates; and with UNAVAILABLE when the provider's keys cannot
// be fetched. A signature that was checked is remembered; dates are checked on every call. The principal is shared: do
// not change it.
func (a *Authenticator) Authenticate(ctx context.Context, token string) (*Principal, error) {
	if len(token) > maxTokenBytes {
		return nil, rejected(nil, "the token is too long")
	}
	now := a.now()
	if isSecret(token) {
		return a.service(ctx, token, now)
	}
	key := sha256.Sum256([]byte(token))
	v, known := a.cache.Get(key)
	if !known || !v.recheck.IsZero() && !now.Before(v.recheck) {
		a.cache.Remove(key)
		var err error
		if v, err = a.verify(ctx, token, now); err != nil {
			return nil, err
		}
		a.cache.Add(key, v)
	}
	if err := v.valid(now); err != nil {
		a.cache.Remove(key)
		return nil, err
	}
	return v.principal, nil
}

// verify hands the token to the verifier of the issuer it names. The name is not trusted here; the verifier checks it
// again under the signature.
func (a *Authenticator) verify(ctx context.Context, token string, now time.Time) (verified, error) {
	issuer := claimedIssuer(token)
	for _, v := range a.verifiers {
		if issuer != "" && v.issuer() == issuer {
			return v.verify(ctx, token, now)
		}
	}
	return verified{}, rejected(nil, "the token is not valid")
}

// claimedIssuer reads the claim iss without checking anything; empty when the token is not a JWT.
func claimedIssuer(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return ""
	}
	return claims.Issuer
}

// principal makes a Principal of what a token claims.
func principal(userName string, roles []string) (*Principal, error) {
	if strings.TrimSpace(userName) == "" || len(userName) > 512 || strings.ContainsFunc(userName, isControl) {
		return nil, rejected(nil, "the token names no user")
	}
	if strings.EqualFold(strings.TrimSpace(userName), SystemName) {
		return nil, rejected(nil, "the token names the service itself")
	}
	roles = slices.Clone(roles)
	slices.Sort(roles)
	return &Principal{UserName: userName, Roles: slices.Compact(roles)}, nil
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }

// rejected is the UNAUTHENTICATED error; the cause goes to the log, the sentence to the caller.
func rejected(cause error, sentence string) *fault.Error {
	return fault.Wrap(cause, fault.Unauthenticated, "%s", sentence)
}
