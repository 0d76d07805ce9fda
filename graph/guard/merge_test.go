package guard

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/core"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// randomDocument writes documents full of fields of one response name: the generator knows the schema's types, so that
// most fields exist, and few names, so that most fields meet others.
type randomDocument struct {
	*rand.Rand
	fragments []string
}

// leaves and composites are fields each type has, with the type they give.
var (
	leaves = map[string][]string{
		"License": {"id", "limit", "used", "x", "y", "list"}, "Allotment": {"id", "limit", "used", "x", "y", "list"},
		"Pool": {"id", "limit", "used"}, "Any": {"__typename"}, "Query": {"__typename"},
	}
	composites = map[string][][2]string{
		"License":   {{"self", "License"}, {"parent", "License"}, {"a", "License"}, {"b", "Allotment"}},
		"Allotment": {{"self", "Allotment"}, {"parent", "License"}, {"a", "Allotment"}, {"b", "License"}},
		"Pool":      {{"self", "Pool"}, {"parent", "License"}},
		"Query": {
			{"pool", "Pool"}, {"any", "Any"}, {"license", "License"}, {"allotment", "Allotment"}, {"arg(n: 1)", "License"},
			{"arg(n: 2)", "License"}, {"arg(o: {n: 1, o: {n: 2}})", "License"}, {"arg(o: {o: {n: 2}, n: 1})", "License"},
			{"arg(l: [1, 2])", "License"}, {"arg(l: [2, 1])", "License"},
		},
	}
	// within are the types a fragment may be on inside another.
	within = map[string][]string{
		"License": {"License", "Pool", "Any"}, "Allotment": {"Allotment", "Pool", "Any"},
		"Pool": {"License", "Allotment", "Pool", "Any"}, "Any": {"License", "Allotment", "Pool", "Any"}, "Query": {"Query"},
	}
)

func pick[T any](r *randomDocument, from []T) T { return from[r.IntN(len(from))] }

func (r *randomDocument) set(on string, depth int) string {
	var b strings.Builder
	b.WriteString("{ ")
	for range 1 + r.IntN(3) {
		alias := pick(r, []string{"", "", "p: ", "q: "})
		switch kind := r.IntN(10); {
		case kind < 3 || depth == 0 && kind < 8 || len(composites[on]) == 0 && kind < 6:
			b.WriteString(alias + pick(r, leaves[on]))
		case kind < 6 && len(composites[on]) > 0:
			field := pick(r, composites[on])
			b.WriteString(alias + field[0] + " " + r.set(field[1], max(depth-1, 0)))
		case kind < 8 && depth > 0:
			t := pick(r, within[on])
			b.WriteString("... on " + t + " " + r.set(t, depth-1))
		default:
			t := pick(r, within[on])
			body := r.set(t, max(depth-1, 0)) // before its name is taken: what it spreads comes first
			name := fmt.Sprintf("f%d", len(r.fragments))
			r.fragments = append(r.fragments, fmt.Sprintf("fragment %s on %s %s", name, t, body))
			b.WriteString("..." + name + " ")
			if r.IntN(3) == 0 {
				b.WriteString("..." + name)
			}
		}
		b.WriteByte(' ')
	}
	b.WriteString("}")
	return b.String()
}

// TestMergingAgreesWithGqlparser judges random documents by our rule and by gqlparser's, which is exact but quadratic.
func TestMergingAgreesWithGqlparser(t *testing.T) {
	ours := core.Rule{Name: "ours", RuleFunc: overlappingFieldsCanBeMerged}
	theirs := rules.OverlappingFieldsCanBeMergedRule
	conflicts := 0
	const documents = 20_000
	for seed := range uint64(documents) {
		r := &randomDocument{Rand: rand.New(rand.NewPCG(seed, 2))}
		text := "query " + r.set("Query", 4)
		text += " " + strings.Join(r.fragments, " ")
		want := judge(t, text, theirs)
		got := judge(t, text, ours)
		if (len(want) > 0) != (len(got) > 0) {
			t.Fatalf("seed %d: gqlparser says %v, we say %v of\n%s", seed, want, got, text)
		}
		if len(want) > 0 {
			conflicts++
		}
	}
	t.Logf("%d of %d documents have conflicts", conflicts, documents)
	if conflicts < documents/10 || conflicts > documents*9/10 {
		t.Errorf("%d of %d documents have conflicts: the generator tests only one side", conflicts, documents)
	}
}

func judge(t *testing.T, text string, rule core.Rule) gqlerror.List {
	t.Helper()
	return validator.ValidateWithRules(testSchema, parse(t, text), rules.NewRules(rule))
}

func TestMergingNamesBothFields(t *testing.T) {
	for name, c := range map[string]struct{ text, says string }{
		"arguments":          {"{ arg(n: 1) { id } arg(n: 2) { id } }", "differing arguments"},
		"names":              {"{ license { p: limit p: used } }", "conflicting types"},
		"names of one type":  {"{ license { p: x p: used } }", "different fields"},
		"types of two types": {"{ any { ... on License { x } ... on Allotment { x } } }", "conflicting types"},
		"below":              {"{ a: license { p: x } a: license { p: used } }", "different fields"},
	} {
		errs := judge(t, c.text, core.Rule{Name: "ours", RuleFunc: overlappingFieldsCanBeMerged})
		if len(errs) != 1 || !strings.Contains(errs[0].Message, c.says) || len(errs[0].Locations) != 2 {
			t.Errorf("%s: %v, want one error with two places that says %q", name, errs, c.says)
		}
	}
}

// TestMergingGivesUp builds what grows even in linear time: at every level fields of an interface that meet those of each
// type.
func TestMergingGivesUp(t *testing.T) {
	var b strings.Builder
	b.WriteString("{ pool { ...f0 } } ")
	const levels = 17
	for i := range levels {
		fmt.Fprintf(&b, "fragment f%d on Pool { self { ...f%d } ... on License { self { id } } ... on Allotment { self { id } } } ", i, i+1)
	}
	fmt.Fprintf(&b, "fragment f%d on Pool { id }", levels)
	doc := parse(t, b.String())
	if err := checkShape(doc, DefaultLimits()); err != nil {
		t.Fatalf("the guard refuses it before: %v", err)
	}
	errs := validator.ValidateWithRules(testSchema, doc, validationRules())
	if len(errs) != 1 || !strings.Contains(errs[0].Message, "fields to merge more than") {
		t.Errorf("got %v", errs)
	}
}
