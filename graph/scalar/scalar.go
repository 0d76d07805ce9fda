package scalar

import (
	"encoding/json"
	"io"
	"math"
	"regexp"
	"strconv"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/ringfence/ringfence/internal/fault"
)

func write(text string) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) { _, _ = io.WriteString(w, text) })
}

// MarshalInt writes a whole number.
func MarshalInt(n int) graphql.Marshaler { return write(strconv.Itoa(n)) }

// UnmarshalInt reads a whole number of 32 bits, which is what GraphQL's Int is.
func UnmarshalInt(v any) (int, error) {
	n, err := whole(v)
	return int(n), err
}

// MarshalInt64 writes a whole number.
func MarshalInt64(n int64) graphql.Marshaler { return write(strconv.FormatInt(n, 10)) }

// UnmarshalInt64 reads a whole number of 32 bits, which is what GraphQL's Int is.
func UnmarshalInt64(v any) (int64, error) { return whole(v) }

func whole(v any) (int64, error) {
	var n int64
	var err error
	switch v := v.(type) {
	case int64:
		n = v
	case int:
		n = int64(v)
	case json.Number:
		n, err = strconv.ParseInt(v.String(), 10, 64)
	case float64:
		if n = int64(v); float64(n) != v {
			return 0, fault.Invalid("", "an Int is a whole number")
		}
	default:
		return 0, fault.Invalid("", "an Int is a whole number")
	}
	if err != nil || n > math.MaxInt32 || n < math.MinInt32 {
		return 0, fault.Invalid("", "an Int is between %d and %d", math.MinInt32, math.MaxInt32)
	}
	return n, nil
}

// MarshalTime writes an instant in UTC.
func MarshalTime(t time.Time) graphql.Marshaler {
	return write(strconv.Quote(t.UTC().Format(time.RFC3339Nano)))
}

// UnmarshalTime reads an instant with an offset, and gives it in UTC, to the microsecond.
func UnmarshalTime(v any) (time.Time, error) {
	if text, ok := v.(string); ok {
		if t, err := time.Parse(time.RFC3339Nano, text); err == nil && t.Year() > 0 && t.Year() < 9999 {
			return t.UTC().Truncate(time.Microsecond), nil
		}
	}
	return time.Time{}, fault.Invalid("", "a Time is an instant like 2026-05-01T12:00:00Z")
}

// MarshalDate writes a day.
func MarshalDate(day string) graphql.Marshaler { return write(strconv.Quote(day)) }

// UnmarshalDate reads a day of the calendar.
func UnmarshalDate(v any) (string, error) {
	if text, ok := v.(string); ok {
		if day, err := time.Parse(time.DateOnly, text); err == nil && day.Year() > 0 {
			return text, nil
		}
	}
	return "", fault.Invalid("", "a Date is a day like 2026-05-01")
}

var decimal = regexp.MustCompile(`^-?[0-9]{1,18}(\.[0-9]{1,18})?$`)

// MarshalDecimal writes an exact decimal.
func MarshalDecimal(number string) graphql.Marshaler { return write(strconv.Quote(number)) }

// UnmarshalDecimal reads an exact decimal, as a string.
func UnmarshalDecimal(v any) (string, error) {
	if text, ok := v.(string); ok && decimal.MatchString(text) {
		return text, nil
	}
	return "", fault.Invalid("", `a Decimal is a string like "12.50"`)
}

// MarshalJSON writes a JSON value as it is; nothing at all is null.
func MarshalJSON(value json.RawMessage) graphql.Marshaler {
	if len(value) == 0 {
		return graphql.Null
	}
	return graphql.WriterFunc(func(w io.Writer) { _, _ = w.Write(value) })
}

// UnmarshalJSON reads any value.
func UnmarshalJSON(v any) (json.RawMessage, error) { return json.Marshal(v) }
