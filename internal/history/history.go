package history

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/store"
)

// Config names what a replay needs. Nothing is written to the recorded database.
type Config struct {
	// Recorded is the database whose history is run again.
	Recorded *store.Store
	// Scratch is an empty, migrated database whose clock is Clock. It is left as the candidate would have made it.
	Scratch *store.Store
	Clock   *Clock
	// Policy is the candidate.
	Policy *policy.Policy
	// DefaultLocation is the usage location of users who have none, as the recorded service had it.
	DefaultLocation string
	// Until is the time up to which history is run again, itself included; the zero time is now.
	Until time.Time
	// SweepEvery is how often the recorded service looked for what was due; 0: 15 s.
	SweepEvery time.Duration
	// Examples is how many of each kind of difference are told one by one; 0: 5.
	Examples int
	// Progress is told how many of the requests are done; nil: nobody wants to know.
	Progress func(done, total int)
	Logger   *slog.Logger
}

// Clock is the time of a scratch database: that of the step which is taken again.
type Clock struct {
	mu sync.Mutex
	at time.Time
}

// Now gives the time of the step.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *Clock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

// Run runs the history again and tells what is different. Errors: CONFLICT if the record is not whole, with the reason; the context's,
// when it ends; what a database could not do.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if cfg.SweepEvery == 0 {
		cfg.SweepEvery = 15 * time.Second
	}
	if cfg.Examples == 0 {
		cfg.Examples = 5
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	began := time.Now()
	rec, err := readRecord(ctx, cfg.Recorded, cfg.Until)
	if err != nil {
		return nil, err
	}
	r := &replay{Config: cfg, record: rec, names: newNames(cfg.Recorded, cfg.Scratch, rec), groups: map[groupKey]*Difference{}}
	r.runner = operation.NewRunner(operation.Config{Store: cfg.Scratch, Policy: policy.Fixed(cfg.Policy), Logger: cfg.Logger, DefaultLocation: cfg.DefaultLocation, Apart: true})
	defer r.runner.Close()
	if err := r.run(ctx); err != nil {
		return nil, err
	}
	report := r.report()
	if err := r.compare(ctx, report); err != nil {
		return nil, err
	}
	report.Seconds = time.Since(began).Seconds()
	return report, nil
}
