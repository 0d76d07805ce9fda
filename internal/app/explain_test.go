package app_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"entgo.io/ent/dialect"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/operation"
)

// types are the types of the API that tell whether the viewer may, by the nouns of their ids.
var types = map[id.Noun]string{
	id.Vendor: "Vendor", id.Product: "Product", id.Contract: "Contract", id.License: "License", id.Allotment: "Allotment", id.GroupLicense: "GroupLicense",
	id.Group: "Group", id.User: "User", id.Allocation: "Allocation", id.Purchase: "PurchaseReservation",
}

// doneTo gives the id of what a request is done to, and the type of it.
func (s *stage) doneTo(a attempt) (thing, kind string) {
	for _, key := range []string{"allotmentId", "parentId", "groupLicenseId", "licenseId", "contractId", "productId", "vendorId", "groupId", "allocationId", "purchaseReservationId"} {
		text, _ := s.named(a.input[key]).(string)
		one, err := id.Parse(text)
		if err == nil && types[one.Noun] != "" && slices.Contains(operation.DoneTo(one.Noun), a.mutation) {
			return text, types[one.Noun]
		}
	}
	if users, is := a.input["userIds"].([]string); is && a.mutation == "deleteUsers" {
		text, _ := s.named(users[0]).(string)
		return text, "User"
	}
	return "", "Viewer"
}

// unlike are requests that fail for what else they name, which a question about the one thing cannot know.
func unlike(a attempt) bool {
	return a.mutation == "swapGroupLicense" || a.mutation == "rollbackPolicy" || a.mutation == "licenseGroup" && a.input["licenseId"] != nil || a.mutation == "deleteProduct"
}

// What a button is told is what the mutation would answer: for every mutation, what it is done to, and everybody.
func TestViewerCanIsWhatTheMutationAnswers(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		agreed := 0
		for _, p := range cast {
			if p.name == "anonymous" || p.name == "dan" || p.name == "dana" {
				continue
			}
			if s.Store.Dialect() == dialect.Postgres && !slices.Contains([]string{"root", "cora", "aisha", "ursula", "lea", "hal"}, p.name) {
				continue // what is asked of the database is the same for all
			}
			for _, a := range attempts {
				if unlike(a) {
					continue
				}
				would := s.would(p.name, a)
				dry := s.outcome(s.send(s.as(p.name), s.mutation(a.mutation), in{"input": with(a.input, in{"dryRun": true})}), p.name, a.mutation)
				if would != dry {
					s.Errorf("%s, %s %v: a button is told %s, a dry run %s", p.name, a.mutation, a.input, would, dry)
				}
				agreed++
			}
		}
		if agreed < 200 {
			s.Errorf("only %d answers were compared", agreed)
		}
	})
}

// would tells what somebody is told they may do.
func (s *stage) would(who string, a attempt) string {
	s.Helper()
	thing, kind := s.doneTo(a)
	const can = `can: viewerCan(action: %q) { allowed violations { code } }`
	document, at := fmt.Sprintf(`{ viewer { `+can+` } }`, a.mutation), "viewer"
	if kind != "Viewer" {
		document, at = fmt.Sprintf(`{ node(id: %q) { ... on %s { `+can+` } } }`, thing, kind, a.mutation), "node"
	}
	got := s.ask(s.as(who), document, nil)
	if got.at(at) == nil {
		if s.forbids(who, a.mutation) { // what may be done to nothing is refused before anything is looked at
			return s.refusal(who, a.mutation)
		}
		return missing
	}
	if got.at(at, "can", "allowed") == true {
		return done
	}
	code, _ := got.at(at, "can", "violations", 0, "code").(string)
	return code
}

func (s *stage) forbids(who, action string) bool {
	s.Helper()
	actions, _ := s.ask(s.as(who), `{ viewer { actions } }`, nil).at("viewer", "actions").([]any)
	return !slices.Contains(actions, any(action))
}

func (s *stage) refusal(who, action string) string {
	s.Helper()
	for noun := range types {
		if slices.Contains(operation.DoneTo(noun), action) {
			answer := s.ask(s.as(who), `query($as: JSON!, $action: String!) { explain(action: $action, input: $as) { violations { code } } }`,
				in{"action": action, "as": s.minimal(action)})
			code, _ := answer.at("explain", "violations", 0, "code").(string)
			return code
		}
	}
	return ""
}

// minimal is the input of the first attempt at an action.
func (s *stage) minimal(action string) any {
	for _, a := range attempts {
		if a.mutation == action {
			return s.named(a.input)
		}
	}
	return in{}
}

func TestViewerCanKnowsItsActions(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		for _, action := range []string{"conquer", "", "createVendor", "deleteVendor"} {
			e := s.as("root").Fails("INVALID_INPUT", `query($id: ID!, $action: String!) { node(id: $id) { ... on Allotment { viewerCan(action: $action) { allowed } } } }`,
				s.named(in{"id": "@uk", "action": action}).(in))
			if e.Extensions.Field != "action" {
				t.Errorf("%q: %+v", action, e)
			}
		}
	})
}

const why = `query($action: String!, $input: JSON!, $as: ExplainAs) { explain(action: $action, input: $input, as: $as) {
	allowed violations { code message shortBy } error { code field }
	explanation { complete lines grants { name facts { path value } rule { file row text } } findings { code message facts { path value } rule { file row text } }
		nearMisses { grant failed { row text } facts { path value } } }
	remedies { kind text size again steps { mutation input by you user { userName } } } } }`

// situations are requests that are refused, how the stage is set for each, and the kinds of the remedies that must be offered.
var situations = []struct {
	name    string
	before  func(s *stage)
	who     string
	action  string
	input   in
	code    string
	offered []string
}{
	{name: "a full allotment", who: "root", action: "assignSeats", input: in{"allotmentId": "@empty", "userIds": []string{"@member1", "@member2"}}, code: "INSUFFICIENT_POOL",
		offered: []string{"QUEUE", "RAISE", "MOVE"}},
	{name: "a full allotment, to its delegate", who: "dora", action: "assignSeats", input: in{"allotmentId": "@empty", "userIds": []string{"@member1", "@member2"}},
		code: "INSUFFICIENT_POOL", offered: []string{"QUEUE", "RAISE"}},
	{name: "more than the parent has", who: "root", action: "createAllotment", input: in{"parentId": "@uk", "name": "big", "limit": 36}, code: "INSUFFICIENT_POOL",
		offered: []string{"CHANGE_REQUEST", "RAISE"}},
	{name: "no delegate", who: "hal", action: "assignSeats", input: in{"licenseId": "@suite", "userIds": []string{"@hal"}}, code: "ROLE_REQUIRED", offered: []string{"ASK"}},
	{name: "no delegate, as an auditor sees it", who: "aisha", action: "assignSeats", input: in{"allotmentId": "@uk", "userIds": []string{"@inside"}}, code: "READ_ONLY",
		offered: []string{"ASK", "APPOINT"}},
	{name: "outside the scope", who: "root", action: "assignSeats", input: in{"allotmentId": "@uk", "userIds": []string{"@outside2"}}, code: "OUT_OF_SCOPE",
		before:  func(s *stage) { s.user("outside2", "IT") },
		offered: []string{"CHANGE_USER"}},
	{name: "a disabled user", who: "root", action: "assignSeats", input: in{"allotmentId": "@uk", "userIds": []string{"@off"}}, code: "USER_DISABLED",
		before: func(s *stage) {
			s.user("off", "Sales")
			s.do("upsertUsers", in{"users": []in{{"userName": "off", "enabled": false}}})
		}, offered: []string{"CHANGE_USER"}},
	{name: "a disabled user who is outside the scope", who: "root", action: "assignSeats", input: in{"allotmentId": "@uk", "userIds": []string{"@gone"}}, code: "OUT_OF_SCOPE",
		before: func(s *stage) {
			s.user("gone", "IT")
			s.do("upsertUsers", in{"users": []in{{"userName": "gone", "enabled": false}}})
		}, offered: []string{"CHANGE_USER"}},
	{name: "not in effect yet", who: "root", action: "assignSeats", input: in{"allotmentId": "@later", "userIds": []string{"@inside"}}, code: "NOT_IN_EFFECT",
		before: func(s *stage) {
			s.make("later", "createAllotment", in{"parentId": "@emea", "name": "later", "limit": 2, "startsAt": "2035-01-01T00:00:00Z"})
		}, offered: []string{"CHANGE_DATES", "WAIT"}},
	{name: "a limit above the parent's", who: "root", action: "createAllotment", input: in{"parentId": "@uk", "name": "wide", "mode": "CEILING", "limit": 70}, code: "LIMIT_EXCEEDS_PARENT",
		offered: []string{"CHANGE_REQUEST", "RAISE"}},
	{name: "a scope wider than the parent's", who: "root", action: "createAllotment",
		input: in{"parentId": "@uk", "name": "wide", "limit": 1, "scope": in{"departments": []string{"Sales", "Legal"}}}, code: "SCOPE_EXCEEDS_PARENT",
		offered: []string{"CHANGE_REQUEST"}},
	{name: "a country that is barred", who: "root", action: "assignSeats", input: in{"licenseId": "@tool", "userIds": []string{"@nowhere"}}, code: "USAGE_LOCATION_NOT_ALLOWED",
		before: func(s *stage) {
			s.do("updateProduct", in{"productId": "@tool product", "blockedLocations": []string{"KP"}})
			s.user("nowhere", "Sales")
			s.do("upsertUsers", in{"users": []in{{"userName": "nowhere", "usageLocation": "KP"}}})
		}, offered: nil},
	{name: "a plan that excludes one the user has", who: "root", action: "assignSeats", input: in{"licenseId": "@mail two", "userIds": []string{"@reader"}}, code: "MUTUALLY_EXCLUSIVE",
		before: func(s *stage) {
			s.user("reader", "Sales")
			s.licenseWith("mail one", "EXCHANGE_S_STANDARD")
			s.licenseWith("mail two", "EXCHANGE_S_ENTERPRISE")
			s.do("assignSeats", in{"licenseId": "@mail one", "userIds": []string{"@reader"}})
		}, offered: []string{"CHANGE_REQUEST", "RELEASE"}},
	{name: "a plan that needs another", who: "root", action: "assignSeats", input: in{"licenseId": "@phone", "userIds": []string{"@caller"}}, code: "MISSING_DEPENDENCY",
		before: func(s *stage) {
			s.user("caller", "Sales")
			s.licenseWith("phone", "MCOEV")
			s.licenseWith("meetings", "TEAMS1")
		}, offered: []string{"CHANGE_REQUEST", "ASSIGN_FIRST"}},
	{name: "full, with a guest", who: "root", action: "assignSeats", input: in{"licenseId": "@small", "userIds": []string{"@inside"}}, code: "INSUFFICIENT_POOL",
		before: func(s *stage) {
			s.make("small", "createLicense", in{"contractId": "@contract", "productId": "@empty product", "quantity": 1})
			s.user("visitor", "Sales")
			s.do("upsertUsers", in{"users": []in{{"userName": "visitor", "type": "GUEST"}}})
			s.do("assignSeats", in{"licenseId": "@small", "userIds": []string{"@visitor"}})
		}, offered: []string{"QUEUE", "RAISE", "RELEASE"}},
	{name: "full, with somebody who has all of it elsewhere", who: "root", action: "assignSeats", input: in{"licenseId": "@twin", "userIds": []string{"@inside"}}, code: "INSUFFICIENT_POOL",
		before: func(s *stage) {
			s.make("twin", "createLicense", in{"contractId": "@contract", "productId": "@empty product", "quantity": 1})
			s.make("other twin", "createLicense", in{"contractId": "@contract", "productId": "@empty product", "quantity": 1})
			s.user("rich", "Sales")
			s.do("assignSeats", in{"licenseId": "@twin", "userIds": []string{"@rich"}})
			s.do("assignSeats", in{"licenseId": "@other twin", "userIds": []string{"@rich"}})
		}, offered: []string{"RELEASE"}},
	{name: "full, with more on the way", who: "root", action: "assignSeats", input: in{"licenseId": "@waiting", "userIds": []string{"@inside"}}, code: "INSUFFICIENT_POOL",
		before: func(s *stage) {
			s.make("waiting", "createLicense", in{"contractId": "@contract", "productId": "@empty product", "quantity": 0})
			s.do("placePurchaseReservation", in{"licenseId": "@waiting", "quantity": 5, "startsOn": soon})
		}, offered: []string{"QUEUE", "RAISE", "WAIT"}},
	{name: "a purchase too far ahead", who: "cora", action: "placePurchaseReservation", input: in{"licenseId": "@tool", "quantity": 1, "startsOn": "2099-01-01"}, code: "NOT_IN_EFFECT",
		offered: []string{"CHANGE_REQUEST"}},
}

// licenseWith makes a license of a product that has a service plan and another one.
func (s *stage) licenseWith(name, plan string) {
	s.Helper()
	s.make(name+" product", "createProduct", in{"vendorId": "@vendor", "name": name, "sku": strings.ToUpper(name),
		"servicePlans": []in{{"planId": name + " 1", "name": plan}, {"planId": name + " 2", "name": name + " two"}}})
	s.make(name, "createLicense", in{"contractId": "@contract", "productId": "@" + name + " product", "quantity": 5})
}

// What is offered works when it is really done, by whoever it says; what does not work is not offered.
func TestRemediesWork(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		for _, c := range situations {
			if c.before != nil {
				c.before(s)
			}
			got := s.ask(s.as(c.who), why, in{"action": c.action, "input": c.input}).at("explain")
			h := object(got.(map[string]any))
			if h.at("violations", 0, "code") != c.code {
				s.Errorf("%s: %v", c.name, h)
				continue
			}
			list, _ := h.at("remedies").([]any)
			var kinds []string
			for i := range list {
				kind, _ := h.at("remedies", i, "kind").(string)
				kinds = append(kinds, kind)
			}
			s.Logf("%s: %v", c.name, texts(list))
			for _, kind := range c.offered {
				if !slices.Contains(kinds, kind) {
					s.Errorf("%s: %s is not among what is offered: %v\n%v", c.name, kind, texts(list), h.at("explanation", "lines"))
				}
			}
			if c.offered == nil && len(list) > 0 {
				s.Errorf("%s: offered is %v", c.name, texts(list))
			}
			for i := range list {
				if steps, _ := h.at("remedies", i, "steps").([]any); c.before != nil && len(steps) > 0 {
					s.carryOut(h, i, c.who, c.action, c.input)
					break
				}
			}
		}
	})
}

// carryOut really does what a remedy says, and then makes the request again if it says so.
func (s *stage) carryOut(h object, at int, who, action string, input in) {
	s.Helper()
	steps, _ := h.at("remedies", at, "steps").([]any)
	for i := range steps {
		mutation, _ := h.at("remedies", at, "steps", i, "mutation").(string)
		answer := s.send(s.as("root"), s.mutation(mutation), in{"input": h.at("remedies", at, "steps", i, "input")})
		if len(answer.Errors) > 0 {
			s.Errorf("%v: %s", h.at("remedies", at), answer.Raw)
		}
	}
	if h.at("remedies", at, "again") == true {
		answer := s.send(s.as(who), s.mutation(action), in{"input": input})
		if len(answer.Errors) > 0 || s.data(answer).at("answer", "decision", "allow") != true {
			s.Errorf("after %v: %s", h.at("remedies", at), answer.Raw)
		}
	}
}

func texts(remedies []any) string {
	var all []string
	for _, r := range remedies {
		one, _ := r.(map[string]any)
		all = append(all, fmt.Sprint(one["kind"], ": ", one["text"]))
	}
	return strings.Join(all, "; ")
}

// A recorded denial is explained to whoever may see it, as far as they may see what it rests on.
func TestDecisionsAreExplained(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		refused := s.send(s.as("ursula"), s.mutation("createAllotment"), in{"input": in{"parentId": "@uk", "name": "mine", "limit": 1}})
		decision := refused.Errors[0].Extensions.DecisionID
		const document = `query($id: ID!) { node(id: $id) { ... on Decision { explanation { complete lines
			nearMisses { grant failed { file row text } facts { path value } } findings { message facts { path value } } }
			remedies { kind text steps { mutation input by you } } } } }`
		for _, who := range []string{"root", "petra", "ursula", "noel"} {
			got := s.ask(s.as(who), document, in{"id": decision})
			text := fmt.Sprint(got)
			if got.at("node", "explanation", "complete") != true {
				t.Errorf("%s: %v", who, got)
			}
			whole := who == "root" || who == "petra"
			readsPolicy := whole || who == "noel" // the text of conditions is the policy's
			if strings.Contains(text, "principal.tier") != readsPolicy || strings.Contains(text, "delegate_above = ") != (whole && who != "") && !whole {
				t.Errorf("%s is told %v", who, got)
			}
			if who == "noel" && (strings.Contains(text, "ursula") || strings.Contains(text, "The ")) {
				t.Errorf("an analyst is told %v", got)
			}
			if who == "root" {
				t.Log(got.at("node", "explanation", "lines"), got.at("node", "remedies"))
			}
		}
	})
}

// Whoever asks in the place of another sees what every decision rests on; nobody else may.
func TestExplainInThePlaceOfAnother(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		input := s.named(in{"action": "assignSeats", "input": in{"allotmentId": "@uk", "userIds": []string{"@inside"}}, "as": in{"userName": "lea"}}).(in)
		for _, who := range []string{"ursula", "noel", "hal", "cora"} {
			s.as(who).Fails("POLICY_DENIED", why, input)
		}
		got := s.ask(s.as("aisha"), why, input)
		if got.at("explain", "error", "code") != missing {
			t.Errorf("as lea, who does not see UK: %v", got)
		}
		input["as"] = in{"userName": "ursula"}
		if got := s.ask(s.as("aisha"), why, input); got.at("explain", "allowed") != true {
			t.Errorf("as ursula: %v", got)
		}
	})
}

// What is no mutation or no input of it is refused with the place of what is wrong, and nothing that is asked leaves a trace.
func TestExplainChecksItsInput(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		for _, c := range []struct {
			action, field string
			input         any
		}{
			{"conquer", "action", in{}}, {"", "action", in{}}, {"viewer", "action", in{}},
			{"assignSeats", "input", "text"}, {"assignSeats", "input", nil}, {"assignSeats", "userIds", in{"allotmentId": "alt_1"}},
			{"assignSeats", "whenFull", in{"allotmentId": "alt_1", "userIds": []string{"usr_1"}, "whenFull": "NEVER"}},
			{"assignSeats", "nonsense", in{"allotmentId": "alt_1", "userIds": []string{"usr_1"}, "nonsense": 1}},
		} {
			e := s.as("root").Fails("INVALID_INPUT", why, map[string]any{"action": c.action, "input": c.input})
			if e.Extensions.Field != c.field && !strings.HasPrefix(c.field, "input") {
				t.Errorf("%s %v: %+v", c.action, c.input, e)
			}
		}
		const counts = `{ decisions { totalCount } events { totalCount } }`
		before := fmt.Sprint(s.ask(s.as("root"), counts, nil))
		s.ask(s.as("root"), why, in{"action": "deleteAllotment", "input": in{"allotmentId": "@london"}})
		s.ask(s.as("root"), why, in{"action": "assignSeats", "input": in{"allotmentId": "@empty", "userIds": []string{"@inside", "@spare"}}})
		if after := fmt.Sprint(s.ask(s.as("root"), counts, nil)); after != before {
			t.Errorf("before %s, after %s", before, after)
		}
	})
}
