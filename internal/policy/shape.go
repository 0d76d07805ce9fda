package policy

import (
	"fmt"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/types"
)

// findingKeys are all that a finding may carry, true for those it must carry.
var findingKeys = map[string]bool{
	"code": true, "message": true, "effect": false, "subject": false, "pool": false, "field": false,
	"limit": false, "used": false, "requested": false, "available": false, "short_by": false,
}

// checkShape holds what the compiler knows of the answers' types against what decode will accept, so that a misspelled
// key is refused at load and not at the first request. What the compiler cannot know passes; decode sees it then.
func checkShape(compiler *ast.Compiler) []Problem {
	s := shape{compiler: compiler}
	s.want("decision", s.decision)
	s.want("masked", s.object)
	s.want("actions", s.texts)
	return s.problems
}

type shape struct {
	compiler *ast.Compiler
	problems []Problem
	rule     string
	at       *ast.Location
}

// want checks one rule of package ringfence, which must exist.
func (s *shape) want(rule string, check func(types.Type)) {
	ref := ast.MustParseRef("data.ringfence." + rule)
	s.rule, s.at = rule, nil
	rules := s.compiler.GetRules(ref)
	if len(rules) == 0 {
		s.report("the rule data.ringfence.%s is missing", rule)
		return
	}
	s.at = firstOf(rules)
	s.each(s.compiler.TypeEnv.GetByRef(ref), check)
}

// each checks every alternative of a union; an unknown type has none.
func (s *shape) each(t types.Type, check func(types.Type)) {
	switch t := t.(type) {
	case nil:
	case types.Any:
		for _, alternative := range t {
			s.each(alternative, check)
		}
	default:
		check(t)
	}
}

func (s *shape) report(format string, args ...any) {
	p := problemAt(s.at, fmt.Sprintf(format, args...))
	if !slices.Contains(s.problems, p) {
		s.problems = append(s.problems, p)
	}
}

func (s *shape) decision(t types.Type) {
	fields := s.fields(t, "decision")
	if fields == nil {
		return
	}
	checks := map[string]func(types.Type){
		"grants": s.texts, "findings": s.findings, "ceiling": s.object, "priority": s.priority,
	}
	for key := range fields {
		if checks[key] == nil {
			s.report("decision has an unknown key %q", key)
		}
	}
	for _, key := range []string{"grants", "findings", "ceiling", "priority"} {
		field, ok := fields[key]
		if !ok {
			s.report("decision lacks the key %q", key)
			continue
		}
		s.rule = key
		s.each(field, checks[key])
	}
}

func (s *shape) findings(t types.Type) {
	s.each(s.elements(t), func(item types.Type) {
		fields := s.fields(item, "finding")
		if fields == nil {
			return
		}
		for key := range fields {
			if _, ok := findingKeys[key]; !ok {
				s.report("a finding has an unknown key %q", key)
			}
		}
		for key, required := range findingKeys {
			if _, ok := fields[key]; required && !ok {
				s.report("a finding lacks the key %q", key)
			}
		}
	})
}

func (s *shape) texts(t types.Type) {
	s.each(s.elements(t), func(item types.Type) {
		if _, ok := item.(types.String); !ok {
			s.report("%s must hold strings, not %s", s.rule, types.Sprint(item))
		}
	})
}

func (s *shape) object(t types.Type) {
	if _, ok := t.(*types.Object); !ok {
		s.report("%s must be an object, not %s", s.rule, types.Sprint(t))
	}
}

func (s *shape) priority(t types.Type) {
	switch t.(type) {
	case types.Number, *types.Object:
	default:
		s.report("priority must be a number or an object, not %s", types.Sprint(t))
	}
}

// elements is what a set or an array holds.
func (s *shape) elements(t types.Type) types.Type {
	switch t := t.(type) {
	case *types.Set:
		return t.Of()
	case *types.Array:
		return types.Values(t)
	}
	s.report("%s must be a set or an array, not %s", s.rule, types.Sprint(t))
	return nil
}

// fields are the static keys of an object; nil if t is none, or if its keys are not known before it is evaluated.
func (s *shape) fields(t types.Type, what string) map[string]types.Type {
	object, ok := t.(*types.Object)
	if !ok {
		s.report("%s must be an object, not %s", what, types.Sprint(t))
		return nil
	}
	if object.DynamicProperties() != nil {
		return nil
	}
	fields := map[string]types.Type{}
	for _, property := range object.StaticProperties() {
		if key, ok := property.Key.(string); ok {
			fields[key] = property.Value
		}
	}
	return fields
}
