package feed

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ringfence/ringfence/internal/fault"
)

// mostProblems is how many mistakes of a file are told at once.
const mostProblems = 20

// table reads a CSV file (RFC 4180, UTF-8 with or without a byte order mark) whose first line names the columns.
type table struct {
	name     string // of the file, as the user gave it
	csv      *csv.Reader
	at       map[string]int // column name, as the reader of the file asks for it → its place
	width    int            // how many columns the file has
	problems []error
	unread   int // problems beyond mostProblems
}

// record is one line of a table.
type record struct {
	table  *table
	fields []string
	line   int
}

var (
	utf8Mark  = []byte("\xef\xbb\xbf")
	utf16Mark = [][]byte{[]byte("\xff\xfe"), []byte("\xfe\xff")}
)

// openTable reads the header. Columns are found by name, in any order and whatever their case; a column that nobody asked for
// is skipped.
func openTable(name string, file io.Reader, columns ...string) (*table, error) {
	t := &table{name: name}
	buffered := bufio.NewReaderSize(file, 64<<10)
	start, err := buffered.Peek(len(utf8Mark))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	for _, mark := range utf16Mark {
		if bytes.HasPrefix(start, mark) {
			return nil, t.mistake(1, 1, "", "the file is UTF-16; save it as CSV in UTF-8")
		}
	}
	if bytes.Equal(start, utf8Mark) {
		if _, err := buffered.Discard(len(utf8Mark)); err != nil {
			return nil, err
		}
	}
	t.csv = csv.NewReader(buffered)
	t.csv.FieldsPerRecord = -1 // counted here, so that the error can say more
	header, err := t.csv.Read()
	if errors.Is(err, io.EOF) {
		return nil, t.mistake(1, 1, "", "the file is empty; its first line must name the columns %s", strings.Join(columns, ", "))
	}
	if err != nil {
		return nil, t.broken(err)
	}
	return t, t.locate(header, columns)
}

// locate finds the columns in the header.
func (t *table) locate(header, columns []string) error {
	t.at = map[string]int{}
	for i, text := range header {
		for _, column := range columns {
			if !strings.EqualFold(tidy(text), column) {
				continue
			}
			if _, twice := t.at[column]; twice {
				line, col := t.csv.FieldPos(i)
				return t.mistake(line, col, column, "there are two columns of this name")
			}
			t.at[column] = i
		}
	}
	for _, column := range columns {
		if _, found := t.at[column]; !found {
			return t.mistake(1, 1, column, "there is no such column; the first line of the file must name it")
		}
	}
	t.csv.ReuseRecord = true
	t.width = len(header)
	return nil
}

// next gives the next line; io.EOF at the end. A line with a wrong number of fields is noted and skipped.
func (t *table) next() (*record, error) {
	for {
		fields, err := t.csv.Read()
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		if err != nil {
			return nil, t.broken(err)
		}
		if len(fields) != t.width {
			line, col := t.csv.FieldPos(min(len(fields), t.width+1) - 1)
			t.note(t.mistake(line, col, "", "this line has %d fields, the first line of the file has %d", len(fields), t.width))
			continue
		}
		line, _ := t.csv.FieldPos(0)
		return &record{table: t, fields: fields, line: line}, nil
	}
}

// value gives a field, tidied. A value that is missing, too long or not text is noted.
func (r *record) value(column string, required bool, most int) string {
	i := r.table.at[column]
	raw := r.fields[i]
	line, col := r.table.csv.FieldPos(i)
	if !utf8.ValidString(raw) {
		r.table.note(r.table.mistake(line, col, column, "this is not UTF-8; save the file as CSV in UTF-8"))
		return ""
	}
	text := tidy(raw)
	switch {
	case text == "" && required:
		r.table.note(r.table.mistake(line, col, column, "the value is missing"))
	case utf8.RuneCountInString(text) > most:
		r.table.note(r.table.mistake(line, col, column, "the value has more than %d characters", most))
	case strings.ContainsFunc(text, unicode.IsControl):
		r.table.note(r.table.mistake(line, col, column, "the value has characters that cannot be shown"))
	}
	return text
}

// refuse notes a mistake in a field.
func (r *record) refuse(column, format string, args ...any) {
	line, col := r.table.csv.FieldPos(r.table.at[column])
	r.table.note(r.table.mistake(line, col, column, format, args...))
}

func (t *table) note(err error) {
	if len(t.problems) == mostProblems {
		t.unread++
		return
	}
	t.problems = append(t.problems, err)
}

// failure gives all mistakes noted, as one error.
func (t *table) failure() error {
	if t.unread > 0 {
		return errors.Join(append(t.problems, fault.New(fault.InvalidInput, "%s: and %d more mistakes", t.name, t.unread))...)
	}
	return errors.Join(t.problems...)
}

// mistake is an error at a place of the file. Lines and columns count from 1, columns in bytes, as compilers do.
func (t *table) mistake(line, column int, field, format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	if field != "" {
		text = field + ": " + text
	}
	e := fault.New(fault.InvalidInput, "%s:%d:%d: %s", t.name, line, column, text)
	e.Field = field
	return e
}

// broken makes a mistake out of what the library could not read as CSV; anything else is the disk's.
func (t *table) broken(err error) error {
	if parse, ok := errors.AsType[*csv.ParseError](err); ok {
		from := ""
		if parse.StartLine != parse.Line {
			from = fmt.Sprintf(" (in the record that begins on line %d)", parse.StartLine)
		}
		return errors.Join(t.failure(), t.mistake(parse.Line, parse.Column, "", "this is not CSV: %v%s", parse.Err, from))
	}
	return fmt.Errorf("read %s: %w", t.name, err)
}

// tidy takes blanks of all kinds, also those that cannot be seen, from both ends, and makes one blank of several inside.
func tidy(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || r == '\u200b' || r == '\ufeff'
	}), " ")
}
