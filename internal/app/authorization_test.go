package app_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/policy/policytest"
)

// What may become of a request, beside the codes of violations.
const (
	done     = "done"
	missing  = "NOT_FOUND"
	unknown  = "UNAUTHENTICATED"
	role     = "ROLE_REQUIRED"
	foreign  = "NOT_DELEGATED"
	readOnly = "READ_ONLY"
)

// outcomes are what becomes of a request, by who makes it.
type outcomes map[string]string

// unless is what becomes of a request of those who are not named: nobody may, for the reasons everybody has.
func unless(named outcomes) outcomes {
	all := outcomes{}
	for _, p := range cast {
		all[p.name] = role
	}
	all["aisha"], all["noel"] = readOnly, readOnly
	all["dan"], all["dana"], all["anonymous"] = unknown, unknown, unknown
	maps.Copy(all, outcomes{"root": done, "liam": done, "max": done})
	maps.Copy(all, named)
	return all
}

// delegates is what becomes of the requests of delegates, in the order: of UK, of EMEA above it, of London below it, of APAC
// beside it, of the tool, of UK and the tool. Of those who see everything, aude is a delegate of UK and otto of the tool: where they
// may not, they are told so.
func delegates(uk, emea, london, apac, tool, both string) outcomes {
	o := outcomes{"ursula": uk, "gina": uk, "dora": emea, "lea": london, "arun": apac, "oscar": tool, "bea": both}
	o["aude"], o["otto"] = toldOf(uk), toldOf(tool)
	return o
}

func toldOf(outcome string) string {
	if outcome == missing {
		return foreign
	}
	return outcome
}

func (o outcomes) and(more outcomes) outcomes {
	all := maps.Clone(o)
	maps.Copy(all, more)
	return all
}

// attempt is a request and what becomes of it.
type attempt struct {
	mutation string
	input    in
	want     outcomes
}

var (
	administrators = unless(nil)
	contracts      = unless(outcomes{"cora": done})

	authors = unless(outcomes{"petra": done, "liam": role, "max": role})

	ofUK      = unless(delegates(done, done, missing, missing, missing, done))
	ofLondon  = unless(delegates(done, done, done, missing, missing, done))
	ofAPAC    = unless(delegates(missing, missing, missing, done, missing, missing))
	ofLicense = unless(delegates(foreign, foreign, foreign, foreign, missing, foreign))
	ofBoth    = unless(delegates(missing, missing, missing, missing, missing, done))
	ofNeither = unless(delegates(missing, missing, missing, missing, missing, missing))
)

// attempts are at least one of each mutation, and one for each kind of thing it can be about.
var attempts = []attempt{
	{"createVendor", in{"name": "Oracle"}, contracts},
	{"deleteVendor", in{"vendorId": "@empty vendor"}, contracts},
	{"createProduct", in{"vendorId": "@vendor", "name": "New"}, contracts},
	{"updateProduct", in{"productId": "@suite product", "name": "Other"}, contracts},
	{"deleteProduct", in{"productId": "@empty product"}, nil}, // has a license; see below
	{"createContract", in{"vendorId": "@vendor", "number": "N", "name": "N"}, contracts},
	{"updateContract", in{"contractId": "@contract", "name": "Other"}, contracts},
	{"deleteContract", in{"contractId": "@empty contract"}, contracts},
	{"createLicense", in{"contractId": "@contract", "productId": "@tool product", "quantity": 1}, contracts},
	{"updateLicense", in{"licenseId": "@suite", "quantity": 301}, contracts},
	{"deleteLicense", in{"licenseId": "@empty license"}, contracts},

	{"recordDeployments", in{"source": "scan", "deployments": []in{{"vendor": "Microsoft", "product": "Office", "users": 3}}}, contracts},
	{"createAllocation", in{"licenseId": "@tool", "type": "TRACK_DEPLOYMENT", "vendorId": "@vendor", "deploymentId": "@deployment", "quantity": 1}, contracts},
	{"updateAllocation", in{"allocationId": "@allocation", "quantity": 2}, contracts},
	{"deleteAllocation", in{"allocationId": "@allocation"}, contracts},

	{"removeUnusedOverage", in{"licenseId": "@suite"}, contracts},
	{"removeUnusedOverage", in{"all": true}, contracts},
	{"placePurchaseReservation", in{"licenseId": "@suite", "quantity": 1, "startsOn": soon}, contracts},
	{"cancelPurchaseReservation", in{"purchaseReservationId": "@purchase"}, contracts},
	{"fulfillPurchaseReservation", in{"purchaseReservationId": "@purchase", "orderNumber": "PO-1"}, contracts},
	{"planRenewal", in{"licenseId": "@suite", "renewalQuantity": 1}, contracts},
	{"renewContract", in{"contractId": "@empty contract", "endsOn": "2031-12-31"}, contracts},

	{"upsertUsers", in{"users": []in{{"userName": "new"}}}, administrators},
	{"upsertUsers", in{"users": []in{{"userName": "pat", "department": "Sales"}}}, administrators},
	{"deleteUsers", in{"userIds": []string{"@spare"}}, administrators},
	{"upsertGroups", in{"groups": []in{{"name": "new"}}}, administrators},
	{"deleteGroup", in{"groupId": "@nested group"}, administrators},
	{"addGroupMembers", in{"groupId": "@sales", "userIds": []string{"@spare"}}, administrators},
	{"addGroupMembers", in{"groupId": "@team", "memberGroupIds": []string{"@nested group"}}, administrators},
	{"removeGroupMembers", in{"groupId": "@sales", "userIds": []string{"@grouped"}}, administrators},

	{"createServiceToken", in{"name": "new service", "purpose": "API", "roles": []string{"AUDITOR"}}, administrators},
	{"revokeServiceToken", in{"serviceTokenId": "@token"}, administrators},

	{"publishPolicy", in{"files": []in{{"path": "p.rego", "text": "package p"}}, "note": "new", "expectedFlips": "none@.."}, authors},
	{"startPolicyTrial", in{"revision": "@revision", "share": 1}, authors},
	{"stopPolicyTrial", in{"policyTrialId": "@trial"}, authors},
	{"rollbackPolicy", in{"revision": "0123456789abcdef", "note": "old"}, authors.and(outcomes{"root": missing, "petra": missing})},

	{"createAllotment", in{"licenseId": "@suite", "name": "new", "limit": 1}, administrators},
	{"createAllotment", in{"parentId": "@uk", "name": "new", "limit": 1}, administrators},
	{"updateAllotment", in{"allotmentId": "@uk", "limit": 59}, administrators},
	{"updateAllotment", in{"allotmentId": "@uk", "delegateUserIds": []string{"@pat"}}, administrators},
	{"deleteAllotment", in{"allotmentId": "@london"}, administrators},
	{"deleteAllotment", in{"allotmentId": "@empty", "moveSeatsTo": "PARENT"}, administrators},

	{"assignSeats", in{"allotmentId": "@uk", "userIds": []string{"@inside"}}, ofUK},
	{"assignSeats", in{"allotmentId": "@uk", "userIds": []string{"@inside"}, "atomic": true}, ofUK},
	{"assignSeats", in{"allotmentId": "@london", "userIds": []string{"@member1"}}, ofLondon},
	{"assignSeats", in{"allotmentId": "@apac", "userIds": []string{"@far"}}, ofAPAC},
	{"assignSeats", in{"licenseId": "@suite", "userIds": []string{"@member2"}}, ofLicense},
	{"unassignSeats", in{"allotmentId": "@uk", "userIds": []string{"@spare"}}, ofUK},
	{"unassignSeats", in{"allotmentId": "@apac", "userIds": []string{"@spare"}}, ofAPAC},
	{"unassignSeats", in{"licenseId": "@suite", "userIds": []string{"@spare"}}, ofLicense},
	{"retrySeats", in{"allotmentId": "@uk"}, ofUK},
	{"retrySeats", in{"allotmentId": "@london"}, ofLondon},
	{"retrySeats", in{"licenseId": "@suite"}, ofLicense},
	{"retrySeats", in{"groupLicenseId": "@grant"}, ofUK},
	{"licenseGroup", in{"groupId": "@spare group", "allotmentId": "@uk"}, ofUK},
	{"licenseGroup", in{"groupId": "@spare group", "licenseId": "@suite"}, ofLicense.and(outcomes{"arun": missing})}, // arun does not see the group
	{"updateGroupLicense", in{"groupLicenseId": "@grant", "includeNested": true}, ofUK},
	{"updateGroupLicense", in{"groupLicenseId": "@hidden grant", "includeNested": true}, ofAPAC},
	{"unlicenseGroup", in{"groupLicenseId": "@grant"}, ofUK},
	{"unlicenseGroup", in{"groupLicenseId": "@hidden grant"}, ofAPAC},
	{"excludeFromGroupLicense", in{"groupLicenseId": "@grant", "userIds": []string{"@grouped"}}, ofUK},
	{"includeInGroupLicense", in{"groupLicenseId": "@grant", "userIds": []string{"@grouped"}}, ofUK},
	{"excludeFromGroupLicense", in{"groupLicenseId": "@hidden grant", "userIds": []string{"@far"}}, ofAPAC},

	// A swap needs rights on what goes and on what comes.
	{"swapGroupLicense", in{"groupLicenseId": "@grant", "allotmentId": "@tools"}, ofBoth},
	{"swapGroupLicense", in{"groupLicenseId": "@hidden grant", "allotmentId": "@tools"}, ofNeither},
	{"swapGroupLicense", in{"groupLicenseId": "@grant", "licenseId": "@tool"}, ofBoth.and(outcomes{"bea": foreign})},
}

// Who may do what, for every mutation there is. What is refused changes nothing, and is recorded as what it was.
func TestWhoMayDoWhat(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		census(s)
		s.do("deleteLicense", in{"licenseId": "@empty license"})
		for _, a := range attempts {
			if a.mutation == "deleteProduct" {
				a.want = contracts
			}
			if a.mutation == "deleteLicense" {
				s.make("empty license", "createLicense", in{"contractId": "@contract", "productId": "@tool product", "quantity": 1})
			}
			s.try(a)
		}
	})
}

// With the setting, delegates divide what they have: below it, but neither it itself nor what is beside it.
func TestDelegatesMayDelegate(t *testing.T) {
	policies := apptest.Policies(policytest.Changed(t, "data.json", `"subdelegate": false`, `"subdelegate": true`))
	each(t, func(t *testing.T, s *stage) {
		ofEMEA := unless(delegates(foreign, done, missing, missing, missing, foreign))
		for _, a := range []attempt{
			{"createAllotment", in{"parentId": "@uk", "name": "new", "limit": 1}, ofUK},
			{"createAllotment", in{"parentId": "@london", "name": "new", "limit": 1}, ofLondon},
			{"createAllotment", in{"parentId": "@apac", "name": "new", "limit": 1}, ofAPAC},
			{"createAllotment", in{"licenseId": "@suite", "name": "new", "limit": 1}, ofLicense},
			{"updateAllotment", in{"allotmentId": "@uk", "limit": 59}, ofEMEA},
			{"updateAllotment", in{"allotmentId": "@uk", "scope": in{"departments": []string{"Sales"}}, "delegateUserIds": []string{}}, ofEMEA},
			{"updateAllotment", in{"allotmentId": "@london", "name": "Greater London"}, ofUK.and(outcomes{"lea": foreign})},
			{"deleteAllotment", in{"allotmentId": "@london"}, ofUK.and(outcomes{"lea": foreign})},
			{"deleteAllotment", in{"allotmentId": "@empty"}, unless(delegates(missing, done, missing, missing, missing, missing))},
			{"assignSeats", in{"allotmentId": "@apac", "userIds": []string{"@far"}}, ofAPAC},
			{"updateLicense", in{"licenseId": "@suite", "quantity": 1000}, contracts},
		} {
			s.try(a)
		}
	}, policies)
}

// each runs a test on a stage of each database.
func each(t *testing.T, run func(t *testing.T, s *stage), options ...apptest.Option) {
	t.Helper()
	t.Parallel()
	apptest.Each(t, func(t *testing.T, service *apptest.Service) { run(t, set(t, service)) }, options...)
}

// census fails unless every mutation is attempted.
func census(s *stage) {
	s.Helper()
	tried := map[string]bool{}
	for _, a := range attempts {
		tried[a.mutation] = true
	}
	for _, field := range s.Schema.Schema().Mutation.Fields {
		if !tried[field.Name] {
			s.Errorf("nobody tries %s", field.Name)
		}
	}
}

// combined are the requests that share transactions unless they are dry runs; doing them again changes nothing.
var combined = []string{"assignSeats", "unassignSeats"}

// try makes a request as everybody of the cast. Those who may make it as a dry run, so that all find the same.
func (s *stage) try(a attempt) {
	s.Helper()
	before := s.events()
	for _, p := range cast {
		want, dry := a.want[p.name], a.want[p.name] == done
		document := s.mutation(a.mutation)
		answer := s.send(s.as(p.name), document, in{"input": with(a.input, in{"dryRun": dry})})
		if got := s.outcome(answer, p.name, a.mutation); got != want {
			s.Errorf("%s, %s %v: %s, want %s\n%s", p.name, a.mutation, a.input, got, want, answer.Raw)
		}
		if !dry && slices.Contains(combined, a.mutation) {
			answer := s.send(s.as(p.name), document, in{"input": with(a.input, in{"dryRun": true})})
			if got := s.outcome(answer, p.name, a.mutation); got != want {
				s.Errorf("%s, dry run of %s %v: %s, want %s", p.name, a.mutation, a.input, got, want)
			}
		}
	}
	if after := s.events(); after != before {
		s.Errorf("%s %v: %v events happened", a.mutation, a.input, after-before)
	}
	if !slices.Contains(combined, a.mutation) {
		return
	}
	for _, p := range cast {
		if a.want[p.name] == done {
			answer := s.send(s.as(p.name), s.mutation(a.mutation), in{"input": a.input})
			if got := s.outcome(answer, p.name, a.mutation); got != done {
				s.Errorf("%s, %s %v: %s\n%s", p.name, a.mutation, a.input, got, answer.Raw)
			}
		}
	}
}

func (s *stage) events() float64 {
	s.Helper()
	n, _ := s.ask(s.Admin(), `{ events { totalCount } }`, nil).at("events", "totalCount").(float64)
	return n
}

// outcome tells what became of a request, and checks what is recorded of it.
func (s *stage) outcome(a *apptest.Answer, who, mutation string) string {
	s.Helper()
	if len(a.Errors) == 0 {
		s.recorded(s.data(a).id("answer", "decision"), who, mutation, done)
		return done
	}
	e := a.Errors[0]
	if e.Extensions.Code != "POLICY_DENIED" {
		return e.Extensions.Code
	}
	if len(e.Extensions.Violations) != 1 || e.Extensions.Revision == "" {
		s.Errorf("%s, %s: %s", who, mutation, a.Raw)
		return e.Message
	}
	code := e.Extensions.Violations[0].Code
	s.recorded(e.Extensions.DecisionID, who, mutation, code)
	return code
}

// recorded checks a decision against what the caller was told.
func (s *stage) recorded(decision, who, mutation, outcome string) {
	s.Helper()
	var answer struct {
		Node struct {
			Principal, Action string
			Allow             bool
			Violations        []struct{ Code string }
		}
	}
	s.Admin().Do(`query($id: ID!) { node(id: $id) { ... on Decision { principal action allow violations { code } } } }`, apptest.Vars{"id": decision}, &answer)
	got := answer.Node
	if got.Principal != who || got.Action != mutation || got.Allow != (outcome == done) {
		s.Errorf("%s, %s: %s is recorded as %+v", who, mutation, outcome, got)
	}
	if outcome != done && (len(got.Violations) != 1 || got.Violations[0].Code != outcome) {
		s.Errorf("%s, %s: %s is recorded with %+v", who, mutation, outcome, got.Violations)
	}
}
