package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"github.com/ringfence/ringfence/ent"
	vendors "github.com/ringfence/ringfence/ent/vendor"
	"github.com/ringfence/ringfence/internal/store"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

func vendor(t *testing.T, s *store.Store, name string) int64 {
	t.Helper()
	var id int64
	err := s.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		v, err := tx.Client().Vendor.Create().SetName(name).SetCreatedAt(tx.Now()).Save(ctx)
		if err == nil {
			id = v.ID
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// What Update writes, everyone reads, with times that are the same value.
func TestUpdateIsReadBack(t *testing.T) {
	clock := time.Date(2026, 3, 1, 12, 30, 0, 123456789, time.FixedZone("", 3600))
	storetest.EachWith(t, store.Config{Clock: func() time.Time { return clock }}, func(t *testing.T, s *store.Store) {
		id := vendor(t, s, "Contoso")
		want := time.Date(2026, 3, 1, 11, 30, 0, 123456000, time.UTC)
		check := func(where string, v *ent.Vendor, err error) {
			t.Helper()
			if err != nil || v.Name != "Contoso" || v.CreatedAt != want {
				t.Errorf("%s: got %v, %v; want created_at %v", where, v, err, want)
			}
		}
		v, err := s.Client().Vendor.Get(t.Context(), id)
		check("Client", v, err)
		err = s.View(t.Context(), func(ctx context.Context, r *store.Reader) error {
			v, err := r.Client().Vendor.Get(ctx, id)
			check("View", v, err)
			var at store.Time
			if err := r.QueryRow(ctx, "SELECT max(created_at) FROM vendors WHERE created_at = $1 AND created_at > $2",
				want, want.Add(-time.Microsecond)).Scan(&at); err != nil || at.Time != want {
				t.Errorf("max: %v, %v", at, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// Neither View nor Client can write, not even through ent.
func TestReadersCannotWrite(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		err := s.View(ctx, func(ctx context.Context, r *store.Reader) error {
			return r.Client().Vendor.Create().SetName("a").Exec(ctx)
		})
		if err == nil {
			t.Error("View wrote")
		}
		if err := s.Client().Vendor.Create().SetName("b").Exec(ctx); err == nil {
			t.Error("Client wrote")
		}
		if n := s.Client().Vendor.Query().CountX(ctx); n != 0 {
			t.Errorf("%d vendors, want none", n)
		}
	})
}

// An error, ErrRollback and a panic all leave nothing behind.
func TestRollback(t *testing.T) {
	broken := errors.New("broken")
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		write := func(then func() error) error {
			return s.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				if err := tx.Client().Vendor.Create().SetName("a").Exec(ctx); err != nil {
					return err
				}
				return then()
			})
		}
		if err := write(func() error { return broken }); !errors.Is(err, broken) {
			t.Errorf("got %v, want the closure's error", err)
		}
		if err := write(func() error { return store.ErrRollback }); err != nil {
			t.Errorf("ErrRollback came back as %v", err)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was lost")
				}
			}()
			_ = write(func() error { panic("bug") })
		}()
		if n := s.Client().Vendor.Query().CountX(t.Context()); n != 0 {
			t.Errorf("%d vendors, want none", n)
		}
		vendor(t, s, "a") // the connection is usable
	})
}

// A View sees one state, whatever is committed meanwhile.
func TestViewIsOneState(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		vendor(t, s, "a")
		err := s.View(t.Context(), func(ctx context.Context, r *store.Reader) error {
			before := r.Client().Vendor.Query().CountX(ctx)
			vendor(t, s, "b")
			if after := r.Client().Vendor.Query().CountX(ctx); before != 1 || after != 1 {
				t.Errorf("saw %d, then %d vendors; want 1 and 1", before, after)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// The errors of constraints are told apart and name the constraint alike.
func TestConstraintErrors(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		vendor(t, s, "a")
		run := func(statement string, args ...any) error {
			return s.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.Exec(ctx, statement, args...)
				return err
			})
		}
		now := time.Now()
		if name, ok := store.IsUnique(run("INSERT INTO vendors (name, created_at) VALUES ($1, $2)", "a", now)); !ok || name != "vendors_name_key" {
			t.Errorf("unique: %q, %v", name, ok)
		}
		seat := "INSERT INTO seats (license_id, user_id, state, created_at, since) VALUES ($1, $2, $3, $4, $4)"
		if err := run(seat, 1, 2, "ACTIVE", now); err != nil {
			t.Fatal(err)
		}
		if name, ok := store.IsUnique(run(seat, 1, 2, "ACTIVE", now)); !ok || name != "seat_license_id_user_id" {
			t.Errorf("unique over two columns: %q, %v", name, ok)
		}
		if name, ok := store.IsCheck(run(seat, 1, 3, "LOST", now)); !ok || name != "seat_state" {
			t.Errorf("check: %q, %v", name, ok)
		}
		err := run("INSERT INTO products (vendor_id, name, created_at) VALUES (999, 'p', $1)", now)
		if !store.IsReference(err) {
			t.Errorf("reference: %v", err)
		}
		if store.IsRetryable(err) {
			t.Error("a violation is not retryable")
		}
	})
}

// More statements than a connection keeps prepared all give their answers, and the number kept is bounded.
func TestManyStatements(t *testing.T) {
	storetest.EachWith(t, store.Config{MaxConns: 1}, func(t *testing.T, s *store.Store) {
		update(t, s, func(ctx context.Context, tx *store.Tx) error {
			for i := range 300 {
				for range 3 { // seen, prepared, used again
					var got int
					if err := tx.QueryRow(ctx, fmt.Sprintf("SELECT %d + id FROM journal_heads WHERE id < $1 UNION ALL SELECT %[1]d", i), 1).Scan(&got); err != nil || got != i {
						t.Fatalf("statement %d: %d, %v", i, got, err)
					}
				}
			}
			if tx.Dialect() != dialect.Postgres {
				return nil
			}
			var kept int
			if err := tx.QueryRow(ctx, "SELECT count(*) FROM pg_prepared_statements").Scan(&kept); err != nil || kept < 100 || kept > 256 {
				t.Errorf("%d statements are kept, %v", kept, err)
			}
			return nil
		})
	})
}

// The file of an SQLite database is for its owner alone.
func TestFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "ringfence.db")
	s := storetest.Open(t, "sqlite:"+path, store.Config{})
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path+suffix, info.Mode(), err)
		}
	}
}

// What ent does in several statements of its own stays inside the one transaction.
func TestEntInsideTransaction(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		work := func(end error) error {
			return s.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				c := tx.Client()
				v := c.Vendor.Create().SetName("Contoso").SaveX(ctx)
				v.Update().SetName("Fabrikam").SaveX(ctx)
				mail := c.ServicePlan.Create().SetPlanID("mail").SetName("Mail").SaveX(ctx)
				c.Product.Create().SetVendor(v).SetName("Suite").AddPlans(mail).SetBlockedLocations([]string{"KP"}).SaveX(ctx)
				c.Vendor.Create().SetName("Gone").ExecX(ctx)
				if n := c.Vendor.Delete().Where(vendors.Name("Gone")).ExecX(ctx); n != 1 {
					t.Errorf("deleted %d", n)
				}
				return end
			})
		}
		ctx := t.Context()
		if err := work(store.ErrRollback); err != nil {
			t.Fatal(err)
		}
		if n := s.Client().Vendor.Query().CountX(ctx) + s.Client().Product.Query().CountX(ctx); n != 0 {
			t.Errorf("%d rows outlived the rollback", n)
		}
		if err := work(nil); err != nil {
			t.Fatal(err)
		}
		p := s.Client().Product.Query().WithPlans().WithVendor().OnlyX(ctx)
		if p.Edges.Vendor.Name != "Fabrikam" || len(p.Edges.Plans) != 1 || p.BlockedLocations[0] != "KP" {
			t.Errorf("read back %v", p)
		}
	})
}
