package policy

import (
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
)

// Bounds of a policy, before anything of it is read. They are far above what a person writes, and below what could exhaust the
// process: the parser and the compiler walk what is nested with the stack, and an exhausted stack cannot be caught.
const (
	maxSource = 8 << 20 // all files together, in bytes
	maxModule = 1 << 20 // one Rego file, in bytes
	maxFiles  = 1000
	maxDepth  = 64   // brackets inside brackets in Rego, objects and arrays inside one another in JSON
	maxChain  = 2000 // operators and else in a row, which nest without a bracket
)

// checkBounds refuses what is too large or too deep to be read.
func (f Files) checkBounds() []Problem {
	if len(f) > maxFiles {
		return []Problem{{Message: fmt.Sprintf("the policy has more than %d files", maxFiles)}}
	}
	var problems []Problem
	total := 0
	for _, name := range f.names(func(string) bool { return true }) {
		text := f[name]
		total += len(text)
		switch {
		case isModule(name) && len(text) > maxModule:
			problems = append(problems, Problem{File: name, Message: fmt.Sprintf("the file is larger than %d bytes", maxModule)})
		case isModule(name):
			problems = append(problems, checkDepth(name, text, '#')...)
		default:
			problems = append(problems, checkDepth(name, text, 0)...)
		}
	}
	if total > maxSource {
		problems = append(problems, Problem{Message: fmt.Sprintf("the policy is larger than %d bytes", maxSource)})
	}
	return problems
}

// checkDepth scans a text for brackets in brackets, and for long chains of operators, outside of strings and comments. It
// reports the first place only. comment begins a comment to the end of the line; 0: there are none.
func checkDepth(name, text string, comment byte) []Problem {
	row, start, depth, chain := 1, 0, 0, 0
	at := func(offset int, message string) []Problem {
		return []Problem{{File: name, Row: row, Column: offset - start + 1, Message: message}}
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\n':
			row, start = row+1, i+1
			if i+1 < len(text) && text[i+1] != ' ' && text[i+1] != '\t' && text[i+1] != '}' { // a new rule
				chain = 0
			}
		case c == comment && comment != 0:
			if end := strings.IndexByte(text[i:], '\n'); end >= 0 {
				i += end - 1
			} else {
				i = len(text)
			}
		case c == '"' || c == '`' && comment != 0:
			end := closing(text, i)
			if lines := strings.Count(text[i:end], "\n"); lines > 0 {
				row, start = row+lines, i+strings.LastIndexByte(text[i:end], '\n')+1
			}
			i = end
		case c == '{' || c == '[' || c == '(':
			if depth++; depth > maxDepth {
				return at(i, fmt.Sprintf("more than %d brackets inside one another", maxDepth))
			}
		case c == '}' || c == ']' || c == ')':
			depth--
		case comment != 0 && (strings.IndexByte("+-*/%&|=<>", c) >= 0 || strings.HasPrefix(text[i:], "else") || strings.HasPrefix(text[i:], "not ")):
			if chain++; chain > maxChain {
				return at(i, fmt.Sprintf("more than %d operators in one rule", maxChain))
			}
		}
	}
	return nil
}

// closing gives where the string that begins at i ends: its closing quote, or the end of the text.
func closing(text string, i int) int {
	quote := text[i]
	for j := i + 1; j < len(text); j++ {
		switch {
		case text[j] == '\\' && quote == '"':
			j++
		case text[j] == quote, text[j] == '\n' && quote == '"':
			return j
		}
	}
	return len(text) - 1
}

// Format gives a Rego file in the form of `opa fmt`. The problems tell why it cannot be read.
func Format(name, text string) (string, []Problem) {
	if problems := (Files{name: text}).checkBounds(); len(problems) > 0 {
		return "", problems
	}
	formatted, err := format.SourceWithOpts(name, []byte(text), format.Opts{
		RegoVersion: ast.RegoV1, ParserOptions: &ast.ParserOptions{RegoVersion: ast.RegoV1, Capabilities: capabilities()},
	})
	if err != nil {
		return "", inFile(name, problemsOf(err))
	}
	return string(formatted), nil
}

// checkFormat reports the files that are not in the form of `opa fmt`, each where it first differs.
func (f Files) checkFormat() []Problem {
	var problems []Problem
	for _, name := range f.names(isModule) {
		formatted, more := Format(name, f[name])
		problems = append(problems, more...)
		if len(more) == 0 && formatted != f[name] {
			row, column := firstDifference(f[name], formatted)
			problems = append(problems, Problem{File: name, Row: row, Column: column, Message: "not in the form of `opa fmt`; `ringfence policy fmt --write` makes it so"})
		}
	}
	return problems
}

func firstDifference(a, b string) (row, column int) {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	before := a[:n]
	return strings.Count(before, "\n") + 1, n - strings.LastIndexByte(before, '\n')
}
