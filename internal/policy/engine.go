package policy

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringfence/ringfence/policies"
)

// DefaultTimeout is how long one evaluation may take before it denies.
const DefaultTimeout = 50 * time.Millisecond

// Config says where the policies are and how long an evaluation may take.
type Config struct {
	Dir     string           // directory of the policies
	Bundle  BundleConfig     // signed bundle; without a directory and a bundle the embedded default policy answers
	Timeout time.Duration    // of one evaluation; each subject adds a 250th of it; 0: DefaultTimeout
	Logger  *slog.Logger     // nil: slog.Default()
	Now     func() time.Time // nil: time.Now; only LoadedAt reads it
}

// Where the policy that answers comes from.
const (
	SourceEmbedded  = "embedded"  // built into the program
	SourceDirectory = "directory" // --policies
	SourceBundle    = "bundle"    // --policy-bundle
	SourcePublished = "published" // handed to Use, which is how a publication over the API takes effect
)

// inUse is the policy that answers, where it comes from and since when.
type inUse struct {
	*Policy
	kind     string
	loadedAt time.Time
}

// Engine has the policy that passed the gate last. It is safe for concurrent use.
type Engine struct {
	dir    string
	bundle *signed // nil unless a bundle is configured
	tree   fs.FS
	limits Limits
	log    *slog.Logger
	now    func() time.Time

	current atomic.Pointer[inUse]

	reload   sync.Mutex // one gate at a time; never held by a decision
	mu       sync.Mutex
	problems []Problem // of the last attempt to load

	stops    []context.CancelFunc // of the running watchers, under mu
	watchers sync.WaitGroup
}

// New loads the policies and refuses to start without a sound one: the error is then a *RefusedError with every problem
// by file, row and column.
func New(ctx context.Context, c Config) (*Engine, error) {
	e := &Engine{dir: c.Dir, tree: policies.FS, limits: Limits{Timeout: c.Timeout, Logger: c.Logger}.orDefault(), now: c.Now}
	switch {
	case c.Dir != "" && c.Bundle.URL != "":
		return nil, errors.New("policy: a directory or a bundle, not both")
	case c.Dir != "":
		if _, err := os.Stat(c.Dir); err != nil {
			return nil, &RefusedError{Problems: []Problem{{Message: "the policy cannot be read: " + err.Error()}}}
		}
		e.tree = os.DirFS(c.Dir)
	case c.Bundle.URL != "":
		var err error
		if e.bundle, err = newSigned(c.Bundle); err != nil {
			return nil, err
		}
	}
	e.log = e.limits.Logger
	if e.now == nil {
		e.now = time.Now
	}
	err := e.Reload(ctx)
	if err != nil && e.bundle != nil {
		err = e.fallBack(ctx, err)
	}
	if err != nil {
		return nil, err
	}
	return e, nil
}

// Reload reads the source again and takes it into use if it passes the gate. Otherwise the last good policy keeps
// answering, Problems tells what is wrong, and the error is a *RefusedError.
func (e *Engine) Reload(ctx context.Context) error {
	e.reload.Lock()
	defer e.reload.Unlock()
	if e.bundle != nil {
		return e.reloadBundle(ctx)
	}
	return e.reloadFiles(ctx)
}

// rereads is how often a directory that changes while its policy is at the gate is read again, before what was read is taken.
const rereads = 8

// reloadFiles takes into use what is in the directory when the gate is done, not what was there when it began: a save in the middle
// of several must not go live, nor be told as refused.
func (e *Engine) reloadFiles(ctx context.Context) error {
	files, err := ReadFiles(e.tree)
	for range rereads {
		if err != nil {
			return e.refuse("", []Problem{{Message: "the policy cannot be read: " + err.Error()}})
		}
		if e.isCurrent(e.configured(), files.Revision()) {
			return nil
		}
		next, problems := Build(ctx, files, e.limits)
		var later Files
		if later, err = ReadFiles(e.tree); err == nil && later.Revision() == files.Revision() {
			return e.settle(ctx, e.configured(), files.Revision(), next, problems)
		}
		files = later
	}
	return e.refuse("", []Problem{{Message: "the directory changes all the time"}})
}

// Use takes published files into use if they pass the gate; otherwise as Reload. From then on Kind is SourcePublished.
func (e *Engine) Use(ctx context.Context, files Files) error {
	e.reload.Lock()
	defer e.reload.Unlock()
	return e.use(ctx, SourcePublished, files)
}

func (e *Engine) use(ctx context.Context, kind string, files Files) error {
	revision := files.Revision()
	if e.isCurrent(kind, revision) {
		return nil
	}
	next, problems := Build(ctx, files, e.limits)
	return e.settle(ctx, kind, revision, next, problems)
}

// isCurrent tells whether the revision is what answers already; then there is nothing to do and nothing wrong.
func (e *Engine) isCurrent(kind, revision string) bool {
	last := e.current.Load()
	if last == nil || last.revision != revision {
		return false
	}
	if last.kind != kind {
		e.current.Store(&inUse{last.Policy, kind, last.loadedAt})
	}
	e.setProblems(nil)
	return true
}

// settle takes what came through the gate into use, or tells why it did not come through.
func (e *Engine) settle(ctx context.Context, kind, revision string, next *Policy, problems []Problem) error {
	if len(problems) > 0 {
		return e.refuse(revision, problems)
	}
	e.current.Store(&inUse{next, kind, e.now()})
	e.setProblems(nil)
	e.log.InfoContext(ctx, "policy in use", "revision", revision, "source", kind)
	return nil
}

// Fixed makes an engine that always answers by one policy.
func Fixed(p *Policy) *Engine {
	e := &Engine{tree: policies.FS, limits: p.limits, log: p.limits.Logger, now: time.Now}
	e.current.Store(&inUse{p, e.configured(), e.now()})
	return e
}

// Current is the policy that answers now. Questions that belong together are asked of one Current.
func (e *Engine) Current() *Policy { return e.current.Load().Policy }

func (e *Engine) refuse(revision string, problems []Problem) error {
	e.setProblems(problems)
	return &RefusedError{Revision: revision, Problems: problems}
}

func (e *Engine) setProblems(problems []Problem) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.problems = problems
}

// Problems tells why the last attempt to load was refused; empty when the directory is what answers.
func (e *Engine) Problems() []Problem {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]Problem(nil), e.problems...)
}

// Revision is the content hash of the policy that answers now.
func (e *Engine) Revision() string { return e.current.Load().revision }

// LoadedAt is when the policy that answers now was taken into use.
func (e *Engine) LoadedAt() time.Time { return e.current.Load().loadedAt }

// Kind tells what sort of source the policy that answers now comes from: one of the Source constants. A directory and a bundle belong to
// whoever deploys the service, so that nothing is published over them.
func (e *Engine) Kind() string { return e.current.Load().kind }

// configured is the kind of source that Reload reads.
func (e *Engine) configured() string {
	switch {
	case e.bundle != nil:
		return SourceBundle
	case e.dir != "":
		return SourceDirectory
	}
	return SourceEmbedded
}

// Source names where the policies come from: the directory as configured, or the kind of source.
func (e *Engine) Source() string {
	if e.dir == "" {
		return e.Kind()
	}
	return e.dir
}

// Decide asks the policy in use now; see Policy.Decide.
func (e *Engine) Decide(ctx context.Context, in *Input) Answer { return e.Current().Decide(ctx, in) }
