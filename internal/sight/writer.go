package sight

import (
	"strconv"
	"strings"
)

// writer collects a statement with its arguments.
type writer struct {
	text strings.Builder
	args []any
}

// Put adds text.
func (w *writer) Put(text string) { w.text.WriteString(text) }

// Bind adds an argument.
func (w *writer) Bind(arg any) {
	w.args = append(w.args, arg)
	w.Put("$" + strconv.Itoa(len(w.args)))
}
