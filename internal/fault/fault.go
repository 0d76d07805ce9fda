// Package fault is the one error type of Ringfence: a code for machines, a sentence for people, a cause for the log. It
// is mapped to GraphQL and HTTP once, at the edge; an error of any other type becomes INTERNAL there.
package fault

import (
	"errors"
	"fmt"

	"github.com/ringfence/ringfence/internal/licensing"
)

// Code is the machine-readable kind of an error (semantics.md §8).
type Code string

// The codes a client may see in errors[].extensions.code.
const (
	Unauthenticated      Code = "UNAUTHENTICATED"
	PolicyDenied         Code = "POLICY_DENIED"
	NotFound             Code = "NOT_FOUND"
	InvalidInput         Code = "INVALID_INPUT"
	Conflict             Code = "CONFLICT"
	IdempotencyKeyReused Code = "IDEMPOTENCY_KEY_REUSED"
	TooComplex           Code = "TOO_COMPLEX"
	RateLimited          Code = "RATE_LIMITED"
	Unavailable          Code = "UNAVAILABLE"
	Internal             Code = "INTERNAL"
)

// Error is the only error type that crosses a package border on purpose.
type Error struct {
	Code    Code
	Message string // a sentence for the caller; never SQL, a path or a stack
	Field   string // the input field at fault, as the client wrote it, if one is
	Line    int    // the line of the file at fault, counted from 1, if one is

	Violations []licensing.Violation // why the policy denied; only with PolicyDenied
	Decision   int64                 // id of the recorded decision; only with PolicyDenied
	Revision   string                // the policy's revision; only with PolicyDenied

	Cause error // for the log only
}

// Error tells the code, the sentence and the cause; it is meant for the log, clients get Message.
func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.Cause)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Message)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// New makes an error with a code and a sentence for the caller.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Invalid makes an INVALID_INPUT error that names the field.
func Invalid(field, format string, args ...any) *Error {
	return &Error{Code: InvalidInput, Field: field, Message: fmt.Sprintf(format, args...)}
}

// Missing makes the NOT_FOUND error for a thing named by an input field. It reads the same for what does not exist and
// for what the caller may not see.
func Missing(field, noun string) *Error {
	return &Error{Code: NotFound, Field: field, Message: fmt.Sprintf("there is no such %s", noun)}
}

// Wrap makes an error with a cause that only the log sees.
func Wrap(cause error, code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Cause: cause}
}

// CodeOf gives the code of an error: Internal when it is not an *Error, empty when it is nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}
