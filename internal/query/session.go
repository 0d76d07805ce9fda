package query

import (
	"context"
	stdsql "database/sql"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/ent/user"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/sight"
	"github.com/ringfence/ringfence/internal/store"
)

// Config names the parts a Reader is made of.
type Config struct {
	Store  *store.Store
	Policy *policy.Engine
	Clock  func() time.Time // nil: time.Now
	// Daybreak, if not nil, is told of every reading before it begins: what is due by its day is to be done first.
	Daybreak func(ctx context.Context, now time.Time)
	// DefaultLocation is the usage location of users who have none.
	DefaultLocation string
	// Client reads instead of the store's own client; nil: the store's. Tests count statements with it.
	Client *ent.Client
	// Rehearsal tries commands and keeps nothing of them; nil: nothing can be tried.
	Rehearsal *operation.Rehearsal
}

// Reader answers what the API asks. It never writes.
type Reader struct {
	client  *ent.Client
	store   *store.Store
	dialect string
	policy  *policy.Engine
	gate    gate
	clock   func() time.Time

	daybreak        func(ctx context.Context, now time.Time)
	defaultLocation string
	rehearsal       *operation.Rehearsal
	explainers      explainers
}

// NewReader makes a Reader.
func NewReader(c Config) *Reader {
	r := &Reader{client: c.Client, store: c.Store, gate: newGate(), dialect: c.Store.Dialect(), policy: c.Policy, clock: c.Clock, daybreak: c.Daybreak,
		defaultLocation: c.DefaultLocation, rehearsal: c.Rehearsal}
	if r.client == nil {
		r.client = c.Store.Client()
	}
	if r.clock == nil {
		r.clock = time.Now
	}
	return r
}

// session is one reading on behalf of one principal: what they may see is worked out once and holds throughout.
type session struct {
	*Reader
	who     *identity.Principal
	now     time.Time
	policy  *policy.Policy // one revision for all that is asked
	walking bool           // lists may be read from end to end

	mu     sync.Mutex
	facts  *facts
	pooled map[licensing.PoolKey]bool // pools that were looked for, and whether they may be seen

	remedied int // for how many requests remedies were looked for

	portfolios family[struct{}] // the whole position, by the time it was asked for
}

// facts are what a principal's sight depends on.
type facts struct {
	view      policy.View
	user      int64   // 0: the directory has nobody of the name
	delegated []int64 // allotments the principal is a delegate of, and all below
}

type sessionKey struct{}

// Begin starts a reading: everything that is asked under the returned context shares one view of what may be seen. A
// mutation's answer needs a reading of its own, begun before the mutation runs; what it may show is worked out only when it is
// first asked, after the write.
func (r *Reader) Begin(ctx context.Context) context.Context {
	return context.WithValue(ctx, sessionKey{}, r.open(ctx))
}

func (r *Reader) open(ctx context.Context) *session {
	now := r.clock().UTC()
	if r.daybreak != nil {
		r.daybreak(ctx, now)
	}
	return &session{Reader: r, who: identity.FromContext(ctx), now: now, policy: r.policy.Current()}
}

func (r *Reader) session(ctx context.Context) *session {
	if s, ok := ctx.Value(sessionKey{}).(*session); ok && s.Reader == r {
		return s
	}
	return r.open(ctx)
}

// sight gives the facts, reading them on the first call. The account of a disabled user is refused.
func (s *session) sight(ctx context.Context) (*facts, error) {
	if s.who == nil {
		return nil, fault.New(fault.Unauthenticated, "sign in first")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.facts != nil {
		return s.facts, nil
	}
	f, err := s.readFacts(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	s.facts = f
	return f, nil
}

// glance is sight for what is shown without being looked for: a principal who may see everything, delegate or not, is shown it
// without the database being asked who they are.
func (s *session) glance(ctx context.Context) (*facts, error) {
	s.mu.Lock()
	known := s.facts
	s.mu.Unlock()
	if known != nil || s.who == nil {
		return s.sight(ctx)
	}
	view, ok := s.policy.Outright(ctx, policy.Principal{Name: s.who.UserName, Roles: s.who.Roles, System: s.who.System})
	if !ok || !seesAll(&view) {
		return s.sight(ctx)
	}
	hideUnmaskable(&view)
	return &facts{view: view}, nil
}

// kinds are the types whose rows have a scope.
var kinds = []string{
	kindVendor, kindProduct, kindPlan, kindContract, kindLicense, kindAllotment, kindUser, kindGroup, kindGroupLicense, kindSeat,
	kindDecision, kindEvent, kindDeployment, kindAllocation, kindPurchase,
}

func seesAll(view *policy.View) bool {
	return !slices.ContainsFunc(kinds, func(kind string) bool { return !view.All(kind) })
}

func (s *session) readFacts(ctx context.Context) (*facts, error) {
	f := &facts{}
	who := policy.Principal{Name: s.who.UserName, Roles: s.who.Roles, System: s.who.System}
	if s.who.Purpose != "" { // a service is nobody of the directory
		return f, s.readView(ctx, f, who)
	}
	known, err := s.client.User.Query().Where(user.NameKey(strings.ToLower(strings.TrimSpace(s.who.UserName)))).Only(ctx)
	if err != nil && !ent.IsNotFound(err) {
		return nil, err
	}
	if known != nil {
		if !known.Enabled {
			return nil, fault.New(fault.Unauthenticated, "the account is disabled")
		}
		f.user, who.UserID = known.ID, known.ID
		if who.Reach, err = sight.Reach(ctx, s.database(), f.user); err != nil {
			return nil, err
		}
		f.delegated, who.DelegateOf = who.Reach.Allotments, len(who.Reach.Allotments) > 0
	}
	return f, s.readView(ctx, f, who)
}

func (s *session) database() sight.Database {
	return sight.Database{Dialect: s.dialect, Query: s.client.QueryContext}
}

// readView asks the policy what the principal may see.
func (s *session) readView(ctx context.Context, f *facts, who policy.Principal) (err error) {
	f.view, err = s.policy.Visibility(ctx, who)
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	// Any other failure of the policy comes with a view that shows nothing, and the engine has logged it.
	hideUnmaskable(&f.view)
	return nil
}

// rows runs a statement and calls scan for each row of the answer.
func (s *session) rows(ctx context.Context, statement condition, scan func(rows *stdsql.Rows) error) error {
	text, args := render(s.dialect, statement)
	rows, err := s.client.QueryContext(ctx, text, args...)
	if err != nil {
		return unavailable(err)
	}
	defer func() { _ = rows.Close() }() // what it could tell, Err has told
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return unavailable(rows.Err())
}

// unavailable passes errors on; what a retry may cure becomes UNAVAILABLE.
func unavailable(err error) error {
	if err != nil && store.IsUnavailable(err) {
		return fault.Wrap(err, fault.Unavailable, "the database does not answer; try again")
	}
	return err
}
