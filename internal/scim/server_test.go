package scim_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/app"
	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/policy/policytest"
)

// Who is let in: a service token for SCIM that is neither revoked nor over, and nobody else, whatever their roles.
func TestWhoIsLetIn(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		c := connect(t, s)
		good := c.token
		expired := secret(s, in{"name": "expired", "purpose": "SCIM", "expiresAt": s.Clock.Now().Add(time.Hour)})
		revoked := secret(s, in{"name": "revoked", "purpose": "SCIM"})
		var tokens struct {
			ServiceTokens struct{ Nodes []struct{ ID, Name string } }
		}
		s.Admin().Do(`{ serviceTokens { nodes { id name } } }`, nil, &tokens)
		c.mutate("revokeServiceToken", "serviceToken", in{"serviceTokenId": tokens.ServiceTokens.Nodes[0].ID})
		s.Clock.Advance(2 * time.Hour)
		api := secret(s, in{"name": "reports", "purpose": "API", "roles": []string{"GLOBAL_ADMIN", "PROVISIONER"}})
		ann := c.user("ann")
		for name, who := range map[string]struct {
			header string
			status int
		}{
			"nobody":                  {"", 401},
			"another scheme":          {"Basic cm9vdDpyb290", 401},
			"no token":                {"Bearer ", 401},
			"a token that is none":    {"Bearer nonsense", 401},
			"an unknown token":        {"Bearer rf_" + strings.Repeat("A", 43), 401},
			"an expired token":        {"Bearer " + expired, 401},
			"a revoked token":         {"Bearer " + revoked, 401},
			"a token for the API":     {"Bearer " + api, 403},
			"an administrator":        {"Bearer " + s.Token("root", "GLOBAL_ADMIN"), 403},
			"a provisioner in person": {"Bearer " + s.Token("root", "PROVISIONER"), 403},
			"the client":              {"Bearer " + good, 200},
		} {
			for _, path := range []string{"/Users", "/Users/" + ann, "/Groups", "/ServiceProviderConfig", "/Schemas", "/nowhere"} {
				header := http.Header{"Authorization": {who.header}}
				if who.header == "" {
					header = http.Header{"Authorization": nil}
				}
				status := who.status
				if path == "/nowhere" && status == 200 {
					status = 404
				}
				a := c.send(http.MethodGet, path, "", header)
				if a.status != status {
					t.Errorf("%s, %s: %d %s", name, path, a.status, a.raw)
				}
				if challenge := a.header.Get("WWW-Authenticate"); (status == 401) != strings.HasPrefix(challenge, "Bearer ") {
					t.Errorf("%s: WWW-Authenticate is %q", name, challenge)
				}
				if status != 200 && (a.body["status"] != fmt.Sprint(status) || fmt.Sprint(a.body["schemas"]) != "[urn:ietf:params:scim:api:messages:2.0:Error]") {
					t.Errorf("%s: %s", name, a.raw)
				}
			}
			if who.status != 200 {
				c.want(c.send(http.MethodPost, "/Users", `{"schemas": ["`+coreUser+`"], "userName": "mallory"}`, http.Header{"Authorization": {who.header}}).status, who.status)
			}
		}
		c.want(c.found("userName pr"), "ann")
	})
}

// A policy that takes the directory from provisioners takes it from the endpoint, and what it refused is recorded.
func TestThePolicyDecides(t *testing.T) {
	barred := apptest.Policies(policytest.Changed(t, "grants.rego", `input.principal.tier == "PROVISIONER"
	kind == "directory"`, `input.principal.tier == "PROVISIONER"
	input.action == "upsertUsers"`))
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		c := connect(t, s)
		ann := c.user("ann")
		c.want(c.refused(http.MethodDelete, "/Users/"+ann, "", nil), "403")
		c.want(c.refused(http.MethodPost, "/Groups", `{"schemas": ["`+coreGroup+`"], "displayName": "x"}`, nil), "403")
		var denied struct {
			Decisions struct{ Nodes []struct{ Action string } }
		}
		s.Admin().Do(`{ decisions(where: {allow: false}) { nodes { action } } }`, nil, &denied)
		c.want(denied.Decisions.Nodes, []in{{"Action": "upsertGroups"}, {"Action": "deleteUsers"}})
	}, barred)
}

// What a policy hides is not there.
func TestWhatThePolicyHides(t *testing.T) {
	hidden := apptest.Policies(policytest.Changed(t, "data.json", `"PROVISIONER": ["user", "group"]`, `"PROVISIONER": ["group"]`))
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		c := connect(t, s)
		ann := c.user("ann")
		c.want(c.refused(http.MethodGet, "/Users/"+ann, "", nil), "404")
		c.want(c.refused(http.MethodPatch, "/Users/"+ann, `{"schemas": ["`+patchOp+`"], "Operations": [{"op": "remove", "path": "title"}]}`, nil), "404")
		c.want(c.refused(http.MethodDelete, "/Users/"+ann, "", nil), "404")
		c.want(c.found("userName pr"), "")
		c.want(c.refused(http.MethodPost, "/Groups", `{"schemas": ["`+coreGroup+`"], "displayName": "x", "members": [{"value": "`+ann+`"}]}`, nil), "400 invalidValue")
	}, hidden)
}

func TestConditionalRequests(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		c := connect(t, s)
		ann, bob := c.user("ann"), c.user("bob")
		group := c.group("staff", ann)
		for path, change := range map[string]in{"/Users/" + ann: replaced("title", "Chief"), "/Groups/" + group: {"op": "add", "path": "members", "value": values([]string{bob})}} {
			first := c.do(http.StatusOK, http.MethodGet, path, nil)
			tag := first.header.Get("ETag")
			meta, _ := first.body["meta"].(in)
			c.want(meta["version"], tag)
			cached := c.send(http.MethodGet, path, "", http.Header{"If-None-Match": {`W/"other", ` + tag}})
			c.want([]any{cached.status, cached.raw, cached.header.Get("ETag")}, []any{304, "", tag})
			c.patched(path, change)
			c.want(c.send(http.MethodGet, path, "", http.Header{"If-None-Match": {tag}}).status, 200)
			body := `{"schemas": ["` + patchOp + `"], "Operations": [{"op": "replace", "path": "externalId", "value": "x` + path + `"}]}`
			put := `{"schemas": ["` + coreUser + `", "` + coreGroup + `"], "userName": "other", "displayName": "other"}`
			for _, method := range []string{http.MethodPatch, http.MethodPut, http.MethodDelete} {
				text := map[string]string{http.MethodPatch: body, http.MethodPut: put}[method]
				c.want(c.refused(method, path, text, http.Header{"If-Match": {tag}}), "412")
				c.want(c.refused(method, path, text, http.Header{"If-Match": {`W/"nonsense"`}}), "412")
			}
			now := c.do(http.StatusOK, http.MethodGet, path, nil)
			if now.header.Get("ETag") == tag || now.body["externalId"] != nil {
				t.Errorf("it was changed: %s", now.raw)
			}
			changed := c.send(http.MethodPatch, path, body, http.Header{"If-Match": {now.header.Get("ETag")}})
			if changed.status >= 300 {
				t.Errorf("%s: %d %s", path, changed.status, changed.raw)
			}
			same := c.patched(path, replaced("externalId", "x"+path)) // what changes nothing is no new version
			c.want(same.header.Get("ETag"), changed.header.Get("ETag"))
			c.want(c.send(http.MethodPatch, path, body, http.Header{"If-Match": {"*"}}).status < 300, true)
			c.want(c.send(http.MethodDelete, path, "", http.Header{"If-Match": {same.header.Get("ETag")}}).status, 204)
		}
	})
}

// Changes of parts of one user at the same time are all there in the end.
func TestConcurrentChangesOfOneUser(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		c := connect(t, s)
		ann := c.user("ann")
		const n = 24
		var group sync.WaitGroup
		for i := range n {
			group.Go(func() {
				a := c.patch("/Users/"+ann, in{"op": "add", "path": "entitlements", "value": []in{{"value": fmt.Sprint("part ", i)}}})
				if a.status != http.StatusOK {
					t.Errorf("%d %s", a.status, a.raw)
				}
			})
		}
		group.Wait()
		shown := c.do(http.StatusOK, http.MethodGet, "/Users/"+ann, nil)
		list, _ := shown.body["entitlements"].([]any)
		c.want(len(list), n)
	})
}

// One user made by many at once is made once.
func TestOneUserMadeByManyAtOnce(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		c := connect(t, s)
		var mu sync.Mutex
		answers := map[int]int{}
		var group sync.WaitGroup
		for range 16 {
			group.Go(func() {
				a := c.send(http.MethodPost, "/Users", `{"schemas": ["`+coreUser+`"], "userName": "ann", "externalId": "e"}`, nil)
				mu.Lock()
				defer mu.Unlock()
				answers[a.status]++
				if a.status == 409 && a.body["scimType"] != "uniqueness" {
					t.Error(a.raw)
				}
			})
		}
		group.Wait()
		c.want(answers, map[int]int{201: 1, 409: 15})
		head := c.send(http.MethodHead, "/Users?filter=userName%20eq%20%22ann%22", "", nil)
		c.want([]any{head.status, head.raw}, []any{200, ""})
	})
}

func TestLimitsOfRequests(t *testing.T) {
	s := apptest.Start(t, "sqlite")
	c := connect(t, s)
	large := `{"schemas": ["` + coreUser + `"], "userName": "x", "title": "` + strings.Repeat("x", 1<<20) + `"}`
	c.want(c.refused(http.MethodPost, "/Users", large, nil), "413")
	c.want(c.refused(http.MethodPost, "/Users", `{"schemas": ["`+coreUser+`"], "userName": "x", "title": "`+strings.Repeat("x", 70<<10)+`"}`, nil), "400 invalidValue")
	deep := strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000)
	c.want(c.refused(http.MethodPost, "/Users", deep, nil), "400 invalidSyntax")
	c.want(c.refused(http.MethodPost, "/Users", "{\"schemas\": [\"\xff\"]}", nil), "400 invalidSyntax")
	begin := time.Now()
	for _, filter := range []string{strings.Repeat("(", 16000), strings.Repeat("not(", 4000), strings.Repeat("emails[", 2000), `userName eq "` + strings.Repeat(`\"`, 7000)} {
		c.want(c.send(http.MethodPost, "/Users/.search", fmt.Sprintf(`{"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": %q}`, filter), nil).status, 400)
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("hostile filters took %v", took)
	}
}

func TestTheRateIsThatOfTheService(t *testing.T) {
	s := apptest.Start(t, "sqlite", func(c *app.Config) { c.Rate = 1 })
	c := connect(t, s)
	statuses := map[int]int{}
	for range 5 {
		a := c.send(http.MethodGet, "/Users", "", nil)
		statuses[a.status]++
		if a.status == 429 && (a.header.Get("Retry-After") == "" || a.body["status"] != "429") {
			t.Error(a.raw, a.header)
		}
	}
	if statuses[200] == 0 || statuses[429] == 0 {
		t.Error(statuses)
	}
}
