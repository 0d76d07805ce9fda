package app_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/app"
	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/store"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

// What one replica publishes all answer by, and each says so; of two that publish at once, one is told. (PostgreSQL only: SQLite has one
// process.)
func TestReplicasFollowWhatIsPublished(t *testing.T) {
	t.Parallel()
	replicas := apptest.Replicas(t, 3)
	first := publish(replicas[0].Admin(), candidate(t, "first"), nil).Publication.Revision
	for i, r := range replicas {
		within(t, 10*time.Second, fmt.Sprintf("replica %d answers by what was published", i), func() bool { return r.Policy.Revision() == first })
	}
	within(t, 10*time.Second, "all replicas say what they answer by", func() bool {
		now := nowOf(replicas[2].Admin())
		return len(now.Replicas) == 3 && !slices.ContainsFunc(now.Replicas, func(r struct{ Name, Revision, Source string }) bool {
			return r.Revision != first || r.Source != "published"
		})
	})

	var done, conflicts atomic.Int32
	var publishers sync.WaitGroup
	for i, r := range replicas {
		files := candidate(t, fmt.Sprint("at once ", i))
		publishers.Go(func() {
			answer := r.Admin().Send(publishPolicy, apptest.Vars{"input": in{"files": input(files), "note": "at once", "expectedFlips": "none@..", "expectedRevision": first}})
			switch {
			case len(answer.Errors) == 0:
				done.Add(1)
			case answer.Errors[0].Extensions.Code == "CONFLICT":
				conflicts.Add(1)
			default:
				t.Errorf("publishing at once: %s", answer.Raw)
			}
		})
	}
	publishers.Wait()
	if done.Load() != 1 || conflicts.Load() != 2 {
		t.Errorf("of three that published at once, %d did and %d were told CONFLICT", done.Load(), conflicts.Load())
	}
	newest := nowOf(replicas[0].Admin()).History.Nodes[0].Revision
	for i, r := range replicas {
		within(t, 10*time.Second, fmt.Sprintf("replica %d answers by the newest", i), func() bool { return r.Policy.Revision() == newest })
	}
	clean(t, replicas[0])
}

// Decisions go on while policies are published: each is by one policy, which is kept, and by none that was not published.
func TestDecisionsWhilePoliciesArePublished(t *testing.T) {
	if testing.Short() {
		t.Skip("ten thousand decisions")
	}
	t.Parallel()
	const wanted, workersAtOnce, each = 10_000, 32, 5
	replicas := apptest.Replicas(t, 3)
	admin := replicas[0].Admin()
	var made struct {
		CreateVendor struct{ Vendor struct{ ID string } }
	}
	admin.Do(`mutation { createVendor(input: {name: "Microsoft"}) { vendor { id } } }`, nil, &made)
	var users struct {
		UpsertUsers struct{ Users []struct{ ID string } }
	}
	names := []in{}
	for i := range workersAtOnce * each {
		names = append(names, in{"userName": fmt.Sprint("user", i)})
	}
	admin.Do(`mutation($u: [UserInput!]!) { upsertUsers(input: {users: $u}) { users { id } } }`, apptest.Vars{"u": names}, &users)
	license := newLicense(t, admin, made.CreateVendor.Vendor.ID)

	// Each policy warns with its own name, so that an answer shows which one it is by.
	nameOf := map[string]string{} // revision → name
	var mu sync.Mutex
	var count atomic.Int64
	stop := make(chan struct{})
	var workers sync.WaitGroup
	for w := range workersAtOnce {
		ids := []string{}
		for _, user := range users.UpsertUsers.Users[w*each:][:each] {
			ids = append(ids, user.ID)
		}
		workers.Go(func() {
			c := replicas[w%3].Admin()
			for {
				select {
				case <-stop:
					return
				default:
				}
				a, err := c.Try(context.Background(), `mutation($l: ID!, $u: [ID!]!) { assignSeats(input: {licenseId: $l, userIds: $u}) { decision { revision } }
					unassignSeats(input: {licenseId: $l, userIds: $u}) { decision { revision } }
					again: assignSeats(input: {licenseId: $l, userIds: $u}) { decision { revision } }
					andBack: unassignSeats(input: {licenseId: $l, userIds: $u}) { decision { revision } } }`, apptest.Vars{"l": license, "u": ids})
				if err != nil || len(a.Errors) > 0 {
					t.Errorf("%v %+v", err, a)
					return
				}
				count.Add(4)
			}
		})
	}
	published := 0
	for count.Load() < wanted && !t.Failed() {
		name := fmt.Sprint("POLICY_", published)
		files := candidate(t, name, "ringfence.rego", "# Nothing granted. The reason", fmt.Sprintf("findings contains {\"code\": %q, \"message\": \"by this policy\", \"effect\": \"warn\"}\n\n# Nothing granted. The reason", name))
		answer := replicas[published%3].Admin().Send(publishOnly, apptest.Vars{"input": in{"files": input(files), "note": name, "expectedFlips": "none@2999-01-01T00:00:00Z.."}})
		if len(answer.Errors) > 0 {
			t.Fatalf("%s: %s", name, answer.Raw)
		}
		mu.Lock()
		nameOf[files.Revision()] = name
		mu.Unlock()
		published++
	}
	close(stop)
	workers.Wait()
	if published < 3 {
		t.Errorf("only %d policies were published meanwhile", published)
	}
	mixed, seen := 0, map[string]int{}
	err := replicas[0].Store.View(t.Context(), func(ctx context.Context, r *store.Reader) error {
		rows, err := r.Client().Decision.Query().All(ctx)
		for _, d := range rows {
			seen[d.Revision]++
			name := nameOf[d.Revision]
			for _, warning := range d.Warnings {
				if warning.Code != name {
					mixed++
				}
			}
			if name != "" && len(d.Warnings) == 0 && d.Allow {
				mixed++
			}
		}
		return err
	})
	if err != nil || mixed > 0 {
		t.Errorf("%d decisions are of a mix: %v", mixed, err)
	}
	t.Logf("%d decisions by %d policies, %d published", count.Load(), len(seen), published)
	clean(t, replicas[0]) // that also looks for policies that are not kept
}

const publishOnly = `mutation($input: PublishPolicyInput!) { publishPolicy(input: $input) { publication { id } } }`

func newLicense(t *testing.T, c *apptest.Client, vendor string) string {
	t.Helper()
	var product struct {
		CreateProduct struct{ Product struct{ ID string } }
	}
	c.Do(`mutation($v: ID!) { createProduct(input: {vendorId: $v, name: "E5"}) { product { id } } }`, apptest.Vars{"v": vendor}, &product)
	var contract struct {
		CreateContract struct{ Contract struct{ ID string } }
	}
	c.Do(`mutation($v: ID!) { createContract(input: {vendorId: $v, number: "1", name: "EA"}) { contract { id } } }`, apptest.Vars{"v": vendor}, &contract)
	var license struct {
		CreateLicense struct{ License struct{ ID string } }
	}
	c.Do(`mutation($c: ID!, $p: ID!) { createLicense(input: {contractId: $c, productId: $p, unlimitedQuantity: true}) { license { id } } }`,
		apptest.Vars{"c": contract.CreateContract.Contract.ID, "p": product.CreateProduct.Product.ID}, &license)
	return license.CreateLicense.License.ID
}

// A service that starts again answers by the newest publication that passes its gate, and says loudly what does not.
func TestAServiceStartsWithWhatWasPublished(t *testing.T) {
	t.Parallel()
	for _, d := range storetest.Dialects {
		t.Run(d, func(t *testing.T) {
			url := storetest.URL(t, d)
			var one, two string
			restart := func(t *testing.T, use func(s *apptest.Service)) {
				t.Run("", func(t *testing.T) { use(apptest.StartOn(t, url, quiet)) }) // it is closed at the end of the subtest
			}
			restart(t, func(s *apptest.Service) {
				one = publish(s.Admin(), candidate(t, "one"), nil).Publication.Revision
				two = publish(s.Admin(), candidate(t, "two"), nil).Publication.Revision
			})
			restart(t, func(s *apptest.Service) {
				if now := nowOf(s.Admin()); now.Revision != two || now.Source != "published" || len(now.Replicas) != 1 {
					t.Errorf("after a restart: %+v", now)
				}
				spoil(t, s, two)
			})
			restart(t, func(s *apptest.Service) {
				now := nowOf(s.Admin())
				if now.Revision != one || now.Source != "published" || len(now.Problems) == 0 {
					t.Errorf("after the newest was spoiled: %+v", now)
				}
				spoil(t, s, one)
			})
			restart(t, func(s *apptest.Service) {
				if now := nowOf(s.Admin()); now.Source != "embedded" || len(now.Problems) == 0 {
					t.Errorf("after all were spoiled: %+v", now)
				}
				three := publish(s.Admin(), candidate(t, "three"), nil) // nothing stands in the way of a good one
				if now := nowOf(s.Admin()); now.Revision != three.Publication.Revision || len(now.Problems) != 0 {
					t.Errorf("after another was published: %+v", now)
				}
			})
		})
	}
}

// spoil changes the text of a policy that is kept, as a newer program with another gate would find it: unfit.
func spoil(t *testing.T, s *apptest.Service, revision string) {
	t.Helper()
	err := s.Store.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE policy_revisions SET files = '{"p.rego": "package p"}' WHERE revision = $1`, revision)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A replica that cannot load what was published answers by what it has, and says why.
func TestAReplicaThatCannotLoadKeepsWhatItHas(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		good := publish(s.Admin(), candidate(t, "good"), nil).Publication.Revision
		bad := policy.Files{"p.rego": "package p\n"}
		err := s.Store.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			if _, err := tx.Exec(ctx, `INSERT INTO policy_revisions (created_at, revision, source, files) VALUES ($1, $2, 'published', $3)`,
				tx.Now(), bad.Revision(), `{"p.rego":"package p\n"}`); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `INSERT INTO policy_publications (created_at, kind, revision, previous, author, note, flips) VALUES ($1, 'PUBLISH', $2, '', '', '', '')`,
				tx.Now(), bad.Revision())
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		within(t, 10*time.Second, "the replica says what is wrong", func() bool { return len(nowOf(s.Admin()).Problems) > 0 })
		if now := nowOf(s.Admin()); now.Revision != good || now.Source != "published" {
			t.Errorf("it answers by %+v", now)
		}
	}, quiet)
}

// Who can open the database brings the built-in policy back, beside services that run and whatever the policy says.
func TestResetOnTheCommandLine(t *testing.T) {
	t.Parallel()
	for _, d := range storetest.Dialects {
		t.Run(d, func(t *testing.T) {
			url := storetest.URL(t, d)
			s := apptest.StartOn(t, url)
			embedded := s.Policy.Revision()
			publish(s.Admin(), candidate(t, "wrong", noVendors...), nil)
			reset := func(args ...string) string {
				var out, told bytes.Buffer
				if code := app.Main(t.Context(), append([]string{"policy", "reset", "--database", url}, args...), &out, &told); code != 0 {
					t.Fatalf("reset: %d %s", code, told.String())
				}
				return out.String()
			}
			if said := reset("--dry-run"); !strings.Contains(said, "would") || nowOf(s.Admin()).History.TotalCount != 1 {
				t.Errorf("dry run: %s", said)
			}
			reset("vendors cannot be made")
			within(t, 10*time.Second, "the service answers by the built-in policy", func() bool { return s.Policy.Revision() == embedded })
			newest := nowOf(s.Admin()).History.Nodes[0]
			if newest.Kind != "ROLLBACK" || newest.Author != "system" || newest.Note != "vendors cannot be made" {
				t.Errorf("the history says %+v", newest)
			}
			s.Admin().Do(`mutation { createVendor(input: {name: "SAP"}) { decision { id } } }`, nil, nil)
			clean(t, s)
		})
	}
}
