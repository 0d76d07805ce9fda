package app

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/ringfence/ringfence/internal/policy"
)

type policyBench struct {
	policyDir
	Time time.Duration `help:"How long each request is measured." env:"RINGFENCE_BENCH_TIME" default:"500ms"`
	JSON bool          `name:"json" help:"Print the figures as JSON." env:"RINGFENCE_BENCH_JSON"`
}

// dearest is how many rules are named.
const dearest = 8

// Run measures typical requests on this machine.
func (c *policyBench) Run(ctx context.Context, out outputs) error {
	p, err := c.sound(ctx, out.stdout)
	if err != nil {
		return err
	}
	defer collectRarely()()
	costs, err := p.Costs(ctx, policy.Typical(), c.Time)
	if err != nil {
		return err
	}
	hot, err := p.Profile(ctx, policy.Typical())
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(out.stdout, map[string]any{"revision": p.Revision(), "costs": costsJSON(costs), "dearest": c.hotJSON(hot)})
	}
	tellCosts(out.stdout, costs)
	c.tellHot(out.stdout, hot)
	return nil
}

func tellCosts(out io.Writer, costs []policy.Cost) {
	fmt.Fprintf(out, "%-40s %10s %10s\n", "decision", "p50", "p99")
	for _, c := range costs {
		fmt.Fprintf(out, "%-40s %7.1f µs %7.1f µs\n", c.Case, micros(c.P50), micros(c.P99))
	}
}

func (d policyDir) tellHot(out io.Writer, hot []policy.Hot) {
	fmt.Fprintln(out, "dearest rules")
	for _, h := range hot[:min(len(hot), dearest)] {
		fmt.Fprintf(out, "%5.1f %%  %-24s %s\n", 100*h.Share, h.Rule, d.place(h.At))
	}
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

type costJSON struct {
	Decision string  `json:"decision"`
	Subjects int     `json:"subjects"`
	P50      float64 `json:"p50Microseconds"`
	P99      float64 `json:"p99Microseconds"`
}

func costsJSON(costs []policy.Cost) []costJSON {
	list := make([]costJSON, 0, len(costs))
	for _, c := range costs {
		list = append(list, costJSON{c.Case, c.Subjects, micros(c.P50), micros(c.P99)})
	}
	return list
}

type hotJSON struct {
	Rule  string  `json:"rule"`
	Place string  `json:"place"`
	Share float64 `json:"share"`
}

func (d policyDir) hotJSON(hot []policy.Hot) []hotJSON {
	list := make([]hotJSON, 0, len(hot))
	for _, h := range hot {
		list = append(list, hotJSON{h.Rule, d.place(h.At), h.Share})
	}
	return list
}
