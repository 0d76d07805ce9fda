package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/query"
)

type policyExplain struct {
	storage
	Policies string `help:"Directory of the policy to look for remedies under; the one that is built in by default." env:"RINGFENCE_POLICIES" placeholder:"DIR"`
	ID       string `arg:"" help:"A decision, by its id as the API gives it."`
	JSON     bool   `help:"As JSON, with facts, rules and remedies." env:"RINGFENCE_EXPLAIN_JSON"`
}

// Run tells why a decision was taken as it was, by the policy that took it, and what would have the request allowed now. It changes
// nothing.
func (c *policyExplain) Run(ctx context.Context, out outputs) (err error) {
	cfg := c.config()
	s, err := openCurrent(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	engine, err := policy.New(ctx, policy.Config{Dir: c.Policies})
	if err != nil {
		return err
	}
	defer engine.Close()
	runner := operation.NewRunner(operation.Config{Store: s, Policy: engine})
	defer runner.Close()
	reader := query.NewReader(query.Config{Store: s, Policy: engine, Rehearsal: runner.Rehearsal()})
	ctx = reader.Begin(identity.WithPrincipal(ctx, &identity.Principal{System: true}))
	one, err := id.Parse(c.ID)
	if err != nil {
		return fmt.Errorf("%s is not the id of a decision", c.ID)
	}
	node, err := reader.Node(ctx, one)
	if err != nil {
		return err
	}
	decision, is := node.(*query.Decision)
	if !is {
		return fmt.Errorf("there is no decision %s", c.ID)
	}
	why, err := decision.Explanation(ctx)
	if err != nil {
		return err
	}
	remedies, err := decision.Remedies(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		encoder := json.NewEncoder(out.stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(explained{one.String(), decision.Action, decision.Principal(), decision.At, decision.Allow, why, remedies})
	}
	for _, line := range why.Lines {
		fmt.Fprintln(out.stdout, line)
	}
	for _, r := range remedies {
		fmt.Fprintln(out.stdout, "To have it allowed:", r.Text)
		for _, step := range r.Steps {
			fmt.Fprintf(out.stdout, "  %s %s by %s\n", step.Mutation, step.Input, step.By)
		}
	}
	return nil
}

// explained is a decision with its explanation as JSON.
type explained struct {
	Decision    string             `json:"decision"`
	Action      string             `json:"action"`
	Principal   string             `json:"principal"`
	At          time.Time          `json:"at"`
	Allow       bool               `json:"allow"`
	Explanation *query.Explanation `json:"explanation"`
	Remedies    []*query.Remedy    `json:"remedies"`
}
