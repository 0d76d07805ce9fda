package policy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/policies"
)

// explained are questions to the default policy, by what is asked. What is said of each stands in testdata/explain; UPDATE_GOLDEN=1
// writes it.
var explained = map[string]func(in *Input){
	"delegate": func(*Input) {},
	"no delegate": func(in *Input) {
		in.Pools[0].Delegate = false
		in.Principal.DelegateOf = false
	},
	"auditor": func(in *Input) { in.Principal = Principal{Name: "aisha", Roles: []string{"AUDITOR"}} },
	"unknown action": func(in *Input) {
		in.Action = "conquer"
		in.Principal.Roles = []string{"GLOBAL_ADMIN"}
	},
	"manager of contracts": func(in *Input) {
		in.Action = "createAllotment"
		in.Principal = Principal{Name: "cora", Roles: []string{"CONTRACT_MANAGER"}}
		in.Subjects = nil
	},
	"out of scope": func(in *Input) {
		in.Subjects = append(in.Subjects, in.Subjects[0], in.Subjects[0])
		in.Subjects[1].Department = "IT"
		in.Subjects[2].UsageLocation = ""
	},
	"not in effect": func(in *Input) {
		in.Pools[1].StartsAt = ptr(testNow.AddDate(0, 1, 0))
		in.Pools[2].EndsAt = ptr(testNow.AddDate(0, 0, -1))
	},
	"disabled guest": func(in *Input) {
		in.Subjects[0].Enabled, in.Subjects[0].Type, in.Subjects[0].Via = false, "GUEST", ViaGroup
	},
	"plans": func(in *Input) {
		in.Subjects[0].HeldPlans = []string{"EXCHANGE_S_STANDARD"}
		in.License.Plans = []string{"EXCHANGE_S_ENTERPRISE", "MCOEV"}
	},
	"blocked country": func(in *Input) { in.License.BlockedLocations = []string{"KP", "GB"} },
	"perpetual":       func(in *Input) { in.License.ProductKind = "PERPETUAL" },
	"limit above parent": func(in *Input) {
		*in = *adminInput()
		in.Action, in.Subjects = "createAllotment", nil
		in.Allotment = &AllotmentChange{Mode: ModeReserved, Limit: ptr[int64](3000), Requested: 3000, Scope: Scope{Departments: []string{"Sales", "Legal"}}}
	},
	"purchase too far ahead": func(in *Input) {
		*in = *adminInput()
		in.Action, in.Subjects, in.Pools = "placePurchaseReservation", nil, in.Pools[2:]
		in.Purchase = &Purchase{Quantity: 10, StartsAt: testNow.AddDate(0, 8, 0), DaysAhead: 245, MonthsAhead: 8, DaysToAnniversary: ptr[int64](20)}
	},
	"binding purchase": func(in *Input) {
		*in = *adminInput()
		in.Action, in.Subjects, in.Pools = "cancelPurchaseReservation", nil, in.Pools[2:]
		in.Purchase = &Purchase{Quantity: 10, StartsAt: testNow.AddDate(0, 0, 1)}
	},
}

func explainer(t testing.TB) *Explainer {
	t.Helper()
	files, err := ReadFiles(policies.FS)
	if err != nil {
		t.Fatal(err)
	}
	e, err := NewExplainer(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestExplain(t *testing.T) {
	e, engine := explainer(t), newEngine(t, Config{})
	for name, change := range explained {
		t.Run(name, func(t *testing.T) {
			in := assignInput()
			change(in)
			got, err := e.Explain(t.Context(), in.JSON())
			if err != nil {
				t.Fatal(err)
			}
			if want := engine.Decide(t.Context(), in); fmt.Sprint(told(want)) != fmt.Sprint(told(got.Answer)) {
				t.Errorf("explained %v, decided %v", got.Answer, want)
			}
			golden(t, filepath.Join("testdata", "explain", strings.ReplaceAll(name, " ", "_")+".txt"), render(got))
		})
	}
}

// told is an answer as far as two of them can be compared as text.
func told(a Answer) []any {
	codes := func(list []licensing.Violation) (out []string) {
		for _, v := range list {
			out = append(out, v.Code+v.Message)
		}
		return out
	}
	out := []any{a.Allow, a.Grants, codes(a.Violations), codes(a.Warnings), a.Revision}
	for _, s := range a.Subjects {
		out = append(out, codes(s.Denials), codes(s.Errors), codes(s.Warnings))
	}
	return out
}

// The same question is explained in the same words every time.
func TestExplainIsDeterministic(t *testing.T) {
	e := explainer(t)
	for name, change := range explained {
		in := assignInput()
		change(in)
		first := ""
		for range 5 {
			got, err := e.Explain(t.Context(), in.JSON())
			if err != nil {
				t.Fatal(err)
			}
			if text := render(got); first == "" {
				first = text
			} else if text != first {
				t.Errorf("%s: explained as\n%s\nand as\n%s", name, first, text)
			}
		}
	}
}

func TestExplainRefusesWhatIsNoInput(t *testing.T) {
	for _, text := range []string{"", "{}", "[]", "{", `{"subjects":[],"pools":[{"id":"x"}]}`} {
		if _, err := explainer(t).Explain(t.Context(), []byte(text)); err == nil {
			t.Errorf("%q is explained", text)
		}
	}
}

// A policy that this program cannot evaluate any more is refused with the place of what it does not understand.
func TestExplainerRefusesBrokenFiles(t *testing.T) {
	_, err := NewExplainer(t.Context(), Files{"a.rego": "package ringfence\n\ndecision := input.nonsense\n"})
	if err == nil || !strings.Contains(err.Error(), "a.rego:3:") {
		t.Errorf("got %v", err)
	}
}

func render(e *Explanation) string {
	var b strings.Builder
	for _, g := range e.Grants {
		fmt.Fprintf(&b, "granted by %q %v\n", g.Name, g.Place)
		facts(&b, g.Facts)
	}
	for _, f := range e.Findings {
		fmt.Fprintf(&b, "%s %s %s of subject %d: %v %s\n", f.Effect, f.Code, f.Message, f.Subject, f.Place, f.Rule)
		facts(&b, f.Facts)
	}
	for _, m := range e.NearMisses {
		fmt.Fprintf(&b, "no %q %v: %v %s\n", m.Name, m.Place, m.Failed, m.Failed.Text)
		facts(&b, m.Facts)
	}
	for _, p := range e.Pools {
		fmt.Fprintf(&b, "%s used %d reserved %d requested %d draws %v\n", p.Name, p.Used, p.Reserved, p.Requested, p.Draws)
	}
	return b.String()
}

func facts(b *strings.Builder, list []Fact) {
	for _, f := range list {
		fmt.Fprintf(b, "    %v\n", f)
	}
}

// golden compares a text with a file, or writes it there.
func golden(t *testing.T, file, text string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != text {
		t.Errorf("explained as\n%s\nwant\n%s", text, want)
	}
}
