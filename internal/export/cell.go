package export

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// cell is one value of a row. The zero cell is nothing at all: empty in CSV, null in JSON.
type cell struct {
	text string
	json any
}

// word is text that somebody wrote: CSV guards it against spreadsheets.
func word(text string) cell { return cell{guard(text), text} }

// maybe is text that may not be there.
func maybe[T ~string](text *T) cell {
	if text == nil {
		return cell{}
	}
	return word(string(*text))
}

// plain is text of our own making, such as an id, a word of a choice, a day or an exact decimal.
func plain[T ~string](text T) cell { return cell{string(text), string(text)} }

func maybePlain[T ~string](text *T) cell {
	if text == nil {
		return cell{}
	}
	return plain(*text)
}

// named is an id.
func named(id fmt.Stringer) cell { return plain(id.String()) }

func number(n int64) cell { return cell{strconv.FormatInt(n, 10), n} }

func maybeNumber(n *int64) cell {
	if n == nil {
		return cell{}
	}
	return number(*n)
}

// units is a quantity where nil is unlimited: 0 in CSV, as Licenseware writes it, null in JSON. A column "unlimited" tells beside it.
func units(n *int64) cell {
	if n == nil {
		return cell{text: "0"}
	}
	return number(*n)
}

// fraction is a share of a whole, from 0 to 1.
func fraction(n float64) cell { return cell{strconv.FormatFloat(n, 'f', -1, 64), n} }

func boolean(yes bool) cell { return cell{strconv.FormatBool(yes), yes} }

func maybeBoolean(yes *bool) cell {
	if yes == nil {
		return cell{}
	}
	return boolean(*yes)
}

func instant(at time.Time) cell { return plain(at.UTC().Format(time.RFC3339Nano)) }

func maybeInstant(at *time.Time) cell {
	if at == nil {
		return cell{}
	}
	return instant(*at)
}

// list is several texts: separated by a semicolon and a blank in CSV. Nil is nothing.
func list[T ~string](texts []T) cell {
	if texts == nil {
		return cell{}
	}
	words := make([]string, len(texts))
	for i, text := range texts {
		words[i] = string(text)
	}
	return cell{guard(strings.Join(words, "; ")), words}
}

// document is a JSON value. Nil is nothing.
func document(value json.RawMessage) cell {
	if len(value) == 0 {
		return cell{}
	}
	return cell{guard(string(value)), value}
}

// formula are the characters with which spreadsheets begin a formula.
const formula = "=+-@\t\r"

// guard puts an apostrophe before text that a spreadsheet would take for a formula, and before text that looks as if that had been
// done to it, so that taking one off again gives what was there.
func guard(text string) string {
	rest := strings.TrimLeft(text, "'")
	if rest != "" && strings.IndexByte(formula, rest[0]) >= 0 {
		return "'" + text
	}
	return text
}
