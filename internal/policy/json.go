package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

// JSON gives exactly the document that Decide evaluates, as compact JSON with sorted keys, for the decision record. It is
// nil when Args do not fit into JSON; Decide refuses such an input.
func (in *Input) JSON() []byte {
	term, err := in.term()
	if err != nil {
		return nil
	}
	return appendJSON(make([]byte, 0, 1024), term)
}

// appendJSON prints a document made of objects with string keys, arrays and scalars; input has nothing else.
func appendJSON(b []byte, term *ast.Term) []byte {
	switch v := term.Value.(type) {
	case ast.Object:
		return appendObject(b, v)
	case *ast.Array:
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, v.Elem(i))
		}
		return append(b, ']')
	case ast.String:
		return appendString(b, string(v))
	case ast.Number:
		return append(b, v...)
	case ast.Boolean:
		if v {
			return append(b, "true"...)
		}
		return append(b, "false"...)
	}
	return append(b, "null"...)
}

func appendObject(b []byte, object ast.Object) []byte {
	b = append(b, '{')
	first := true
	object.Foreach(func(key, value *ast.Term) {
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(appendJSON(b, key), ':')
		b = appendJSON(b, value)
	})
	return append(b, '}')
}

// appendString takes the short way for plain ASCII, which nearly all strings of an input are.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(s) // a string cannot fail to encode
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// errInput is what a recorded input is that could never have been evaluated.
var errInput = errors.New("policy: this is not a recorded input")

// parseInput reads a recorded input back into the document that was evaluated.
func parseInput(recorded []byte) (*ast.Term, frame, error) {
	if term, ok := readCanonical(string(recorded)); ok {
		f, err := frameOf(term)
		return term, f, err
	}
	term, err := parseJSON(recorded)
	if err != nil {
		return nil, frame{}, err
	}
	f, err := frameOf(term)
	return term, f, err
}

// parseJSON reads any JSON document.
func parseJSON(recorded []byte) (*ast.Term, error) {
	var raw any
	decoder := util.NewJSONDecoder(bytes.NewReader(recorded))
	if err := decoder.Decode(&raw); err != nil {
		return nil, fmt.Errorf("%w: %w", errInput, err)
	}
	if decoder.More() {
		return nil, fmt.Errorf("%w: more than one document", errInput)
	}
	value, err := ast.InterfaceToValue(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errInput, err)
	}
	return ast.NewTerm(value), nil
}
