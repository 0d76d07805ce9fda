package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Prices of constructs per decision, measured side by side (docs/performance.md); they are here to tell a little from a lot.
const (
	priceOfEntry = 0.2 // µs for each entry of data that a rule goes through
	priceOfNot   = 1.8 // µs for `not` before a rule of one's own
	priceOfText  = 1.8 // µs for a formatted text
	priceOfOpen  = 0.7 // µs for a rule that OPA's index could have left closed
)

// Advise tells what slows a policy down or endangers it although it is sound: each with its place and price. Tests are left out. The
// coverage may be nil. Files that cannot be parsed get no advice; Check tells about them.
func Advise(files Files, coverage *Coverage) []Problem {
	if len(files.checkBounds()) > 0 {
		return nil
	}
	document, problems := files.document()
	modules, more := files.parse()
	if len(problems)+len(more) > 0 {
		return nil
	}
	a := &adviser{document: document, modules: withoutTests(modules), used: map[string]bool{}, own: map[string]bool{}}
	a.learn()
	for _, name := range files.names(isModule) {
		if module := a.modules[name]; module != nil {
			for _, rule := range module.Rules {
				a.rule(rule)
			}
		}
	}
	a.facts(files)
	a.untested(coverage)
	slices.SortFunc(a.found, compareProblems)
	return slices.Compact(a.found)
}

type adviser struct {
	document map[string]any
	modules  map[string]*ast.Module
	own      map[string]bool // names of the policy's rules
	used     map[string]bool // names that some rule mentions
	found    []Problem
}

func (a *adviser) say(at *ast.Location, format string, args ...any) {
	a.found = append(a.found, problemAt(at, fmt.Sprintf(format, args...)))
}

// learn collects the rules there are, and those that are asked for: by the service, or by another rule.
func (a *adviser) learn() {
	for _, name := range []string{"decision", "listed", "masked", "actions", "include"} {
		a.used[name] = true
	}
	for _, module := range a.modules {
		for _, rule := range module.Rules {
			a.own[adviceName(rule)] = true
			self := adviceName(rule)
			ast.WalkRefs(rule, func(ref ast.Ref) bool {
				if name := ownName(ref); name != "" && name != self {
					a.used[name] = true
				}
				return false
			})
			ast.WalkVars(rule, func(v ast.Var) bool {
				if string(v) != self {
					a.used[string(v)] = true
				}
				return false
			})
		}
	}
}

func adviceName(rule *ast.Rule) string {
	ref := rule.Head.Ref()
	if v, ok := ref[0].Value.(ast.Var); ok {
		return string(v)
	}
	return ref[0].String()
}

// ownName is the rule that a reference leads to: data.ringfence.name, or name within the package.
func ownName(ref ast.Ref) string {
	if len(ref) >= 3 && ref[0].Equal(ast.DefaultRootDocument) && ref[1].Equal(ast.StringTerm("ringfence")) {
		name, _ := textOf(ref[2])
		return name
	}
	if v, ok := ref[0].Value.(ast.Var); ok && !ref[0].Equal(ast.DefaultRootDocument) && !ref[0].Equal(ast.InputRootDocument) {
		return string(v)
	}
	return ""
}

func (a *adviser) rule(rule *ast.Rule) {
	if name := adviceName(rule); !a.used[name] {
		a.say(rule.Location, "nothing asks for %s: a misspelled name, or left over", name)
	}
	for each := rule; each != nil; each = each.Else {
		for _, expr := range each.Body {
			a.expression(expr)
		}
		a.scans(each)
	}
}

func (a *adviser) expression(expr *ast.Expr) {
	if expr.Negated {
		if name := calledName(expr); a.own[name] {
			a.say(expr.Location, "`not %s` costs about %.1f µs in every decision that comes here: compare a fact with == false, or give the opposite a rule of its own", name, priceOfNot)
		}
	}
	ast.WalkTerms(expr, func(term *ast.Term) bool {
		if call, ok := term.Value.(ast.Call); ok && call[0].String() == "sprintf" {
			a.say(term.Location, "sprintf in the body of a rule costs about %.1f µs even if the rule fails later: format the text in its head", priceOfText)
		}
		return false
	})
	ref, ok := expr.Terms.(*ast.Term)
	if !ok || expr.Negated {
		return
	}
	if path, ok := ref.Value.(ast.Ref); ok && path.HasPrefix(ast.InputRootRef) && len(path) > 2 {
		a.say(expr.Location, "%s alone costs about %.1f µs where == true costs nothing: the index leaves the rule closed only for a comparison", path, priceOfOpen)
	}
}

func calledName(expr *ast.Expr) string {
	if expr.IsCall() {
		return ownName(expr.Operator())
	}
	if term, ok := expr.Terms.(*ast.Term); ok {
		if ref, ok := term.Value.(ast.Ref); ok {
			return ownName(ref)
		}
		if v, ok := term.Value.(ast.Var); ok {
			return string(v)
		}
	}
	return ""
}

// scans finds walks through data: `some x in data.…`, and data.….x[_].
func (a *adviser) scans(rule *ast.Rule) {
	tell := func(at *ast.Location, ref ast.Ref) {
		if entries := a.entries(ref); entries > scanned {
			a.say(at, "goes through the %d entries of %s, about %.0f µs in each decision: let the service give what is needed in input, or look it up by key", entries, ref, float64(entries)*priceOfEntry)
		}
	}
	ast.WalkTerms(rule, func(term *ast.Term) bool {
		ref, ok := term.Value.(ast.Ref)
		if !ok || !ref.HasPrefix(ast.DefaultRootRef) {
			return false
		}
		for i, part := range ref[1:] {
			if v, ok := part.Value.(ast.Var); ok && (v.IsWildcard() || v.IsGenerated()) {
				tell(term.Location, ref[:i+1])
			}
		}
		return false
	})
	ast.WalkExprs(rule, func(expr *ast.Expr) bool {
		if decl, ok := expr.Terms.(*ast.SomeDecl); ok && len(decl.Symbols) == 1 {
			if call, ok := decl.Symbols[0].Value.(ast.Call); ok {
				if ref, ok := call[len(call)-1].Value.(ast.Ref); ok && ref.HasPrefix(ast.DefaultRootRef) {
					tell(expr.Location, ref)
				}
			}
		}
		return false
	})
}

// scanned is how many entries are few enough to go through; settings have no more.
const scanned = 100

// entries is how many entries a path of data has.
func (a *adviser) entries(ref ast.Ref) int {
	var at any = a.document
	for _, part := range ref[1:] {
		key, ok := textOf(part)
		object, is := at.(map[string]any)
		if !ok || !is {
			return 0
		}
		at = object[key]
	}
	return entriesOf(at)
}

func entriesOf(value any) int {
	switch value := value.(type) {
	case map[string]any:
		return len(value)
	case []any:
		return len(value)
	}
	return 0
}

// facts finds what is no setting: too many entries for anybody to have set.
func (a *adviser) facts(files Files) {
	const many = 1000
	var walk func(path string, value any)
	file := func(path string) string {
		top := strings.Split(path, ".")[1]
		for _, name := range files.names(isData) {
			if strings.Contains(files[name], fmt.Sprintf("%q", top)) {
				return name
			}
		}
		return ""
	}
	walk = func(path string, value any) {
		if n := entriesOf(value); n > many && path != "data" {
			a.found = append(a.found, Problem{File: file(path), Message: fmt.Sprintf(
				"%s has %d entries: facts belong in input, where they are as new as the decision and cost nothing to load", path, n)})
			return
		}
		if object, ok := value.(map[string]any); ok {
			for key, child := range object {
				walk(path+"."+key, child)
			}
		}
	}
	walk("data", a.document)
}

func (a *adviser) untested(coverage *Coverage) {
	if coverage == nil {
		return
	}
	for _, file := range coverage.Files {
		for _, lines := range file.Missed {
			message := fmt.Sprintf("no test runs line %d", lines.From)
			if lines.To > lines.From {
				message = fmt.Sprintf("no test runs lines %d to %d", lines.From, lines.To)
			}
			a.found = append(a.found, Problem{File: file.File, Row: lines.From, Column: 1, Message: message})
		}
	}
}
