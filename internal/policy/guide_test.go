package policy

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/internal/policy/policytest"
	"github.com/ringfence/ringfence/policies"
)

const guidePage = "../../docs/policy.md"

// The tables of docs/policy.md are those of the schema and of the shape of the answer. UPDATE_DOCS=1 writes them; `make generate` does.
func TestGuideTables(t *testing.T) {
	text, err := os.ReadFile(guidePage)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	page = between(t, page, "finding", findingTable(t))
	page = between(t, page, "input", inputTable(t))
	if page == string(text) {
		return
	}
	if os.Getenv("UPDATE_DOCS") == "" {
		t.Fatal("the tables of docs/policy.md are not those of the schema: UPDATE_DOCS=1 go test -run GuideTables ./internal/policy")
	}
	if err := os.WriteFile(guidePage, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
}

// between puts a table between its marks.
func between(t *testing.T, page, name, table string) string {
	t.Helper()
	begin := "<!-- " + name + ": written by the test of this page -->\n"
	_, after, found := strings.Cut(page, begin)
	_, rest, ended := strings.Cut(after, "<!-- end -->")
	if !found || !ended {
		t.Fatalf("docs/policy.md has no place for %s", name)
	}
	return page[:len(page)-len(after)] + table + "<!-- end -->" + rest
}

// findingNotes say what the keys of a finding are.
var findingNotes = []struct{ key, note string }{
	{"code", "for machines: capitals and underscores. Those of Ringfence are in use, yours are free"},
	{"message", "for people, a sentence"},
	{"effect", "`deny`, `error`, `warn` or `dryrun`; without it, `deny`"},
	{"subject", "index into `input.subjects`; without it the finding is about the whole request"},
	{"pool", "an `id` of `input.pools`"},
	{"field", "the field of the mutation's input that is at fault"},
	{"limit", "whole number"},
	{"used", "whole number"},
	{"requested", "whole number"},
	{"available", "whole number"},
	{"short_by", "whole number"},
}

func findingTable(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("\n| key | | what it is |\n|---|---|---|\n")
	for _, row := range findingNotes {
		must, known := findingKeys[row.key]
		if !known {
			t.Errorf("a finding has no %q", row.key)
		}
		need := ""
		if must {
			need = "needed"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", row.key, need, row.note)
	}
	if len(findingNotes) != len(findingKeys) {
		t.Errorf("%d of %d keys of a finding are described", len(findingNotes), len(findingKeys))
	}
	return b.String() + "\n"
}

// property is a part of the schema, its own properties in the order in which they stand there.
type property struct {
	Description string
	Type        string
	Ref         string `json:"$ref"`
	Enum        []string
	Items       *property
	Properties  ordered
	Definitions map[string]*property
}

type ordered struct {
	names []string
	of    map[string]*property
}

func (o *ordered) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, &o.of); err != nil {
		return err
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	if _, err := decoder.Token(); err != nil {
		return err
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return err
		}
		o.names = append(o.names, fmt.Sprint(name))
		var skipped json.RawMessage
		if err := decoder.Decode(&skipped); err != nil {
			return err
		}
	}
	return nil
}

func inputTable(t *testing.T) string {
	t.Helper()
	var root property
	if err := json.Unmarshal(policies.InputSchema, &root); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("\n| `input.` | type | what it is |\n|---|---|---|\n")
	rows(t, &b, &root, "")
	scope := root.Definitions["scope"]
	fmt.Fprintf(&b, "\nA `scope` names whom an allotment may serve:\n\n| in a scope | type | %s |\n|---|---|---|\n", scope.Description)
	rows(t, &b, scope, "")
	return b.String() + "\n"
}

// rows writes a row for each property, and for those inside it.
func rows(t *testing.T, b *strings.Builder, in *property, prefix string) {
	t.Helper()
	for _, name := range in.Properties.names {
		p := in.Properties.of[name]
		if p.Description == "" {
			t.Errorf("%s%s has no description in policies/schemas/input.json", prefix, name)
		}
		kind, inside, path := p.Type, p, prefix+name
		if p.Items != nil {
			kind, inside, path = "list of "+p.Items.Type+"s", p.Items, path+"[]"
		}
		if p.Ref != "" {
			kind = "scope"
		}
		note := p.Description
		if len(p.Enum) > 0 {
			note += " One of `" + strings.Join(p.Enum, "`, `") + "`."
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", path, kind, note)
		rows(t, b, inside, path+".")
	}
}

// The page tells of every recipe, and of no other.
func TestGuideNamesTheRecipes(t *testing.T) {
	text, err := os.ReadFile(guidePage)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, row := range regexp.MustCompile(`(?m)^\| \[(\w+)\]\(recipes/(\w+)\)`).FindAllStringSubmatch(string(text), -1) {
		if row[1] != row[2] {
			t.Errorf("%s leads to %s", row[1], row[2])
		}
		told = append(told, row[1])
	}
	slices.Sort(told)
	if want := policytest.Recipes(t); !slices.Equal(told, want) {
		t.Errorf("the page tells of %v, there are %v", told, want)
	}
}

// The price list has a row for each construct that is measured.
func TestGuidePrices(t *testing.T) {
	text, err := os.ReadFile(guidePage)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range constructs {
		if !strings.Contains(string(text), "\n| "+c.name+" | ") {
			t.Errorf("the price of %q is missing", c.name)
		}
	}
}
