package policy

import (
	"context"
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
	Dir     string           // directory of the policies; empty: the embedded default policy
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
	if c.Dir != "" {
		e.tree = os.DirFS(c.Dir)
	}
	e.log = e.limits.Logger
	if e.now == nil {
		e.now = time.Now
	}
	if err := e.Reload(ctx); err != nil {
		return nil, err
	}
	return e, nil
}

// Reload reads the directory again and takes it into use if it passes the gate. Otherwise the last good policy keeps
// answering, Problems tells what is wrong, and the error is a *RefusedError.
func (e *Engine) Reload(ctx context.Context) error {
	e.reload.Lock()
	defer e.reload.Unlock()

	files, err := ReadFiles(e.tree)
	if err != nil {
		return e.refuse("", []Problem{{File: e.Source(), Message: err.Error()}})
	}
	return e.use(ctx, e.configured(), files)
}

// Use takes published files into use if they pass the gate; otherwise as Reload. From then on Kind is SourcePublished.
func (e *Engine) Use(ctx context.Context, files Files) error {
	e.reload.Lock()
	defer e.reload.Unlock()
	return e.use(ctx, SourcePublished, files)
}

func (e *Engine) use(ctx context.Context, kind string, files Files) error {
	revision := files.Revision()
	if last := e.current.Load(); last != nil && last.revision == revision {
		if last.kind != kind {
			e.current.Store(&inUse{last.Policy, kind, last.loadedAt})
		}
		e.setProblems(nil)
		return nil
	}
	next, problems := Build(ctx, files, e.limits)
	if len(problems) > 0 {
		return e.refuse(revision, problems)
	}
	e.current.Store(&inUse{next, kind, e.now()})
	e.setProblems(nil)
	e.log.InfoContext(ctx, "policy in use", "revision", revision, "source", e.Source())
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
	if e.dir == "" {
		return SourceEmbedded
	}
	return SourceDirectory
}

// Source names where the policies come from: the directory as configured, or "embedded".
func (e *Engine) Source() string {
	if e.dir == "" {
		return "embedded"
	}
	return e.dir
}

// Decide asks the policy in use now; see Policy.Decide.
func (e *Engine) Decide(ctx context.Context, in *Input) Answer { return e.Current().Decide(ctx, in) }
