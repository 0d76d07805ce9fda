package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/ringfence/ringfence/internal/history"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/store"
	"github.com/ringfence/ringfence/policies"
)

// simulateTimeout is how long one decision may take in a simulation: one that is late must not look like another policy.
const simulateTimeout = 5 * time.Second

type policySimulate struct {
	storage
	Dir             string `arg:"" optional:"" help:"Directory of the policy to try. Without it: the one that is built in." placeholder:"DIR"`
	Until           string `help:"Run only what was recorded up to a day (YYYY-MM-DD, itself included) or a time (RFC 3339)." env:"RINGFENCE_SIMULATE_UNTIL" placeholder:"TIME"`
	JSON            bool   `name:"json" help:"Write the report as JSON." env:"RINGFENCE_SIMULATE_JSON"`
	Examples        int    `help:"How many requests of each kind of difference are named." env:"RINGFENCE_SIMULATE_EXAMPLES" default:"3"`
	DefaultLocation string `help:"Usage location of users who have none, as the service has it (two letters)." env:"RINGFENCE_DEFAULT_LOCATION" placeholder:"CC"`
}

// Run runs the history again in a temporary database and prints what would be different. It changes nothing else.
func (c *policySimulate) Run(ctx context.Context, out outputs) error {
	defer collectRarely()()
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	until, err := c.until()
	if err != nil {
		return err
	}
	s, err := openCurrent(ctx, c.config())
	if err != nil {
		return err
	}
	report, err := c.simulate(ctx, s, until, out.stderr)
	if err := errors.Join(err, s.Close()); err != nil {
		return err
	}
	if c.JSON {
		text := json.NewEncoder(out.stdout)
		text.SetIndent("", "  ")
		return text.Encode(report)
	}
	return tellSimulation(out.stdout, report)
}

// until reads the flag; the zero time is no bound.
func (c *policySimulate) until() (time.Time, error) {
	if c.Until == "" {
		return time.Time{}, nil
	}
	if day, err := time.Parse(time.DateOnly, c.Until); err == nil {
		return day.AddDate(0, 0, 1).Add(-time.Microsecond), nil
	}
	at, err := time.Parse(time.RFC3339, c.Until)
	if err != nil {
		return at, fmt.Errorf("--until is a day, YYYY-MM-DD, or a time as in RFC 3339, not %q", c.Until)
	}
	return at, nil
}

func (c *policySimulate) simulate(ctx context.Context, recorded *store.Store, until time.Time, to io.Writer) (*history.Report, error) {
	candidate, err := readPolicy(ctx, c.Dir, policy.Limits{Timeout: simulateTimeout})
	if err != nil {
		return nil, err
	}
	p := startProgress(to, "simulate", tellWorkEvery)
	defer p.end()
	var done, total atomic.Int64
	p.at(func() string { return fmt.Sprintf("%d of %d requests", done.Load(), total.Load()) })
	return Simulate(ctx, history.Config{
		Recorded: recorded, Policy: candidate, DefaultLocation: c.DefaultLocation, Until: until, Examples: c.Examples,
		Progress: func(n, of int) { done.Store(int64(n)); total.Store(int64(of)) },
	})
}

// readPolicy reads a directory, or what is built in, and takes it through the gate.
func readPolicy(ctx context.Context, dir string, limits policy.Limits) (*policy.Policy, error) {
	var tree fs.FS = policies.FS
	if dir != "" {
		tree = os.DirFS(dir)
	}
	files, err := policy.ReadFiles(tree)
	if err != nil {
		return nil, err
	}
	p, problems := policy.Build(ctx, files, limits)
	if len(problems) > 0 {
		return nil, &policy.RefusedError{Revision: files.Revision(), Problems: problems}
	}
	return p, nil
}

// Simulate runs the history of a database again (internal/history) in a temporary one, which it makes and removes.
func Simulate(ctx context.Context, cfg history.Config) (report *history.Report, err error) {
	dir, err := os.MkdirTemp("", "ringfence-simulate-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cfg.Clock = &history.Clock{}
	quiet := slog.New(slog.DiscardHandler) // that a temporary database has tables now is no news
	cfg.Scratch, err = OpenStore(ctx, Config{Database: filepath.Join(dir, "scratch.db"), Clock: cfg.Clock.Now, Log: quiet})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, cfg.Scratch.Close()) }()
	return history.Run(ctx, cfg)
}
