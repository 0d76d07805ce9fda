package policy

import "github.com/open-policy-agent/opa/v1/ast"

// inlineDefaults writes the value of a rule that has nothing but a default into the decision, where it stands for itself. A policy
// can so name what others may add to (ceiling, priority) without paying for it: to ask an empty rule costs a tenth of a
// decision. Modules that change are copied; tests see the policy as it was written.
func inlineDefaults(modules map[string]*ast.Module) {
	fixed := defaultsAlone(modules)
	for name, module := range modules {
		if !module.Package.Path.Equal(decisionPackage) {
			continue
		}
		for i, rule := range module.Rules {
			if value := inlined(rule, fixed); value != nil {
				module = module.Copy()
				module.Rules[i].Head.Value.Value = value
				modules[name] = module
			}
		}
	}
}

var decisionPackage = ast.MustParsePackage("package ringfence").Path

// defaultsAlone collects the rules of the package that are one default with a constant, and nothing else anywhere.
func defaultsAlone(modules map[string]*ast.Module) map[ast.Var]*ast.Term {
	fixed := map[ast.Var]*ast.Term{}
	seen := map[ast.Var]int{}
	for _, module := range modules {
		if !module.Package.Path.HasPrefix(decisionPackage) {
			continue
		}
		for _, rule := range module.Rules {
			name := rule.Head.Name
			if len(rule.Head.Ref()) > 0 {
				name, _ = rule.Head.Ref()[0].Value.(ast.Var)
			}
			seen[name]++
			if rule.Default && len(rule.Head.Args) == 0 && rule.Head.Value.IsGround() {
				fixed[name] = rule.Head.Value
			}
		}
	}
	for name, n := range seen {
		if n > 1 {
			delete(fixed, name)
		}
	}
	return fixed
}

// inlined gives the value of the rule decision with the constants in it; nil if it is another rule, has conditions, or has nothing
// to write in.
func inlined(rule *ast.Rule, fixed map[ast.Var]*ast.Term) ast.Value {
	if rule.Head.Name != "decision" || rule.Default || rule.Else != nil || len(rule.Head.Args) > 0 || len(rule.Body) != 1 ||
		!rule.Body[0].Equal(ast.NewExpr(ast.BooleanTerm(true))) {
		return nil
	}
	object, ok := rule.Head.Value.Value.(ast.Object)
	if !ok {
		return nil
	}
	changed := false
	value, err := object.Map(func(key, term *ast.Term) (*ast.Term, *ast.Term, error) {
		if name, ok := term.Value.(ast.Var); ok && fixed[name] != nil {
			changed = true
			return key, fixed[name], nil
		}
		return key, term, nil
	})
	if err != nil || !changed {
		return nil
	}
	return value
}
