package operation_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ringfence/ringfence/internal/id"
)

// product makes a product with service plans and gives its id and those of the plans by name.
func (w *world) product(more in, plans ...string) (product string, planIDs map[string]string) {
	w.Helper()
	if w.vendor == "" {
		w.vendor = w.do("createVendor", in{"name": "Microsoft"}).Vendor.ID
		w.contract = w.do("createContract", in{"vendorId": w.vendor, "number": "EA-1", "name": "Enterprise Agreement"}).Contract.ID
	}
	services := make([]in, len(plans))
	for i, name := range plans {
		services[i] = in{"planId": name, "name": name}
	}
	made := w.do("createProduct", with(in{"vendorId": w.vendor, "name": w.fresh("product"), "sku": "SKU", "servicePlans": services}, more)).Product
	planIDs = map[string]string{}
	for _, plan := range made.ServicePlans {
		planIDs[plan.Name] = plan.ID
	}
	return made.ID, planIDs
}

// license makes a license of a product of its own.
func (w *world) license(quantity int, more ...in) string {
	w.Helper()
	product, _ := w.product(nil)
	return w.licenseOf(product, quantity, more...)
}

func (w *world) licenseOf(product string, quantity int, more ...in) string {
	w.Helper()
	return w.do("createLicense", with(in{"contractId": w.contract, "productId": product, "quantity": quantity}, more...)).License.ID
}

// boundless makes a license without a limit.
func (w *world) boundless() string {
	w.Helper()
	product, _ := w.product(nil)
	return w.do("createLicense", in{"contractId": w.contract, "productId": product, "unlimitedQuantity": true}).License.ID
}

// allot makes an allotment below a license or another allotment.
func (w *world) allot(parent string, limit int, more ...in) string {
	w.Helper()
	return w.do("createAllotment", allotment(parent, limit, more...)).Allotment.ID
}

func allotment(parent string, limit int, more ...in) in {
	key := "licenseId"
	if strings.HasPrefix(parent, "alt_") {
		key = "parentId"
	}
	return with(in{key: parent, "name": fmt.Sprint("share of ", limit), "limit": limit}, more...)
}

// ceiling says that an allotment is a cap without a guarantee.
var ceiling = in{"mode": "CEILING"}

// user makes a user and gives the id.
func (w *world) user(more ...in) string {
	w.Helper()
	return w.do("upsertUsers", in{"users": []in{with(in{"userName": w.fresh("user")}, more...)}}).Users[0].ID
}

// users makes a number of users.
func (w *world) users(n int, more ...in) []string {
	w.Helper()
	inputs := make([]in, n)
	for i := range inputs {
		inputs[i] = with(in{"userName": w.fresh("user")}, more...)
	}
	ids := make([]string, n)
	for i, user := range w.do("upsertUsers", in{"users": inputs}).Users {
		ids[i] = user.ID
	}
	return ids
}

// change changes a user: what more says, by the user's name.
func (w *world) change(user string, more in) payload {
	w.Helper()
	var answer struct{ Node struct{ UserName string } }
	w.ask(`query($id: ID!) { node(id: $id) { ... on User { userName } } }`, in{"id": user}, &answer)
	return w.do("upsertUsers", in{"users": []in{with(in{"userName": answer.Node.UserName}, more)}})
}

// group makes a group of users.
func (w *world) group(members ...string) string {
	w.Helper()
	id := w.do("upsertGroups", in{"groups": []in{{"name": w.fresh("group")}}}).Groups[0].ID
	if len(members) > 0 {
		w.join(id, members...)
	}
	return id
}

func (a actor) join(group string, users ...string) payload {
	a.w.Helper()
	return a.do("addGroupMembers", in{"groupId": group, "userIds": users})
}

func (a actor) leave(group string, users ...string) payload {
	a.w.Helper()
	return a.do("removeGroupMembers", in{"groupId": group, "userIds": users})
}

// nest makes groups members of a group.
func (w *world) nest(group string, children ...string) payload {
	w.Helper()
	return w.do("addGroupMembers", in{"groupId": group, "memberGroupIds": children})
}

// target names a pool in an input.
func target(pool string) in {
	if strings.HasPrefix(pool, "alt_") {
		return in{"allotmentId": pool}
	}
	return in{"licenseId": pool}
}

// assign gives users seats directly and tells what became of each.
func (a actor) assign(pool string, users []string, more ...in) []result {
	a.w.Helper()
	return a.do("assignSeats", with(target(pool), append([]in{{"userIds": users}}, more...)...)).Results
}

func (a actor) unassign(pool string, users ...string) []result {
	a.w.Helper()
	return a.do("unassignSeats", with(target(pool), in{"userIds": users})).Results
}

// grant licenses a group and gives the group license and what became of the members.
func (a actor) grant(group, pool string, more ...in) (string, summary) {
	a.w.Helper()
	p := a.do("licenseGroup", with(target(pool), append([]in{{"groupId": group}}, more...)...))
	return p.GroupLicense.ID, p.Summary
}

// limit changes the limit of an allotment or the quantity of a license.
func (w *world) limit(pool string, n int) pool {
	w.Helper()
	if strings.HasPrefix(pool, "alt_") {
		return w.do("updateAllotment", in{"allotmentId": pool, "limit": n}).Allotment
	}
	return w.do("updateLicense", in{"licenseId": pool, "quantity": n}).License
}

// figures reads a pool: 275: 10 used 100 reserved 165 left OK. Waiting, errors and the excess are told when there are any.
func (a actor) figures(id string) string {
	a.w.Helper()
	var answer struct{ Node pool }
	a.ask(`query($id: ID!) { node(id: $id) { ... on License { `+figuresFields+` } ... on Allotment { `+figuresFields+` } } }`, in{"id": id}, &answer)
	return answer.Node.String()
}

func (p pool) String() string {
	limit, left := "unlimited", "any"
	if p.Limit != nil {
		limit, left = fmt.Sprint(*p.Limit), fmt.Sprint(*p.Available)
	}
	text := fmt.Sprintf("%s: %d used %d reserved %s left %s", limit, p.Used, p.Reserved, left, p.State)
	for _, part := range []struct {
		n    int
		what string
	}{{p.OverBy, "over"}, {p.WaitingCount, "waiting"}, {p.ErrorCount, "errors"}} {
		if part.n > 0 {
			text += fmt.Sprintf(" %d %s", part.n, part.what)
		}
	}
	return text
}

// count counts the seats of a pool in a state.
func (w *world) count(pool, state string) int {
	w.Helper()
	var answer struct {
		Node struct{ Seats struct{ TotalCount int } }
	}
	w.ask(`query($id: ID!, $state: SeatState) { node(id: $id) { ... on License { seats(state: $state) { totalCount } }
		... on Allotment { seats(state: $state) { totalCount } } } }`, in{"id": pool, "state": state}, &answer)
	return answer.Node.Seats.TotalCount
}

// seat reads a user's seat of a license, nil if there is none.
func (w *world) seat(license, user string) *seat {
	w.Helper()
	var answer struct {
		Node struct{ Seats struct{ Nodes []*seat } }
	}
	w.ask(`query($id: ID!) { node(id: $id) { ... on User { seats(first: 100) { nodes { license { id } `+seatFields+` } } } } }`, in{"id": user}, &answer)
	for _, s := range answer.Node.Seats.Nodes {
		if s.License.ID == license {
			return s
		}
	}
	return nil
}

// stands tells where a user stands with a license: none, ACTIVE, WAITING 3, ERROR USER_DISABLED.
func (w *world) stands(license, user string) string {
	w.Helper()
	s := w.seat(license, user)
	switch {
	case s == nil:
		return "none"
	case s.Position != nil:
		return fmt.Sprintf("%s %d", s.State, *s.Position)
	case s.State == "ERROR":
		return s.State + " " + s.Violations[0].Code
	}
	return s.State
}

// all tells where users stand, in order.
func (w *world) all(license string, users []string) string {
	w.Helper()
	var words []string
	for _, user := range users {
		words = append(words, w.stands(license, user))
	}
	return strings.Join(words, ", ")
}

// outcome writes results in order.
func outcome(results []result) string {
	words := make([]string, len(results))
	for i, r := range results {
		words[i] = r.String()
	}
	return strings.Join(words, ", ")
}

// tally counts results that are alike: 35 ACTIVE, 15 INSUFFICIENT_POOL.
func tally(results []result) string {
	counts := map[string]int{}
	for _, r := range results {
		counts[r.String()]++
	}
	var words []string
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		words = append(words, fmt.Sprintf("%d %s", counts[what], what))
	}
	return strings.Join(words, ", ")
}

// sweep lets time pass and has the service do what is due then.
func (w *world) sweep(passed time.Duration) {
	w.Helper()
	w.Clock.Advance(passed)
	if err := w.Runner.Sweep(w.Context()); err != nil {
		w.Fatal(err)
	}
}

// stock tells what the limit of a license is made of: bought, committed and beyond.
func (p pool) stock() string {
	text := fmt.Sprint(p.Quantity)
	if p.Committed > 0 {
		text += fmt.Sprintf("+%d committed", p.Committed)
	}
	if p.Overage > 0 {
		text += fmt.Sprintf("+%d", p.Overage)
	}
	if p.OverageShrinks {
		text += " shrinks"
	}
	return text
}

// day gives the day that is a number of days from the service's today.
func (w *world) day(days int) string {
	return w.Clock.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly)
}

// place places a purchase reservation.
func (w *world) place(license string, quantity int, startsOn string) payload {
	w.Helper()
	return w.do("placePurchaseReservation", in{"licenseId": license, "quantity": quantity, "startsOn": startsOn})
}

// happenings counts the events of a type.
func (w *world) happenings(kind string) int {
	w.Helper()
	var answer struct{ Events struct{ TotalCount int } }
	w.ask(`query($type: [String!]) { events(where: {typeIn: $type}) { totalCount } }`, in{"type": []string{kind}}, &answer)
	return answer.Events.TotalCount
}

// key gives the key behind an id.
func key(text string) int64 {
	parsed, err := id.Parse(text)
	if err != nil {
		panic(err)
	}
	return parsed.N
}
