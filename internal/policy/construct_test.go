package policy

import (
	"encoding/json"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringfence/ringfence/policies"
)

// constructs are ways to write a rule, each the body of a finding that is never found. What one costs is what a decision takes longer
// with it, beside the default policy: the price list of docs/policy.md.
var constructs = []struct {
	name, body string
	more       string // other rules it needs
}{
	{name: "a rule for another action", body: `input.action == "createVendor"`},
	{name: "an equality that does not hold", body: `input.license.product_kind == "PERPETUAL"`},
	{name: "input in a set of constants", body: `input.license.product_kind in {"PERPETUAL", "STORE_APP"}`},
	{name: "a comparison of numbers", body: `input.license.quantity < 0`},
	{name: "a setting by its name", body: `data.settings.purchases.warned_days < 0`},
	{name: "a setting by a key of the input", body: `data.extra.by_sku[input.license.sku] == "X"`},
	{name: "another rule", body: `helper`, more: `helper if input.license.quantity < 0`},
	{name: "not another rule", body: `not helper`, more: `helper if input.license.quantity > 0`},
	{name: "a function", body: `small(input.license.quantity)`, more: `small(n) if n < 0`},
	{name: "an else chain of three", body: `size == 3`,
		more: "size := 1 if {\n\tinput.license.quantity < 0\n} else := 2 if {\n\tinput.license.quantity < 1\n} else := 4"},
	{name: "a walk over one subject", body: "some subject in input.subjects\n\tsubject.department == \"Nowhere\""},
	{name: "a walk over three pools", body: "some pool in input.pools\n\tpool.limit < 0"},
	{name: "every pool", body: "every pool in input.pools {\n\t\tpool.limit < 0\n\t}"},
	{name: "a name in a list of 3", body: `input.license.sku in data.extra.three`},
	{name: "a name in a list of 1,000", body: `input.license.sku in data.extra.list`},
	{name: "a walk over 1,000 rows of data", body: "some row in data.extra.list\n\trow == input.principal.name"},
	{name: "a key among 1,000 of data", body: `data.extra.keys[input.principal.name]`},
	{name: "object.get", body: `object.get(input.license, "sku", "") == "X"`},
	{name: "lower", body: `lower(input.principal.name) == "X"`},
	{name: "sprintf in the body", body: "message := sprintf(\"%v of %v\", [input.license.quantity, input.license.sku])\n\tmessage == \"X\""},
	{name: "a set comprehension", body: "names := {pool.name | some pool in input.pools}\n\t\"X\" in names"},
	{name: "count of a comprehension", body: "count([pool | some pool in input.pools; pool.limit > 0]) > 9"},
	{name: "the day of the week", body: `time.weekday(input.now * 1000000000) == "X"`},
	{name: "regex.match", body: `regex.match("^X[0-9]+$", input.license.sku)`},
}

// withConstruct is the default policy with one more rule.
func withConstruct(t testing.TB, body, more string) *Policy {
	t.Helper()
	plain, err := ReadFiles(policies.FS)
	if err != nil {
		t.Fatal(err)
	}
	files := maps.Clone(plain)
	maps.DeleteFunc(files, func(name, _ string) bool { return strings.HasSuffix(name, testSuffix) })
	list, keys := make([]string, 1000), map[string]bool{}
	for i := range list {
		list[i] = fmt.Sprintf("user%d@contoso.example", i)
		keys[list[i]] = true
	}
	extra, err := json.Marshal(map[string]any{"extra": map[string]any{
		"list": list, "keys": keys, "three": []string{"A", "B", "C"}, "by_sku": map[string]string{"ENTERPRISEPACK": "Y"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	files["extra.json"] = string(extra)
	if body != "" {
		files["construct.rego"] = "package ringfence\n\nseat_findings contains {\"code\": \"FOUND\", \"message\": \"found\"} if {\n\t" + body + "\n}\n\n" + more + "\n"
	}
	p, problems := Build(t.Context(), files, Limits{Logger: quiet(), Timeout: DefaultTimeout * 20})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return p
}

// The price list is of rules that are asked and find nothing.
func TestConstructsFindNothing(t *testing.T) {
	for _, c := range constructs {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if a := withConstruct(t, c.body, c.more).Decide(t.Context(), assignInput()); !a.Allow || len(a.Subjects[0].Denials) > 0 {
				t.Errorf("%+v", a)
			}
		})
	}
}

// BenchmarkConstruct asks a delegate's request with and without the rule in turn, so that a busy machine slows both. The price is the
// difference of the tenth percentiles, in nanoseconds and as a share of the decision.
func BenchmarkConstruct(b *testing.B) {
	plain := withConstruct(b, "", "")
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as the service runs
	for _, c := range constructs {
		b.Run(strings.ReplaceAll(c.name, " ", "_"), func(b *testing.B) {
			both := [2]*Policy{plain, withConstruct(b, c.body, c.more)}
			in := assignInput()
			var times [2][]time.Duration
			for b.Loop() {
				for i, p := range both {
					start := time.Now()
					p.Decide(b.Context(), in)
					times[i] = append(times[i], time.Since(start))
				}
			}
			quick := func(list []time.Duration) float64 {
				slices.Sort(list)
				return float64(list[len(list)/10].Nanoseconds())
			}
			without, with := quick(times[0]), quick(times[1])
			b.ReportMetric(with-without, "price-ns")
			b.ReportMetric(100*(with-without)/without, "price-%")
		})
	}
}
