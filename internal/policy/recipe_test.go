package policy

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/format"

	"github.com/ringfence/ringfence/internal/policy/policytest"
)

// Each recipe can be put beside the default policy as it is: the gate lets it pass, the tests of the default policy hold as before,
// and its own tests try every line of it.
func TestRecipesPolicy(t *testing.T) {
	all := policytest.Recipes(t)
	if len(all) < 10 {
		t.Fatalf("%d recipes", len(all))
	}
	for _, name := range all {
		t.Run(name, func(t *testing.T) {
			files, err := ReadFiles(os.DirFS(policytest.Cooked(t, name)))
			if err != nil {
				t.Fatal(err)
			}
			checkRecipe(t, files, name)
		})
	}
}

func checkRecipe(t *testing.T, files Files, name string) {
	t.Helper()
	document, problems := files.document()
	modules, more := files.parse()
	if problems = append(problems, more...); len(problems) > 0 {
		t.Fatal(problems)
	}
	coverage := cover.New()
	results, err := runTests(t.Context(), modules, document, coverage)
	if err != nil {
		t.Fatal(err)
	}
	own := 0
	for _, r := range results {
		if !r.Pass() {
			t.Errorf("%s:%d %s %v", r.Location.File, r.Location.Row, r.Name, r.Error)
		}
		if strings.HasPrefix(r.Location.File, name) {
			own++
		}
	}
	if own == 0 {
		t.Error("the recipe has no tests")
	}
	if report := coverage.Report(modules).Files[name+".rego"]; report == nil || report.Coverage < 100 {
		t.Errorf("its tests do not cover it: %+v", report)
	}
	for file, text := range files {
		if !strings.HasPrefix(file, name) || !isModule(file) {
			continue
		}
		formatted, err := format.SourceWithOpts(file, []byte(text), format.Opts{RegoVersion: ast.RegoV1})
		if err != nil || string(formatted) != text {
			t.Errorf("%s is not in the format of opa fmt: %v\n%s", file, err, formatted)
		}
	}
	if _, problems := Build(t.Context(), files, Limits{Logger: quiet(), Timeout: DefaultTimeout * 20}); len(problems) > 0 {
		t.Error(problems)
	}
}

// All recipes go together.
func TestAllRecipesPolicy(t *testing.T) {
	files, err := ReadFiles(os.DirFS(policytest.Cooked(t, policytest.Recipes(t)...)))
	if err != nil {
		t.Fatal(err)
	}
	p, problems := Build(t.Context(), files, Limits{Logger: quiet(), Timeout: DefaultTimeout * 20})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if !slices.Equal(p.RelevantGroups(), []string{"E5 trained"}) {
		t.Errorf("the policy wants to know of the groups %v", p.RelevantGroups())
	}
	if a := p.Decide(t.Context(), assignInput()); !a.Allow || len(a.Subjects[0].Denials)+len(a.Warnings) > 0 {
		t.Errorf("%+v", a)
	}
}
