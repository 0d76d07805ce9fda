package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ringfence/ringfence/internal/filter"
)

var listedRef = ast.MustParseRef("data.ringfence.listed")

// isListed tells whether a rule says what is listed.
func isListed(rule *ast.Rule) bool {
	ref := rule.Head.Ref()
	return len(ref) > 0 && ref[0].Value.Compare(ast.Var("listed")) == 0
}

// listedKind is the type that a rule says what is listed of; "" if it is any other rule, or one about several types.
func listedKind(rule *ast.Rule) string {
	if ref := rule.Head.Ref(); isListed(rule) && len(ref) == 2 {
		kind, _ := textOf(ref[1])
		return kind
	}
	return ""
}

// checkListRules refuses list rules that are none: of no type, with a value, or with two meanings.
func checkListRules(compiler *ast.Compiler) []Problem {
	rules := compiler.GetRulesWithPrefix(listedRef)
	if len(rules) == 0 {
		return []Problem{{Message: "the rule data.ringfence.listed is missing"}}
	}
	return sortedProblems(append(checkListed(rules), checkMissing(compiler, reachable(compiler, rules))...))
}

// checkLists refuses list rules that cannot be translated, or whose translation says something else than the rule: first for a
// principal of whom nothing is known, so that every branch is seen, and then for one of each sort, row by row.
func checkLists(ctx context.Context, p *Policy, compiler *ast.Compiler) []Problem {
	rules := compiler.GetRulesWithPrefix(listedRef)
	g := &listGate{
		policy: p, rules: rules, budget: slack * p.limits.Timeout,
		checked: map[string]bool{},
	}
	for _, kind := range filter.Kinds() {
		_, err := p.list(ctx, kind, (&Principal{}).reader(), anyoneUnknown, g.budget)
		g.report(kind, err)
	}
	if len(g.problems) > 0 {
		return sortedProblems(g.problems)
	}
	for _, who := range representatives() {
		for _, kind := range filter.Kinds() {
			g.check(ctx, kind, who)
		}
	}
	return sortedProblems(g.problems)
}

func sortedProblems(problems []Problem) []Problem {
	slices.SortFunc(problems, compareProblems)
	return slices.Compact(problems)
}

// checkListed holds the heads of list rules against the types there are.
func checkListed(rules []*ast.Rule) []Problem {
	var problems []Problem
	for _, rule := range rules {
		ref := rule.Head.Ref()
		if len(ref) != 2 || len(rule.Head.Args) > 0 || rule.Default || rule.Else != nil || rule.Head.Value == nil ||
			!rule.Head.Value.Equal(ast.BooleanTerm(true)) {
			problems = append(problems, problemAt(rule.Location, "write listed.TYPE if { … }, with no value, default or else"))
			continue
		}
		if kind, ok := textOf(ref[1]); ok {
			if _, known := filter.Find(kind); !known {
				problems = append(problems, problemAt(rule.Location, fmt.Sprintf("there is no type %q to list; there are %v", kind, filter.Kinds())))
			}
		}
	}
	return problems
}

// reachable gives the rules and those that they use.
func reachable(compiler *ast.Compiler, rules []*ast.Rule) []*ast.Rule {
	seen := map[*ast.Rule]bool{}
	var all []*ast.Rule
	var visit func(rule *ast.Rule)
	visit = func(rule *ast.Rule) {
		if seen[rule] {
			return
		}
		seen[rule] = true
		all = append(all, rule)
		for next := range compiler.Graph.Dependencies(rule) {
			if next, ok := next.(*ast.Rule); ok {
				visit(next)
			}
		}
	}
	for _, rule := range rules {
		visit(rule)
	}
	return all
}

// representatives are principals of each sort, whose lists are translated before a policy is live: nobody of the directory, a delegate,
// one with a role whose allotments may serve everyone, and the service. What only some role or person is listed has been translated for
// a principal of whom nothing is known.
func representatives() []Principal {
	reach := Reach{Allotments: []int64{3, 5}, Licenses: []int64{2, 4}, Groups: []int64{1, 6}, Departments: []string{"a", "Sales"}, Countries: []string{"GB"}}
	open := Reach{Allotments: []int64{3}, Licenses: []int64{2}, Everyone: true, EveryGroup: true}
	return []Principal{
		{},
		{Name: "a", UserID: 1, DelegateOf: true, Reach: reach},
		{Name: "a", UserID: 1, DelegateOf: true, Reach: open, Roles: []string{"CONTRACT_MANAGER"}},
		{Name: "ringfence", System: true},
	}
}

type listGate struct {
	policy   *Policy
	rules    []*ast.Rule
	budget   time.Duration
	problems []Problem
	checked  map[string]bool
}

// report files what is wrong with the list of a type; what has no place stands at the first rule of the type.
func (g *listGate) report(kind string, err error) {
	if err == nil {
		return
	}
	p := Problem{Message: fmt.Sprintf("listed.%s: %v", kind, err)}
	if known, ok := errors.AsType[*untranslatable](err); ok {
		p = problemAt(known.at, known.message)
	} else if known, ok := errors.AsType[*unbound](err); ok {
		p = problemAt(known.at, "listed."+kind+": "+known.message)
	}
	if p.Row == 0 {
		for _, rule := range g.rules {
			if of := listedKind(rule); of == kind || of == "" {
				at := problemAt(rule.Location, p.Message)
				p.File, p.Row, p.Column = at.File, at.Row, at.Column
				break
			}
		}
	}
	if !slices.Contains(g.problems, p) {
		g.problems = append(g.problems, p)
	}
}

// mostSamples is how many rows each translation is held against.
const mostSamples = 2

// check translates the list of a type for a principal, and holds it against the rule itself on rows made of the values it compares.
func (g *listGate) check(ctx context.Context, kind string, who Principal) {
	f, err := g.policy.list(ctx, kind, who.reader(), rowUnknown, g.budget)
	if err != nil {
		g.report(kind, err)
		return
	}
	key := kind + ": " + filter.Describe(f)
	if g.checked[key] {
		return
	}
	g.checked[key] = true
	table, _ := filter.Find(kind)
	samples := mostSamples
	if filter.IsAll(f) || filter.IsNone(f) {
		samples = 1
	}
	for _, row := range filter.Samples(table, f, samples) {
		listed, err := g.policy.shows(ctx, kind, who, row, g.budget)
		if err != nil {
			g.report(kind, err)
			return
		}
		if listed != (filter.Holds(f, row) == filter.Yes) {
			g.report(kind, fmt.Errorf("its translation differs from the rule for the row %s", rowTerm(table, row)))
			return
		}
	}
}

// rowTerm is a row as Rego sees it: what is missing is not there, and relations to many are arrays.
func rowTerm(table *filter.Table, row filter.Row) *ast.Term {
	pairs := make([]pair, 0, len(row.Values)+len(row.Related))
	for name, value := range row.Values {
		var term *ast.Term
		switch value := value.(type) {
		case string:
			term = ast.StringTerm(value)
		case int64:
			term = ast.NewTerm(ast.Number(strconv.FormatInt(value, 10)))
		case bool:
			term = ast.BooleanTerm(value)
		}
		pairs = append(pairs, pair{ast.StringTerm(name), term})
	}
	for name, rows := range row.Related {
		relation, _ := table.Relation(name)
		terms := make([]*ast.Term, len(rows))
		for i, one := range rows {
			terms[i] = rowTerm(relation.To, one)
		}
		switch {
		case relation.Many:
			pairs = append(pairs, pair{ast.StringTerm(name), ast.ArrayTerm(terms...)})
		case len(terms) > 0:
			pairs = append(pairs, pair{ast.StringTerm(name), terms[0]})
		}
	}
	return ast.ObjectTerm(pairs...)
}
