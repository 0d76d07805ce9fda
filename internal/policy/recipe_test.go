package policy

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

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
	_, report := Check(t.Context(), files, Limits{Logger: quiet(), Timeout: DefaultTimeout * 20}, Look{Format: true, Coverage: true, Deadline: time.Minute})
	for _, problem := range report.Problems {
		t.Error(problem)
	}
	if !slices.ContainsFunc(report.Tests, func(test Test) bool { return strings.HasPrefix(test.At.File, name) }) {
		t.Error("the recipe has no tests")
	}
	if report.Coverage == nil {
		t.Fatal("it was not tested")
	}
	for _, file := range report.Coverage.Files {
		if file.File == name+".rego" && file.Percent < 100 {
			t.Errorf("its tests do not run the lines %v", file.Missed)
		}
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
