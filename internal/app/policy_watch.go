package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/replay"
)

type policyWatch struct {
	policyDir
	storage
	Once bool  `help:"Show it once and stop." env:"RINGFENCE_WATCH_ONCE"`
	Last int64 `help:"How many of the newest recorded decisions are put to the policy, if there is a database; 0 is none." env:"RINGFENCE_WATCH_LAST" default:"1000" placeholder:"N"`
}

// Run shows, on each save, what an author wants to know before a policy goes live.
func (c *policyWatch) Run(ctx context.Context, out outputs) error {
	defer collectRarely()()
	if c.Once {
		return c.show(ctx, out.stdout)
	}
	return c.onSave(ctx, out.stdout, func(ctx context.Context) {
		if err := c.show(ctx, out.stdout); err != nil && ctx.Err() == nil {
			complain(out.stdout, err)
		}
	})
}

// show tells problems first and stops there, if there are any.
func (c *policyWatch) show(ctx context.Context, out io.Writer) error {
	start := time.Now()
	p, report, err := c.gate(ctx, policy.Look{Format: true, Coverage: true})
	if err != nil {
		return err
	}
	c.tell(out, report.Problems)
	fmt.Fprintf(out, "%d tests, %s, checked in %d ms\n", len(report.Tests), covered(report.Coverage), time.Since(start).Milliseconds())
	if p == nil {
		return fmt.Errorf("%s would be refused", c.Dir)
	}
	if advice := policy.Advise(p.Files(), nil); len(advice) > 0 {
		fmt.Fprintf(out, "%d pieces of advice: ringfence policy lint %s\n", len(advice), c.Dir)
	}
	const each = 100 * time.Millisecond
	costs, err := p.Costs(ctx, policy.Typical(), each)
	if err != nil {
		return err
	}
	hot, err := p.Profile(ctx, policy.Typical())
	if err != nil {
		return err
	}
	tellCosts(out, costs)
	c.tellHot(out, hot)
	return c.tellFlips(ctx, out, p)
}

func covered(coverage *policy.Coverage) string {
	if coverage == nil {
		return "coverage unknown"
	}
	return fmt.Sprintf("coverage %.1f %%", coverage.Percent)
}

// tellFlips tells how many of the last decisions would be answered otherwise. Where there is no database there is nothing to tell.
func (c *policyWatch) tellFlips(ctx context.Context, out io.Writer, p *policy.Policy) error {
	if c.Last <= 0 {
		return nil
	}
	s, err := openCurrent(ctx, c.config())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	report, err := replay.Run(ctx, replay.Config{Store: s, Candidate: p, Known: builtIn(ctx), Last: c.Last})
	if err := errors.Join(err, s.Close()); err != nil {
		return err
	}
	return tellReport(out, report)
}
