package stress_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/store"
)

// The database's connections are killed again and again under load, those that are committing included: callers are answered or
// told to come again, and what they were told is what is stored. PostgreSQL only: SQLite has no connections to lose.
func TestConnectionsKilled(t *testing.T) {
	for _, s := range shapes[1:] {
		t.Run(s.name, func(t *testing.T) {
			d := deploy(t, s)
			e := newEstate(t, d.clients[0])
			pools := e.tree(120)
			users := e.users(5 * clients)
			callers := make([]*caller, clients)
			for i := range callers {
				callers[i] = newCaller(t, i, func() *client { return d.pick(rand.IntN(100)) }, users[5*i:5*i+5])
			}
			stop := d.killConnections(t)
			settle := e.movingGroup()
			run(callers, pools, length(t, 2*time.Second))
			settle()
			stop()
			verify(t, d.store)
			compare(t, d, pools[0], callers)
		})
	}
}

// killConnections ends all connections of the database but its own, several times a second, until it is told to stop.
func (d *deployment) killConnections(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	killed := 0
	all.Go(func() {
		for ctx.Err() == nil {
			err := d.store.View(ctx, func(ctx context.Context, r *store.Reader) error {
				var n int
				err := r.QueryRow(ctx, `SELECT COUNT(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity
					WHERE datname = current_database() AND pid <> pg_backend_pid()) k`).Scan(&n)
				killed += n
				return err
			})
			if err != nil && ctx.Err() == nil {
				t.Errorf("kill connections: %v", err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(time.Duration(50+rand.IntN(100)) * time.Millisecond):
			}
		}
	})
	return func() {
		cancel()
		all.Wait()
		if t.Logf("%d connections killed", killed); killed < 20 {
			t.Error("hardly a connection was killed")
		}
	}
}
