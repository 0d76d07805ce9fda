package policy

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ringfence/ringfence/internal/licensing"
)

func newRand() *rand.Rand { return rand.New(rand.NewPCG(3, 4)) }

// Run the fuzz targets with -fuzzminimizetime 10x: OPA pools its objects, so coverage differs from run to run and the
// minimizer would spend its minute on every input.

// FuzzDecodeAnswer feeds the decoder whatever a policy could answer. It must not panic, an error must come without an
// allowance, and what it accepts must be complete: a grant, subjects in number, ceilings at or above the limit.
func FuzzDecodeAnswer(f *testing.F) {
	for _, text := range []string{
		`{"grants": ["a"], "findings": [], "ceiling": {}, "priority": 0}`,
		`{"grants": {"a"}, "findings": {{"code": "A", "message": "b", "subject": 0, "effect": "error"}}, "ceiling": {"allotment:34": 9000}, "priority": {0: 1}}`,
		`{"grants": set(), "findings": [{"code": "A", "message": "b", "pool": "license:12", "short_by": 1}], "ceiling": {}, "priority": 1.5}`,
		`{"grants": ["a"], "findings": [{"code": "A", "message": "b", "effect": "allow"}], "ceiling": {}, "priority": 0}`,
		`{"grants": true}`, `null`, `[1]`,
	} {
		f.Add(text)
	}
	in := assignInput()
	fr := in.frame()
	f.Fuzz(func(t *testing.T, text string) {
		term, err := ast.ParseTerm(text)
		if err != nil || !term.IsGround() {
			t.Skip()
		}
		a, err := decode(term, &fr)
		if err != nil {
			if a.Allow {
				t.Fatalf("%v, yet allowed", err)
			}
			return
		}
		if len(a.Subjects) != 1 || a.Allow && (len(a.Grants) == 0 || len(a.Violations) > 0) {
			t.Fatalf("got %+v", a)
		}
		for _, p := range in.Pools {
			if c, ok := a.Ceilings[p.Key]; ok && c < *p.Limit {
				t.Fatalf("ceiling %d below the limit %d", c, *p.Limit)
			}
		}
	})
}

// FuzzDecideRecorded feeds replay whatever a damaged record could hold. Only an administrator, the service or a delegate
// of the chain may ever be allowed.
func FuzzDecideRecorded(f *testing.F) {
	f.Add(string(assignInput().JSON()))
	f.Add(string(adminInput().JSON()))
	f.Add(`{"subjects": [], "pools": [], "action": "assignSeats", "now": 1, "principal": {}, "window": {}}`)
	f.Add(`{"subjects": [{}], "pools": [{"id": "allotment:1"}, {"id": "license:1", "limit": 1}]}`)
	e := newEngine(f, Config{})
	f.Fuzz(func(t *testing.T, text string) {
		a, err := e.Current().DecideRecorded(t.Context(), []byte(text))
		if err != nil {
			if !errors.Is(err, errInput) || a.Allow {
				t.Fatalf("%v, %+v", err, a)
			}
			return
		}
		if a.Allow && !strings.Contains(text, "ADMIN") && !strings.Contains(text, "delegate") && !strings.Contains(text, "\\u") &&
			!strings.Contains(text, "SYSTEM") && !strings.Contains(text, "CONTRACT_MANAGER") {
			t.Fatalf("allowed %+v: %s", a, text)
		}
		if !a.Allow && len(a.Violations) == 0 {
			t.Fatalf("denied without a reason: %s", text)
		}
		for _, v := range a.Violations {
			if v.Code == "" || v.Message == "" {
				t.Fatalf("a violation without a code: %+v", v)
			}
		}
	})
}

// FuzzPoolID holds the two ways of naming a pool against each other.
func FuzzPoolID(f *testing.F) {
	f.Add(int64(12), int64(34))
	f.Add(int64(12), int64(0))
	f.Fuzz(func(t *testing.T, license, allotment int64) {
		key := licensing.PoolKey{License: license, Allotment: allotment}
		pool, err := framePoolOf(ast.ObjectTerm(ast.Item(kID, ast.StringTerm(PoolID(key)))), license)
		if err != nil || pool.key != key {
			t.Fatalf("%v became %v (%v)", key, pool.key, err)
		}
	})
}

// FuzzReadCanonical holds the fast reader of recorded inputs against the one for any JSON: what it takes, it reads as the same.
func FuzzReadCanonical(f *testing.F) {
	f.Add(string(assignInput().JSON()))
	f.Add(string(adminInput().JSON()))
	for _, text := range []string{`{}`, `[]`, `{"a":[],"b":{}}`, `{"a":1,"a":2}`, `{"b":1,"a":2}`, `01`, `1234567890123456789`, `-1`, `1.5`, `"\u0041"`, `{"a":true,"b":null}`, `{"a":1}x`, ` 1`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fast, ok := readCanonical(text)
		if !ok {
			t.Skip()
		}
		slow, err := parseJSON([]byte(text))
		if err != nil {
			t.Fatalf("%q was taken: %v", text, err)
		}
		if !fast.Equal(slow) || fast.Hash() != slow.Hash() {
			t.Fatalf("%q was read as %v, not %v", text, fast, slow)
		}
	})
}

// What is recorded is in the form that is read fast.
func TestRecordedInputsAreReadFast(t *testing.T) {
	for _, in := range []*Input{assignInput(), adminInput()} {
		if _, ok := readCanonical(string(in.JSON())); !ok {
			t.Errorf("%s was not", in.JSON())
		}
	}
}
