package operation

import (
	"context"
	"fmt"
	"strconv"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/store"
)

// Finding is one thing in the stored data that breaks a rule.
type Finding struct {
	// Rule is P1 … P6 of semantics.md §2, JOURNAL for the event chain, ORPHAN for a row that refers to nothing, NESTING for a
	// group that contains itself.
	Rule    string
	Subject id.ID  // what it is about; the zero ID if it is about no one thing that has an id
	Message string // what is wrong, with the numbers
}

// String is the finding as one line.
func (f Finding) String() string {
	if f.Subject == (id.ID{}) {
		return f.Rule + ": " + f.Message
	}
	return fmt.Sprintf("%s: %s %s", f.Rule, f.Subject, f.Message)
}

// Audit recounts everything that is stored against the rules P1 to P6 and the event chain, on one consistent state of the
// database and without writing. Nobody is asked for permission: it belongs to whoever may open the database.
//
// It cannot tell whether a member of a group who has no reason from a group license should have one: who is passed over
// (guests, users outside a scope) is for the policy to say and leaves no row.
type Audit struct {
	Store *store.Store
	// Report hears every finding, after everything was read.
	Report func(Finding)
	// Progress, if not nil, hears what is being read; total is 0 where it is not known.
	Progress func(step string, done, total int64)
}

// Audited is how much an audit has read, and how much was wrong.
type Audited struct {
	Licenses, Allotments, Seats, Reasons, Entries, Events, Findings int64
}

// Verify reports everything in the store that breaks P1 to P6 or the event chain; see Audit. The error tells that the
// database could not be read, not that something was found.
func Verify(ctx context.Context, s *store.Store, report func(Finding)) error {
	_, err := (&Audit{Store: s, Report: report}).Run(ctx)
	return err
}

// Run reads and reports. Errors: the database could not be read.
func (a *Audit) Run(ctx context.Context) (Audited, error) {
	var v *verification
	err := a.Store.View(ctx, func(ctx context.Context, r *store.Reader) (err error) {
		v, err = a.read(ctx, r)
		return err
	})
	if err != nil {
		return Audited{}, err
	}
	return v.report(), nil
}

// Within is Run inside a transaction that is open already; it sees what that transaction has written.
func (a *Audit) Within(ctx context.Context, r *store.Reader) (Audited, error) {
	v, err := a.read(ctx, r)
	if err != nil {
		return Audited{}, err
	}
	return v.report(), nil
}

func (a *Audit) read(ctx context.Context, r *store.Reader) (*verification, error) {
	v := &verification{Audit: a, reading: &reading{Reader: r}, pools: map[licensing.PoolKey]*recount{}}
	for _, step := range []func(context.Context) error{v.readPools, v.checkTree, v.recountPools, v.checkStocks, v.checkQueues, v.checkRows, v.checkHistory, v.checkJournal} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// verification is one run of an audit.
type verification struct {
	*Audit
	*reading
	pools    map[licensing.PoolKey]*recount
	order    []*recount // licenses, then allotments from the roots down
	count    Audited
	findings []Finding
}

// report tells what was found, now that nothing will be read again.
func (v *verification) report() Audited {
	for _, f := range v.findings {
		v.Report(f)
	}
	v.count.Findings = int64(len(v.findings))
	return v.count
}

func (v *verification) found(rule string, subject id.ID, format string, args ...any) {
	v.findings = append(v.findings, Finding{Rule: rule, Subject: subject, Message: fmt.Sprintf(format, args...)})
}

func (v *verification) progress(step string, done, total int64) {
	if v.Progress != nil {
		v.Progress(step, done, total)
	}
}

// poolID is the id of a pool as clients see it.
func poolID(key licensing.PoolKey) id.ID {
	if key.IsLicense() {
		return id.Of(id.License, key.License)
	}
	return id.Of(id.Allotment, key.Allotment)
}

// amount writes a number that may be absent.
func amount(n *int64) string {
	if n == nil {
		return "unlimited"
	}
	return strconv.FormatInt(*n, 10)
}
