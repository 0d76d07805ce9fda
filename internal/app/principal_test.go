package app_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/internal/app/apptest"
)

// Who is nobody, or nobody any more, is told nothing: of every root field there is, with whatever roles in the token.
func TestAnonymousAndDisabledReadNothing(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		schema := s.Schema.Schema()
		for _, f := range schema.Query.Fields {
			if strings.HasPrefix(f.Name, "__") {
				continue
			}
			document := `{ ` + f.Name + ` { __typename } }`
			switch f.Name {
			case "node":
				document = `{ node(id: "` + s.ids["vendor"] + `") { __typename } }`
			case "nodes":
				document = `{ nodes(ids: ["` + s.ids["vendor"] + `"]) { __typename } }`
			case "showback":
				document = `{ showback(from: "2026-01-01", to: "2026-12-31") { __typename } }`
			case "explain":
				document = `{ explain(action: "createVendor", input: {name: "Oracle"}) { __typename } }`
			case "policyRevision":
				document = `{ policyRevision(revision: "0") { __typename } }`
			case "validatePolicy":
				document = `{ validatePolicy(files: [{path: "x.rego", text: "package x"}]) { __typename } }`
			case "replayPolicy":
				document = `{ replayPolicy(revision: "` + s.ids["revision"] + `") { __typename } }`
			}
			for _, who := range []string{"dan", "dana", "anonymous"} {
				answer := s.send(s.as(who), document, nil)
				if len(answer.Errors) != 1 || answer.Errors[0].Extensions.Code != unknown || strings.Contains(answer.Raw, "__typename") {
					t.Errorf("%s asks %s: %s", who, document, answer.Raw)
				}
			}
			if answer := s.send(s.as("root"), document, nil); len(answer.Errors) > 0 {
				t.Errorf("root asks %s: %s", document, answer.Raw)
			}
		}
		for _, introspection := range []string{`{ __schema { types { name } } }`, `{ __type(name: "User") { name } }`} {
			if answer := s.send(s.Anonymous(), introspection, nil); len(answer.Errors) == 0 || answer.Errors[0].Extensions.Code != unknown {
				t.Errorf("anonymous asks %s: %s", introspection, answer.Raw)
			}
		}
	})
}

// A token that is not one is refused for what it is, whatever is asked.
func TestBadTokens(t *testing.T) {
	s := apptest.Start(t, "sqlite")
	good := s.Token("root", "GLOBAL_ADMIN")
	for name, header := range map[string]string{
		"not a bearer":      "Basic cm9vdDpyb290",
		"no token":          "Bearer ",
		"nonsense":          "Bearer nonsense",
		"a cut signature":   "Bearer " + good[:len(good)-8],
		"other claims":      "Bearer " + strings.Split(good, ".")[0] + ".eyJzdWIiOiJyb290Iiwicm9sZXMiOlsiR0xPQkFMX0FETUlOIl19." + strings.Split(good, ".")[2],
		"no signature":      "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0.",
		"a very long token": "Bearer " + strings.Repeat("a", 60_000),
		"control":           "Bearer \x7f",
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/graphql", strings.NewReader(`{"query":"{ viewer { userName } }"}`))
		if err != nil {
			t.Fatal(err)
		}
		request.Header = http.Header{"Content-Type": {"application/json"}, "Authorization": {header}}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			if name == "control" { // the client does not even send it
				continue
			}
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: status %d", name, response.StatusCode)
		}
	}
}

// An idempotency key is the caller's own: nobody else's request finds the answer behind it, or a hint that it was used.
func TestKeysAreOnesOwn(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		for mutation, input := range map[string]in{
			"assignSeats":  {"allotmentId": "@uk", "userIds": []string{"@inside"}, "idempotencyKey": "one"},
			"retrySeats":   {"allotmentId": "@uk", "idempotencyKey": "two"},
			"licenseGroup": {"groupId": "@spare group", "allotmentId": "@uk", "idempotencyKey": "three"},
		} {
			first := s.send(s.as("ursula"), s.mutation(mutation), in{"input": input})
			again := s.send(s.as("ursula"), s.mutation(mutation), in{"input": input})
			if len(first.Errors) > 0 || decisionOf(s, first) == "" || decisionOf(s, first) != decisionOf(s, again) {
				t.Fatalf("%s\nand again\n%s", first.Raw, again.Raw)
			}
			other := with(input, in{"allotmentId": "@apac", "idempotencyKey": "another"})
			for who, want := range map[string]string{"pat": role, "aisha": readOnly, "lea": missing, "arun": missing, "oscar": missing} {
				without := s.send(s.as(who), s.mutation(mutation), in{"input": with(input, in{"idempotencyKey": nil})})
				behind := s.send(s.as(who), s.mutation(mutation), in{"input": input})
				if got := s.outcome(behind, who, mutation); got != want || changing.ReplaceAllString(behind.Raw, "") != changing.ReplaceAllString(without.Raw, "") {
					t.Errorf("%s uses ursula's key: %s\nwithout it: %s", who, behind.Raw, without.Raw)
				}
			}
			// Somebody who may do it does it anew.
			if behind := s.send(s.as("root"), s.mutation("retrySeats"), in{"input": in{"allotmentId": "@apac", "idempotencyKey": input["idempotencyKey"]}}); len(behind.Errors) > 0 {
				t.Errorf("root uses ursula's key: %s", behind.Raw)
			}
			if used := s.send(s.as("ursula"), s.mutation(mutation), in{"input": with(other, in{"idempotencyKey": input["idempotencyKey"]})}); used.Errors == nil || used.Errors[0].Extensions.Code != "IDEMPOTENCY_KEY_REUSED" {
				t.Errorf("ursula uses her key for something else: %s", used.Raw)
			}
		}
	})
}

func decisionOf(s *stage, a *apptest.Answer) string { return s.data(a).id("answer", "decision") }

// A delegate reads what happened to their allotment, but of the facts of others' requests nothing that they could not see for
// themselves: no figures of what is above, and no ids.
func TestRecordsTellDelegatesNoFacts(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		s.do("excludeFromGroupLicense", in{"groupLicenseId": "@grant", "userIds": []string{"@grouped", "@outside"}})
		s.do("updateAllotment", in{"allotmentId": "@uk", "limit": 59, "delegateUserIds": []string{"@ursula", "@pat"}})
		s.send(s.as("ursula"), s.mutation("assignSeats"), in{"input": in{"allotmentId": "@uk", "userIds": []string{"@outside"}}})
		const document = `{ decisions(first: 100) { nodes { principal input } } events(first: 100) { nodes { type data } } }`
		mine, all := s.send(s.as("ursula"), document, nil), s.send(s.as("aisha"), document, nil)
		for _, fact := range []string{`"subjects"`, `"pools"`, `"department"`, `"delegateUsers"`, `"users"`, `"groups"`} {
			if strings.Contains(mine.Raw, fact) {
				t.Errorf("a delegate reads %s: %s", fact, mine.Raw)
			}
			if !strings.Contains(all.Raw, fact) {
				t.Errorf("an auditor does not read %s: %s", fact, all.Raw)
			}
		}
		for _, told := range []string{`"limit":59`, `"action":"assignSeats"`, `"MEMBERS_EXCLUDED"`} {
			if !strings.Contains(mine.Raw, told) {
				t.Errorf("a delegate does not read %s: %s", told, mine.Raw)
			}
		}
	})
}

// An analyst reads everything but who people are, in every answer; what would tell it indirectly is refused.
func TestAnalystsReadNoNames(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		s.send(s.as("ursula"), s.mutation("assignSeats"), in{"input": in{"allotmentId": "@uk", "userIds": []string{"@outside"}, "atomic": true}})
		schema := s.Schema.Schema()
		for _, list := range rootLists(schema) {
			node := schema.Types[list.Type.Name()].Fields.ForName("nodes").Type.Name()
			answer := s.send(s.as("noel"), `{ `+list.Name+`(first: 50) { totalCount nodes `+everything(schema, node, 0)+` } }`, nil)
			if len(answer.Errors) > 0 {
				t.Errorf("%s: %s", list.Name, answer.Raw)
			}
			for _, personal := range []string{"ursula", "outside", "@contoso.example", "The ", "ext "} {
				if strings.Contains(answer.Raw, personal) {
					t.Errorf("an analyst reads %q in %s: %s", personal, list.Name, answer.Raw)
				}
			}
		}
		for _, oracle := range []string{
			`{ users(where: { userName: { eq: "ursula" } }) { totalCount } }`,
			`{ users(where: { search: "ursula" }) { totalCount } }`,
			`{ users(where: { email: { contains: "ursula" } }) { totalCount } }`,
			`{ users(orderBy: { field: USER_NAME }) { totalCount } }`,
			`{ decisions(where: { principal: { eq: "ursula" } }) { totalCount } }`,
			`{ events(where: { actor: { startsWith: "u" } }) { totalCount } }`,
		} {
			answer := s.send(s.as("noel"), oracle, nil)
			if len(answer.Errors) == 0 || answer.Errors[0].Extensions.Code != "POLICY_DENIED" {
				t.Errorf("an analyst asks %s: %s", oracle, answer.Raw)
			}
		}
	})
}
