package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/ringfence/ringfence/internal/policy"
)

type policyLint struct {
	policyDir
	Strict bool `help:"Fail if there is any advice." env:"RINGFENCE_LINT_STRICT"`
	JSON   bool `name:"json" help:"Print the advice as JSON." env:"RINGFENCE_LINT_JSON"`
}

// Run gives advice about a policy that would be taken into use; about another it tells the problems.
func (c *policyLint) Run(ctx context.Context, out outputs) error {
	p, report, err := c.gate(ctx, policy.Look{Coverage: true})
	if err != nil {
		return err
	}
	if p == nil {
		c.tell(out.stdout, report.Problems)
		return fmt.Errorf("%s would be refused", c.Dir)
	}
	advice := policy.Advise(p.Files(), report.Coverage)
	if c.JSON {
		err = writeJSON(out.stdout, map[string]any{"revision": report.Revision, "advice": problemsJSON(advice)})
	} else {
		c.tell(out.stdout, advice)
		fmt.Fprintf(out.stdout, "%d pieces of advice; for style, `regal lint %s` (github.com/styrainc/regal)\n", len(advice), c.Dir)
	}
	if err == nil && c.Strict && len(advice) > 0 {
		err = errors.New("there is advice")
	}
	return err
}
