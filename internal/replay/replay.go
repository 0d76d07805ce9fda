package replay

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/store"
)

// Config says what is replayed.
type Config struct {
	Store     *store.Store
	Candidate *policy.Policy
	// Known are policies at hand, by whose revisions decisions may have been taken: the one that answers now. Others are looked for
	// among the recorded revisions.
	Known []*policy.Policy
	// Against is what the candidate is compared with, whatever was answered then; nil: with what was.
	Against *policy.Policy

	Since *time.Time // decisions from then on; nil: from the first
	Until *time.Time // decisions before then; nil: to the last
	Last  int64      // only so many of the newest; 0: all
	// Within is how long it may take. When it is over, the report tells how far it came, from the newest decision back; 0: no bound.
	Within time.Duration

	// Progress hears how many decisions were examined and how many there are, now and then, from several goroutines in turn; nil:
	// nobody does.
	Progress func(done, total int64)
}

// mostLate is how many questions a candidate may leave unanswered in time, before it is not asked any further: each of them costs as
// much as a thousand sound answers.
const mostLate = 100

// late is from when on an answer that failed failed for its time.
const late = 40 * time.Millisecond

// Run puts the recorded decisions of a period to the candidate, the newest first, and says what it would have answered otherwise.
// Errors: a candidate that does not answer in time (INVALID_INPUT), a database that does not, the end of the context.
func Run(ctx context.Context, c Config) (*Report, error) {
	r := &run{Config: c, report: newReport(c.Candidate), baselines: newBaselines(c.Store, append([]*policy.Policy{c.Candidate}, c.Known...))}
	if c.Within > 0 {
		r.deadline = time.Now().Add(c.Within)
	}
	if err := r.count(ctx); err != nil {
		return nil, unavailable(ctx, err)
	}
	if err := r.all(ctx); err != nil {
		return nil, unavailable(ctx, err)
	}
	r.report.finish(r.files())
	return r.report, nil
}

// run is one replay under way.
type run struct {
	Config
	baselines *baselines
	deadline  time.Time // zero: none

	mu     sync.Mutex
	report *Report
	late   int
}

// all reads in this goroutine and has the chunks compared in others, as many as there are processors. What is read is bounded: a chunk
// waits until somebody takes it.
func (r *run) all(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	chunks := make(chan []record)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for chunk := range chunks {
				if err := r.compare(ctx, chunk); err != nil {
					cancel(err)
				}
			}
		})
	}
	err := r.read(ctx, chunks)
	close(chunks)
	workers.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// over tells whether the time is up.
func (r *run) over() bool { return !r.deadline.IsZero() && time.Now().After(r.deadline) }

// compare examines one chunk and adds what it found to the report.
func (r *run) compare(ctx context.Context, chunk []record) error {
	part := newReport(r.Candidate)
	for i := range chunk {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := r.examine(ctx, &chunk[i], part); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.add(part)
	if r.Progress != nil {
		r.Progress(r.report.Examined, r.report.Total)
	}
	return nil
}

// examine puts one recorded decision to the candidate.
func (r *run) examine(ctx context.Context, d *record, to *Report) error {
	question, err := policy.ReadQuestion(d.input)
	if err != nil {
		to.skip(d)
		return nil //nolint:nilerr // what is no input was never asked
	}
	began := time.Now()
	after := ask(ctx, r.Candidate, question)
	if ctx.Err() != nil { // what was answered then was an answer to that
		return context.Cause(ctx)
	}
	if after.Failed() && time.Since(began) >= late {
		if err := r.tooLate(d); err != nil {
			return err
		}
	}
	if r.Against == nil && d.verdict == after.Digest() && d.agrees(&after) { // what was answered then need not be worked out
		to.note(d, Difference{}, false)
		return nil
	}
	was, ok, err := r.before(ctx, d, question)
	if err != nil {
		return err
	}
	if !ok {
		to.skip(d)
		return nil
	}
	if d.untold(&was, &after) {
		to.skip(d)
		return nil
	}
	difference, differs := diff(question, &was, &after)
	to.note(d, difference, differs)
	return nil
}

// before gives what the candidate is compared with; false, if there is nothing to compare with.
func (r *run) before(ctx context.Context, d *record, q *policy.Question) (before, bool, error) {
	if r.Against != nil {
		answer := ask(ctx, r.Against, q)
		return before{Answer: answer}, !d.says(string(fault.NotFound)), context.Cause(ctx)
	}
	baseline, err := r.baselines.of(ctx, d.revision)
	if err != nil {
		return before{}, false, err
	}
	return d.before(ctx, baseline, q)
}

func (r *run) tooLate(d *record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.late++; r.late < mostLate {
		return nil
	}
	return fault.Invalid("files", "the policy gave no usable answer in time to %d recorded requests, the last of them %s; it is too slow to be used", r.late, d.name())
}

// files are the texts of the policies that were compared, for the places of rules.
func (r *run) files() (before, candidate policy.Files) {
	if r.Against != nil {
		before = r.Against.Files()
	} else if newest := r.baselines.newest(); newest != nil {
		before = newest.Files()
	}
	return before, r.Candidate.Files()
}

// unavailable makes what a caller may be told out of an error.
func unavailable(ctx context.Context, err error) error {
	if known, ok := errors.AsType[*fault.Error](err); ok {
		return known
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fault.Wrap(err, fault.Unavailable, "the recorded decisions could not be read; try again")
}
