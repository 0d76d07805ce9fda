package app

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/ringfence/ringfence/internal/policy"
)

type policyCheck struct{ policyDir }

// Run takes the directory through the gate and tells everything that would be refused.
func (c *policyCheck) Run(ctx context.Context, out outputs) error {
	files, err := c.files()
	if err != nil {
		return err
	}
	_, problems := policy.Build(ctx, files, policy.Limits{Logger: slog.Default()})
	for _, p := range problems {
		fmt.Fprintf(out.stdout, "%s: %s\n", c.place(p.File, p.Row, p.Column), p.Message)
	}
	if len(problems) > 0 {
		return fmt.Errorf("%s would be refused", c.Dir)
	}
	fmt.Fprintf(out.stdout, "%s is sound, revision %s\n", c.Dir, files.Revision())
	return nil
}
