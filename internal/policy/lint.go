package policy

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// vocabulary is what a property of the input may say, by the name of the property. OPA's type checker knows that
// subject.type is a string, but not that "GEUST" is none of its values (OPA #3796).
type vocabulary map[string][]string

// newVocabulary collects the enums of the input's schema, and the actions from the settings, which are their one list.
func newVocabulary(schema []byte, document map[string]any) (vocabulary, error) {
	var root any
	if err := json.Unmarshal(schema, &root); err != nil {
		return nil, err
	}
	v := vocabulary{}
	v.collect("", root)
	settings, _ := document["settings"].(map[string]any)
	if actions, ok := settings["actions"].(map[string]any); ok {
		v["action"] = append(slices.Sorted(maps.Keys(actions)), ActionRead)
	}
	return v, nil
}

func (v vocabulary) collect(name string, node any) {
	object, ok := node.(map[string]any)
	if !ok {
		return
	}
	if values, ok := object["enum"].([]any); ok {
		for _, value := range values {
			if text, ok := value.(string); ok {
				v[name] = append(v[name], text)
			}
		}
	}
	for key, child := range object {
		v.collect(key, child)
	}
}

// check reports every comparison of such a property with a string it can never equal.
func (v vocabulary) check(modules map[string]*ast.Module) []Problem {
	var problems []Problem
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		ast.WalkRules(modules[name], func(rule *ast.Rule) bool {
			if !isListed(rule) { // the words of rows are others; their translation knows them
				ast.WalkExprs(rule, func(expr *ast.Expr) bool {
					problems = append(problems, v.checkExpr(expr)...)
					return false
				})
			}
			return true
		})
		problems = append(problems, checkEffects(modules[name])...)
	}
	return problems
}

func (v vocabulary) checkExpr(expr *ast.Expr) []Problem {
	if !expr.IsCall() || len(expr.Operands()) < 2 {
		return nil
	}
	left, right := expr.Operand(0), expr.Operand(1)
	switch expr.Operator().String() {
	case "eq", "equal", "neq":
		return append(v.checkPair(left, right), v.checkPair(right, left)...)
	case "internal.member_2":
		return v.checkMembers(left, right)
	}
	return nil
}

func (v vocabulary) checkMembers(property, list *ast.Term) []Problem {
	var problems []Problem
	check := func(item *ast.Term) { problems = append(problems, v.checkPair(property, item)...) }
	switch items := list.Value.(type) {
	case ast.Set:
		items.Foreach(check)
	case *ast.Array:
		items.Foreach(check)
	}
	return problems
}

func (v vocabulary) checkPair(property, constant *ast.Term) []Problem {
	text, ok := constant.Value.(ast.String)
	if !ok {
		return nil
	}
	name := propertyOf(property)
	values, ok := v[name]
	if !ok || slices.Contains(values, string(text)) {
		return nil
	}
	at := constant.Location
	if at == nil {
		at = property.Location
	}
	return []Problem{problemAt(at, fmt.Sprintf("%s is never %q; it is one of %s", name, string(text), strings.Join(values, ", ")))}
}

// propertyOf is the last name of a reference into the input, also by way of a local variable; empty for anything else.
func propertyOf(term *ast.Term) string {
	ref, ok := term.Value.(ast.Ref)
	if !ok || len(ref) < 2 || ref[0].Equal(ast.DefaultRootDocument) {
		return ""
	}
	name, _ := textOf(ref[len(ref)-1])
	return name
}

// checkEffects reports every finding with an effect that there is none of. An answer with one denies, so the request would tell; the
// gate tells before.
func checkEffects(module *ast.Module) []Problem {
	var problems []Problem
	ast.WalkTerms(module, func(term *ast.Term) bool {
		finding, ok := term.Value.(ast.Object)
		if !ok || finding.Get(kCode) == nil {
			return false
		}
		effect := finding.Get(kEffect)
		if name, ok := textOf(effect); ok && !slices.Contains(effects, name) {
			problems = append(problems, problemAt(effect.Location, fmt.Sprintf("effect is never %q; it is one of %s", name, strings.Join(effects, ", "))))
		}
		return false
	})
	return problems
}

var (
	kCode   = ast.StringTerm("code")
	kEffect = ast.StringTerm("effect")
)
