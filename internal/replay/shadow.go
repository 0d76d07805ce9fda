package replay

import (
	"context"
	"errors"
	"hash/fnv"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/store"
)

// Bounds of a trial.
const (
	// MostFailures is after how many questions without a usable answer a trial ends by itself.
	MostFailures = 100
	// MostDifferences is how many differences of a trial are kept, the first ones; all are counted.
	MostDifferences = 1000
	// waitingTrials is how many decisions may wait to be put to the candidate. What comes when they are as many is dropped, and counted.
	waitingTrials = 1024
)

// Taken is a decision that the live policy took and that is recorded.
type Taken struct {
	ID        int64
	At        time.Time
	Principal string
	Action    string
	Pool      licensing.PoolKey
	Input     string // the document that was evaluated
	Answer    *policy.Answer
}

// ShadowConfig names the parts of a Shadow.
type ShadowConfig struct {
	Store  *store.Store
	Limits policy.Limits // of the candidate
	Every  time.Duration // how often it looks for a trial and writes down what it counted; 0: one second
	Logger *slog.Logger
}

// Shadow puts the decisions of this replica to the candidate of the running trial, if there is one, after they were answered and
// recorded: one at a time, in the background. Nobody waits for it, and what it cannot keep up with it drops.
type Shadow struct {
	ShadowConfig
	trial   atomic.Pointer[trial]
	queue   chan Taken
	visits  chan chan struct{} // asks the worker to work off what waits
	stirred chan struct{}      // asks to look for a trial now
	stop    context.CancelFunc
	done    sync.WaitGroup
	writing sync.Mutex // one flush at a time
	finding sync.Mutex // one look for a trial at a time
	asking  sync.Mutex // held while a decision is put to the candidate, so that a trial that is put down has counted all
}

// trial is a trial with what this replica has counted and not yet written down.
type trial struct {
	id        int64
	share     uint64 // in thousandths
	candidate *policy.Policy
	failures  int64 // all of this replica
	dropped   atomic.Int64

	mu          sync.Mutex
	counts      counts
	differences []difference
	kept        int // differences of this replica so far
}

// counts are what a trial counts.
type counts struct{ asked, looser, stricter, otherwise, failed, dropped int64 }

// difference is one that is to be written down.
type difference struct {
	Taken
	Difference
}

// NewShadow starts looking for trials. Close ends it.
func NewShadow(ctx context.Context, c ShadowConfig) *Shadow {
	if c.Every <= 0 {
		c.Every = time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	c.Limits.Logger = silent
	s := &Shadow{ShadowConfig: c, queue: make(chan Taken, waitingTrials), visits: make(chan chan struct{}), stirred: make(chan struct{}, 1)}
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.done.Go(func() { s.work(ctx) })
	s.done.Go(func() { s.look(ctx) })
	return s
}

// Waiting tells whether there is a trial.
func (s *Shadow) Waiting() bool { return s.trial.Load() != nil }

// Hear takes a decision for the trial, if it is of the share. It does not block.
func (s *Shadow) Hear(d Taken) {
	t := s.trial.Load()
	if t == nil || !t.takes(d.ID) {
		return
	}
	select {
	case s.queue <- d:
	default:
		t.dropped.Add(1)
	}
}

// takes tells whether a decision is of the share: by a hash of its id, so that all who ask agree.
func (t *trial) takes(decision int64) bool {
	h := fnv.New64a()
	_, _ = h.Write(strconv.AppendInt(strconv.AppendInt(nil, t.id, 10), decision, 36)) // a hash takes everything
	return h.Sum64()%1000 < t.share
}

// Close ends the work and writes down what was counted.
func (s *Shadow) Close() error {
	s.stop()
	s.done.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return s.flush(ctx, s.trial.Load())
}

// Sync looks for the running trial, puts to it what waits, and writes down what was counted. It is how a caller waits for all that
// was heard so far.
func (s *Shadow) Sync(ctx context.Context) error {
	visit := make(chan struct{})
	select {
	case s.visits <- visit:
		<-visit
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := s.flush(ctx, s.trial.Load()); err != nil {
		return err
	}
	return s.find(ctx)
}

// look finds trials and writes down what was counted, again and again.
func (s *Shadow) look(ctx context.Context) {
	tick := time.NewTicker(s.Every)
	defer tick.Stop()
	for {
		err := errors.Join(s.flush(ctx, s.trial.Load()), s.find(ctx))
		if err != nil && ctx.Err() == nil {
			s.Logger.WarnContext(ctx, "policy trial", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.stirred:
		}
	}
}

// Stir has it look for a trial now. It does not block.
func (s *Shadow) Stir() {
	select {
	case s.stirred <- struct{}{}:
	default: // it is about to
	}
}

// work puts decisions to the candidate, one after the other.
func (s *Shadow) work(ctx context.Context) {
	for {
		select {
		case d := <-s.queue:
			s.put(ctx, d)
		case visit := <-s.visits:
			for range len(s.queue) {
				s.put(ctx, <-s.queue)
			}
			close(visit)
		case <-ctx.Done():
			return
		}
	}
}

// put asks the candidate what the live policy answered. A trial that has ended meanwhile, or whose candidate failed too often, is
// not asked.
func (s *Shadow) put(ctx context.Context, d Taken) {
	s.asking.Lock()
	defer s.asking.Unlock()
	t := s.trial.Load()
	if t == nil || t.failures >= MostFailures || !t.takes(d.ID) {
		return
	}
	question, err := policy.ReadQuestion([]byte(d.Input))
	if err != nil {
		return
	}
	answer := ask(ctx, t.candidate, question)
	if ctx.Err() != nil {
		return
	}
	found, differs := Compare(question, d.Answer, &answer)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.asked++
	switch {
	case answer.Failed():
		t.failures++
		t.counts.asked--
		t.counts.failed++
		return
	case !differs:
		return
	case found.Direction == Looser:
		t.counts.looser++
	case found.Direction == Stricter:
		t.counts.stricter++
	default:
		t.counts.otherwise++
	}
	if t.kept < MostDifferences {
		t.kept++
		t.differences = append(t.differences, difference{d, found})
	}
}

// find takes up the running trial, or puts down one that is over. A candidate that does not pass the gate of this replica is not
// asked here.
func (s *Shadow) find(ctx context.Context) error {
	s.finding.Lock()
	defer s.finding.Unlock()
	var id, share int64
	var revision string
	err := s.Store.View(ctx, func(ctx context.Context, r *store.Reader) error {
		id, share, revision = 0, 0, ""
		rows, err := r.Query(ctx, `SELECT id, share, revision FROM policy_trials WHERE ended_at IS NULL ORDER BY id DESC LIMIT 1`)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
		for rows.Next() {
			if err := rows.Scan(&id, &share, &revision); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	if err != nil {
		return err
	}
	if now := s.trial.Load(); now != nil && now.id == id {
		return nil
	}
	var next *trial
	if id != 0 {
		if next, err = s.begin(ctx, id, share, revision); err != nil {
			return err
		}
	}
	s.asking.Lock()
	last := s.trial.Swap(next)
	s.asking.Unlock()
	return s.flush(ctx, last) // what was counted since it was written down
}

// begin makes the trial of this replica.
func (s *Shadow) begin(ctx context.Context, id, share int64, revision string) (*trial, error) {
	files, err := Files(ctx, s.Store, revision)
	if err != nil {
		return nil, err
	}
	candidate, problems := policy.Build(ctx, files, s.Limits)
	if len(problems) > 0 {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		s.Logger.WarnContext(ctx, "the policy on trial is not asked here: it does not pass the gate", "revision", revision, "problem", problems[0].String())
		share = 0
	}
	return &trial{id: id, share: uint64(share), candidate: candidate}, nil
}
