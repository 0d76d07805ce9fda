package feed

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// maxElement is how many bytes one element of a page of Microsoft Graph may have: it is held in memory. The members of a group that
// changed are part of it.
const maxElement = 16 << 20

// Export is a kind of export of Microsoft Graph: JSON as its requests answer, one page or several one after the other, each an object
// with a list named value, or the bare list.
type Export[T any] struct {
	read func(e *element) (T, bool)
}

// Page reads the elements of an export one after the other.
type Page[T any] struct {
	export  *Export[T]
	pages   *pages
	n       int64
	element element
}

// Open begins to read an export, of which name is what messages call it. Errors are INVALID_INPUT, with file:line:column and the
// property.
func (e *Export[T]) Open(name string, file io.Reader) (*Page[T], error) {
	p := &pages{mistakes: &mistakes{name: name}, hashed: Hashing(file)}
	p.input = &limited{from: p.hashed, left: maxElement}
	p.lines = &lineReader{from: p.input, line: 1}
	buffered := bufio.NewReader(p.lines)
	start, err := buffered.Peek(len(utf8Mark))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, p.unreadable(err)
	}
	for _, mark := range utf16Mark {
		if bytes.HasPrefix(start, mark) {
			return nil, p.mistake(1, 1, "", "the file is UTF-16; save it as JSON in UTF-8")
		}
	}
	if bytes.Equal(start, utf8Mark) {
		if _, err := buffered.Discard(len(utf8Mark)); err != nil {
			return nil, err
		}
		p.begin = int64(len(utf8Mark))
	}
	p.json = json.NewDecoder(buffered)
	p.json.UseNumber()
	return &Page[T]{export: e, pages: p, element: element{pages: p}}, nil
}

// Next gives the next element; io.EOF at the end, or all mistakes of the file together. One with a mistake is passed over.
func (p *Page[T]) Next() (row T, err error) {
	for {
		raw, line, err := p.pages.next()
		if errors.Is(err, io.EOF) {
			if err := p.pages.failure(); err != nil {
				return row, err
			}
			return row, io.EOF
		}
		if err != nil {
			return row, err
		}
		p.n++
		noted := p.pages.count()
		p.element.raw, p.element.line = raw, line
		row, wanted := p.export.read(&p.element)
		if wanted && p.pages.count() == noted {
			return row, nil
		}
	}
}

// Part gives the next elements, at most n; none at the end of the file.
func (p *Page[T]) Part(n int) ([]T, error) {
	part := make([]T, 0, n)
	for len(part) < n {
		row, err := p.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		part = append(part, row)
	}
	return part, nil
}

// Digest gives the SHA-256 of the whole file, in hexadecimal digits.
func (p *Page[T]) Digest() (string, error) {
	digest, err := p.pages.hashed.Sum()
	if err != nil {
		return "", p.pages.unreadable(err)
	}
	return digest, nil
}

// Summary tells what the export is like; it must have been read to its end.
func (p *Page[T]) Summary() (*Summary, error) {
	digest, err := p.Digest()
	if err != nil {
		return nil, err
	}
	return &Summary{Rows: p.n, Digest: digest, NextLink: p.pages.nextLink, DeltaLink: p.pages.deltaLink}, nil
}

// Check reads a whole export and tells what it is like, or everything that is wrong with it.
func (e *Export[T]) Check(name string, file io.Reader) (*Summary, error) {
	p, err := e.Open(name, file)
	if err != nil {
		return nil, err
	}
	for {
		if _, err := p.Next(); errors.Is(err, io.EOF) {
			return p.Summary()
		} else if err != nil {
			return nil, err
		}
	}
}

// Unmarked gives a file without the byte order mark it may begin with.
func Unmarked(file io.Reader) io.Reader {
	buffered := bufio.NewReader(file)
	if start, err := buffered.Peek(len(utf8Mark)); err == nil && bytes.Equal(start, utf8Mark) {
		_, _ = buffered.Discard(len(utf8Mark)) // they are there
	}
	return buffered
}

// pages walks through the documents of a file.
type pages struct {
	*mistakes
	hashed *Hashed
	input  *limited
	lines  *lineReader
	json   *json.Decoder
	begin  int64 // where JSON begins
	// inside tells where the decoder stands: before a document, in an object outside of its list, in the list of an object, or in
	// a bare list.
	inside              int
	listed              bool // the present object has had its list
	documents           int
	nextLink, deltaLink string
}

const (
	outside = iota
	inObject
	inValue
	inList
)

// next gives the next element of a list, with the line it begins on; io.EOF at the end of the file.
func (p *pages) next() (json.RawMessage, int, error) {
	for {
		p.input.left = maxElement
		var err error
		switch p.inside {
		case outside:
			err = p.enter()
		case inObject:
			err = p.property()
		default:
			if p.json.More() {
				return p.take()
			}
			err = p.leave()
		}
		if err != nil {
			return nil, 0, err
		}
	}
}

func (p *pages) enter() error {
	token, err := p.json.Token()
	switch {
	case errors.Is(err, io.EOF) && p.documents == 0:
		return p.mistake(1, 1, "", "the file is empty; it must hold an answer of Microsoft Graph")
	case errors.Is(err, io.EOF):
		return io.EOF
	case err != nil:
		return p.broken(err)
	}
	p.documents++
	switch token {
	case json.Delim('{'):
		p.inside, p.listed = inObject, false
		p.nextLink, p.deltaLink = "", ""
	case json.Delim('['):
		p.inside = inList
	default:
		return p.failing(p.mistake(p.lines.at(p.offset()), 1, "", "this is no answer of Microsoft Graph: it is neither an object nor a list"))
	}
	return nil
}

// property reads one property of the object around the list, or its end.
func (p *pages) property() error {
	token, err := p.json.Token()
	if err != nil {
		return p.broken(err)
	}
	name, ok := token.(string)
	if !ok { // the closing brace
		if !p.listed {
			return p.failing(p.mistake(p.lines.at(p.offset()), 1, "value", "this is no answer of Microsoft Graph: there is no list of this name"))
		}
		p.inside = outside
		return nil
	}
	switch {
	case strings.EqualFold(name, "value"):
		open, err := p.json.Token()
		if err != nil {
			return p.broken(err)
		}
		if open != json.Delim('[') {
			return p.failing(p.mistake(p.lines.at(p.offset()), 1, "value", "this is no list"))
		}
		p.inside, p.listed = inValue, true
		return nil
	case strings.EqualFold(name, "@odata.nextLink"):
		return p.link(name, &p.nextLink)
	case strings.EqualFold(name, "@odata.deltaLink"):
		return p.link(name, &p.deltaLink)
	}
	var skipped json.RawMessage
	return p.broken(p.json.Decode(&skipped))
}

func (p *pages) link(name string, into *string) error {
	var text *string
	if err := p.json.Decode(&text); err != nil {
		return p.broken(err)
	}
	if text != nil {
		*into = *text
	}
	if len(*into) > 10_000 {
		return p.failing(p.mistake(p.lines.at(p.offset()), 1, name, "the link has more than 10000 characters"))
	}
	return nil
}

func (p *pages) take() (json.RawMessage, int, error) {
	var raw json.RawMessage
	if err := p.json.Decode(&raw); err != nil {
		return nil, 0, p.broken(err)
	}
	p.last = p.lines.at(p.offset() - int64(len(raw)))
	return raw, p.last, nil
}

func (p *pages) leave() error {
	if _, err := p.json.Token(); err != nil {
		return p.broken(err)
	}
	p.inside = map[int]int{inValue: inObject, inList: outside}[p.inside]
	return nil
}

func (p *pages) offset() int64 { return p.begin + p.json.InputOffset() }

// broken makes a mistake out of what the library could not read as JSON; anything else is the disk's.
func (p *pages) broken(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, errTooLong) {
		return p.failing(p.mistake(p.lines.at(p.offset()), 1, "", "an element that begins here or after it has more than %d MB", maxElement>>20))
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return p.failing(p.mistake(p.lines.total(), 1, "", "the file ends in the middle; it was cut off"))
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return p.failing(p.mistake(p.lines.at(p.offset()), 1, "", "a %s stands here, where none belongs", wrong.Value))
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return p.failing(p.mistake(p.lines.at(p.offset()), 1, "", "this is not JSON: %v", syntax))
	}
	return p.unreadable(err)
}

// lineReader counts the lines of what is read through it. Only places that are still to come are asked for.
type lineReader struct {
	from   io.Reader
	breaks []int64 // offsets of line breaks that were read and not passed
	read   int64
	line   int // of the place asked for last
}

// Read reads.
func (l *lineReader) Read(p []byte) (int, error) {
	n, err := l.from.Read(p)
	for i, c := range p[:n] {
		if c == '\n' {
			l.breaks = append(l.breaks, l.read+int64(i))
		}
	}
	l.read += int64(n)
	return n, err
}

// at tells the line of an offset.
func (l *lineReader) at(offset int64) int {
	passed := 0
	for passed < len(l.breaks) && l.breaks[passed] < offset {
		passed++
	}
	l.line += passed
	l.breaks = l.breaks[:copy(l.breaks, l.breaks[passed:])]
	return l.line
}

// total is the number of the last line read.
func (l *lineReader) total() int { return l.line + len(l.breaks) }
