package transport

import (
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/ringfence/ringfence/internal/fault"
)

// Plain makes the handler of an endpoint that is not GraphQL, such as one that takes a file, from what answers its requests. It has
// the same request ids, headers, principals and rate as the GraphQL endpoint, and answers an error, or each of several (Unwrap
// []error), as that does: {"errors": [{"message", "extensions": {"code", "field", "line", …}}]}.
func Plain(cfg Config, answer func(w http.ResponseWriter, r *http.Request) error) http.Handler {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	p := &presenter{pool: cfg.Pool, decision: cfg.Decision, log: cfg.Log}
	var h http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if value := recover(); value != nil && value != http.ErrAbortHandler { //nolint:errorlint // the value that http panics with
				p.refuse(w, r, fault.Wrap(&panicked{value: value, stack: debug.Stack()}, fault.Internal, "internal error"))
			} else if value != nil {
				panic(value)
			}
		}()
		if err := answer(w, r); err != nil {
			p.refuse(w, r, err)
		}
	})
	return cfg.edge().Wrap(h)
}

// refuse answers a request that was not carried out.
func (p *presenter) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var list gqlerror.List
	status := 0
	for _, one := range several(err) {
		f, ok := errors.AsType[*fault.Error](one)
		if !ok {
			f = fault.Wrap(one, fault.Internal, "internal error")
		}
		if status == 0 {
			status = plainStatus(f.Code)
		}
		p.record(r.Context(), f, one, nil)
		shown := &gqlerror.Error{Message: shorten(f.Message), Extensions: p.extensions(r.Context(), f)}
		if f.Code == fault.Internal {
			shown.Message, shown.Extensions = "internal error", map[string]any{"code": f.Code, "requestId": RequestID(r.Context())}
		}
		list = append(list, shown)
	}
	switch status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="ringfence"`)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "5")
	}
	w.Header()["Content-Type"] = contentTypes[plainJSON]
	write(w, status, &graphql.Response{Errors: list})
}

// several gives the errors that are joined in one.
func several(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var list []error
	for _, one := range joined.Unwrap() {
		list = append(list, several(one)...)
	}
	return list
}

// plainStatus is the status of an answer whose request was understood and refused.
func plainStatus(code fault.Code) int {
	switch code {
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Conflict, fault.IdempotencyKeyReused:
		return http.StatusConflict
	case fault.InvalidInput, fault.TooComplex:
		return http.StatusUnprocessableEntity
	default:
		return statuses[code]
	}
}
