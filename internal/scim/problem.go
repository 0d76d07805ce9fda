package scim

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/operation"
)

// What can be wrong with a request (RFC 7644 §3.12, table 9).
const (
	invalidFilter = "invalidFilter"
	invalidPath   = "invalidPath"
	invalidSyntax = "invalidSyntax"
	invalidValue  = "invalidValue"
	mutability    = "mutability"
	noTarget      = "noTarget"
	tooMany       = "tooMany"
	uniqueness    = "uniqueness"
)

// problem is an error as a client is told it.
type problem struct {
	status int
	kind   string // scimType; empty where RFC 7644 has none
	detail string
}

// Error gives the sentence for the client.
func (p *problem) Error() string { return p.detail }

// wrong is a 400.
func wrong(kind, format string, args ...any) *problem {
	return &problem{http.StatusBadRequest, kind, shorten(fmt.Sprintf(format, args...))}
}

func refused(status int, format string, args ...any) *problem {
	return &problem{status, "", shorten(fmt.Sprintf(format, args...))}
}

// shorten cuts what may quote the client's own text.
func shorten(message string) string {
	const most = 500
	if len(message) <= most {
		return message
	}
	return strings.ToValidUTF8(message[:most], "") + "…"
}

var statuses = map[fault.Code]int{
	fault.Unauthenticated: http.StatusUnauthorized, fault.PolicyDenied: http.StatusForbidden, fault.NotFound: http.StatusNotFound,
	fault.InvalidInput: http.StatusBadRequest, fault.Conflict: http.StatusConflict, fault.TooComplex: http.StatusBadRequest,
	fault.RateLimited: http.StatusTooManyRequests, fault.Unavailable: http.StatusServiceUnavailable,
}

// fields are attributes by the names that operations have for them.
var fields = map[string]string{
	"name": "displayName", "email": "emails", "type": "userType", "usageLocation": "addresses", "enabled": "active",
}

// problemOf makes a problem of an error. What is not known here is the service's own fault, and nothing is told of it.
func problemOf(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || statuses[f.Code] == 0 {
		return &problem{http.StatusInternalServerError, "", "internal error"}
	}
	p := &problem{status: statuses[f.Code], detail: shorten(f.Message)}
	switch f.Code {
	case fault.InvalidInput:
		p.kind, p.detail = invalidValue, named(f)
		if f.Field == "filter" {
			p.kind, p.detail = invalidFilter, shorten(f.Message)
		}
	case fault.NotFound:
		if strings.HasPrefix(f.Field, "add") { // a member, not the resource itself
			return &problem{http.StatusBadRequest, invalidValue, "there is no such member"}
		}
	case fault.TooComplex:
		p.kind = tooMany
	case fault.Conflict:
		p.conflict(f)
	}
	return p
}

// conflict tells what stands in the way of a change: a later version, something that is taken, or something else.
func (p *problem) conflict(f *fault.Error) {
	if f.Field == operation.VersionField {
		p.status = http.StatusPreconditionFailed
		return
	}
	if f.Field != "" {
		p.kind, p.detail = uniqueness, named(f)
	} else if f.Cause != nil { // something is there already that was not when it was looked for
		p.kind = uniqueness
	}
}

// named is the sentence of an error with the attribute it is about.
func named(f *fault.Error) string {
	field := f.Field
	if attribute := fields[field]; attribute != "" {
		field = attribute
	}
	if field == "" {
		return shorten(f.Message)
	}
	return shorten(field + ": " + f.Message)
}
