package identity

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/sync/singleflight"

	"github.com/ringfence/ringfence/internal/fault"
)

const (
	defaultKeyLifetime   = 10 * time.Minute
	defaultFetchInterval = 30 * time.Second
	defaultRecheck       = time.Minute
	retryInterval        = 5 * time.Second // after a failure, if the interval is not shorter still
	fetchTimeout         = 10 * time.Second
	maxProviderBytes     = 1 << 20
)

// signatureAlgorithms are those a provider's token may be signed with unless OIDCConfig names others. There is no
// symmetric one and no "none".
var signatureAlgorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// tokenTypes are the accepted values of the header typ, in lower case. RFC 7519 makes it optional, and large providers leave it
// out; one that says something else (a logout token, a DPoP proof) is refused.
var tokenTypes = []string{"", "jwt", "at+jwt", "application/at+jwt"}

// OIDCConfig says which provider to trust and how its claims read. Issuer and Audience are required.
type OIDCConfig struct {
	Issuer   string // the provider's issuer URL, exactly as in its tokens
	Audience string // a value the claim aud must contain

	UserClaim  string            // the claim with the user name; empty: sub. Dots lead into objects
	RolesClaim string            // the claim with the roles, a list or words apart; empty: roles. Dots lead into objects
	RoleMap    map[string]string // what the provider calls a role → what Ringfence does; others are dropped. nil: as they are

	Algorithms    []string         // accepted signature algorithms; nil: RSA, ECDSA and Ed25519 ones
	KeyLifetime   time.Duration    // how long fetched keys are trusted at most; 0: 10 minutes
	FetchInterval time.Duration    // the least time between two requests to the provider; 0: 30 seconds
	Recheck       time.Duration    // how long a checked signature is remembered; 0: 1 minute
	Client        *http.Client     // how to reach the provider; nil: a client with a timeout of 10 seconds
	Now           func() time.Time // the clock; nil: time.Now
}

// OIDC verifies the tokens of one OpenID Connect provider. The provider is first asked when the first token comes, so a server
// starts while its provider is down; until it answers, tokens get UNAVAILABLE.
type OIDC struct {
	cfg    OIDCConfig
	config *oidc.Config

	flight singleflight.Group // callers during discovery wait for one

	mu          sync.Mutex
	keys        *keySet
	lastAttempt time.Time
	lastFailure error
}

// NewOIDC makes a verifier. It does not ask the provider. Errors: a missing or malformed issuer, a missing audience, an
// algorithm that is not asymmetric.
func NewOIDC(cfg OIDCConfig) (*OIDC, error) {
	issuer, err := url.Parse(cfg.Issuer)
	if err != nil || issuer.Host == "" || issuer.Scheme != "https" && issuer.Scheme != "http" {
		return nil, fmt.Errorf("the OIDC issuer %q is not an http(s) URL", cfg.Issuer)
	}
	if cfg.Audience == "" {
		return nil, errors.New("OIDC needs an audience: without it a token for any other service would do")
	}
	if len(cfg.Algorithms) == 0 {
		cfg.Algorithms = signatureAlgorithms
	}
	for _, a := range cfg.Algorithms {
		if !slices.Contains(signatureAlgorithms, a) {
			return nil, fmt.Errorf("the signature algorithm %q is not an asymmetric one", a)
		}
	}
	cfg.fillDefaults()
	return &OIDC{cfg: cfg, config: &oidc.Config{
		ClientID:             cfg.Audience,
		SupportedSigningAlgs: cfg.Algorithms,
		// Dates are checked by verify and again on each use of a remembered token, with one leeway for all.
		SkipExpiryCheck: true,
	}}, nil
}

func (c *OIDCConfig) fillDefaults() {
	if c.UserClaim == "" {
		c.UserClaim = "sub"
	}
	if c.RolesClaim == "" {
		c.RolesClaim = "roles"
	}
	if c.KeyLifetime <= 0 {
		c.KeyLifetime = defaultKeyLifetime
	}
	if c.FetchInterval <= 0 {
		c.FetchInterval = defaultFetchInterval
	}
	if c.Recheck <= 0 {
		c.Recheck = defaultRecheck
	}
	if c.Client == nil {
		c.Client = &http.Client{Timeout: fetchTimeout}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

func (o *OIDC) issuer() string { return o.cfg.Issuer }

func (o *OIDC) verify(ctx context.Context, token string, now time.Time) (verified, error) {
	if err := o.checkHeader(token); err != nil {
		return verified{}, err
	}
	keys, err := o.discovered(ctx)
	if err != nil {
		return verified{}, fault.Wrap(err, fault.Unavailable, "the identity provider cannot be reached")
	}
	checked, err := oidc.NewVerifier(o.cfg.Issuer, keys, o.config).Verify(ctx, token)
	if err != nil {
		// go-oidc formats the causes of its errors into text; the key set's own failures are kept in it instead.
		if failure := keys.failure(); failure != nil {
			return verified{}, fault.Wrap(failure, fault.Unavailable, "the identity provider cannot be reached")
		}
		return verified{}, rejected(err, "the token is not valid")
	}
	return o.fromClaims(checked, now)
}

// checkHeader looks at algorithm and type before anything is fetched for a token.
func (o *OIDC) checkHeader(token string) error {
	algorithms := make([]jose.SignatureAlgorithm, len(o.cfg.Algorithms))
	for i, a := range o.cfg.Algorithms {
		algorithms[i] = jose.SignatureAlgorithm(a)
	}
	parsed, err := jwt.ParseSigned(token, algorithms)
	if err != nil {
		return rejected(err, "the token is not valid")
	}
	typ := ""
	if raw, present := parsed.Headers[0].ExtraHeaders[jose.HeaderType]; present {
		text, isText := raw.(string)
		if !isText || text == "" {
			return rejected(nil, "the token is of another type")
		}
		typ = strings.ToLower(text)
	}
	if !slices.Contains(tokenTypes, typ) {
		return rejected(nil, "the token is of another type")
	}
	return nil
}

// fromClaims reads the claims of a token whose signature, issuer and audience were checked.
func (o *OIDC) fromClaims(token *oidc.IDToken, now time.Time) (verified, error) {
	var claims map[string]any
	if err := token.Claims(&claims); err != nil {
		return verified{}, rejected(err, "the token is not valid")
	}
	var dates struct {
		NotBefore *jwt.NumericDate `json:"nbf"`
	}
	if err := token.Claims(&dates); err != nil {
		return verified{}, rejected(err, "the token is not valid")
	}
	// A logout token is signed by the same keys for the same audience, and some providers give it no type of its own.
	if _, logout := claims["events"]; logout {
		return verified{}, rejected(nil, "the token is of another type")
	}
	if token.Expiry.IsZero() {
		return verified{}, rejected(nil, "the token has no expiry")
	}
	userName, _ := claimAt(claims, o.cfg.UserClaim).(string)
	who, err := principal(userName, o.cfg.mapRoles(words(claimAt(claims, o.cfg.RolesClaim))))
	if err != nil {
		return verified{}, err
	}
	v := verified{principal: who, expires: token.Expiry, recheck: now.Add(o.cfg.Recheck)}
	if dates.NotBefore != nil {
		v.notBefore = dates.NotBefore.Time()
	}
	return v, v.valid(now)
}

// discovered gives the provider's key set, after asking the provider where it is if that is not known yet. A provider
// that does not answer is asked again a little later, not once per token.
func (o *OIDC) discovered(ctx context.Context) (*keySet, error) {
	if keys, err := o.known(); keys != nil || err != nil {
		return keys, err
	}
	done := o.flight.DoChan("", func() (any, error) {
		// Another flight may have landed since.
		if keys, err := o.known(); keys != nil || err != nil {
			return keys, err
		}
		keys, err := o.discover(ctx)
		o.mu.Lock()
		defer o.mu.Unlock()
		o.keys, o.lastAttempt, o.lastFailure = keys, o.cfg.Now(), err
		return keys, err
	})
	select {
	case landed := <-done:
		return landed.Val.(*keySet), landed.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// known gives the key set once discovered, or the last failure while it is too early to ask again; neither when the
// provider is to be asked.
func (o *OIDC) known() (*keySet, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	wait := min(o.cfg.FetchInterval, retryInterval)
	if o.lastFailure != nil && o.cfg.Now().Sub(o.lastAttempt) < wait {
		return nil, o.lastFailure
	}
	return o.keys, nil
}

func (o *OIDC) discover(ctx context.Context) (*keySet, error) {
	// A caller who goes away must not count as a failure of the provider.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	defer cancel()
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, o.cfg.Client), o.cfg.Issuer)
	if err != nil {
		return nil, fmt.Errorf("discover the OIDC provider: %w", err)
	}
	var metadata struct {
		KeysURL string `json:"jwks_uri"`
	}
	if err := provider.Claims(&metadata); err != nil {
		return nil, fmt.Errorf("read the OIDC provider's metadata: %w", err)
	}
	if metadata.KeysURL == "" {
		return nil, errors.New("the OIDC provider's metadata has no jwks_uri")
	}
	return &keySet{
		url: metadata.KeysURL, client: o.cfg.Client, now: o.cfg.Now,
		lifetime: o.cfg.KeyLifetime, interval: o.cfg.FetchInterval,
	}, nil
}
