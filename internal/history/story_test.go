package history_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/app/apptest"
)

// in is the input of a mutation. A text that begins with $ stands for the id of the thing that was made under that name.
type in = map[string]any

// deed is something that is asked for, or, without a name, time that passes and what the service does by itself then.
type deed struct {
	name  string
	input in
	who   string
	roles []string
	makes string // what the things it makes are called
	pass  time.Duration
}

// story is a random history that is told to a service while it is made up. What was decided of it can be told again elsewhere.
type story struct {
	*teller
	t       *testing.T
	rng     *rand.Rand
	now     time.Time // about when it is
	deeds   []deed    // that are still to be told
	decided []deed
	made    map[string][]string // things by kind
	last    in                  // the allotment that was asked for last
	n       int
}

// newStory begins a story.
func newStory(t *testing.T, seed uint64, service *apptest.Service) *story {
	t.Helper()
	s := &story{t: t, teller: newTeller(service), rng: rand.New(rand.NewPCG(seed, 7)), now: service.Clock.Now(), made: map[string][]string{}}
	s.open()
	s.tellNew()
	return s
}

// tellNew tells what was made up and not told yet.
func (s *story) tellNew() {
	s.t.Helper()
	for _, d := range s.deeds {
		decided, err := s.tell(s.t.Context(), d)
		if err != nil {
			s.t.Fatal(err)
		}
		if decided {
			s.decided = append(s.decided, d)
		}
		for _, name := range strings.Fields(d.makes) {
			if s.ids[name] == "" {
				s.forget(name)
			}
		}
		if (strings.HasPrefix(d.name, "delete") || d.name == "unlicenseGroup") && s.chance(90) { // seldom, somebody asks for what is gone
			for _, value := range d.input {
				for _, name := range append(listOf(value), value) {
					if text, ok := name.(string); ok {
						s.forget(text)
					}
				}
			}
		}
	}
	s.deeds = nil
}

func listOf(value any) []any {
	list, _ := value.([]any)
	return list
}

// forget has nothing more asked about a thing.
func (s *story) forget(name string) {
	if strings.HasPrefix(name, "$") {
		kind := strings.TrimRight(name[1:], "0123456789")
		s.made[kind] = slices.DeleteFunc(s.made[kind], func(other string) bool { return other == name })
	}
}

func (s *story) name(kind string) string {
	s.n++
	name := fmt.Sprintf("$%s%d", kind, s.n)
	s.made[kind] = append(s.made[kind], name)
	return name
}

// one gives something of a kind, mostly something recent.
func (s *story) one(kind string) string {
	of := s.made[kind]
	if len(of) == 0 {
		return "$none"
	}
	if s.rng.IntN(4) > 0 && kind != "user" {
		of = of[max(0, len(of)-12):]
	}
	return of[s.rng.IntN(len(of))]
}

func (s *story) some(kind string, most int) []any {
	seen := map[string]bool{}
	for range 1 + s.rng.IntN(most) {
		seen[s.one(kind)] = true
	}
	var list []any
	for _, name := range s.made[kind] {
		if seen[name] {
			list = append(list, name)
		}
	}
	return list
}

func choose[T any](s *story, of ...T) T { return of[s.rng.IntN(len(of))] }

func (s *story) chance(percent int) bool { return s.rng.IntN(100) < percent }

func (s *story) day(from, to int) string {
	return s.now.AddDate(0, 0, from+s.rng.IntN(to-from+1)).Format(time.DateOnly)
}

// ask adds a deed of an administrator.
func (s *story) ask(name string, input in, makes ...string) {
	d := deed{name: name, input: input, who: "root@contoso.example", roles: []string{"GLOBAL_ADMIN"}}
	if len(makes) > 0 {
		d.makes = makes[0]
	}
	s.deeds = append(s.deeds, d)
}

// from puts where something comes from into an input.
func (s *story) from(input in, license string) in {
	if s.chance(60) && len(s.made["allotment"]) > 0 {
		input["allotmentId"] = s.one("allotment")
	} else {
		input["licenseId"] = license
	}
	return input
}

var places = []string{"DE", "GB", "US", "SY", "KP"}
var departments = []string{"Sales", "IT", "Board", "Legal"}

func (s *story) person(name string) in {
	return in{"userName": strings.TrimPrefix(name, "$") + "@contoso.example", "displayName": name, "department": choose(s, departments...),
		"usageLocation": choose(s, places...), "type": choose(s, "MEMBER", "MEMBER", "MEMBER", "MEMBER", "GUEST"), "enabled": s.chance(90)}
}

func (s *story) people(n int) {
	names, users := make([]string, n), make([]any, n)
	for i := range n {
		names[i] = s.name("user")
		users[i] = s.person(names[i])
	}
	s.ask("upsertUsers", in{"users": users}, strings.Join(names, " "))
}

// open makes an estate.
func (s *story) open() {
	s.ask("createVendor", in{"name": "Microsoft"}, s.name("vendor"))
	for i := range 4 {
		input := in{"vendorId": "$vendor1", "name": fmt.Sprint("Product ", i), "sku": fmt.Sprint("SKU", i), "blockedLocations": []any{"SY"}[:i%2]}
		if plan := []string{"EXCHANGE_S_STANDARD", "EXCHANGE_S_ENTERPRISE", "", ""}[i]; plan != "" {
			input["servicePlans"] = []any{in{"planId": "plan-" + plan, "name": plan}, in{"planId": fmt.Sprint("plan-", i), "name": fmt.Sprint("EXTRA_", i)}}
		}
		s.ask("createProduct", input, s.name("product"))
	}
	for range 2 {
		name := s.name("contract")
		s.ask("createContract", in{"vendorId": "$vendor1", "number": name, "name": name, "startsOn": s.day(-200, -10), "endsOn": s.day(20, 400)}, name)
	}
	for range 10 {
		s.people(20)
	}
	for range 8 {
		s.ask("addGroupMembers", in{"groupId": s.group(), "userIds": s.some("user", 80)})
	}
	for range 6 {
		s.license()
	}
}

// group makes a group and gives its name.
func (s *story) group() string {
	name := s.name("group")
	s.ask("upsertGroups", in{"groups": []any{in{"name": name}}}, name)
	return name
}

func (s *story) license() {
	s.ask("createLicense", in{"contractId": s.one("contract"), "productId": s.one("product"), "quantity": 20 + s.rng.IntN(100), "unitPrice": fmt.Sprint(10 + s.rng.IntN(500)),
		"currency": choose(s, "EUR", "USD"), "pricePer": choose(s, "MONTH", "YEAR")}, s.name("license"))
}

// act is one kind of deed; the weights say how often.
type act struct {
	weight int
	do     func(s *story)
}

var acts = []act{
	{24, func(s *story) {
		input := s.from(in{"userIds": s.some("user", 8), "whenFull": choose(s, "WAIT", "WAIT", "DENY", "DENY_ALL"), "atomic": s.chance(15)}, s.one("license"))
		s.ask("assignSeats", input)
		s.asSomebody(25)
	}},
	{16, func(s *story) {
		s.ask("unassignSeats", s.from(in{"userIds": s.some("user", 8)}, s.one("license")))
		s.asSomebody(20)
	}},
	{9, func(s *story) { s.ask("addGroupMembers", in{"groupId": s.one("group"), "userIds": s.some("user", 60)}) }},
	{8, func(s *story) {
		s.ask("removeGroupMembers", in{"groupId": s.one("group"), "userIds": s.some("user", 60)})
	}},
	{2, func(s *story) {
		s.ask(choose(s, "addGroupMembers", "removeGroupMembers"), in{"groupId": s.one("group"), "memberGroupIds": s.some("group", 1)})
	}},
	{7, func(s *story) {
		if len(s.made["grant"]) > 24 {
			s.ask("unlicenseGroup", in{"groupLicenseId": s.made["grant"][0]})
			return
		}
		s.ask("licenseGroup", s.from(in{"groupId": s.one("group"), "includeNested": s.chance(40), "allOrNothing": s.chance(60), "whenFull": choose(s, "WAIT", "WAIT", "DENY_ALL")},
			s.one("license")), s.name("grant"))
		s.asSomebody(15)
	}},
	{3, func(s *story) { s.ask("unlicenseGroup", in{"groupLicenseId": s.one("grant")}) }},
	{4, func(s *story) {
		s.ask("swapGroupLicense", s.from(in{"groupLicenseId": s.one("grant")}, s.one("license")), s.name("grant"))
	}},
	{3, func(s *story) {
		s.ask("updateGroupLicense", in{"groupLicenseId": s.one("grant"), "includeNested": s.chance(50), "allOrNothing": s.chance(50)})
	}},
	{3, func(s *story) {
		s.ask("excludeFromGroupLicense", in{"groupLicenseId": s.one("grant"), "userIds": s.some("user", 3), "endsAt": s.now.Add(time.Duration(1+s.rng.IntN(60))*time.Hour + 30*time.Minute)})
	}},
	{2, func(s *story) {
		s.ask("includeInGroupLicense", in{"groupLicenseId": s.one("grant"), "userIds": s.some("user", 3)})
	}},
	{5, func(s *story) {
		input := in{"name": s.name("share"), "limit": 1 + s.rng.IntN(60), "mode": choose(s, "RESERVED", "CEILING"), "delegateUserIds": s.some("user", 2)}
		if s.chance(30) {
			input["delegateGroupIds"] = s.some("group", 1)
		}
		if s.chance(30) {
			input["scope"] = choose(s, in{"departments": []any{"Sales", "IT"}}, in{"countries": []any{"DE", "US"}}, in{"groupIds": s.some("group", 2)})
		}
		if s.chance(50) && len(s.made["allotment"]) > 0 {
			input["parentId"] = s.one("allotment")
		} else {
			input["licenseId"] = s.one("license")
		}
		s.last = input
		s.ask("createAllotment", input, s.name("allotment"))
		s.asSomebody(30)
	}},
	{5, func(s *story) {
		input := in{"allotmentId": s.one("allotment"), "limit": s.rng.IntN(70)}
		if s.chance(20) {
			input["delegateUserIds"] = s.some("user", 3)
		}
		if s.chance(15) {
			input["scope"] = choose[any](s, nil, in{"departments": []any{"Sales", "Board"}})
		}
		s.ask("updateAllotment", input)
		s.asSomebody(15)
	}},
	{2, func(s *story) {
		input := in{"allotmentId": s.one("allotment")}
		choose(s, func() { input["moveSeatsTo"] = "PARENT" }, func() { input["releaseSeats"] = true }, func() {})()
		s.ask("deleteAllotment", input)
	}},
	{4, func(s *story) {
		input := in{"licenseId": s.one("license"), "quantity": 10 + s.rng.IntN(120)}
		if s.chance(30) {
			input["overage"] = s.rng.IntN(6)
		}
		if s.chance(15) {
			input["startsOn"], input["endsOn"] = s.day(-30, 3), s.day(4, 90)
		}
		s.ask("updateLicense", input)
	}},
	{1, func(s *story) {
		if len(s.made["license"]) < 10 { // an estate that only grows takes longer and longer to tell
			s.license()
		} else {
			s.ask("deleteLicense", in{"licenseId": s.one("license")})
		}
	}},
	{1, func(s *story) { s.ask("removeUnusedOverage", in{"licenseId": s.one("license")}) }},
	{1, func(s *story) { s.ask("removeUnusedOverage", in{"all": true}) }},
	{2, func(s *story) {
		s.ask("placePurchaseReservation", in{"licenseId": s.one("license"), "quantity": 1 + s.rng.IntN(5), "startsOn": s.day(0, 12)}, s.name("purchase"))
	}},
	{1, func(s *story) {
		s.ask("cancelPurchaseReservation", in{"purchaseReservationId": s.one("purchase"), "overrideDeadline": s.chance(30)})
	}},
	{1, func(s *story) {
		s.ask("fulfillPurchaseReservation", in{"purchaseReservationId": s.one("purchase"), "orderNumber": "PO-1"})
	}},
	{1, func(s *story) {
		s.ask("planRenewal", in{"licenseId": s.one("license"), "renewalQuantity": 5 + s.rng.IntN(20)})
	}},
	{1, func(s *story) {
		s.ask("renewContract", in{"contractId": s.one("contract"), "endsOn": s.day(100, 700), "allowOverLimit": s.chance(50)})
	}},
	{2, func(s *story) {
		s.ask("recordDeployments", in{"source": "sccm", "deployments": []any{in{"vendor": choose(s, "Microsoft", "Oracle"), "product": fmt.Sprint("App ", s.rng.IntN(5)),
			"installs": s.rng.IntN(50), "users": s.rng.IntN(50)}}}, s.name("deployment"))
	}},
	{2, func(s *story) {
		input := in{"licenseId": s.one("license"), "type": "CUSTOM_RESERVATION", "name": "purpose", "quantity": s.rng.IntN(5)}
		if s.chance(50) {
			input = in{"licenseId": s.one("license"), "type": "TRACK_DEPLOYMENT", "deploymentId": s.one("deployment"), "quantity": s.rng.IntN(4)}
		}
		s.ask("createAllocation", input, s.name("allocation"))
	}},
	{1, func(s *story) {
		s.ask("updateAllocation", in{"allocationId": s.one("allocation"), "quantity": s.rng.IntN(6)})
	}},
	{2, func(s *story) { s.ask("deleteAllocation", in{"allocationId": s.one("allocation")}) }},
	{5, func(s *story) { s.ask("upsertUsers", in{"users": []any{s.person(s.one("user"))}}) }},
	{2, func(s *story) { s.people(1) }},
	{1, func(s *story) { s.ask("deleteUsers", in{"userIds": s.some("user", 2)}) }},
	{1, func(s *story) { s.group() }},
	{1, func(s *story) {
		if len(s.made["group"]) > 5 { // without groups there would soon be little to tell
			s.ask("deleteGroup", in{"groupId": s.one("group")})
		} else {
			s.group()
		}
	}},
	{3, func(s *story) { s.ask("retrySeats", in{choose(s, "licenseId"): s.one("license")}) }},
	{1, func(s *story) {
		name := s.name("contract")
		s.ask("createContract", in{"vendorId": s.one("vendor"), "number": name, "name": name}, name)
	}},
	{1, func(s *story) {
		s.ask("updateContract", in{"contractId": s.one("contract"), "endsOn": s.day(10, 500)})
	}},
	{1, func(s *story) {
		if s.chance(30) {
			s.license()
		}
		s.ask("deleteLicense", in{"licenseId": s.one("license")})
	}},
	{1, func(s *story) {
		s.ask("createServiceToken", in{"name": s.name("service"), "purpose": "API", "roles": []any{"AUDITOR"}}, s.name("token"))
	}},
	{1, func(s *story) { s.ask("revokeServiceToken", in{"serviceTokenId": s.one("token")}) }},
	{2, func(s *story) {
		pass := time.Duration(1+s.rng.IntN(40)) * time.Hour
		s.now = s.now.Add(pass)
		s.deeds = append(s.deeds, deed{pass: pass})
	}},
}

// asSomebody has the last deed be of a user without a role, now and then: a delegate, perhaps.
func (s *story) asSomebody(percent int) {
	if s.chance(percent) {
		d := &s.deeds[len(s.deeds)-1]
		d.who, d.roles = strings.TrimPrefix(s.one("user"), "$")+"@contoso.example", nil
		if delegates := listOf(s.last["delegateUserIds"]); len(delegates) > 0 && s.chance(70) {
			text, _ := delegates[0].(string)
			d.who = strings.TrimPrefix(text, "$") + "@contoso.example"
		}
	}
}

// goOn tells more until it is enough.
func (s *story) goOn(enough func() bool) {
	s.t.Helper()
	total := 0
	for _, a := range acts {
		total += a.weight
	}
	for !enough() {
		at := s.rng.IntN(total)
		for _, a := range acts {
			if at -= a.weight; at < 0 {
				a.do(s)
				break
			}
		}
		if d := &s.deeds[len(s.deeds)-1]; d.name != "" && s.chance(4) {
			d.input["dryRun"], d.makes = true, ""
		}
		s.tellNew()
	}
}

// given is what is made by each mutation that makes something.
var given = map[string]string{
	"createVendor": "vendor { id }", "createProduct": "product { id }", "createContract": "contract { id }", "createLicense": "license { id }",
	"createAllotment": "allotment { id }", "upsertUsers": "users { id }", "upsertGroups": "groups { id }", "licenseGroup": "groupLicense { id }",
	"swapGroupLicense": "groupLicense { id }", "recordDeployments": "deployments { id }", "createAllocation": "allocation { id }",
	"placePurchaseReservation": "purchaseReservation { id }", "createServiceToken": "serviceToken { id }",
}

// teller tells a story to a service.
type teller struct {
	s   *apptest.Service
	ids map[string]string
}

func newTeller(s *apptest.Service) *teller { return &teller{s, map[string]string{}} }

// tell carries out one deed, and tells whether it was decided: that is, recorded.
func (t *teller) tell(ctx context.Context, d deed) (decided bool, err error) {
	if d.name == "" {
		t.s.Clock.Advance(d.pass)
		return true, t.s.Runner.Sweep(ctx)
	}
	input := strings.ToUpper(d.name[:1]) + d.name[1:] + "Input!"
	if strings.HasSuffix(d.name, "GroupMembers") {
		input = "GroupMembersInput!"
	}
	a, err := t.s.As(d.who, d.roles...).Try(ctx, fmt.Sprintf(`mutation($input: %s) { answer: %s(input: $input) { decision { id } %s } }`, input, d.name, given[d.name]),
		apptest.Vars{"input": t.fill(d.input)})
	if err != nil {
		return false, err
	}
	if len(a.Errors) > 0 {
		switch code := a.Errors[0].Extensions.Code; code {
		case "POLICY_DENIED", "NOT_FOUND":
			return true, nil
		case "CONFLICT", "INVALID_INPUT", "UNAUTHENTICATED":
			return false, nil
		default:
			return false, fmt.Errorf("%s %v: %s", d.name, d.input, a.Raw)
		}
	}
	if d.makes != "" {
		var data struct{ Answer map[string]json.RawMessage }
		if err := json.Unmarshal(a.Data, &data); err != nil {
			return false, err
		}
		for key, part := range data.Answer {
			if key == "decision" {
				continue
			}
			list := make([]struct{ ID string }, 1)
			if json.Unmarshal(part, &list) != nil {
				if err := json.Unmarshal(part, &list[0]); err != nil {
					return false, err
				}
			}
			for i, name := range strings.Fields(d.makes) {
				t.ids[name] = list[i].ID
			}
		}
	}
	return true, nil
}

// fill puts ids in the place of names.
func (t *teller) fill(v any) any {
	switch v := v.(type) {
	case in:
		out := in{}
		for key, part := range v {
			out[key] = part
			if key != "name" && key != "number" && key != "displayName" {
				out[key] = t.fill(part)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, part := range v {
			out[i] = t.fill(part)
		}
		return out
	case string:
		if !strings.HasPrefix(v, "$") {
			return v
		}
		if id := t.ids[v]; id != "" {
			return id
		}
		kind := strings.TrimRight(v[1:], "0123456789")
		return nouns[kind] + "_zzzzzz"
	}
	return v
}

var nouns = map[string]string{
	"vendor": "ven", "product": "prd", "contract": "con", "license": "lic", "allotment": "alt", "user": "usr", "group": "grp", "grant": "gli", "purchase": "pur",
	"deployment": "dep", "allocation": "alc", "token": "tok", "none": "alt",
}
