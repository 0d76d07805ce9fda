package policy

import (
	"io/fs"
	"path"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"

	"github.com/ringfence/ringfence/policies"
)

// minCoverage is what the tests in Rego must cover of the default policy, in percent.
const minCoverage = 100

func TestRegoTestsOfTheDefaultPolicy(t *testing.T) {
	s, err := ReadFiles(policies.FS)
	if err != nil {
		t.Fatal(err)
	}
	_, report := Check(t.Context(), s, Limits{Logger: quiet()}, Look{Coverage: true, Deadline: time.Minute})
	for _, p := range report.Problems {
		t.Error(p)
	}
	for _, r := range report.Tests {
		t.Run(r.Name, func(t *testing.T) {
			if !r.Passed {
				t.Errorf("%s:%d", r.At.File, r.At.Row)
			}
		})
	}
	t.Logf("%d tests cover %.1f %% of the policy", len(report.Tests), report.Coverage.Percent)
	if report.Coverage.Percent < minCoverage {
		for _, file := range report.Coverage.Files {
			t.Logf("not covered: %s: %v", file.File, file.Missed)
		}
		t.Errorf("the tests cover %.1f %% of the policy, want %d %%", report.Coverage.Percent, minCoverage)
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
