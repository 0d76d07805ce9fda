package store_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"golang.org/x/sync/errgroup"

	"github.com/ringfence/ringfence/internal/store"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

// counters makes rows whose column last counts.
func counters(t *testing.T, s *store.Store, n int) {
	t.Helper()
	update(t, s, func(ctx context.Context, tx *store.Tx) error {
		for range n {
			if _, err := tx.Exec(ctx, "INSERT INTO journal_heads (last, hash) VALUES ($1, '')", 0); err != nil {
				return err
			}
		}
		return nil
	})
}

func increment(ctx context.Context, tx *store.Tx, id int) error {
	var last int64
	if err := tx.QueryRow(ctx, "SELECT last FROM journal_heads WHERE id = $1"+tx.ForUpdate(), id).Scan(&last); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "UPDATE journal_heads SET last = $1 WHERE id = $2", last+1, id)
	return err
}

func counter(t *testing.T, s *store.Store, id int) (last int64) {
	t.Helper()
	err := s.View(t.Context(), func(ctx context.Context, r *store.Reader) error {
		return r.QueryRow(ctx, "SELECT last FROM journal_heads WHERE id = $1", id).Scan(&last)
	})
	if err != nil {
		t.Fatal(err)
	}
	return last
}

// Many writers of one row, reading before they write, lose nothing; readers beside them are not disturbed.
func TestContention(t *testing.T) {
	const writers, each = 32, 20
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		counters(t, s, 1)
		var g errgroup.Group
		for range writers {
			g.Go(func() error {
				for range each {
					if err := s.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error { return increment(ctx, tx, 1) }); err != nil {
						return err
					}
					if _, err := s.Client().JournalHead.Get(t.Context(), 1); err != nil {
						return err
					}
				}
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		if got := counter(t, s, 1); got != writers*each {
			t.Errorf("counted to %d, want %d", got, writers*each)
		}
	})
}

func openPostgres(t *testing.T, cfg store.Config) *store.Store {
	t.Helper()
	return storetest.Open(t, storetest.URL(t, dialect.Postgres), cfg)
}

// Two transactions that lock in opposite order deadlock; PostgreSQL ends one, and it runs again. SQLite has no counterpart:
// its writers take turns.
func TestDeadlock(t *testing.T) {
	s := openPostgres(t, store.Config{})
	counters(t, s, 2)
	var meet sync.WaitGroup
	meet.Add(2)
	var attempts atomic.Int32
	var g errgroup.Group
	for _, order := range [][2]int{{1, 2}, {2, 1}} {
		g.Go(func() error {
			return s.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				attempts.Add(1)
				if err := increment(ctx, tx, order[0]); err != nil {
					return err
				}
				if tx.Attempt() == 0 {
					meet.Done()
					meet.Wait()
				}
				return increment(ctx, tx, order[1])
			})
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if a, b := counter(t, s, 1), counter(t, s, 2); a != 2 || b != 2 {
		t.Errorf("counted to %d and %d, want 2 and 2", a, b)
	}
	if n := attempts.Load(); n != 3 {
		t.Errorf("%d attempts, want 3", n)
	}
}

// A transaction whose server process is ended runs again, also when the closure hides the error behind its own.
func TestKilledBackend(t *testing.T) {
	for name, hide := range map[string]func(error) error{
		"plain":  func(err error) error { return err },
		"hidden": func(err error) error { return errors.New("something went wrong") },
	} {
		t.Run(name, func(t *testing.T) {
			s := openPostgres(t, store.Config{})
			counters(t, s, 1)
			attempts := 0
			err := s.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				attempts++
				if err := increment(ctx, tx, 1); err != nil {
					return err
				}
				if tx.Attempt() == 0 {
					kill(t, s, tx)
				}
				if err := increment(ctx, tx, 1); err != nil {
					return hide(err)
				}
				return nil
			})
			if err != nil || attempts != 2 || counter(t, s, 1) != 2 {
				t.Errorf("%v after %d attempts, counted to %d; want 2 and 2", err, attempts, counter(t, s, 1))
			}
		})
	}
}

// kill ends the server process of a transaction.
func kill(t *testing.T, s *store.Store, tx *store.Tx) {
	t.Helper()
	var pid int64
	if err := tx.QueryRow(t.Context(), "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		t.Fatal(err)
	}
	err := s.View(t.Context(), func(ctx context.Context, r *store.Reader) error {
		var done bool
		return r.QueryRow(ctx, "SELECT pg_terminate_backend($1, 5000)", pid).Scan(&done)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// When the connection breaks during commit, the closure runs again only if the transaction did not happen.
func TestBrokenCommit(t *testing.T) {
	for name, tc := range map[string]struct {
		forward  bool
		attempts int
	}{"happened": {true, 1}, "did not happen": {false, 2}} {
		t.Run(name, func(t *testing.T) {
			p, address := newProxy(t, storetest.URL(t, dialect.Postgres))
			s := storetest.Open(t, address, store.Config{})
			counters(t, s, 1)
			p.mu.Lock()
			p.onCommit = func() bool { return tc.forward }
			p.mu.Unlock()
			attempts := 0
			err := s.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				attempts++
				return increment(ctx, tx, 1)
			})
			if err != nil || attempts != tc.attempts || counter(t, s, 1) != 1 {
				t.Errorf("%v after %d attempts, counted to %d; want %d and 1", err, attempts, counter(t, s, 1), tc.attempts)
			}
		})
	}
}

// A server that is gone for good during commit leaves the outcome unknown, and Update says so.
func TestUnknownOutcome(t *testing.T) {
	p, address := newProxy(t, storetest.URL(t, dialect.Postgres))
	s := storetest.Open(t, address, store.Config{RetryFor: 300 * time.Millisecond})
	counters(t, s, 1)
	p.mu.Lock()
	p.onCommit = func() bool {
		_ = p.listener.Close()
		return true
	}
	p.mu.Unlock()
	err := s.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error { return increment(ctx, tx, 1) })
	if !errors.Is(err, store.ErrUnknownOutcome) {
		t.Errorf("got %v, want ErrUnknownOutcome", err)
	}
}

// A network that goes silent does not hold a caller past its deadline and a short grace, wherever it happens.
func TestSilence(t *testing.T) {
	const deadline, grace, limit = 300 * time.Millisecond, 200 * time.Millisecond, 1200 * time.Millisecond
	for _, where := range []string{"begin", "statement", "prepared statement", "commit", "read"} {
		t.Run(where, func(t *testing.T) {
			p, address := newProxy(t, storetest.URL(t, dialect.Postgres))
			s := storetest.Open(t, address, store.Config{Grace: grace, RetryFor: grace})
			counters(t, s, 1)
			for range 3 { // until the statements are prepared
				update(t, s, func(ctx context.Context, tx *store.Tx) error { return increment(ctx, tx, 1) })
			}
			quiet := func(here string) {
				if here == where {
					p.silent.Store(true)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			defer cancel()
			start := time.Now()
			quiet("begin")
			quiet("read")
			var err error
			if where == "read" {
				_, err = s.Client().JournalHead.Get(ctx, 1)
			} else {
				err = s.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
					quiet("statement")
					var one int
					if err := tx.QueryRow(ctx, "SELECT 1").Scan(&one); err != nil {
						return err
					}
					quiet("prepared statement")
					err := increment(ctx, tx, 1)
					quiet("commit")
					return err
				})
			}
			if took := time.Since(start); err == nil || took > limit {
				t.Errorf("%v after %v, want an error within %v", err, took, limit)
			}
			p.silent.Store(false)
			p.cut()
			update(t, s, func(ctx context.Context, tx *store.Tx) error { return increment(ctx, tx, 1) })
		})
	}
}

// A writer in another process keeps an SQLite file busy for longer than the driver waits; Update goes on trying.
func TestBusyFile(t *testing.T) {
	address := storetest.URL(t, dialect.SQLite)
	one := storetest.Open(t, address, store.Config{})
	two := storetest.Open(t, address, store.Config{LockTimeout: 20 * time.Millisecond})
	counters(t, one, 1)
	var g errgroup.Group
	holding := make(chan struct{})
	g.Go(func() error {
		return one.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			close(holding)
			time.Sleep(300 * time.Millisecond)
			return increment(ctx, tx, 1)
		})
	})
	<-holding
	g.Go(func() error {
		return two.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error { return increment(ctx, tx, 1) })
	})
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if n := counter(t, one, 1); n != 2 {
		t.Errorf("counted to %d, want 2", n)
	}
}

// Retries end: here a lock is never released.
func TestRetriesAreBounded(t *testing.T) {
	s := openPostgres(t, store.Config{LockTimeout: 10 * time.Millisecond, RetryFor: 200 * time.Millisecond})
	counters(t, s, 1)
	start := time.Now()
	update(t, s, func(ctx context.Context, tx *store.Tx) error {
		if err := increment(ctx, tx, 1); err != nil {
			return err
		}
		err := s.Update(ctx, func(ctx context.Context, tx *store.Tx) error { return increment(ctx, tx, 1) })
		if !store.IsRetryable(err) || !strings.Contains(err.Error(), "gave up after") {
			t.Errorf("got %v, want that it gave up", err)
		}
		return nil
	})
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("gave up only after %v", took)
	}
}

// A caller who goes away gets the end of their context as error, and the transaction did not happen.
func TestCanceled(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		counters(t, s, 1)
		for i := range 20 {
			ctx, cancel := context.WithCancel(t.Context())
			err := s.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
				if err := increment(ctx, tx, 1); err != nil {
					return err
				}
				if i%2 == 0 {
					cancel()
					return nil
				}
				time.AfterFunc(time.Millisecond, cancel)
				return slow(ctx, tx)
			})
			cancel()
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want context.Canceled", err)
			}
		}
		if n := counter(t, s, 1); n != 0 {
			t.Errorf("counted to %d, want 0", n)
		}
		update(t, s, func(ctx context.Context, tx *store.Tx) error { return increment(ctx, tx, 1) })
	})
}

// slow runs a statement that takes long.
func slow(ctx context.Context, tx *store.Tx) error {
	var n int64
	return tx.QueryRow(ctx, `WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x < $1) SELECT count(*) FROM c`,
		100_000_000).Scan(&n)
}

// A statement prepared before a table changed runs again on a fresh connection.
func TestStalePlan(t *testing.T) {
	s := openPostgres(t, store.Config{MaxConns: 1})
	counters(t, s, 1)
	read := func() error {
		return s.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			rows, err := tx.Query(ctx, "SELECT * FROM journal_heads WHERE id = $1", 1)
			if err != nil {
				return err
			}
			defer func() { _ = rows.Close() }()
			for rows.Next() {
			}
			return rows.Err()
		})
	}
	for range 3 {
		if err := read(); err != nil {
			t.Fatal(err)
		}
	}
	update(t, s, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "ALTER TABLE journal_heads ADD COLUMN note text")
		return err
	})
	if err := read(); err != nil {
		t.Error(err)
	}
}

// A query while the rows of another are open is refused alike on both databases.
func TestOpenRows(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		counters(t, s, 2)
		update(t, s, func(ctx context.Context, tx *store.Tx) error {
			rows, err := tx.Query(ctx, "SELECT id FROM journal_heads WHERE id > $1", 0)
			if err != nil {
				return err
			}
			if !rows.Next() {
				t.Error("no rows")
			}
			if err := increment(ctx, tx, 1); err == nil || !strings.Contains(err.Error(), "still being read") {
				t.Errorf("got %v, want that rows are still being read", err)
			}
			if err := errors.Join(rows.Err(), rows.Close()); err != nil { //nolint:sqlclosecheck // closing early is what is tested
				return err
			}
			return increment(ctx, tx, 1)
		})
	})
}

// Of several hosts, the one that answers and can write is taken, by the readers too.
func TestSeveralHosts(t *testing.T) {
	address := storetest.URL(t, dialect.Postgres)
	address = strings.Replace(address, "@", "@127.0.0.1:1,", 1) + "&target_session_attrs=read-write"
	s := storetest.Open(t, address, store.Config{})
	counters(t, s, 1)
	if n := counter(t, s, 1); n != 0 {
		t.Errorf("read %d", n)
	}
}

// Addresses that name no database are refused in words.
func TestOpenErrors(t *testing.T) {
	for _, address := range []string{"", "mysql://localhost/x", ":memory:", "file.db?mode=ro", "postgres://127.0.0.1:1/x?sslmode=disable",
		filepath.Join(t.TempDir(), "missing\x00", "x.db")} {
		s, err := store.Open(t.Context(), store.Config{URL: address})
		if err == nil {
			t.Errorf("%q: opened %v", address, s.Dialect())
		}
	}
}
