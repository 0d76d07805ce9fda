package policy

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Problem is one thing that is wrong with a policy directory. Row and Column count from 1; they are 0 when the problem
// has no place in a file.
type Problem struct {
	File        string
	Row, Column int
	Message     string
}

// String gives file:row:col: message, as far as there is a place.
func (p Problem) String() string {
	if p.File == "" {
		return p.Message
	}
	if p.Row == 0 {
		return fmt.Sprintf("%s: %s", p.File, p.Message)
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Row, p.Column, p.Message)
}

// RefusedError says why a policy directory was not taken into use.
type RefusedError struct {
	Revision string // of the refused content, empty when it could not be read
	Problems []Problem
}

// Error lists the problems, one per line.
func (e *RefusedError) Error() string {
	lines := make([]string, 0, len(e.Problems)+1)
	lines = append(lines, "policy refused")
	for _, p := range e.Problems {
		lines = append(lines, p.String())
	}
	return strings.Join(lines, "\n")
}

// problemsOf spreads what OPA reports over single problems.
func problemsOf(err error) []Problem {
	if list, ok := errors.AsType[ast.Errors](err); ok {
		problems := make([]Problem, 0, len(list))
		for _, e := range list {
			problems = append(problems, problemAt(e.Location, e.Message))
		}
		return problems
	}
	if single, ok := errors.AsType[*ast.Error](err); ok {
		return []Problem{problemAt(single.Location, single.Message)}
	}
	return []Problem{{Message: err.Error()}}
}

func problemAt(at *ast.Location, message string) Problem {
	if at == nil {
		return Problem{Message: message}
	}
	return Problem{File: at.File, Row: at.Row, Column: max(at.Col, 1), Message: message}
}

// compareProblems orders by place, so that a report reads the same every time.
func compareProblems(a, b Problem) int {
	return cmp.Or(
		cmp.Compare(a.File, b.File), cmp.Compare(a.Row, b.Row), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Message, b.Message),
	)
}

// inFile gives a place to problems that OPA reports without one, an empty file for example.
func inFile(name string, problems []Problem) []Problem {
	for i := range problems {
		if problems[i].Row == 0 {
			problems[i].File, problems[i].Row, problems[i].Column = name, 1, 1
		}
	}
	return problems
}
