package stress_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/app"
	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/store"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

// deployment is one database with one or several servers on it.
type deployment struct {
	store   *store.Store // to look at what is stored
	clients []*client    // one for each server, all global administrators
}

// shape names a kind of deployment.
type shape struct {
	name, dialect string
	replicas      int
}

// shapes are the deployments the races run on.
var shapes = []shape{{"sqlite", storetest.Dialects[0], 1}, {"postgres", storetest.Dialects[1], 1}, {"postgres, two servers", storetest.Dialects[1], 2}}

// sweepOften has the background work of every replica run into the requests.
func sweepOften(c *app.Config) { c.SweepEvery = 100 * time.Millisecond }

func deploy(t *testing.T, s shape) *deployment {
	t.Helper()
	url := storetest.URL(t, s.dialect)
	d := &deployment{store: storetest.Open(t, url, store.Config{})}
	for range s.replicas {
		service := apptest.StartOn(t, url, sweepOften)
		d.clients = append(d.clients, &client{url: service.URL, token: service.Token("root@contoso.example", identity.RoleGlobalAdmin)})
	}
	return d
}

// eachShape runs a test on every kind of deployment and verifies what it leaves.
func eachShape(t *testing.T, run func(t *testing.T, d *deployment)) {
	t.Helper()
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			d := deploy(t, s)
			run(t, d)
			verify(t, d.store)
		})
	}
}

// pick gives one of the servers to a client.
func (d *deployment) pick(n int) *client { return d.clients[n%len(d.clients)] }

// verify fails the test for everything that the service's own audit finds.
func verify(t *testing.T, s *store.Store) operation.Audited {
	t.Helper()
	audit := &operation.Audit{Store: s, Report: func(f operation.Finding) { t.Error(f) }}
	n, err := audit.Run(t.Context())
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	return n
}

// stored reads the state and the pool of the seats of a license by user, as clients name them.
func stored(t *testing.T, s *store.Store, license string) map[string]string {
	t.Helper()
	seats := map[string]string{}
	err := s.View(t.Context(), func(ctx context.Context, r *store.Reader) error {
		clear(seats)
		rows, err := r.Query(ctx, `SELECT user_id, state FROM seats WHERE license_id = $1`, key(t, license, id.License))
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var user int64
			var state string
			if err := rows.Scan(&user, &state); err != nil {
				return err
			}
			seats[id.Of(id.User, user).String()] = state
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return seats
}

// key gives the key in an id.
func key(t *testing.T, text string, noun id.Noun) int64 {
	t.Helper()
	of, err := id.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return of.Key(noun)
}

// length is how long a race runs: short, so that it belongs to every test run; STRESS=1m makes it longer.
func length(t *testing.T, usual time.Duration) time.Duration {
	t.Helper()
	text := os.Getenv("STRESS")
	if text == "" {
		return usual
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
