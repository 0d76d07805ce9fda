package operation

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/store"
)

// reading is what a command has before it is allowed: it locks and reads, and cannot write.
type reading struct {
	*store.Reader
	tx     *store.Tx // locks rows; handed on to the writing of an allowed command, never used to write here
	policy *policy.Policy
	runner *Runner
	who    *asker
	asking []*asker // all who ask in this transaction
	widen  *locks
	book   *licensing.Book
	facts  *facts
	// strangers are users of the request whom the caller may not see, or who do not exist: the two must look alike.
	strangers map[int64]bool
	found     []*target // what the command named and is there, in the order in which its absence would be told
}

// writing is what a command has once an allowing decision was taken: the right to write under that decision.
type writing struct {
	*reading
	tx       *store.Tx
	decision *decision
	answer   policy.Answer
	further  []*decision // on what followed from the request
	flushed  bool
	stalled  bool // the policy gave no usable answer about the queue
	// unfinished tells that something is left for Sweep.
	unfinished bool
	events     []*event
	seats      *SeatTally // of an import; nil for anything else
}

// asker is the principal with what the database knows of it.
type asker struct {
	principal *identity.Principal
	user      int64 // 0: no user of that name
	delegated map[int64]bool
	reach     *policy.Reach // nil until it is asked for
}

func (a *asker) name() string {
	if a.principal.System {
		return identity.SystemName
	}
	return a.principal.UserName
}

func (a *asker) facts() policy.Principal {
	return policy.Principal{
		Name: a.name(), Roles: a.principal.Roles, System: a.principal.System, UserID: a.user, DelegateOf: len(a.delegated) > 0,
	}
}

func newReading(ctx context.Context, r *Runner, tx *store.Tx, in *policy.Policy, who *identity.Principal, widen *locks) (*reading, error) {
	rd := readingOf(r, tx, in, widen)
	askers, err := rd.askers(ctx, []*identity.Principal{who})
	if err != nil {
		return nil, err
	}
	rd.who, rd.asking = askers[0], askers
	return rd, nil
}

// readingOf makes a reading under the policy that policyInUse gave.
func readingOf(r *Runner, tx *store.Tx, in *policy.Policy, widen *locks) *reading {
	return &reading{
		Reader: tx.Reader, tx: tx, policy: in, runner: r, widen: widen,
		book: licensing.NewBook(tx.Now()), facts: newFacts(),
	}
}

// askers reads who asks: the users behind the names, and the allotments they are delegates of, directly or through a group.
// The account of a disabled user is refused.
func (r *reading) askers(ctx context.Context, principals []*identity.Principal) ([]*asker, error) {
	names := make([]string, 0, len(principals))
	for _, p := range principals {
		if p.Purpose == "" {
			names = append(names, nameKey(p.UserName))
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	found := map[string]*asker{}
	disabled := map[string]bool{}
	rows, err := r.Query(ctx, `SELECT u.name_key, u.id, u.enabled, COALESCE(d.allotment_id, 0) FROM users u
		LEFT JOIN (SELECT user_id, allotment_id FROM allotment_delegates WHERE user_id <> 0
			UNION SELECT m.user_id, g.allotment_id FROM memberships m JOIN allotment_delegates g ON g.group_id = m.group_id
			JOIN users n ON n.id = m.user_id WHERE g.group_id <> 0 AND `+r.Any("n.name_key", 1)+`) d ON d.user_id = u.id
		WHERE `+r.Any("u.name_key", 1), r.Array(names))
	err = each(rows, err, func(s scanner) error {
		var key string
		var id, allotment int64
		var enabled bool
		if err := s.Scan(&key, &id, &enabled, &allotment); err != nil {
			return err
		}
		if found[key] == nil {
			found[key] = &asker{user: id, delegated: map[int64]bool{}}
		}
		if allotment != 0 {
			found[key].delegated[allotment] = true
		}
		disabled[key] = !enabled
		return nil
	})
	if err != nil {
		return nil, err
	}
	askers := make([]*asker, len(principals))
	for i, p := range principals {
		askers[i] = &asker{principal: p}
		if p.System || p.Purpose != "" { // neither the service itself nor one with a token of its own is a user
			continue
		}
		key := nameKey(p.UserName)
		if disabled[key] {
			return nil, fault.New(fault.Unauthenticated, "the account is disabled")
		}
		if known := found[key]; known != nil {
			askers[i].user, askers[i].delegated = known.user, known.delegated
		}
	}
	return askers, nil
}

// askAgain reads who asks once more, now that what they ask for is locked: whoever ceased to be a delegate while the request waited for the
// lock is none. On SQLite nothing can have changed.
func (r *reading) askAgain(ctx context.Context) error {
	if r.tx.ForUpdate() == "" || !slices.ContainsFunc(r.asking, func(a *asker) bool { return a.user != 0 }) {
		return nil
	}
	principals := make([]*identity.Principal, len(r.asking))
	for i, a := range r.asking {
		principals[i] = a.principal
	}
	now, err := r.askers(ctx, principals)
	if err != nil {
		return err
	}
	for i, a := range r.asking {
		*a = *now[i]
	}
	return nil
}

// nameKey is the form in which user names are compared: without case.
func nameKey(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

type scanner interface{ Scan(dest ...any) error }

func scanRows(scan func(scanner) error) func(*sql.Rows) error {
	return func(rows *sql.Rows) error { return scan(rows) }
}

// each hands every row to scan and closes the rows.
func each(rows *sql.Rows, err error, scan func(scanner) error) error {
	if err != nil {
		return err
	}
	for rows.Next() && err == nil {
		err = scan(rows)
	}
	return errors.Join(err, rows.Err(), rows.Close())
}

// ids reads one column of keys.
func (r *reading) ids(ctx context.Context, query string, args ...any) ([]int64, error) {
	var ids []int64
	rows, err := r.Query(ctx, query, args...)
	err = each(rows, err, func(s scanner) error {
		var id int64
		err := s.Scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err
}
