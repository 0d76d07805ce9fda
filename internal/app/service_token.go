package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/operation"
)

// serviceToken makes a service token, before anybody could ask the API for one.
type serviceToken struct {
	storage
	Name     string        `help:"Name of the service; what it does is recorded under it." env:"RINGFENCE_SERVICE_NAME" required:"" placeholder:"NAME"`
	Purpose  string        `help:"What the token opens: SCIM (/scim/v2) or API (/graphql)." env:"RINGFENCE_SERVICE_PURPOSE" enum:"SCIM,API" default:"SCIM"`
	Role     []string      `help:"A role of a token for the API; may be given several times." env:"RINGFENCE_SERVICE_ROLE" placeholder:"ROLE"`
	TTL      time.Duration `help:"How long the token is valid; 0 is for ever." env:"RINGFENCE_SERVICE_TTL" default:"0"`
	Policies string        `help:"Directory of the policy (Rego). Without it: the one that is built in." env:"RINGFENCE_POLICIES" placeholder:"DIR"`
}

// Run makes the token as the service itself, and prints its secret alone on a line. The decision is recorded like any other.
func (c *serviceToken) Run(ctx context.Context, out outputs) (err error) {
	if c.TTL < 0 {
		return errors.New("--ttl is not negative")
	}
	cfg := c.config()
	cfg.Policies, cfg.Log = c.Policies, slog.Default()
	runner, release, err := openRunner(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	command := &operation.CreateServiceToken{Name: c.Name, Purpose: c.Purpose, Roles: c.Role}
	if c.TTL > 0 {
		expires := time.Now().Add(c.TTL)
		command.ExpiresAt = &expires
	}
	made, err := operation.Run(identity.WithPrincipal(ctx, &identity.Principal{System: true}), runner, command)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out.stdout, *made.Secret)
	return err
}
