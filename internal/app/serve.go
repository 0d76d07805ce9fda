package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"

	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/policy"
)

type serve struct {
	storage
	Listen          string            `help:"Address to listen on." env:"RINGFENCE_LISTEN" default:"127.0.0.1:8080" placeholder:"ADDR"`
	Policies        string            `help:"Directory of the policy (Rego). Without it: the one that is built in." env:"RINGFENCE_POLICIES" placeholder:"DIR"`
	PolicyBundle    string            `help:"URL of a signed bundle with the policy, instead of a directory." env:"RINGFENCE_POLICY_BUNDLE" placeholder:"URL"`
	PolicyBundleKey string            `help:"PEM file with the public key whose signature counts." env:"RINGFENCE_POLICY_BUNDLE_KEY" placeholder:"FILE"`
	PolicyBundleAlg string            `help:"Algorithm of the signature; without it, the usual one of the key: RS256, ES256, EdDSA." env:"RINGFENCE_POLICY_BUNDLE_ALG" placeholder:"NAME"`
	PolicyEvery     time.Duration     `name:"policy-bundle-every" help:"How often the bundle is looked for." env:"RINGFENCE_POLICY_BUNDLE_EVERY" default:"30s"`
	Dev             bool              `help:"Development mode: tokens of the development key, personas. Loopback addresses only." env:"RINGFENCE_DEV"`
	Demo            bool              `help:"Load the demo organization if the database is empty." env:"RINGFENCE_DEMO"`
	OIDCIssuer      string            `name:"oidc-issuer" help:"Issuer URL of the OpenID Connect provider." env:"RINGFENCE_OIDC_ISSUER" placeholder:"URL"`
	OIDCAudience    string            `name:"oidc-audience" help:"Audience that tokens must have." env:"RINGFENCE_OIDC_AUDIENCE" placeholder:"NAME"`
	OIDCUserClaim   string            `name:"oidc-user-claim" help:"Claim with the user name; dots lead into objects." env:"RINGFENCE_OIDC_USER_CLAIM" default:"sub"`
	OIDCRolesClaim  string            `name:"oidc-roles-claim" help:"Claim with the roles; dots lead into objects." env:"RINGFENCE_OIDC_ROLES_CLAIM" default:"roles"`
	OIDCRoleMap     map[string]string `name:"oidc-role-map" help:"What the provider calls a role, and what Ringfence does; others are dropped." env:"RINGFENCE_OIDC_ROLE_MAP" placeholder:"THEIRS=OURS"`
	DefaultLocation string            `help:"Usage location of users who have none (two letters)." env:"RINGFENCE_DEFAULT_LOCATION" placeholder:"CC"`
	Rate            float64           `help:"Requests per second and principal; 0 is no limit." env:"RINGFENCE_RATE" default:"0"`
	TrustedDir      string            `name:"trusted-documents" help:"Directory of operations known beforehand." env:"RINGFENCE_TRUSTED_DOCUMENTS" placeholder:"DIR"`
	TrustedMode     string            `help:"What to do about others: off, log or require." env:"RINGFENCE_TRUSTED_MODE" enum:"off,log,require" default:"require"`
	ImportLimit     int64             `help:"Largest file that is taken over HTTP, in megabytes." env:"RINGFENCE_IMPORT_LIMIT" default:"256" placeholder:"MB"`
	ShutdownTimeout time.Duration     `help:"How long what runs may take to finish." env:"RINGFENCE_SHUTDOWN_TIMEOUT" default:"20s"`
}

var countryCode = regexp.MustCompile(`^[A-Z]{2}$`)

// Validate refuses flags that could not be meant; kong asks it.
func (c *serve) Validate() error {
	if c.DefaultLocation != "" && !countryCode.MatchString(c.DefaultLocation) {
		return fmt.Errorf("--default-location is two capital letters (ISO 3166-1 alpha-2), not %q", c.DefaultLocation)
	}
	if c.Policies != "" && c.PolicyBundle != "" {
		return errors.New("--policies and --policy-bundle exclude each other")
	}
	if (c.PolicyBundle == "") != (c.PolicyBundleKey == "") {
		return errors.New("--policy-bundle and --policy-bundle-key belong together: a policy that nobody signed is not taken from the network")
	}
	if c.PolicyEvery <= 0 {
		return errors.New("--policy-bundle-every is a length of time, 30s for example")
	}
	if c.ImportLimit <= 0 {
		return errors.New("--import-limit is a number of megabytes")
	}
	if c.OIDCIssuer == "" && c.OIDCAudience != "" || c.OIDCIssuer != "" && c.OIDCAudience == "" {
		return errors.New("--oidc-issuer and --oidc-audience belong together")
	}
	return nil
}

// Run serves until the process is told to stop, then finishes what runs.
func (c *serve) Run(ctx context.Context, out outputs) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // who asks a second time does not want to wait
	collectRarely()
	cfg := c.config()
	cfg.Listen, cfg.Policies, cfg.Dev, cfg.DefaultLocation, cfg.Rate = c.Listen, c.Policies, c.Dev, c.DefaultLocation, c.Rate
	cfg.TrustedDir, cfg.TrustedMode, cfg.ShutdownTimeout = c.TrustedDir, c.TrustedMode, c.ShutdownTimeout
	cfg.ImportLimit = c.ImportLimit << 20
	cfg.Bundle = policy.BundleConfig{URL: c.PolicyBundle, KeyFile: c.PolicyBundleKey, Algorithm: c.PolicyBundleAlg, Every: c.PolicyEvery}
	cfg.OIDC = identity.OIDCConfig{Issuer: c.OIDCIssuer, Audience: c.OIDCAudience, UserClaim: c.OIDCUserClaim, RolesClaim: c.OIDCRolesClaim}
	if len(c.OIDCRoleMap) > 0 {
		cfg.OIDC.RoleMap = c.OIDCRoleMap
	}
	a, err := New(ctx, cfg)
	if err != nil {
		return err
	}
	if c.Demo {
		if err := a.LoadDemo(ctx, out.stderr); err != nil {
			return errors.Join(err, a.Close())
		}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return errors.Join(err, a.Close())
	}
	fmt.Fprintf(out.stdout, "Ringfence listens on http://%s (GraphiQL: http://%[1]s/graphiql)\n", listener.Addr())
	if err := a.introduce(out.stdout); err != nil {
		return errors.Join(err, listener.Close(), a.Close())
	}
	return errors.Join(a.Serve(ctx, listener), a.Close())
}
