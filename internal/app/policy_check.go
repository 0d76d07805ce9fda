package app

import (
	"context"
	"fmt"

	"github.com/ringfence/ringfence/internal/policy"
)

type policyCheck struct {
	policyDir
	JSON bool `name:"json" help:"Print what was found as JSON." env:"RINGFENCE_CHECK_JSON"`
}

// Run takes the directory through the gate and tells everything that would be refused. It is stricter than the service in one thing:
// a file that is not in the form of opa fmt fails.
func (c *policyCheck) Run(ctx context.Context, out outputs) error {
	_, report, err := c.gate(ctx, policy.Look{Format: true})
	if err != nil {
		return err
	}
	refused := len(report.Problems) > 0
	if c.JSON {
		stages := map[string]float64{}
		for _, s := range report.Took {
			stages[s.Name] = float64(s.Took.Microseconds()) / 1000
		}
		err = writeJSON(out.stdout, map[string]any{
			"revision": report.Revision, "sound": !refused, "problems": problemsJSON(report.Problems), "tests": len(report.Tests), "milliseconds": stages,
		})
		if err != nil {
			return err
		}
	} else {
		c.tell(out.stdout, report.Problems)
	}
	if refused {
		return fmt.Errorf("%s would be refused", c.Dir)
	}
	if !c.JSON {
		fmt.Fprintf(out.stdout, "%s is sound: revision %s, %d tests pass\n", c.Dir, report.Revision, len(report.Tests))
	}
	return nil
}
