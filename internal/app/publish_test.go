package app_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/policies"
)

// candidate is the built-in policy with a rule more, which tells it from others, and with replacements in its files: file, old, new, ….
// It has no tests, so that the gate has less to do.
func candidate(t testing.TB, name string, changes ...string) policy.Files {
	t.Helper()
	files, err := policy.ReadFiles(policies.FS)
	if err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(files, func(path, _ string) bool { return strings.HasSuffix(path, "_test.rego") })
	for i := 0; i+2 < len(changes); i += 3 {
		if !strings.Contains(files[changes[i]], changes[i+1]) {
			t.Fatalf("%s does not contain %q", changes[i], changes[i+1])
		}
		files[changes[i]] = strings.ReplaceAll(files[changes[i]], changes[i+1], changes[i+2])
	}
	files["name.rego"] = fmt.Sprintf("package name\n\nname := %q\n", name)
	return files
}

func input(files policy.Files) []in {
	list := []in{}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		list = append(list, in{"path": path, "text": files[path]})
	}
	return list
}

// Replacements that change what recorded decisions would be.
var (
	noVendors = []string{"data.json", `"createVendor": {"kind": "contracts"}`, `"createVendor": {"kind": "service"}`}
	lockedOut = []string{"grants.rego", `	kind == "policy"`, `	kind == "policies"`}
)

const (
	validatePolicy = `query($files: [PolicyFileInput!]!, $since: Time, $until: Time, $last: Int) { validatePolicy(files: $files, since: $since, until: $until, last: $last) {
		revision sound problems { file row column message } warnings tests { name passed } coverage { percent }
		flips { examined looser stricter failed otherwise groups { direction rule place action count example { id principal } } } expectedFlips } }`
	publishPolicy = `mutation($input: PublishPolicyInput!) { publishPolicy(input: $input) { dryRun decision { allow revision }
		publication { id kind revision previous author note flips { examined stricter } } validation { revision sound problems { file row message } flips { stricter } expectedFlips } } }`
	rollbackPolicy = `mutation($input: RollbackPolicyInput!) { rollbackPolicy(input: $input) { dryRun publication { id kind revision previous } validation { sound } } }`
	readPolicy     = `{ policy { revision source publishedBy note problems { file message } files { path } coverage { percent } publication { id policy { revision } }
		replicas { name revision source problems { message } } history { totalCount nodes { kind revision previous author note } } } }`
)

type validated struct {
	Revision, ExpectedFlips string
	Sound                   bool
	Problems                []struct {
		File, Message string
		Row, Column   int
	}
	Warnings []string
	Tests    []struct{ Name string }
	Flips    *struct {
		Examined, Looser, Stricter, Failed, Otherwise int
		Groups                                        []struct {
			Direction, Rule, Place, Action string
			Count                          int
			Example                        *struct{ ID, Principal string }
		}
	}
}

type published struct {
	DryRun      bool
	Publication *struct{ ID, Kind, Revision, Previous, Author, Note string }
	Validation  validated
}

type policyNow struct {
	Revision, Source, PublishedBy, Note string
	Problems                            []struct{ File, Message string }
	Publication                         *struct{ ID string }
	Replicas                            []struct{ Name, Revision, Source string }
	History                             struct {
		TotalCount int
		Nodes      []struct{ Kind, Revision, Previous, Author, Note string }
	}
}

func validate(c *apptest.Client, files policy.Files) validated {
	var out struct{ ValidatePolicy validated }
	c.Do(validatePolicy, apptest.Vars{"files": input(files)}, &out)
	return out.ValidatePolicy
}

func publish(c *apptest.Client, files policy.Files, more in) published {
	var out struct{ PublishPolicy published }
	c.Do(publishPolicy, apptest.Vars{"input": with(in{"files": input(files), "note": "because", "expectedFlips": "none@.."}, more)}, &out)
	return out.PublishPolicy
}

func refusesToPublish(c *apptest.Client, code string, files policy.Files, more in) apptest.Error {
	return c.Fails(code, publishPolicy, apptest.Vars{"input": with(in{"files": input(files), "note": "because", "expectedFlips": "none@.."}, more)})
}

func nowOf(c *apptest.Client) policyNow {
	var out struct{ Policy policyNow }
	c.Do(readPolicy, nil, &out)
	return out.Policy
}

// An author looks at what a policy would change, publishes it, and it answers at once: with a record of who and why.
func TestAPolicyIsPublished(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		admin, petra := s.Admin(), s.As("petra@contoso.example", "POLICY_AUTHOR")
		before := nowOf(admin)
		if before.Source != "embedded" || before.Publication != nil || len(before.Replicas) != 1 || before.History.TotalCount != 0 {
			t.Fatalf("before: %+v", before)
		}
		admin.Do(`mutation { createVendor(input: {name: "Oracle"}) { decision { id } } }`, nil, nil)
		files := candidate(t, "no vendors", noVendors...)
		v := validate(petra, files)
		if !v.Sound || v.Flips == nil || v.Flips.Stricter != 1 || v.Flips.Looser != 0 || len(v.Flips.Groups) != 1 || v.Flips.Groups[0].Action != "createVendor" ||
			v.Flips.Groups[0].Example == nil || v.Revision != files.Revision() {
			t.Fatalf("validation: %+v", v)
		}
		if e := refusesToPublish(petra, "CONFLICT", files, nil); e.Extensions.Field != "expectedFlips" {
			t.Errorf("flips that were not seen: %+v", e)
		}
		dry := publish(petra, files, in{"dryRun": true, "expectedFlips": nil})
		if !dry.DryRun || dry.Publication != nil || dry.Validation.Flips.Stricter != 1 || s.Policy.Revision() != before.Revision {
			t.Errorf("dry run: %+v", dry)
		}
		expect := in{"expectedFlips": v.ExpectedFlips, "expectedRevision": before.Revision, "idempotencyKey": "once"}
		first := publish(petra, files, expect)
		if p := first.Publication; p == nil || p.Kind != "PUBLISH" || p.Revision != files.Revision() || p.Previous != before.Revision || p.Author != "petra@contoso.example" || p.Note != "because" {
			t.Fatalf("published: %+v", first)
		}
		if e := admin.Fails("POLICY_DENIED", `mutation { createVendor(input: {name: "SAP"}) { decision { id } } }`, nil); e.Extensions.Revision != files.Revision() {
			t.Errorf("the next request was decided by %s, not by %s", e.Extensions.Revision, files.Revision())
		}
		if again := publish(petra, files, expect); again.Publication == nil || again.Publication.ID != first.Publication.ID {
			t.Errorf("the same key: %+v", again)
		}
		refusesToPublish(petra, "IDEMPOTENCY_KEY_REUSED", candidate(t, "other"), expect)
		refusesToPublish(petra, "CONFLICT", files, nil) // it answers already
		if e := refusesToPublish(petra, "CONFLICT", candidate(t, "other"), in{"expectedRevision": before.Revision}); e.Extensions.Field != "expectedRevision" {
			t.Errorf("another policy answers: %+v", e)
		}
		after := nowOf(s.As("aude", "AUDITOR"))
		if after.Source != "published" || after.Revision != files.Revision() || after.PublishedBy != "petra@contoso.example" || after.Note != "because" || after.History.TotalCount != 1 ||
			after.Publication == nil || after.Publication.ID != first.Publication.ID || len(after.Problems) != 0 {
			t.Errorf("after: %+v", after)
		}
		if masked := nowOf(s.As("noel", "ANALYST")); masked.PublishedBy != "" || masked.Note != "" || masked.History.Nodes[0].Author != "" {
			t.Errorf("an analyst sees who published: %+v", masked)
		}
		var events struct {
			Events struct {
				Nodes []struct {
					Actor   string
					Subject struct{ ID string }
				}
			}
			Node struct{ Revision string }
		}
		admin.Do(`query($id: ID!) { events(where: {typeIn: ["POLICY_PUBLISHED"]}) { nodes { actor subject { id } } } node(id: $id) { ... on PolicyPublication { revision } } }`,
			apptest.Vars{"id": first.Publication.ID}, &events)
		if n := events.Events.Nodes; len(n) != 1 || n[0].Subject.ID != first.Publication.ID || events.Node.Revision != files.Revision() {
			t.Errorf("events: %+v", events)
		}
		clean(t, s)
	})
}

// The way back, also for who lost the right to publish with the policy; a service that starts again answers by what was published last.
func TestAPolicyIsBroughtBack(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		admin := s.Admin()
		embedded := s.Policy.Revision()
		one := publish(admin, candidate(t, "one"), nil)
		two := publish(admin, candidate(t, "two"), nil)
		var text struct {
			PolicyRevision struct {
				Source  string
				Changes []struct{ Path, Before, After *string }
			}
		}
		admin.Do(`query($of: String!, $from: String!) { policyRevision(revision: $of) { source changes(from: $from) { path before after } } }`,
			apptest.Vars{"of": two.Publication.Revision, "from": one.Publication.Revision}, &text)
		if c := text.PolicyRevision.Changes; text.PolicyRevision.Source != "published" || len(c) != 1 || *c[0].Path != "name.rego" || !strings.Contains(*c[0].Before, "one") ||
			!strings.Contains(*c[0].After, "two") {
			t.Errorf("revision: %+v", text)
		}
		var back struct{ RollbackPolicy published }
		admin.Do(rollbackPolicy, apptest.Vars{"input": in{"revision": one.Publication.Revision, "note": "two was wrong", "dryRun": true}}, &back)
		if back.RollbackPolicy.Publication != nil || s.Policy.Revision() != two.Publication.Revision {
			t.Errorf("dry run: %+v", back)
		}
		for _, revision := range []string{one.Publication.Revision, embedded} {
			before := s.Policy.Revision()
			admin.Do(rollbackPolicy, apptest.Vars{"input": in{"revision": revision, "note": "two was wrong"}}, &back)
			if p := back.RollbackPolicy.Publication; p == nil || p.Kind != "ROLLBACK" || p.Revision != revision || p.Previous != before || s.Policy.Revision() != revision {
				t.Errorf("back to %s: %+v", revision, p)
			}
		}
		admin.Fails("NOT_FOUND", rollbackPolicy, apptest.Vars{"input": in{"revision": "nonsense", "note": "?"}})
		admin.Fails("CONFLICT", rollbackPolicy, apptest.Vars{"input": in{"revision": embedded, "note": "again"}})
		if now := nowOf(admin); now.History.TotalCount != 4 || now.History.Nodes[0].Kind != "ROLLBACK" || now.Source != "published" {
			t.Errorf("history: %+v", now.History)
		}
		clean(t, s)
	})
}

// What does not pass the gate is told by file and row, and changes nothing; neither does what nobody could take back.
func TestAPolicyThatIsRefusedChangesNothing(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		admin, before := s.Admin(), s.Policy.Revision()
		broken := candidate(t, "broken", "grants.rego", `kind == "directory"`, `kind == `)
		v := validate(admin, broken)
		if v.Sound || len(v.Problems) == 0 || v.Problems[0].File != "grants.rego" || v.Problems[0].Row < 20 || v.Flips != nil || v.ExpectedFlips != "" {
			t.Errorf("validation: %+v", v)
		}
		if e := refusesToPublish(admin, "INVALID_INPUT", broken, nil); e.Extensions.Field != "files" || !strings.Contains(e.Message, "grants.rego:") {
			t.Errorf("publishing: %+v", e)
		}
		if dry := publish(admin, broken, in{"dryRun": true}); dry.Validation.Sound || len(dry.Validation.Problems) == 0 || dry.Publication != nil {
			t.Errorf("dry run: %+v", dry)
		}
		for name, files := range map[string]policy.Files{
			"nobody could publish again": candidate(t, "locked", lockedOut...),
			"not in the menu":            candidate(t, "no menu", "visible.rego", `about.kind == "policy"`, `about.kind == "policies"`),
			"nobody is let in":           {"p.rego": "package ringfence\n\nvisible := {}\n\nmasked := {}\n\nactions := []\n\ndecision := {\"grants\": set(), \"findings\": set(), \"ceiling\": {}, \"priority\": 0}\n"},
			"everybody is let in":        candidate(t, "open", "grants.rego", `grants contains "service" if {`, "grants contains \"all\" if input.action\n\ngrants contains \"service\" if {"),
			"a test fails":               with2(candidate(t, "failing"), "x_test.rego", "package x_test\n\ntest_it if false\n"),
			"a test never ends":          with2(candidate(t, "looping"), "x_test.rego", "package x_test\n\ntest_it if {\n\tcount({[a, b, c, d] | some a in numbers.range(1, 300); some b in numbers.range(1, 300); some c in numbers.range(1, 300); some d in numbers.range(1, 300)}) == 0\n}\n"),
		} {
			refusesToPublish(admin, "INVALID_INPUT", files, nil)
			if s.Policy.Revision() != before {
				t.Fatalf("%s: it answers", name)
			}
		}
		clean(t, s)
	})
}

func with2(files policy.Files, path, text string) policy.Files {
	files[path] = text
	return files
}

// Files that are none are refused by name, before anything is made of them.
func TestFilesThatAreNone(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, "sqlite3")
	admin, before := s.Admin(), s.Policy.Revision()
	deep := strings.Repeat("[", 200_000)
	many := []in{}
	for i := range 501 {
		many = append(many, in{"path": fmt.Sprintf("p%d.rego", i), "text": "package p"})
	}
	for name, files := range map[string][]in{
		"nothing": {}, "above": {{"path": "../p.rego", "text": "package p"}}, "rooted": {{"path": "/p.rego", "text": "package p"}},
		"hidden": {{"path": ".p.rego", "text": "package p"}}, "in a hidden folder": {{"path": "a/.b/p.rego", "text": "package p"}},
		"doubled slash": {{"path": "a//p.rego", "text": "package p"}}, "dots within": {{"path": "a/../p.rego", "text": "package p"}},
		"backslash": {{"path": `..\p.rego`, "text": "package p"}}, "a NUL in the path": {{"path": "p\x00.rego", "text": "package p"}},
		"a NUL in the text": {{"path": "p.rego", "text": "package p\x00"}}, "no part of a policy": {{"path": "run.sh", "text": "exit"}},
		"data below the top": {{"path": "a/data.json", "text": "{}"}}, "twice": {{"path": "p.rego", "text": "package p"}, {"path": "p.rego", "text": "package q"}},
		"a long path": {{"path": strings.Repeat("a", 300) + ".rego", "text": "package p"}}, "no path": {{"path": "", "text": "package p"}}, "too many": many,
		"deep rego": {{"path": "p.rego", "text": "package p\n\nx := " + deep}}, "deep data": {{"path": "data.json", "text": deep}},
		"a bomb of text": {{"path": "p.rego", "text": "package p\n\n# " + strings.Repeat("x", 900_000)}},
	} {
		if e := admin.Fails("INVALID_INPUT", publishPolicy, apptest.Vars{"input": in{"files": files, "note": "n", "expectedFlips": "none@.."}}); !strings.HasPrefix(e.Extensions.Field, "files") {
			t.Errorf("%s: %+v", name, e)
		}
		answer := admin.Send(validatePolicy, apptest.Vars{"files": files})
		var out struct{ ValidatePolicy *validated }
		if json.Unmarshal(answer.Data, &out) == nil && out.ValidatePolicy != nil && out.ValidatePolicy.Sound {
			t.Errorf("%s is sound", name)
		}
	}
	for field, more := range map[string]in{
		"note": {"note": " "}, "expectedFlips": {"expectedFlips": "nonsense"},
	} {
		if e := refusesToPublish(admin, "INVALID_INPUT", candidate(t, "x"), more); e.Extensions.Field != field {
			t.Errorf("%s: %+v", field, e)
		}
	}
	if e := refusesToPublish(admin, "INVALID_INPUT", candidate(t, "x"), in{"expectedFlips": nil}); e.Extensions.Field != "expectedFlips" {
		t.Errorf("no flips: %+v", e)
	}
	if s.Policy.Revision() != before {
		t.Error("one of them answers")
	}
}

// Who sees the policy and its history, and who may look at another: neither tells the rest anything.
func TestWhoSeesPolicies(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		publication := publish(s.Admin(), candidate(t, "one"), nil).Publication
		files := apptest.Vars{"files": input(policy.Files{"p.rego": "package p\n"})}
		for _, p := range cast {
			if p.name == "anonymous" {
				continue
			}
			c := s.As(p.name, p.roles...)
			sees := slices.ContainsFunc(p.roles, func(role string) bool {
				return slices.Contains([]string{"GLOBAL_ADMIN", "LICENSE_ADMIN", "AUDITOR", "ANALYST", "POLICY_AUTHOR"}, role)
			})
			publishes := slices.Contains(p.roles, "GLOBAL_ADMIN") || slices.Contains(p.roles, "POLICY_AUTHOR")
			if sees {
				c.Do(readPolicy, nil, nil)
				c.Do(`query($r: String!) { policyRevision(revision: $r) { files { path } } }`, apptest.Vars{"r": publication.Revision}, nil)
			} else {
				c.Fails("POLICY_DENIED", readPolicy, nil)
				c.Fails("POLICY_DENIED", `query($r: String!) { policyRevision(revision: $r) { files { path } } }`, apptest.Vars{"r": publication.Revision})
				hidden, missing := c.Send(`query($id: ID!) { node(id: $id) { id } }`, apptest.Vars{"id": publication.ID}),
					c.Send(`query($id: ID!) { node(id: $id) { id } }`, apptest.Vars{"id": id.Of(id.PolicyPublication, 999).String()})
				if hidden.Raw != missing.Raw {
					t.Errorf("%s: a publication answers %s, none answers %s", p.name, hidden.Raw, missing.Raw)
				}
			}
			if publishes {
				c.Do(validatePolicy, files, nil)
			} else {
				c.Fails("POLICY_DENIED", validatePolicy, files)
			}
		}
	})
}

// Over a directory nothing is published, whoever asks, and whoever may is told why.
func TestNothingIsPublishedOverADirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFiles(t, dir, candidate(t, "deployed"))
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		before := s.Policy.Revision()
		for _, dry := range []bool{true, false} {
			if e := refusesToPublish(s.Admin(), "CONFLICT", candidate(t, "one"), in{"dryRun": dry}); !strings.Contains(e.Message, "directory") {
				t.Errorf("publishing: %+v", e)
			}
			s.Admin().Fails("CONFLICT", rollbackPolicy, apptest.Vars{"input": in{"revision": before, "note": "?", "dryRun": dry}})
		}
		refusesToPublish(s.As("lia", "LICENSE_ADMIN"), "POLICY_DENIED", candidate(t, "one"), nil)
		if now := nowOf(s.Admin()); now.Source != "directory" || now.Revision != before || now.History.TotalCount != 0 {
			t.Errorf("now: %+v", now)
		}
		if !validate(s.Admin(), candidate(t, "one")).Sound { // looking is free
			t.Error("a sound policy is not sound")
		}
	}, apptest.Policies(dir))
}

// within waits until something holds, and fails the test if it does not in time.
func within(t *testing.T, d time.Duration, what string, holds func() bool) {
	t.Helper()
	for until := time.Now().Add(d); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("not within %v: %s", d, what)
		}
	}
}

func writeFiles(t *testing.T, dir string, files policy.Files) {
	t.Helper()
	for path, text := range files {
		if err := os.WriteFile(filepath.Join(dir, path), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
