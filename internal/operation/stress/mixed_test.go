package stress_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/store"
)

// scene is an estate in which everything happens at once.
type scene struct {
	*estate
	d      *deployment
	pools  []string
	users  []string
	groups []string
	hasty  bool // some callers give up before they are answered

	mu     sync.Mutex
	grants []string // ids of group licenses; some are gone already
	shares []string // ids of short-lived allotments
	parts  []string // ids of allocations; some are gone already
	counts map[string]int
}

func newScene(t *testing.T, d *deployment) *scene {
	t.Helper()
	e := newEstate(t, d.clients[0])
	s := &scene{estate: e, d: d, counts: map[string]int{}}
	s.pools = append(e.tree(60, "EXCHANGE_S_STANDARD"), e.tree(50)...)
	s.pools = append(s.pools, e.license(15, "EXCHANGE_S_ENTERPRISE"))
	inputs := make([]in, 80)
	for i := range inputs {
		inputs[i] = in{"userName": fmt.Sprintf("person %d", i)}
	}
	for _, user := range e.do("upsertUsers", in{"users": inputs}).Users {
		s.users = append(s.users, user.ID)
	}
	for i := range 8 {
		s.groups = append(s.groups, e.group(s.users[i*6:i*6+8]...))
	}
	return s
}

// deed is something a client does; the weights say how often.
type deed struct {
	weight int
	do     func(s *scene, rng *rand.Rand) (name string, input in)
}

var deeds = []deed{
	{12, func(s *scene, r *rand.Rand) (string, in) {
		return "assignSeats", with(target("allotmentId", one(r, s.pools)), in{"userIds": some(r, s.users, 3), "whenFull": one(r, []string{"WAIT", "DENY", "DENY_ALL"})})
	}},
	{8, func(s *scene, r *rand.Rand) (string, in) {
		return "unassignSeats", with(target("allotmentId", one(r, s.pools)), in{"userIds": some(r, s.users, 3)})
	}},
	{8, func(s *scene, r *rand.Rand) (string, in) {
		return "addGroupMembers", in{"groupId": one(r, s.groups), "userIds": some(r, s.users, 6)}
	}},
	{6, func(s *scene, r *rand.Rand) (string, in) {
		return "removeGroupMembers", in{"groupId": one(r, s.groups), "userIds": some(r, s.users, 6)}
	}},
	{2, func(s *scene, r *rand.Rand) (string, in) {
		return one(r, []string{"addGroupMembers", "removeGroupMembers"}), in{"groupId": one(r, s.groups), "memberGroupIds": some(r, s.groups, 1)}
	}},
	{5, func(s *scene, r *rand.Rand) (string, in) {
		return "licenseGroup", with(target("allotmentId", one(r, s.pools)), in{"groupId": one(r, s.groups), "includeNested": r.IntN(2) == 0,
			"allOrNothing": r.IntN(2) == 0, "whenFull": one(r, []string{"WAIT", "WAIT", "DENY_ALL"})})
	}},
	{3, func(s *scene, r *rand.Rand) (string, in) { return "unlicenseGroup", in{"groupLicenseId": s.grant(r)} }},
	{4, func(s *scene, r *rand.Rand) (string, in) {
		return "swapGroupLicense", with(target("allotmentId", one(r, s.pools)), in{"groupLicenseId": s.grant(r)})
	}},
	{3, func(s *scene, r *rand.Rand) (string, in) {
		return "updateGroupLicense", in{"groupLicenseId": s.grant(r), "includeNested": r.IntN(2) == 0, "allOrNothing": r.IntN(2) == 0}
	}},
	{3, func(s *scene, r *rand.Rand) (string, in) {
		return "excludeFromGroupLicense", in{"groupLicenseId": s.grant(r), "userIds": some(r, s.users, 3)}
	}},
	{3, func(s *scene, r *rand.Rand) (string, in) {
		return "includeInGroupLicense", in{"groupLicenseId": s.grant(r), "userIds": some(r, s.users, 3)}
	}},
	{6, func(s *scene, r *rand.Rand) (string, in) {
		return "updateAllotment", in{"allotmentId": one(r, slices.DeleteFunc(slices.Clone(s.pools), isLicense)), "limit": 1 + r.IntN(40)}
	}},
	{2, func(s *scene, r *rand.Rand) (string, in) {
		return "updateLicense", in{"licenseId": s.license(r), "quantity": 20 + r.IntN(80)}
	}},
	{6, func(s *scene, r *rand.Rand) (string, in) {
		n := r.IntN(len(s.users))
		return "upsertUsers", in{"users": []in{{"userName": fmt.Sprintf("person %d", n), "enabled": r.IntN(3) > 0, "type": one(r, []string{"MEMBER", "MEMBER", "GUEST"})}}}
	}},
	{1, func(s *scene, r *rand.Rand) (string, in) {
		return "deleteUsers", in{"userIds": some(r, s.users[:len(s.users)/3], 1)}
	}},
	{2, func(s *scene, r *rand.Rand) (string, in) { return "retrySeats", target("allotmentId", one(r, s.pools)) }},
	{3, func(s *scene, r *rand.Rand) (string, in) {
		return "createAllotment", with(target("parentId", one(r, s.pools)), in{"name": fmt.Sprint(r.Int64()), "limit": 1 + r.IntN(5), "mode": one(r, []string{"RESERVED", "CEILING"})})
	}},
	{4, func(s *scene, r *rand.Rand) (string, in) {
		return "assignSeats", in{"allotmentId": s.share(r), "userIds": some(r, s.users, 2), "whenFull": "WAIT"}
	}},
	{2, func(s *scene, r *rand.Rand) (string, in) {
		return "licenseGroup", in{"allotmentId": s.share(r), "groupId": one(r, s.groups)}
	}},
	{3, func(s *scene, r *rand.Rand) (string, in) {
		return "deleteAllotment", with(in{"allotmentId": s.share(r)}, one(r, []in{{"moveSeatsTo": "PARENT"}, {"releaseSeats": true}}))
	}},
	{3, func(s *scene, r *rand.Rand) (string, in) {
		return "createAllocation", in{"licenseId": s.license(r), "type": "CUSTOM_RESERVATION", "name": "purpose", "quantity": r.IntN(6)}
	}},
	{2, func(s *scene, r *rand.Rand) (string, in) {
		return "updateAllocation", in{"allocationId": s.recent(r, s.parts, "alc_1"), "quantity": r.IntN(6)}
	}},
	{3, func(s *scene, r *rand.Rand) (string, in) {
		return "deleteAllocation", in{"allocationId": s.recent(r, s.parts, "alc_1")}
	}},
	{1, func(s *scene, r *rand.Rand) (string, in) {
		return "deleteGroup", in{"groupId": one(r, s.groups[len(s.groups)-2:])}
	}},
}

func isLicense(id string) bool { return id[:4] == "lic_" }

func one[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

func some(r *rand.Rand, of []string, atMost int) []string {
	chosen := slices.Clone(of)
	r.Shuffle(len(chosen), func(i, j int) { chosen[i], chosen[j] = chosen[j], chosen[i] })
	return chosen[:1+r.IntN(atMost)]
}

func (s *scene) grant(r *rand.Rand) string { return s.recent(r, s.grants, "gli_1") }

func (s *scene) share(r *rand.Rand) string { return s.recent(r, s.shares, "alt_1") }

func (s *scene) license(r *rand.Rand) string {
	return one(r, slices.DeleteFunc(slices.Clone(s.pools), func(id string) bool { return !isLicense(id) }))
}

// recent gives one of the last ids that were made.
func (s *scene) recent(r *rand.Rand, of []string, none string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(of) == 0 {
		return none
	}
	return one(r, of[max(0, len(of)-12):])
}

// act does something, looks at how it was answered, and tells what it was.
func (s *scene) act(ctx context.Context, c *client, rng *rand.Rand) string {
	total := 0
	for _, d := range deeds {
		total += d.weight
	}
	at := rng.IntN(total)
	var name string
	var input in
	for _, d := range deeds {
		if at -= d.weight; at < 0 {
			name, input = d.do(s, rng)
			break
		}
	}
	if rng.IntN(20) == 0 {
		input["dryRun"] = true
	}
	if wait := rng.IntN(400); s.hasty && wait < 20 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(wait)*time.Millisecond)
		defer cancel()
	}
	p, err := c.mutate(ctx, name, input)
	s.mu.Lock()
	defer s.mu.Unlock()
	code := codeOf(err)
	switch {
	case err == nil:
		if p.GroupLicense.ID != "" && input["dryRun"] == nil {
			s.grants = append(s.grants, p.GroupLicense.ID)
		}
		if name == "createAllocation" && input["dryRun"] == nil {
			s.parts = append(s.parts, p.Allocation.ID)
		}
		if name == "createAllotment" && input["dryRun"] == nil {
			s.shares = append(s.shares, p.Allotment.ID)
		}
	case code == "" && ctx.Err() != nil:
		code = "given up"
	case !slices.Contains([]string{"POLICY_DENIED", "CONFLICT", "NOT_FOUND", "INVALID_INPUT", "UNAVAILABLE"}, code):
		s.t.Errorf("%s %v: %v", name, input, err)
	}
	s.counts[name+" "+code]++
	return fmt.Sprint(name, input, code)
}

// Everything at once by 64 clients: seats, queues, groups that join and leave and nest, group licenses that come, go, are swapped
// and exclude users, limits up and down, users disabled and deleted, allotments made and dissolved, dry runs and callers who
// give up. Afterwards the books are right.
func TestEverything(t *testing.T) {
	eachShape(t, func(t *testing.T, d *deployment) {
		s := newScene(t, d)
		s.hasty = true
		ctx, cancel := context.WithTimeout(t.Context(), length(t, 3*time.Second))
		defer cancel()
		var all sync.WaitGroup
		for i := range clients {
			rng := rand.New(rand.NewPCG(uint64(i), uint64(time.Now().UnixNano())))
			all.Go(func() {
				for ctx.Err() == nil && !t.Failed() {
					s.act(context.WithoutCancel(ctx), d.pick(i), rng)
				}
			})
		}
		all.Wait()
		for _, name := range slices.Sorted(maps.Keys(s.counts)) {
			t.Log(name, s.counts[name])
		}
		s.quiet(t)
		s.everyMember(t)
		s.exclusive(t)
	})
}

// The same deeds one after the other, with the books looked at after each: what is wrong here is no race. SEED names a run to repeat.
func TestOneByOne(t *testing.T) {
	seed := time.Now().UnixNano()
	if text := os.Getenv("SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseInt(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	d := deploy(t, shapes[0])
	s := newScene(t, d)
	rng := rand.New(rand.NewPCG(uint64(seed), 1))
	end := time.Now().Add(length(t, 3*time.Second))
	for step := 0; time.Now().Before(end); step++ {
		done := s.act(t.Context(), d.clients[0], rng)
		verify(t, d.store)
		s.everyMember(t)
		s.exclusive(t)
		if t.Failed() {
			t.Fatalf("SEED=%d, step %d: %s", seed, step, done)
		}
	}
}

// quiet waits until the requests that were given up have been carried out: each lane answers in order.
func (s *scene) quiet(t *testing.T) {
	t.Helper()
	for _, c := range s.d.clients {
		if _, err := c.mutate(t.Context(), "unassignSeats", with(target("allotmentId", s.pools[0]), in{"userIds": s.users[len(s.users)-1:]})); err != nil {
			t.Error(err)
		}
	}
	time.Sleep(200 * time.Millisecond) // what was given up outside the lanes
}

// everyMember looks for members who should have a reason and have none. The policy of these tests passes over guests only.
func (s *scene) everyMember(t *testing.T) {
	t.Helper()
	s.none(t, "is a member without a reason", `WITH RECURSIVE reach(grant_id, nested, group_id) AS (SELECT id, include_nested, group_id FROM group_licenses WHERE pending = 0 AND replaced_by = 0
		UNION SELECT reach.grant_id, reach.nested, n.child_id FROM reach JOIN group_nestings n ON n.parent_id = reach.group_id WHERE reach.nested)
		SELECT DISTINCT u.id, reach.grant_id FROM reach JOIN memberships m ON m.group_id = reach.group_id JOIN users u ON u.id = m.user_id
		WHERE u.enabled AND u.type = 'MEMBER' AND NOT EXISTS (SELECT 1 FROM exclusions x WHERE x.group_license_id = reach.grant_id AND x.user_id = u.id)
		AND NOT EXISTS (SELECT 1 FROM seat_reasons r WHERE r.group_license_id = reach.grant_id AND r.user_id = u.id)`)
}

// exclusive looks for users who hold two plans that exclude each other.
func (s *scene) exclusive(t *testing.T) {
	t.Helper()
	s.none(t, "holds what excludes each other, license", `SELECT a.user_id, a.license_id FROM seats a JOIN seats b ON b.user_id = a.user_id AND b.license_id > a.license_id
		JOIN licenses la ON la.id = a.license_id JOIN licenses lb ON lb.id = b.license_id
		WHERE a.state = 'ACTIVE' AND b.state = 'ACTIVE' AND EXISTS (SELECT 1 FROM product_plans p WHERE p.product_id = la.product_id)
		AND EXISTS (SELECT 1 FROM product_plans p WHERE p.product_id = lb.product_id)`)
}

// none fails for every row of a query.
func (s *scene) none(t *testing.T, what, query string) {
	t.Helper()
	err := s.d.store.View(t.Context(), func(ctx context.Context, r *store.Reader) error {
		rows, err := r.Query(ctx, query)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var user, of int64
			if err := rows.Scan(&user, &of); err != nil {
				return err
			}
			t.Errorf("user %d %s %d", user, what, of)
		}
		return rows.Err()
	})
	if err != nil {
		t.Error(err)
	}
}
