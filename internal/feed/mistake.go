package feed

import (
	"errors"
	"fmt"

	"github.com/ringfence/ringfence/internal/fault"
)

// MostMistakes is how many mistakes of a file are told at once.
const MostMistakes = 20

// Mistakes are the mistakes of one file, all together. Each is an INVALID_INPUT fault that names file, line, column and field.
type Mistakes []error

// Error tells all of them, one to a line.
func (m Mistakes) Error() string { return errors.Join(m...).Error() }

// Unwrap gives them one by one.
func (m Mistakes) Unwrap() []error { return m }

// mistakes collects what is wrong with a file.
type mistakes struct {
	name     string // of the file, as the user gave it
	problems Mistakes
	unread   int // problems beyond MostMistakes
	last     int // the line read last
}

// count is how many mistakes were noted so far.
func (m *mistakes) count() int { return len(m.problems) + m.unread }

func (m *mistakes) note(err error) {
	if len(m.problems) == MostMistakes {
		m.unread++
		return
	}
	m.problems = append(m.problems, err)
}

// failure gives all mistakes noted, as one error; nil if there is none.
func (m *mistakes) failure() error {
	if m.count() == 0 {
		return nil
	}
	all := m.problems
	if m.unread > 0 {
		all = append(all[:len(all):len(all)], fault.New(fault.InvalidInput, "%s: and %d more mistakes", m.name, m.unread))
	}
	return all
}

// failing gives all mistakes noted, and a last one with which the reading ends.
func (m *mistakes) failing(last error) error {
	m.problems = append(m.problems, last)
	return m.failure()
}

// mistake is an error at a place of the file. Lines and columns count from 1, columns in bytes, as compilers do.
func (m *mistakes) mistake(line, column int, field, format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	if field != "" {
		text = field + ": " + text
	}
	e := fault.New(fault.InvalidInput, "%s:%d:%d: %s", m.name, line, column, text)
	e.Field, e.Line = field, line
	return e
}

// unreadable is the error of a file that could not be read on.
func (m *mistakes) unreadable(err error) error { return fmt.Errorf("read %s: %w", m.name, err) }

// At is a mistake in a row that could only be seen later: what it names is not there, say. It reads like those of the readers.
func At(file string, line int, field, format string, args ...any) error {
	e := fault.New(fault.InvalidInput, "%s:%d: %s: %s", file, line, field, fmt.Sprintf(format, args...))
	e.Field, e.Line = field, line
	return e
}
