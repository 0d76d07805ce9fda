package export

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strings"
	"unicode"
)

// Format is how rows are written.
type Format string

// The formats.
const (
	CSV  Format = "csv"  // RFC 4180: commas, CRLF, a header, UTF-8
	JSON Format = "json" // one array of objects, an object to a line
)

// MediaType gives the format's media type.
func (f Format) MediaType() string {
	if f == JSON {
		return "application/json; charset=utf-8"
	}
	return "text/csv; charset=utf-8; header=present"
}

// rowWriter writes rows of one width, and at the end what ends them.
type rowWriter interface {
	row(cells []cell) error
	end() error
}

func newRowWriter(f Format, to io.Writer, columns []string) (rowWriter, error) {
	if f == JSON {
		return newJSONRows(to, columns), nil
	}
	w := &csvRows{csv: csv.NewWriter(to), fields: make([]string, len(columns))}
	w.csv.UseCRLF = true
	return w, w.csv.Write(columns)
}

type csvRows struct {
	csv    *csv.Writer
	fields []string
}

func (w *csvRows) row(cells []cell) error {
	for i, c := range cells {
		w.fields[i] = c.text
	}
	return w.csv.Write(w.fields)
}

func (w *csvRows) end() error {
	w.csv.Flush()
	return w.csv.Error()
}

type jsonRows struct {
	to   io.Writer
	keys [][]byte // with what stands before and after
	line []byte
	rows int
}

func newJSONRows(to io.Writer, columns []string) *jsonRows {
	w := &jsonRows{to: to}
	for i, column := range columns {
		separator := byte(',')
		if i == 0 {
			separator = '{'
		}
		key, _ := json.Marshal(camel(column)) // text always marshals
		w.keys = append(w.keys, append(append([]byte{separator}, key...), ':'))
	}
	return w
}

func (w *jsonRows) row(cells []cell) error {
	before := ",\n"
	if w.rows == 0 {
		before = "[\n"
	}
	w.rows++
	w.line = append(w.line[:0], before...)
	for i, c := range cells {
		value, err := json.Marshal(c.json)
		if err != nil {
			return err
		}
		w.line = append(append(w.line, w.keys[i]...), value...)
	}
	w.line = append(w.line, '}')
	_, err := w.to.Write(w.line)
	return err
}

func (w *jsonRows) end() error {
	text := "\n]\n"
	if w.rows == 0 {
		text = "[]\n"
	}
	_, err := io.WriteString(w.to, text)
	return err
}

// camel makes a JSON name of a column's: "unit price" is unitPrice. Names without blanks stay as they are.
func camel(column string) string {
	words := strings.Fields(column)
	for i, word := range words[1:] {
		runes := []rune(word)
		runes[0] = unicode.ToUpper(runes[0])
		words[i+1] = string(runes)
	}
	return strings.Join(words, "")
}
