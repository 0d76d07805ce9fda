package policy

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Rule is one rule of a policy as it is written, with its else chain.
type Rule struct {
	Name string // package and name: ringfence.grants
	File string
	Row  int // counted from 1
	Text string
	says map[string]bool // the strings in it
}

// Rules lists the rules of a policy by file and row, without its tests. Files that are not Rego have none.
func (f Files) Rules() []Rule {
	modules, _ := f.parse() // a policy at hand has passed the gate; of a candidate that did not, what can be read
	modules = withoutTests(modules)
	var rules []Rule
	for _, file := range slices.Sorted(maps.Keys(modules)) {
		module := modules[file]
		space := strings.TrimPrefix(module.Package.Path.String(), "data.")
		for _, r := range module.Rules {
			rules = append(rules, Rule{Name: space + "." + ruleName(r), File: file, Row: r.Location.Row, Text: string(r.Location.Text), says: textsIn(r)})
		}
	}
	return rules
}

// ruleName is the name of a rule without the keys it is made for: listed, not listed[type].
func ruleName(r *ast.Rule) string {
	ref := r.Head.Ref()
	for i, term := range ref {
		if i == 0 {
			continue
		}
		if _, ok := term.Value.(ast.String); !ok {
			return ref[:i].String()
		}
	}
	return ref.String()
}

func textsIn(r *ast.Rule) map[string]bool {
	found := map[string]bool{}
	ast.WalkTerms(r, func(term *ast.Term) bool {
		if s, ok := term.Value.(ast.String); ok {
			found[string(s)] = true
		}
		return false
	})
	return found
}

// Says tells whether the text is one of the strings of the rule: the code of a finding, the name of a grant.
func (r *Rule) Says(text string) bool { return r.says[text] }

// Place gives file:row.
func (r *Rule) Place() string { return r.File + ":" + strconv.Itoa(r.Row) }
