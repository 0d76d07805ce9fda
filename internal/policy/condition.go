package policy

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// condition is one line of a rule's body as its author wrote it. The compiler makes several expressions out of one.
type condition struct {
	from, to int // offsets in the file
	row      int
	text     string
}

// conditions are the body of a rule, in order.
type conditions []condition

// conditionsOf gives the bodies of all rules by where the rules stand.
func conditionsOf(modules map[string]*ast.Module) map[string]conditions {
	bodies := map[string]conditions{}
	for _, module := range modules {
		for _, rule := range module.Rules {
			for r := rule; r != nil; r = r.Else {
				body := make(conditions, 0, len(r.Body))
				for _, expr := range r.Body {
					if at := expr.Location; at != nil {
						body = append(body, condition{from: at.Offset, to: at.Offset + len(at.Text), row: at.Row, text: firstLine(string(at.Text))})
					}
				}
				bodies[r.Location.String()] = body
			}
		}
	}
	return bodies
}

func firstLine(text string) string {
	line, _, more := strings.Cut(text, "\n")
	if more {
		return line + " …"
	}
	return line
}

func (c condition) holds(at *ast.Location) bool {
	return at != nil && at.Offset >= c.from && at.Offset < c.to
}

// of gives the condition that a place is in. What the compiler took out of the head of a rule is a condition of its own.
func (cs conditions) of(at *ast.Location) condition {
	for _, c := range cs {
		if c.holds(at) {
			return c
		}
	}
	if at == nil {
		return condition{}
	}
	return condition{from: at.Offset, to: at.Offset + len(at.Text), row: at.Row, text: firstLine(string(at.Text))}
}

// within tells whether a place is in the body, not in the head.
func (cs conditions) within(at *ast.Location) bool {
	for _, c := range cs {
		if c.holds(at) {
			return true
		}
	}
	return false
}

func (c condition) place(rule *ast.Rule) Place {
	return Place{File: rule.Location.File, Row: c.row, Rule: headName(rule), Text: c.text}
}

func placeOfRule(rule *ast.Rule) Place {
	return Place{File: rule.Location.File, Row: rule.Location.Row, Rule: headName(rule), Text: firstLine(string(rule.Location.Text))}
}
