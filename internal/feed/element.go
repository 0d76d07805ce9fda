package feed

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// element is one element of a list, on its way to a row.
type element struct {
	*pages
	raw  json.RawMessage
	line int
}

// into reads the element; what does not fit is noted with its property.
func (e *element) into(target any) bool {
	err := json.Unmarshal(e.raw, target)
	if err == nil {
		return true
	}
	line, property := e.line, ""
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		line += bytes.Count(e.raw[:min(wrong.Offset, int64(len(e.raw)))], []byte("\n"))
		property = propertyName(wrong.Field)
		e.note(e.mistake(line, 1, property, "the value is a %s", wrong.Value))
		return false
	}
	e.note(e.mistake(line, 1, property, "%v", err))
	return false
}

// propertyName gives the name in the export of a field of ours: SkuID is skuId.
func propertyName(path string) string {
	parts := strings.Split(path, ".")
	for i, part := range parts {
		part = strings.ReplaceAll(part, "ID", "Id")
		parts[i] = strings.ToLower(part[:min(1, len(part))]) + part[min(1, len(part)):]
	}
	return strings.Join(parts, ".")
}

// refuse notes a mistake in a property.
func (e *element) refuse(property, format string, args ...any) {
	e.note(e.mistake(e.line, 1, property, format, args...))
}

// text checks a property and gives it tidied. A value that is missing, too long or not text is noted.
func (e *element) text(property, text string, required bool, most int) string {
	text = tidy(text)
	switch {
	case text == "" && required:
		e.refuse(property, "the value is missing")
	case utf8.RuneCountInString(text) > most:
		e.refuse(property, "the value has more than %d characters", most)
	case strings.ContainsFunc(text, unicode.IsControl):
		e.refuse(property, "the value has characters that cannot be shown")
	}
	return text
}

// optional gives a property that may be left out: nil if it is, empty if it is null.
func (e *element) optional(property string, value given, most int) *string {
	if !value.there {
		return nil
	}
	text := e.text(property, value.text, false, most)
	return &text
}

// given is a text property that tells being left out from being null.
type given struct {
	there bool
	text  string
}

// UnmarshalJSON is called only for a property that is there.
func (g *given) UnmarshalJSON(data []byte) error {
	g.there = true
	var text *string
	err := json.Unmarshal(data, &text)
	g.text = deref(text)
	return err
}
