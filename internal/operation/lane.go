package operation

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"entgo.io/ent/dialect"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/store"
	"github.com/ringfence/ringfence/internal/turn"
)

// Bounds of one combined transaction.
const (
	batchRequests = 256
	batchUsers    = 4000
	batchTimeout  = 30 * time.Second
)

// lane combines requests that arrive while a transaction is running into the next one (design.md §4): one hot pool is one hot
// row, and writers who wait for each other's commits are many times slower than one who commits for all. A caller who goes
// away does not cancel the others.
type lane struct {
	runner *Runner
	queue  chan *job
	turn   chan struct{} // held by the writer that collects, decides and writes
	mu     sync.RWMutex  // held for reading while a job is put into the queue
	closed bool
	done   sync.WaitGroup
}

// job is one request in the lane.
type job struct {
	who    *identity.Principal
	cmd    combinable
	key    requestKey
	told   string // what is recorded of it, to be run again
	result chan result
}

type result struct {
	payload *SeatsPayload
	err     error
}

func newLane(r *Runner) *lane {
	l := &lane{runner: r, queue: make(chan *job, 4*batchRequests), turn: make(chan struct{}, 1)}
	writers := 1
	if r.Store.Dialect() == dialect.Postgres { // one prepares and answers while the other holds the lock
		writers = 2
	}
	for range writers {
		l.done.Go(l.run)
	}
	return l
}

// submit waits for its turn and for the answer. When the caller gives up, the request may still be carried out: an
// idempotency key tells.
func (l *lane) submit(ctx context.Context, who *identity.Principal, cmd combinable) (*SeatsPayload, error) {
	key, err := keyOf(cmd.action(), cmd)
	if err != nil {
		return nil, err
	}
	told, err := tellPast(who, cmd)
	if err != nil {
		return nil, err
	}
	text, err := told.text()
	if err != nil {
		return nil, err
	}
	j := &job{who: who, cmd: cmd, key: key, told: text, result: make(chan result, 1)}
	if err := l.put(ctx, j); err != nil {
		return nil, err
	}
	defer turn.Yield(ctx)()
	select {
	case r := <-j.result:
		return r.payload, r.err
	case <-ctx.Done():
		return nil, translate(ctx.Err())
	}
}

func (l *lane) put(ctx context.Context, j *job) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return fault.New(fault.Unavailable, "the service is stopping; try again")
	}
	select {
	case l.queue <- j:
		return nil
	case <-ctx.Done():
		return translate(ctx.Err())
	}
}

// close lets what is in the lane finish and refuses what comes after.
func (l *lane) close() {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.queue)
	}
	l.mu.Unlock()
	l.done.Wait()
}

func (l *lane) run() {
	var held []*job // put off to the next batch
	for more := true; more; {
		held, more = l.once(held)
	}
}

// once carries out one batch, and tells what of it is put off and whether more may come. It passes the turn on when only the commit is
// left: what the other writer collected earlier would only wait for the same lock, in a smaller batch.
func (l *lane) once(jobs []*job) (held []*job, more bool) {
	if len(jobs) == 0 { // not while it is this one's turn: the other may have something that was put off
		j, open := <-l.queue
		if !open {
			return nil, false
		}
		jobs = append(jobs, j)
	}
	l.turn <- struct{}{}
	pass := sync.OnceFunc(func() { <-l.turn })
	defer pass()
	jobs, held = separate(l.collect(jobs))
	l.carryOut(jobs, pass)
	return held, true
}

// collect takes what is in the queue now, up to the bounds of a batch.
func (l *lane) collect(jobs []*job) []*job {
	users := 0
	for _, j := range jobs {
		users += len(j.cmd.users())
	}
	for len(jobs) < batchRequests && users < batchUsers {
		select {
		case j, open := <-l.queue:
			if !open {
				return jobs
			}
			jobs = append(jobs, j)
			users += len(j.cmd.users())
		default:
			return jobs
		}
	}
	return jobs
}

// separate puts off a request whose idempotency key is in the batch already: it is to find the other's answer; and one about a user
// that another request is about: each is to be told what it did, not what the batch did.
func separate(jobs []*job) (now, later []*job) {
	seen, users := map[string]bool{}, map[id.ID]bool{}
	for _, j := range jobs {
		name := j.who.UserName + "\x00" + j.key.key
		if j.key.key != "" && seen[name] || slices.ContainsFunc(j.cmd.users(), func(user id.ID) bool { return users[user] }) {
			later = append(later, j)
			continue
		}
		seen[name] = true
		for _, user := range j.cmd.users() {
			users[user] = true
		}
		now = append(now, j)
	}
	return now, later
}

// carryOut runs a batch in one transaction; if the batch as a whole fails for a reason of its own, each request runs alone, so
// that none pays for another. A database that does not answer is no such reason: all are told at once.
func (l *lane) carryOut(jobs []*job, written func()) {
	ctx, cancel := context.WithTimeout(context.Background(), batchTimeout)
	defer cancel()
	var results []result
	err := survive(func() (err error) {
		results, err = l.runner.runBatch(ctx, jobs, written)
		return err
	})
	for i, j := range jobs {
		switch {
		case err == nil:
			j.result <- results[i]
		case fault.CodeOf(translate(err)) == fault.Unavailable:
			j.result <- result{err: translate(err)}
		default:
			var alone result
			alone.err = survive(func() (err error) {
				alone.payload, err = runAlone(ctx, l.runner, j.who, j.cmd)
				return err
			})
			j.result <- alone
		}
	}
}

// survive turns a panic into an error: nobody else would, and the lane serves everyone.
func survive(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return do()
}

// runBatch carries out requests one after the other on the same locked facts, and writes the outcome of all at once. It calls written
// when only the commit is left.
func (r *Runner) runBatch(ctx context.Context, jobs []*job, written func()) ([]result, error) {
	var widen locks
	for {
		in, err := r.policyInUse(ctx)
		if err != nil {
			return nil, err
		}
		b := &batch{runner: r, policy: in, jobs: jobs, widen: &widen}
		err = r.Store.UpdateByKey(ctx, func(ctx context.Context, tx *store.Tx) error {
			err := b.transact(ctx, tx)
			if err == nil {
				written()
			}
			return err
		})
		once, err := r.again(ctx, err, &widen)
		if once && err == nil {
			continue
		}
		return b.results, err
	}
}
