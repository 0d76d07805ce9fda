package operation

import (
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ringfence/ringfence/internal/fault"
)

// checkText answers an error that names the field unless the text has 1 to most characters and none that cannot be shown.
func checkText(field, text string, most int) error {
	if strings.TrimSpace(text) == "" {
		return fault.Invalid(field, "this must not be empty")
	}
	return checkOptional(field, &text, most)
}

// checkOptional is checkText for what may be left out or empty.
func checkOptional(field string, text *string, most int) error {
	switch {
	case text == nil:
		return nil
	case utf8.RuneCountInString(*text) > most:
		return fault.Invalid(field, "this has more than %d characters", most)
	case !utf8.ValidString(*text) || strings.ContainsFunc(*text, func(r rune) bool { return r == 0 || unicode.IsControl(r) && !unicode.IsSpace(r) }):
		return fault.Invalid(field, "this has characters that cannot be shown")
	}
	return nil
}

func checkExternal(field string, external *string) error {
	if external != nil && *external == "" {
		return fault.Invalid(field, "this must not be empty; leave it out or give null")
	}
	return checkOptional(field, external, 200)
}

// checkDate answers an error unless the text is a date, YYYY-MM-DD.
func checkDate(field string, date *string) error {
	if date == nil {
		return nil
	}
	if day, err := time.Parse(time.DateOnly, *date); err != nil || day.Year() < 1900 || day.Year() > 9999 {
		return fault.Invalid(field, "a date is written YYYY-MM-DD")
	}
	return nil
}

// checkPeriod answers an error that names endsOn unless the end is not before the start. Dates compare as text.
func checkPeriod(starts, ends *string) error {
	if starts != nil && ends != nil && *ends < *starts {
		return fault.Invalid("endsOn", "the end lies before the start")
	}
	return nil
}

var (
	country  = regexp.MustCompile(`^[A-Z]{2}$`)
	currency = regexp.MustCompile(`^[A-Z]{3}$`)
	decimal  = regexp.MustCompile(`^[0-9]{1,18}(\.[0-9]{1,12})?$`)
)

func checkPattern(field string, text *string, pattern *regexp.Regexp, what string) error {
	if text != nil && !pattern.MatchString(*text) {
		return fault.Invalid(field, "%s", what)
	}
	return nil
}

func checkCountry(field string, text *string) error {
	return checkPattern(field, text, country, "a country is two capital letters (ISO 3166-1 alpha-2)")
}

// maxCount bounds quantities and limits: GraphQL's Int.
const maxCount = 1<<31 - 1

func checkCount(field string, n *int) error {
	if n != nil && (*n < 0 || *n > maxCount) {
		return fault.Invalid(field, "this is a whole number from 0 to %d", maxCount)
	}
	return nil
}

func checkOneOf(field string, text *string, words ...string) error {
	if text == nil {
		return nil
	}
	for _, word := range words {
		if *text == word {
			return nil
		}
	}
	return fault.Invalid(field, "this is one of %s", strings.Join(words, ", "))
}

// firstError gives the first error there is.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
