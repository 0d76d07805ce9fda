package policy

import (
	"io/fs"
	"path"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/format"

	"github.com/ringfence/ringfence/policies"
)

// minCoverage is what the tests in Rego must cover of the default policy, in percent.
const minCoverage = 95

func TestRegoTestsOfTheDefaultPolicy(t *testing.T) {
	s, err := ReadFiles(policies.FS)
	if err != nil {
		t.Fatal(err)
	}
	document, problems := s.document()
	modules, more := s.parse()
	if problems = append(problems, more...); len(problems) > 0 {
		t.Fatal(problems)
	}
	coverage := cover.New()
	results, err := runTests(t.Context(), modules, document, coverage)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		t.Run(r.Name, func(t *testing.T) {
			if !r.Pass() {
				t.Errorf("%s:%d %v", r.Location.File, r.Location.Row, r.Error)
			}
		})
	}
	report := coverage.Report(withoutTests(modules))
	t.Logf("%d tests cover %.1f %% of the policy", len(results), report.Coverage)
	if report.Coverage < minCoverage {
		for name, file := range report.Files {
			for _, missed := range file.NotCovered {
				t.Logf("not covered: %s:%d-%d", name, missed.Start.Row, missed.End.Row)
			}
		}
		t.Errorf("the tests cover %.1f %% of the policy, want %d %%", report.Coverage, minCoverage)
	}
}

func TestRegoIsFormatted(t *testing.T) {
	names, err := fs.Glob(policies.FS, "*.rego")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		text, err := policies.FS.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		formatted, err := format.SourceWithOpts(path.Base(name), text, format.Opts{RegoVersion: ast.RegoV1})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if string(formatted) != string(text) {
			t.Errorf("policies/%s is not in the format of opa fmt", name)
		}
	}
}
