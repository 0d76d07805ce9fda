package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"entgo.io/ent/dialect"
)

// Limits of the retries of Update: the pause before the n-th try is random between 0 and pauseBase·2ⁿ, at most pauseMax.
const (
	maxAttempts = 30
	pauseBase   = 2 * time.Millisecond
	pauseMax    = time.Second
)

// View runs fn on one consistent state of the database: REPEATABLE READ READ ONLY on PostgreSQL, a snapshot of the file on
// SQLite. Nothing can be written through the Reader. fn runs again when a retryable error ended it, so it must be free of
// side effects.
func (s *Store) View(ctx context.Context, fn func(ctx context.Context, r *Reader) error) error {
	return s.retry(ctx, IsRetryable, func(ctx context.Context, attempt int) error {
		opts := &sql.TxOptions{ReadOnly: true}
		if s.dialect == dialect.Postgres {
			opts.Isolation = sql.LevelRepeatableRead
		}
		tx, err := s.reader.BeginTx(ctx, opts)
		if err != nil {
			return err
		}
		r := s.reading(tx, attempt)
		err = fn(ctx, r)
		_ = tx.Rollback() // nothing was written; a broken connection tells the pool itself
		return r.explain(ctx, err)
	})
}

// Update runs fn in one write transaction: READ COMMITTED on PostgreSQL, where rows that a decision rests on are to be
// locked (Tx.ForUpdate), BEGIN IMMEDIATE on SQLite, where writers take turns. It commits when fn returns nil, and rolls back
// when fn returns an error, which comes back as it is, or panics. ErrRollback rolls back and comes back as nil.
//
// The whole of fn runs again after a failure that another try may cure (IsRetryable), with a growing random pause, until
// Config.RetryFor is over; so fn must reset what it keeps outside. When the connection breaks during commit, Update asks the
// database what became of the transaction: it is never run twice without need, and only when nobody can tell does
// ErrUnknownOutcome come back.
func (s *Store) Update(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	return s.update(ctx, beginning{}, fn)
}

// UpdateByKey is Update for transactions that run often and find rows by keys alone: PostgreSQL plans their statements once, for
// use of indexes, and not each time anew for the very arguments. Planning was a third of what the database did for them.
func (s *Store) UpdateByKey(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	return s.update(ctx, beginning{byKey: true}, fn)
}

func (s *Store) update(ctx context.Context, begin beginning, fn func(ctx context.Context, tx *Tx) error) error {
	return s.retry(ctx, mayWrite, func(ctx context.Context, attempt int) error {
		b := begin
		tx, err := s.writer.BeginTx(context.WithValue(ctx, beginningKey{}, &b), nil)
		if err != nil {
			return err
		}
		done := false
		defer func() {
			if !done { // fn panicked, or ended the goroutine as a failing test does
				_ = tx.Rollback()
			}
		}()
		t := &Tx{Reader: s.reading(tx, attempt)}
		err = fn(ctx, t)
		done = true
		if err != nil {
			_ = tx.Rollback() // a connection too broken for it has rolled back by breaking
			if errors.Is(err, ErrRollback) {
				return nil
			}
			return t.explain(ctx, err)
		}
		if err := tx.Commit(); err != nil {
			if err := s.settle(ctx, b.number, t.explain(ctx, err)); err != nil {
				return err
			}
		}
		for _, do := range t.committed {
			do()
		}
		return nil
	})
}

// retry runs once until it succeeds, fails for good, or the time for retries is over.
func (s *Store) retry(ctx context.Context, retryable func(error) bool, once func(ctx context.Context, attempt int) error) error {
	var deadline time.Time
	for attempt := 0; ; attempt++ {
		err := once(ctx, attempt)
		if err != nil && ctx.Err() != nil && !errors.Is(err, ctx.Err()) && !errors.Is(err, ErrUnknownOutcome) { // BEGIN, too, fails when the caller has gone
			err = fmt.Errorf("%w: %v", ctx.Err(), err) //nolint:errorlint // the cause is for the log only
		}
		if err == nil || !retryable(err) || ctx.Err() != nil {
			return err
		}
		if deadline.IsZero() {
			deadline = time.Now().Add(s.cfg.RetryFor)
		}
		pause := rand.N(min(pauseBase<<min(attempt, 20), pauseMax)) //nolint:gosec // jitter needs no secrecy
		if attempt+1 >= maxAttempts || time.Now().Add(pause).After(deadline) {
			return fmt.Errorf("gave up after %d attempts: %w", attempt+1, err)
		}
		s.cfg.Logger.DebugContext(ctx, "transaction runs again", "attempt", attempt+1, "pause", pause, "error", err)
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(pause):
		}
	}
}

// mayWrite is IsRetryable for a transaction that writes: a server demoted under it has a successor.
func mayWrite(err error) bool { return IsRetryable(err) || isDemoted(err) }

// settle finds out what became of a transaction whose commit failed with err. Nil says that it was committed.
func (s *Store) settle(ctx context.Context, number string, err error) error {
	if number == "" || !isLost(err) {
		return err
	}
	// The caller may be gone, and that may be why the connection broke; the answer is needed all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.RetryFor)
	defer cancel()
	for {
		var status sql.NullString
		asked := s.writer.QueryRowContext(ctx, "SELECT pg_xact_status($1::xid8)", number).Scan(&status)
		switch {
		case asked == nil && status.String == "committed":
			return nil
		case asked == nil && status.String == "aborted":
			return err
		case asked == nil && !status.Valid:
			return outcome{err}
		}
		// In progress: the server has not noticed yet that its client is gone. Or it does not answer: it may be restarting.
		select {
		case <-ctx.Done():
			return outcome{errors.Join(err, asked)}
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// outcome is ErrUnknownOutcome with its cause for the log. It hides the cause from errors.Is, so that it is not retried.
type outcome struct{ cause error }

func (o outcome) Error() string        { return fmt.Sprintf("%v: %v", ErrUnknownOutcome, o.cause) }
func (o outcome) Is(target error) bool { return target == ErrUnknownOutcome }
