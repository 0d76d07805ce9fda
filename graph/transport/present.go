package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/licensing"
)

// maxMessage bounds the message of an error in bytes: gqlparser quotes the caller's own text in its messages.
const maxMessage = 1000

// presenter turns errors into what a caller may see: a code of semantics.md §8, a sentence, and what belongs to the code.
// What it does not know is INTERNAL with the request id and nothing else; the cause is in the log under that id.
type presenter struct {
	pool     func(context.Context, licensing.PoolKey) any
	decision func(int64) string
	log      *slog.Logger
}

// panicked is the cause of an INTERNAL error that was a panic.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// recovered turns a panic in a resolver into an error; the presenter logs it.
func recovered(_ context.Context, value any) error {
	return fault.Wrap(&panicked{value: value, stack: debug.Stack()}, fault.Internal, "internal error")
}

// present is gqlgen's error presenter.
func (p *presenter) present(ctx context.Context, err error) *gqlerror.Error {
	at, _ := errors.AsType[*gqlerror.Error](err)
	if at == nil {
		at = &gqlerror.Error{Path: graphql.GetPath(ctx)}
	}
	f := asFault(ctx, err, at)
	shown := &gqlerror.Error{Err: err, Path: at.Path, Locations: at.Locations}
	if f.Code == fault.InvalidInput {
		shown.Path = answerPath(ctx, at.Path)
	}
	p.record(ctx, f, err, shown.Path)
	if f.Code == fault.Internal {
		shown.Message, shown.Locations = "internal error", nil
		shown.Extensions = map[string]any{"code": f.Code, "requestId": RequestID(ctx)}
		return shown
	}
	shown.Message = shorten(f.Message)
	shown.Extensions = p.extensions(ctx, f)
	return shown
}

// asFault finds the fault in an error, or says what kind of fault gqlgen's error is.
func asFault(ctx context.Context, err error, at *gqlerror.Error) *fault.Error {
	argument := argumentPath(ctx, at)
	if f, ok := errors.AsType[*fault.Error](err); ok {
		if f.Code == fault.InvalidInput && f.Field == "" && argument != "" {
			named := *f
			named.Field = argument
			return &named
		}
		return f
	}
	switch code, _ := at.Extensions["code"].(string); {
	case code == errcode.ValidationFailed || code == errcode.ParseFailed:
		return invalidDocument(ctx, at)
	case argument != "":
		return fault.Invalid(argument, "the value of %.100s is not valid: %s", argument, at.Message)
	case errors.Is(err, context.DeadlineExceeded):
		return fault.Wrap(err, fault.Unavailable, "the request took too long")
	case errors.Is(err, context.Canceled):
		return fault.Wrap(err, fault.Unavailable, "the request was given up")
	default:
		return fault.Wrap(err, fault.Internal, "internal error")
	}
}

// invalidDocument is a mistake gqlparser found. Of a variable it gives the path of the value instead of a place.
func invalidDocument(ctx context.Context, at *gqlerror.Error) *fault.Error {
	if len(at.Path) < 2 || at.Path[0] != ast.PathName("variable") {
		return fault.Invalid(fieldOfMistake(ctx, at), "%s", at.Message)
	}
	field := fieldName(at.Path[1:])
	return fault.Invalid(field, "%.100s: %s", field, at.Message)
}

// argumentPath gives the argument that could not be coerced: gqlgen puts its path after that of the field. Errors of
// resolvers have the field's own path.
func argumentPath(ctx context.Context, at *gqlerror.Error) string {
	fc := graphql.GetFieldContext(ctx)
	if fc == nil || len(at.Locations) > 0 {
		return ""
	}
	own := len(fc.Path())
	if len(at.Path) <= own {
		return ""
	}
	return fieldName(at.Path[own:])
}

// fieldName writes the path of an argument or variable as operations name fields: inside the input object what carries
// it does not count.
func fieldName(path ast.Path) string {
	if len(path) > 1 {
		if _, inObject := path[1].(ast.PathName); inObject {
			path = path[1:]
		}
	}
	names := make([]string, len(path))
	for i, element := range path {
		names[i] = fmt.Sprint(element)
	}
	return strings.Join(names, ".")
}

// answerPath gives the path of the answer's field, without what leads to an argument or variable, which is no path of the
// answer.
func answerPath(ctx context.Context, path ast.Path) ast.Path {
	fc := graphql.GetFieldContext(ctx)
	if fc == nil {
		return nil
	}
	if own := fc.Path(); len(path) > len(own) {
		return own
	}
	return path
}

// record logs what the caller is not told.
func (p *presenter) record(ctx context.Context, f *fault.Error, err error, path ast.Path) {
	level := slog.LevelError
	switch {
	case f.Code == fault.Unavailable:
		level = slog.LevelWarn
	case f.Code != fault.Internal:
		return
	}
	attributes := []any{"requestId", RequestID(ctx), "code", f.Code, "path", path.String(), "error", err}
	if p, ok := errors.AsType[*panicked](err); ok {
		attributes = append(attributes, "stack", string(p.stack))
	}
	p.log.Log(ctx, level, "request failed", attributes...)
}

func (p *presenter) extensions(ctx context.Context, f *fault.Error) map[string]any {
	e := map[string]any{"code": f.Code}
	if f.Field != "" {
		e["field"] = shorten(f.Field) // a field the caller made up may be as long as the body
	}
	if f.Line != 0 {
		e["line"] = f.Line
	}
	if f.Code != fault.PolicyDenied {
		return e
	}
	violations := make([]map[string]any, len(f.Violations))
	for i := range f.Violations {
		violations[i] = p.violation(ctx, &f.Violations[i])
	}
	e["violations"] = violations
	if f.Decision != 0 && p.decision != nil {
		e["decisionId"] = p.decision(f.Decision)
	}
	if f.Revision != "" {
		e["revision"] = f.Revision
	}
	return e
}

// violation renders a violation as the GraphQL type has it, without what does not apply.
func (p *presenter) violation(ctx context.Context, v *licensing.Violation) map[string]any {
	out := map[string]any{"code": v.Code, "message": v.Message}
	if v.Pool != nil && p.pool != nil {
		if pool := p.pool(ctx, *v.Pool); pool != nil {
			out["pool"] = pool
		}
	}
	for name, n := range map[string]*int64{
		"limit": v.Limit, "used": v.Used, "requested": v.Requested, "available": v.Available, "shortBy": v.ShortBy,
	} {
		if n != nil {
			out[name] = *n
		}
	}
	if v.Field != "" {
		out["field"] = v.Field
	}
	return out
}

// shorten cuts a message between characters.
func shorten(message string) string {
	if len(message) <= maxMessage {
		return message
	}
	cut := maxMessage
	for !utf8.RuneStart(message[cut]) {
		cut--
	}
	return message[:cut] + "…"
}
