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
)

// maxRecord is how many bytes one line (one record, if a value goes over several lines) may have: it is held in memory.
const maxRecord = 1 << 20

// table reads a CSV file (RFC 4180, UTF-8 with or without a byte order mark) whose first line names the columns. Values are
// separated by commas, semicolons or tabs; which of them is seen from the names of the columns.
type table struct {
	*mistakes
	csv       *csv.Reader
	input     *limited
	at        map[string]int // column name, as the reader of the file asks for it → its place
	header    []string       // as the file writes it
	delimiter rune
	unknown   []string // columns of the file that nobody asked for
	skipped   int      // lines before the header
}

// column is a column that a reader asks for, by the name it has in messages. The file may call it otherwise, with any case,
// blanks, underscores and the like.
type column struct {
	name     string
	also     []string
	required bool
}

// required gives columns that must be there, known by one name.
func required(names ...string) []column {
	columns := make([]column, len(names))
	for i, name := range names {
		columns[i] = column{name: name, required: true}
	}
	return columns
}

var (
	utf8Mark  = []byte("\xef\xbb\xbf")
	utf16Mark = [][]byte{[]byte("\xff\xfe"), []byte("\xfe\xff")}
)

// delimiters are what may stand between values, the usual one first.
var delimiters = []rune{',', ';', '\t'}

// openTable reads the header. Columns are found by name, in any order; a column that nobody asked for is skipped and told.
func openTable(name string, file io.Reader, columns []column) (*table, error) {
	t := &table{mistakes: &mistakes{name: name}, input: &limited{from: file, left: maxRecord}}
	buffered := bufio.NewReaderSize(t.input, 64<<10)
	start, err := buffered.Peek(len(utf8Mark))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, t.broken(err)
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
	if err := t.chooseDelimiter(buffered, columns); err != nil {
		return nil, err
	}
	t.csv = csv.NewReader(buffered)
	t.csv.Comma = t.delimiter
	t.csv.FieldsPerRecord = -1 // counted here, so that the error can say more
	header, err := t.csv.Read()
	if errors.Is(err, io.EOF) {
		return nil, t.mistake(1, 1, "", "the file is empty; its first line must name the columns %s", strings.Join(names(columns), ", "))
	}
	if err != nil {
		return nil, t.broken(err)
	}
	t.last, _ = t.place(len(header) - 1)
	return t, t.locate(header, columns)
}

func names(columns []column) []string {
	var list []string
	for _, c := range columns {
		if c.required {
			list = append(list, c.name)
		}
	}
	return list
}

// chooseDelimiter looks at the first line: the delimiter under which most columns are known is the one, the comma if it is all the
// same. The line "sep=;", which Excel writes for itself, is heeded and skipped.
func (t *table) chooseDelimiter(file *bufio.Reader, columns []column) error {
	start, err := file.Peek(4 << 10)
	if err != nil && !errors.Is(err, io.EOF) {
		return t.broken(err)
	}
	line := firstLine(start)
	if text := strings.TrimRight(string(line), "\r\n"); len(text) == len("sep=;") && strings.EqualFold(text[:4], "sep=") {
		for _, d := range delimiters {
			if rune(text[4]) == d {
				t.delimiter, t.skipped = d, 1
				_, err := file.Discard(len(line))
				return err
			}
		}
	}
	best := -1
	for _, d := range delimiters {
		r := csv.NewReader(bytes.NewReader(line))
		r.Comma, r.LazyQuotes = d, true
		fields, err := r.Read()
		if err != nil {
			fields = nil
		}
		if known := countKnown(fields, columns); known > best {
			best, t.delimiter = known, d
		}
	}
	return nil
}

// firstLine gives the text up to the first line break that is not inside quotes, the break included.
func firstLine(text []byte) []byte {
	quoted := false
	for i, c := range text {
		if c == '"' {
			quoted = !quoted
		}
		if c == '\n' && !quoted {
			return text[:i+1]
		}
	}
	return text
}

func countKnown(header []string, columns []column) int {
	n := 0
	for _, text := range header {
		for _, c := range columns {
			if c.is(text) {
				n++
			}
		}
	}
	return n
}

// is tells whether the file's name for a column means this one.
func (c *column) is(text string) bool {
	key := fold(text)
	if key == fold(c.name) {
		return true
	}
	for _, other := range c.also {
		if key == fold(other) {
			return true
		}
	}
	return false
}

// fold is the form in which names of columns and words of a choice are compared: letters and digits alone, in lower case.
func fold(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, text)
}

// locate finds the columns in the header.
func (t *table) locate(header []string, columns []column) error {
	t.at = map[string]int{}
	for i, text := range header {
		t.header = append(t.header, tidy(text))
		found := false
		for _, c := range columns {
			if !c.is(text) {
				continue
			}
			if _, twice := t.at[c.name]; twice {
				line, col := t.place(i)
				return t.mistake(line, col, c.name, "there are two columns of this name")
			}
			t.at[c.name], found = i, true
			break
		}
		if text := tidy(text); !found && text != "" {
			t.unknown = append(t.unknown, text)
		}
	}
	for _, c := range columns {
		if _, found := t.at[c.name]; c.required && !found {
			return t.mistake(1+t.skipped, 1, c.name, "there is no such column; the first line of the file must name it")
		}
	}
	t.csv.ReuseRecord = true
	return nil
}

// next gives the next line; io.EOF at the end. A line with a wrong number of fields is noted and skipped, one without any value is
// skipped.
func (t *table) next() (*record, error) {
	for {
		t.input.left = maxRecord
		fields, err := t.csv.Read()
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		if err != nil {
			return nil, t.broken(err)
		}
		t.last, _ = t.place(len(fields) - 1)
		if len(fields) != len(t.header) {
			line, col := t.place(min(len(fields), len(t.header)+1) - 1)
			t.note(t.mistake(line, col, "", "this line has %d fields, the first line of the file has %d", len(fields), len(t.header)))
			continue
		}
		if blank(fields) {
			continue
		}
		line, _ := t.place(0)
		return &record{table: t, fields: fields, line: line}, nil
	}
}

// blank tells whether a line has no value at all, as spreadsheets leave them at the end.
func blank(fields []string) bool {
	for _, f := range fields {
		if tidy(f) != "" {
			return false
		}
	}
	return true
}

// place tells where a field of the present line stands.
func (t *table) place(field int) (line, column int) {
	line, column = t.csv.FieldPos(field)
	return line + t.skipped, column
}

// broken makes a mistake out of what the library could not read as CSV; anything else is the disk's.
func (t *table) broken(err error) error {
	if errors.Is(err, errTooLong) {
		line := 1
		if t.csv != nil {
			// The library tells no place of a line it could not finish: it is the one after the last byte it understood.
			line = t.last + 1
		}
		return t.failing(t.mistake(line, 1, "", "the line that begins here or after it has more than %d KB; is a quotation mark left open?", maxRecord>>10))
	}
	if parse, ok := errors.AsType[*csv.ParseError](err); ok {
		from := ""
		if parse.StartLine != parse.Line {
			from = fmt.Sprintf(" (in the record that begins on line %d)", parse.StartLine+t.skipped)
		}
		return t.failing(t.mistake(parse.Line+t.skipped, parse.Column, "", "this is not CSV: %v%s", parse.Err, from))
	}
	return t.unreadable(err)
}

// errTooLong ends the reading of a record that has no end.
var errTooLong = errors.New("the record is too long")

// limited lets a bounded number of bytes through before the next record is begun.
type limited struct {
	from io.Reader
	left int
}

// Read reads.
func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errTooLong
	}
	n, err := l.from.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

// tidy takes blanks of all kinds, also those that cannot be seen, from both ends, and makes one blank of several inside.
func tidy(text string) string {
	if plain(text) {
		return text
	}
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || r == '\u200b' || r == '\ufeff'
	}), " ")
}

// plain tells whether tidy would leave a text as it is, as far as that is seen at a glance.
func plain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c >= 0x80 || c <= ' ' && (c != ' ' || i == 0 || i == len(text)-1 || text[i+1] == ' ') {
			return false
		}
	}
	return true
}
