package guard

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/core"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// validationRules gives the rules a document must keep: those of the specification without suggestions (they cost an edit
// distance to every name of the schema for every wrong one), field merging in linear time, and literals checked as strictly
// as variables. They rely on what the guard has refused before: cycles of fragments.
func validationRules() *rules.Rules {
	r := rules.NewDefaultRules()
	for _, quiet := range []core.Rule{
		rules.FieldsOnCorrectTypeRuleWithoutSuggestions, rules.KnownArgumentNamesRuleWithoutSuggestions,
		rules.KnownTypeNamesRuleWithoutSuggestions, rules.ScalarLeafsRuleWithoutSuggestions,
		rules.ValuesOfCorrectTypeRuleWithoutSuggestions,
	} {
		r.RemoveRule(strings.TrimSuffix(quiet.Name, "WithoutSuggestions"))
		r.AddRule(quiet.Name, quiet.RuleFunc)
	}
	r.ReplaceRule(rules.OverlappingFieldsCanBeMergedRule.Name, overlappingFieldsCanBeMerged)
	r.AddRule("LiteralsInRange", literalsInRange)
	r.AddRule("NoDefer", noDefer)
	return r
}

// noDefer refuses @defer, which gqlparser knows: no transport of ours sends an answer in pieces, so the deferred fields would
// be missing without a word.
func noDefer(observers *core.Events, addError core.AddErrFunc) {
	observers.OnDirective(func(_ *core.Walker, d *ast.Directive) {
		if d.Name == "defer" {
			addError(core.Message("The directive @defer is not supported."), core.At(d.Position))
		}
	})
}

// literalsInRange refuses whole numbers beyond 32 bits for Int, and text that no database could store.
func literalsInRange(observers *core.Events, addError core.AddErrFunc) {
	observers.OnValue(func(_ *core.Walker, value *ast.Value) {
		switch value.Kind {
		case ast.IntValue:
			if value.Definition == nil || value.Definition.Name != "Int" {
				return
			}
			if _, err := strconv.ParseInt(value.Raw, 10, 32); err != nil {
				addError(core.Message("Int cannot represent a number beyond 32 bits."), core.At(value.Position))
			}
		case ast.StringValue, ast.BlockValue:
			if strings.IndexByte(value.Raw, 0) >= 0 || !utf8.ValidString(value.Raw) {
				addError(core.Message("The text is not valid UTF-8 or contains the character NUL."), core.At(value.Position))
			}
		}
	})
}
