package feed

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// record is one line of a table.
type record struct {
	table  *table
	fields []string
	line   int
}

// has tells whether the file has a column.
func (r *record) has(column string) bool {
	_, found := r.table.at[column]
	return found
}

// raw gives a field as it stands; what our exports put before a value that a spreadsheet would take for a formula is taken off.
func (r *record) raw(column string) string {
	i, found := r.table.at[column]
	if !found {
		return ""
	}
	text := r.fields[i]
	if rest := strings.TrimLeft(text, "'"); len(rest) < len(text) && rest != "" && strings.IndexByte("=+-@\t\r", rest[0]) >= 0 {
		return text[1:]
	}
	return text
}

// value gives a field, tidied. A value that is missing, too long or not text is noted.
func (r *record) value(column string, required bool, most int) string {
	raw := r.raw(column)
	if !utf8.ValidString(raw) {
		r.refuse(column, "this is not UTF-8; save the file as CSV in UTF-8")
		return ""
	}
	text := tidy(raw)
	switch {
	case text == "" && required:
		r.refuse(column, "the value is missing")
	case utf8.RuneCountInString(text) > most:
		r.refuse(column, "the value has more than %d characters", most)
	case strings.ContainsFunc(text, unicode.IsControl):
		r.refuse(column, "the value has characters that cannot be shown")
	}
	return text
}

// optional gives a field that may be left out: nil if the file has no such column, empty if it has and nothing stands there.
func (r *record) optional(column string, most int) *string {
	if !r.has(column) {
		return nil
	}
	text := r.value(column, false, most)
	return &text
}

// notes is optional for a text of several lines.
func (r *record) notes(column string, most int) *string {
	if !r.has(column) {
		return nil
	}
	text := strings.TrimSpace(strings.ReplaceAll(r.raw(column), "\r\n", "\n"))
	switch {
	case !utf8.ValidString(text):
		r.refuse(column, "this is not UTF-8; save the file as CSV in UTF-8")
	case utf8.RuneCountInString(text) > most:
		r.refuse(column, "the value has more than %d characters", most)
	case strings.ContainsFunc(text, func(c rune) bool { return c == 0 || unicode.IsControl(c) && !unicode.IsSpace(c) }):
		r.refuse(column, "the value has characters that cannot be shown")
	}
	return &text
}

// maxCount bounds counts and quantities, as the API does.
const maxCount = 1<<31 - 1

// number gives a whole number; nil if nothing stands there.
func (r *record) number(column string, required bool) *int64 {
	text := r.value(column, required, 40)
	if text == "" {
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > maxCount {
		r.refuse(column, "%q is not a whole number from 0 to %d", text, maxCount)
		return nil
	}
	return &n
}

// flag gives a yes or no; nil if nothing stands there.
func (r *record) flag(column string) *bool {
	var yes bool
	switch text := r.value(column, false, 40); fold(text) {
	case "":
		return nil
	case "true", "yes", "y", "1":
		yes = true
	case "false", "no", "n", "0":
	default:
		r.refuse(column, "%q is neither true nor false", text)
		return nil
	}
	return &yes
}

// choice gives one of some words, however the file writes it: a choice of SERVICE_ACCOUNT may be written "Service account". It is nil
// if nothing stands there.
func (r *record) choice(column string, words ...string) *string {
	text := r.value(column, false, 100)
	if text == "" {
		return nil
	}
	i := slices.IndexFunc(words, func(word string) bool { return fold(word) == fold(text) })
	if i < 0 {
		r.refuse(column, "%q is none of %s", text, strings.Join(words, ", "))
		return nil
	}
	return &words[i]
}

// date gives a day as YYYY-MM-DD, nil if the file has no such column, empty if nothing stands there. A time of midnight after it does
// not count.
func (r *record) date(column string) *string {
	text := r.optional(column, 40)
	if text == nil || *text == "" {
		return text
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04:05Z", "2006-01-02T15:04:05", time.DateTime} {
		day, err := time.Parse(layout, *text)
		if err == nil && day.Year() >= 1900 && day.Year() <= 9999 && day.Equal(day.Truncate(24*time.Hour)) {
			short := day.Format(time.DateOnly)
			return &short
		}
	}
	r.refuse(column, "%q is not a date, which is written YYYY-MM-DD", *text)
	return nil
}

// moment gives a time; nil if nothing stands there. A day alone is its first moment, UTC.
func (r *record) moment(column string) *time.Time {
	text := r.value(column, false, 40)
	if text == "" {
		return nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly, "2006-01-02T15:04:05", time.DateTime} {
		if at, err := time.Parse(layout, text); err == nil && at.Year() >= 1900 && at.Year() <= 9999 {
			at = at.UTC().Truncate(time.Microsecond)
			return &at
		}
	}
	r.refuse(column, "%q is not a time, which is written 2026-03-31T12:00:00Z or 2026-03-31", text)
	return nil
}

// refuse notes a mistake in a field.
func (r *record) refuse(column, format string, args ...any) {
	line, col := r.line, 1
	if i, found := r.table.at[column]; found {
		line, col = r.table.place(i)
	}
	r.table.note(r.table.mistake(line, col, column, format, args...))
}
