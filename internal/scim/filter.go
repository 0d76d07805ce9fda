package scim

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ringfence/ringfence/internal/query"
)

// Limits of a filter.
const (
	maxFilter      = 16 << 10 // bytes
	maxDepth       = 20       // of parentheses and brackets
	maxComparisons = 100
)

// expression is a parsed filter (RFC 7644 §3.4.2.2): one of the types below.
type expression interface{}

type (
	both   struct{ left, right expression } // and
	either struct{ left, right expression } // or
	not    struct{ inner expression }
	// comparison compares an attribute with a value: a string, a bool, a json.Number, or nil for null and for pr.
	comparison struct {
		path     path
		operator query.Operator
		value    any
	}
	// having is attribute[filter]: an item of the attribute meets the filter.
	having struct {
		path  path
		inner expression
	}
)

// path names an attribute: urn:name.sub, of which urn and sub may be empty.
type path struct{ urn, name, sub string }

// parser reads a filter or the path of a PATCH.
type parser struct {
	text        string
	at          int
	depth       int
	comparisons int
	kind        string // what the text is, for errors
}

// parseFilter reads a whole filter.
func parseFilter(text string) (expression, error) {
	p := &parser{text: text, kind: invalidFilter}
	if len(text) > maxFilter {
		return nil, wrong(invalidFilter, "a filter has at most %d bytes", maxFilter)
	}
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.blanks(); p.at < len(p.text) {
		return nil, p.unexpected()
	}
	return e, nil
}

func (p *parser) unexpected() error {
	what := "filter"
	if p.kind == invalidPath {
		what = "path"
	}
	if p.at >= len(p.text) {
		return wrong(p.kind, "the %s ends too early", what)
	}
	return wrong(p.kind, "the %s is not understood from character %d on", what, utf8.RuneCountInString(p.text[:p.at])+1)
}

func (p *parser) blanks() (any bool) {
	for p.at < len(p.text) && (p.text[p.at] == ' ' || p.text[p.at] == '\t' || p.text[p.at] == '\n' || p.text[p.at] == '\r') {
		p.at++
		any = true
	}
	return any
}

// word reads a word that is expected, without regard to case; what follows must end it.
func (p *parser) word(word string) bool {
	end := p.at + len(word)
	if end > len(p.text) || !strings.EqualFold(p.text[p.at:end], word) || end < len(p.text) && isName(p.text[end]) {
		return false
	}
	p.at = end
	return true
}

func (p *parser) sign(c byte) bool {
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func isName(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '$'
}

// or reads terms joined by "or", which binds least.
func (p *parser) or() (expression, error) {
	left, err := p.and()
	for err == nil {
		start := p.at
		if !p.blanks() && !p.afterClosing() || !p.word("or") {
			p.at = start
			return left, nil
		}
		p.blanks()
		var right expression
		right, err = p.and()
		left = either{left, right}
	}
	return nil, err
}

func (p *parser) and() (expression, error) {
	left, err := p.term()
	for err == nil {
		start := p.at
		if !p.blanks() && !p.afterClosing() || !p.word("and") {
			p.at = start
			return left, nil
		}
		p.blanks()
		var right expression
		right, err = p.term()
		left = both{left, right}
	}
	return nil, err
}

// afterClosing tells whether a parenthesis or bracket ends just here, after which no blank is needed.
func (p *parser) afterClosing() bool {
	return p.at > 0 && (p.text[p.at-1] == ')' || p.text[p.at-1] == ']')
}

// term reads a comparison, a filter on items, or a whole filter in parentheses.
func (p *parser) term() (expression, error) {
	p.blanks()
	start := p.at
	if p.word("not") {
		if p.blanks(); p.sign('(') {
			inner, err := p.inside(')')
			return not{inner}, err
		}
		p.at = start // an attribute of the name
	}
	if p.sign('(') {
		return p.inside(')')
	}
	attribute, err := p.path()
	if err != nil {
		return nil, err
	}
	if !p.sign('[') {
		return p.compare(attribute)
	}
	inner, err := p.inside(']')
	if err != nil {
		return nil, err
	}
	if attribute.sub != "" {
		return nil, wrong(p.kind, "%.100s has no items to choose from", attribute)
	}
	if p.sign('.') { // emails[type eq "work"].value eq "…" is not in the RFC; Entra sends it
		sub := p.name()
		if sub == "" {
			return nil, p.unexpected()
		}
		about, err := p.compare(path{name: sub})
		return having{attribute, both{inner, about}}, err
	}
	return having{attribute, inner}, nil
}

func (p *parser) inside(closing byte) (expression, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, wrong(p.kind, "more than %d levels of parentheses", maxDepth)
	}
	inner, err := p.or()
	if err != nil {
		return nil, err
	}
	p.depth--
	if p.blanks(); !p.sign(closing) {
		return nil, p.unexpected()
	}
	return inner, nil
}

// name reads the name of an attribute; empty if there is none.
func (p *parser) name() string {
	start := p.at
	for p.at < len(p.text) && isName(p.text[p.at]) {
		p.at++
	}
	return p.text[start:p.at]
}

// path reads [urn:]name[.sub]. A URN has dots and colons of its own, and ends at its last colon.
func (p *parser) path() (path, error) {
	start := p.at
	for p.at < len(p.text) && (isName(p.text[p.at]) || p.text[p.at] == ':' || p.text[p.at] == '.') {
		p.at++
	}
	text := p.text[start:p.at]
	var found path
	if i := strings.LastIndexByte(text, ':'); i >= 0 {
		found.urn, text = text[:i], text[i+1:]
		if len(found.urn) < 4 || !strings.EqualFold(found.urn[:4], "urn:") {
			p.at = start
			return path{}, p.unexpected()
		}
	}
	name, sub, dotted := strings.Cut(text, ".")
	if name == "" || dotted && sub == "" || strings.Contains(sub, ".") || !isLetter(name[0]) && name[0] != '$' {
		p.at = start
		return path{}, p.unexpected()
	}
	found.name, found.sub = name, sub
	return found, nil
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// String writes the path as it is read.
func (p path) String() string {
	text := p.name
	if p.urn != "" {
		text = p.urn + ":" + text
	}
	if p.sub != "" {
		text += "." + p.sub
	}
	return text
}

var operators = []query.Operator{query.Equal, query.Unequal, query.Contains, query.StartsWith, query.EndsWith, query.Greater, query.GreaterEqual,
	query.Less, query.LessEqual}

// compare reads an operator and, unless it is pr, a value.
func (p *parser) compare(attribute path) (expression, error) {
	if p.comparisons++; p.comparisons > maxComparisons {
		return nil, wrong(p.kind, "more than %d comparisons", maxComparisons)
	}
	if !p.blanks() {
		return nil, p.unexpected()
	}
	if p.word(string(query.Present)) {
		return comparison{attribute, query.Present, nil}, nil
	}
	for _, operator := range operators {
		if p.word(string(operator)) {
			if !p.blanks() {
				return nil, p.unexpected()
			}
			value, err := p.value()
			return comparison{attribute, operator, value}, err
		}
	}
	return nil, p.unexpected()
}

// value reads a JSON string, number or boolean, or null.
func (p *parser) value() (any, error) {
	switch {
	case p.word("true"):
		return true, nil
	case p.word("false"):
		return false, nil
	case p.word("null"):
		return nil, nil
	}
	start := p.at
	if p.at < len(p.text) && p.text[p.at] == '"' {
		p.skipString()
		var text string
		if json.Unmarshal([]byte(p.text[start:p.at]), &text) != nil || !utf8.ValidString(p.text[start:p.at]) || strings.ContainsRune(text, 0) {
			p.at = start
			return nil, p.unexpected()
		}
		return text, nil
	}
	for p.at < len(p.text) && strings.IndexByte("+-.0123456789eE", p.text[p.at]) >= 0 {
		p.at++
	}
	var number json.Number
	if json.Unmarshal([]byte(p.text[start:p.at]), &number) != nil || number == "" {
		p.at = start
		return nil, p.unexpected()
	}
	return number, nil
}

// skipString goes to the end of a string, past quotes that a backslash stands before.
func (p *parser) skipString() {
	for p.at++; p.at < len(p.text); p.at++ {
		switch p.text[p.at] {
		case '\\':
			p.at++
		case '"':
			p.at++
			return
		}
	}
	p.at = len(p.text)
}

// isControl tells whether a character cannot be shown.
func isControl(r rune) bool { return r == 0 || unicode.IsControl(r) && !unicode.IsSpace(r) }
