package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/operation"
)

// policyReset is for whoever can open the database, because what was published may have left nobody who may publish.
type policyReset struct {
	storage
	Note   string `arg:"" optional:"" help:"Why; it stands in the history." default:"reset on the command line" placeholder:"NOTE"`
	DryRun bool   `help:"Tell what would change, and change nothing." env:"RINGFENCE_DRY_RUN"`
}

// Run publishes the policy that is built in, as the service itself. The built-in policy decides whether that may be, not the one that is to
// go; the decision and the publication are recorded as any other.
func (c *policyReset) Run(ctx context.Context, out outputs) (err error) {
	cfg := c.config()
	cfg.Log, cfg.apart = slog.Default(), true
	runner, release, err := openRunner(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	cmd := &operation.RollbackPolicy{Request: operation.Request{DryRun: &c.DryRun}, Revision: runner.Policy.Revision(), Note: c.Note}
	payload, err := operation.Run(identity.WithPrincipal(ctx, &identity.Principal{System: true}), runner, cmd)
	if err != nil {
		return err
	}
	if payload.DryRun {
		_, err = fmt.Fprintf(out.stdout, "replicas would answer by the policy that is built in, %s\n", cmd.Revision)
		return err
	}
	_, err = fmt.Fprintf(out.stdout, "replicas answer by the policy that is built in, %s, within seconds; it replaces %s\n", cmd.Revision, payload.Publication.Previous)
	return err
}
