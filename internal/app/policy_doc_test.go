package app_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/policy/policytest"
)

// block is a block of code in docs/policy.md: its language, the file or the person it belongs to, and its text.
var block = regexp.MustCompile("(?ms)^```(\\w+)(?: ([\\w./-]+))?\n(.*?)^```$")

func policyPage(t *testing.T) [][]string {
	t.Helper()
	page, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	return block.FindAllStringSubmatch(string(page), -1)
}

// docs/policy.md is tried: its files are written, its commands run in order, and what they say is what stands there.
func TestPolicyPageCommands(t *testing.T) {
	blocks := policyPage(t)
	t.Chdir(t.TempDir())
	t.Setenv("RINGFENCE_LOG_LEVEL", "error")
	said, commands, files := "", 0, 0
	for _, b := range blocks {
		language, name, text := b[1], b[2], b[3]
		switch {
		case language == "rego":
			if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Clean(name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			files++
		case language == "sh":
			said = ""
			for command := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
				said += cli(t, strings.Fields(command)[1:]...).ok(t).stdout
				commands++
			}
		case language == "text" && said != text:
			t.Errorf("got\n%s\nand the page says\n%s", said, text)
		}
	}
	if commands < 3 || files < 2 {
		t.Errorf("%d commands and %d files were found", commands, files)
	}
}

// The requests of docs/policy.md are answered as it says, to the people it names. Only the key of a decision is another one.
func TestPolicyPageRequests(t *testing.T) {
	blocks := policyPage(t)
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		admin := s.Admin()
		for _, setup := range []string{
			`createVendor(input: {name: "Microsoft"}) { dryRun }`,
			`createContract(input: {vendorId: "ven_1", number: "EA-1", name: "Enterprise Agreement"}) { dryRun }`,
			`createProduct(input: {vendorId: "ven_1", name: "E5", sku: "SPE_E5"}) { dryRun }`,
			`createLicense(input: {contractId: "con_1", productId: "prd_1", quantity: 2000}) { dryRun }`,
			`upsertUsers(input: {users: [{userName: "tom@contoso.example"}]}) { dryRun }`,
			`createAllotment(input: {licenseId: "lic_1", name: "DE", limit: 10, delegateUserIds: ["usr_1"]}) { dryRun }`,
		} {
			admin.Do("mutation { "+setup+" }", nil, &struct{}{})
		}
		decision, requests := "", 0
		for i, b := range blocks {
			if b[1] != "graphql" || b[2] == "author" {
				continue
			}
			requests++
			roles := []string{"LICENSE_ADMIN"}
			if b[2] == "tom" {
				roles = nil
			}
			answer := s.As(b[2]+"@contoso.example", roles...).Send(strings.ReplaceAll(b[3], "dec_9", decision), nil)
			told := blocks[i+1][3]
			if len(answer.Errors) == 1 {
				decision = answer.Errors[0].Extensions.DecisionID
				told = strings.ReplaceAll(told, "dec_9", decision)
			}
			if got, want := parsed(t, brief(t, answer)), parsed(t, []byte(told)); !reflect.DeepEqual(got, want) {
				t.Errorf("%s is answered\n%v\nand the page says\n%v", b[3], got, want)
			}
		}
		if requests < 2 {
			t.Errorf("%d requests were found", requests)
		}
	}, apptest.Policies(policytest.Cooked(t, "four_eyes")))
}

// How a policy is published, as docs/policy.md says it: looked at, published for what was seen, and taken back.
func TestPolicyPagePublishing(t *testing.T) {
	blocks := policyPage(t)
	files := []map[string]string{}
	dir := policytest.Cooked(t, "soft_limit")
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, map[string]string{"path": entry.Name(), "text": string(text)})
	}
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		author := s.As("author@contoso.example", "POLICY_AUTHOR")
		revision := func() string {
			var now struct{ Policy struct{ Revision string } }
			author.Do(`{ policy { revision } }`, nil, &now)
			return now.Policy.Revision
		}
		before, flips, requests := revision(), "", 0
		for i, b := range blocks {
			if b[1] != "graphql" || b[2] != "author" {
				continue
			}
			requests++
			vars := apptest.Vars{}
			for name, value := range map[string]any{"files": files, "flips": flips, "before": before} {
				if strings.Contains(b[3], "$"+name) {
					vars[name] = value
				}
			}
			answer := author.Send(b[3], vars)
			var seen struct {
				ValidatePolicy struct{ ExpectedFlips string }
			}
			if err := json.Unmarshal(answer.Data, &seen); err == nil && seen.ValidatePolicy.ExpectedFlips != "" {
				flips = seen.ValidatePolicy.ExpectedFlips
			}
			if got, want := parsed(t, brief(t, answer)), parsed(t, []byte(strings.ReplaceAll(blocks[i+1][3], "FLIPS", flips))); !reflect.DeepEqual(got, want) {
				t.Errorf("%s is answered\n%v\nand the page says\n%v", b[3], got, want)
			}
			if published := strings.Contains(b[3], "publishPolicy"); published && revision() == before {
				t.Error("what was published does not answer")
			}
		}
		if requests != 3 || revision() != before {
			t.Errorf("%d requests were found; %s answers, before it was %s", requests, revision(), before)
		}
	})
}

// brief is what the page shows of an answer: the data, or of its error what matters there.
func brief(t *testing.T, a *apptest.Answer) []byte {
	t.Helper()
	if len(a.Errors) == 0 {
		return a.Data
	}
	type violation struct {
		Code      string `json:"code"`
		Limit     *int   `json:"limit,omitempty"`
		Requested *int   `json:"requested,omitempty"`
	}
	e := a.Errors[0].Extensions
	var violations []violation
	for _, v := range e.Violations {
		violations = append(violations, violation{v.Code, v.Limit, v.Requested})
	}
	text, err := json.Marshal(map[string]any{"code": e.Code, "decisionId": e.DecisionID, "violations": violations})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func parsed(t *testing.T, text []byte) (value any) {
	t.Helper()
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return value
}
