package stress_test

import (
	"context"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/store"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

// Whoever ceases to be a delegate while a request of theirs waits for its turn is not served.
func TestARevokedDelegateIsNotServed(t *testing.T) {
	url := storetest.URL(t, storetest.Dialects[1]) // on SQLite nobody waits within a transaction
	s := storetest.Open(t, url, store.Config{})
	service := apptest.StartOn(t, url)
	root := &client{url: service.URL, token: service.Token("root@contoso.example", identity.RoleGlobalAdmin)}
	e := newEstate(t, root)
	user := e.do("upsertUsers", in{"users": []in{{"userName": "dora"}}}).Users[0].ID
	pools := e.tree(10)
	license, pool := pools[0], pools[1]
	e.do("updateAllotment", in{"allotmentId": pool, "delegateUserIds": []string{user}})
	dora := &client{url: service.URL, token: service.Token("dora")}
	input := in{"allotmentId": pool, "userIds": []string{user}}
	if _, err := dora.mutate(t.Context(), "assignSeats", with(input, in{"dryRun": true})); err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	if err := s.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE licenses SET used = used`); err != nil { // as every change of an allotment does, it locks the license
			return err
		}
		go func() {
			_, err := dora.mutate(t.Context(), "assignSeats", input)
			answered <- err
		}()
		for waiting := 0; waiting == 0; time.Sleep(time.Millisecond) {
			if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM pg_locks WHERE NOT granted`).Scan(&waiting); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `DELETE FROM allotment_delegates WHERE allotment_id = $1`, key(t, pool, id.Allotment))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; codeOf(err) != "NOT_FOUND" {
		t.Errorf("after the delegation ended, the answer is %v", err)
	}
	if seats := stored(t, s, license); len(seats) > 0 {
		t.Errorf("there are seats: %v", seats)
	}
}
