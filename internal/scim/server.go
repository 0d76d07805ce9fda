package scim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/query"
)

// Root is where the endpoint stands on the server.
const Root = "/scim/v2"

const (
	mediaType = "application/scim+json"
	plainJSON = "application/json"

	maxBody  = 1 << 20
	deadline = 30 * time.Second
)

// Config names the parts of the endpoint.
type Config struct {
	Runner *operation.Runner
	Reader *query.Reader
	// Authenticate gives who asks (identity.Authenticator.Request). Only a service token for SCIM is let in.
	Authenticate func(*http.Request) (*identity.Principal, error)
	// Allow tells whether a service may make one more request now; nil: always.
	Allow func(name string) bool
	// RequestID gives the id under which the log speaks of a request.
	RequestID func(context.Context) string
	Log       *slog.Logger // nil: slog.Default
}

type server struct{ Config }

// New makes the handler of everything below Root.
func New(cfg Config) http.Handler {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.RequestID == nil {
		cfg.RequestID = func(context.Context) string { return "" }
	}
	return &server{cfg}
}

// request is one request on its way.
type request struct {
	*server
	*http.Request
	w    http.ResponseWriter
	view *view
}

// ServeHTTP answers one request.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), deadline)
	defer cancel()
	q := &request{server: s, Request: r.WithContext(ctx), w: w}
	q.view = viewOf(q.Request, baseOf(r))
	defer func() { //nolint:contextcheck // the request carries its context
		if p := recover(); p != nil {
			q.fail(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	if err := q.serve(); err != nil { //nolint:contextcheck // the request carries its context
		q.fail(err) //nolint:contextcheck // the request carries its context
	}
}

// baseOf is where clients find the endpoint: as they wrote it, with the scheme a proxy before the service was asked by.
func baseOf(r *http.Request) string {
	scheme := "http"
	if forwarded := r.Header.Get("X-Forwarded-Proto"); r.TLS != nil || strings.EqualFold(forwarded, "https") {
		scheme = "https"
	}
	return scheme + "://" + r.Host + Root
}

func (q *request) serve() error {
	who, err := q.Authenticate(q.Request)
	if err != nil {
		return err
	}
	if who.Purpose != identity.PurposeSCIM {
		return refused(http.StatusForbidden, "this endpoint is for service tokens for SCIM only")
	}
	if q.Allow != nil && !q.Allow(who.UserName) {
		return fault.New(fault.RateLimited, "too many requests; try again in a moment")
	}
	if err := q.negotiate(); err != nil {
		return err
	}
	ctx := q.Reader.Begin(identity.WithPrincipal(q.Context(), who))
	q.Request = q.WithContext(ctx)
	return q.dispatch()
}

// negotiate refuses what cannot be read, and who cannot read the answer.
func (q *request) negotiate() error {
	if accept := q.Header.Values("Accept"); len(accept) > 0 && !acceptable(strings.Join(accept, ",")) {
		return refused(http.StatusNotAcceptable, "answers are %s", mediaType)
	}
	sent := q.Header.Get("Content-Type")
	if sent == "" || q.Method == http.MethodGet || q.Method == http.MethodDelete {
		return nil
	}
	kind, _, err := mime.ParseMediaType(sent)
	if err != nil || kind != mediaType && kind != plainJSON {
		return refused(http.StatusUnsupportedMediaType, "send %s", mediaType)
	}
	return nil
}

func acceptable(accept string) bool {
	return slices.ContainsFunc(strings.Split(accept, ","), func(one string) bool {
		kind, _, _ := strings.Cut(one, ";")
		return slices.Contains([]string{"", "*/*", "application/*", mediaType, plainJSON}, strings.ToLower(strings.TrimSpace(kind)))
	})
}

// dispatch finds what a request is about.
func (q *request) dispatch() error {
	place := strings.TrimSuffix(strings.TrimPrefix(q.URL.Path, Root), "/")
	first, rest, _ := strings.Cut(strings.TrimPrefix(place, "/"), "/")
	switch {
	case first == "Users" && rest == "":
		return q.methods(actions{http.MethodGet: q.listUsers, http.MethodPost: q.createUser})
	case first == "Users" && rest == ".search":
		return q.methods(actions{http.MethodPost: q.searchUsers})
	case first == "Users" && !strings.Contains(rest, "/"):
		one := &userRequest{q, rest}
		return q.methods(actions{http.MethodGet: one.show, http.MethodPut: one.replace, http.MethodPatch: one.patch, http.MethodDelete: one.remove})
	case first == "Groups" && rest == "":
		return q.methods(actions{http.MethodGet: q.listGroups, http.MethodPost: q.createGroup})
	case first == "Groups" && rest == ".search":
		return q.methods(actions{http.MethodPost: q.searchGroups})
	case first == "Groups" && !strings.Contains(rest, "/"):
		one := &groupRequest{q, rest}
		return q.methods(actions{http.MethodGet: one.show, http.MethodPut: one.replace, http.MethodPatch: one.patch, http.MethodDelete: one.remove})
	case place == "" || first == "Bulk" || first == "Me" || first == ".search":
		return refused(http.StatusNotImplemented, "this is not supported; see ServiceProviderConfig")
	}
	return q.discover(first, rest)
}

type actions map[string]func() error

// methods carries out what the method of the request is for.
func (q *request) methods(all actions) error {
	method := q.Method
	if method == http.MethodHead { // as GET, of whose answer net/http leaves the body out
		method = http.MethodGet
	}
	if do := all[method]; do != nil {
		return do()
	}
	allowed := make([]string, 0, len(all))
	for method := range all {
		allowed = append(allowed, method)
	}
	slices.Sort(allowed)
	q.w.Header().Set("Allow", strings.Join(allowed, ", "))
	return refused(http.StatusMethodNotAllowed, "the method is not one of %s", strings.Join(allowed, ", "))
}

// body reads the JSON object that a request carries.
func (q *request) body() (object, error) {
	text, err := io.ReadAll(http.MaxBytesReader(q.w, q.Body, maxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, refused(http.StatusRequestEntityTooLarge, "a body has at most %d bytes", maxBody)
	}
	if err != nil {
		return nil, wrong(invalidSyntax, "the body was not read to its end")
	}
	return decode(text)
}

// answer writes an answer with a body.
func (q *request) answer(status int, body any) error {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(body); err != nil {
		return err
	}
	q.w.Header().Set("Content-Type", q.mediaType())
	q.w.WriteHeader(status)
	_, _ = q.w.Write(text.Bytes()) // a client that has gone is told nothing
	return nil
}

// mediaType is that of answers: plain JSON only for who asks for nothing else.
func (q *request) mediaType() string {
	if accept := strings.ToLower(q.Header.Get("Accept")); strings.HasPrefix(accept, plainJSON) && !strings.Contains(accept, mediaType) {
		return plainJSON
	}
	return mediaType
}

// fail answers a request that was not carried out.
func (q *request) fail(err error) {
	p := problemOf(err)
	if p.status >= http.StatusInternalServerError && p.status != http.StatusNotImplemented {
		q.Log.ErrorContext(q.Context(), "request failed", "requestId", q.RequestID(q.Context()), "method", q.Method, "error", err)
	}
	header := q.w.Header()
	switch p.status {
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", `Bearer realm="ringfence", error="invalid_token", error_description=`+strconv.Quote(p.detail))
	case http.StatusTooManyRequests:
		header.Set("Retry-After", "1")
	case http.StatusServiceUnavailable:
		header.Set("Retry-After", "5")
	}
	body := object{"schemas": []string{urnError}, "status": strconv.Itoa(p.status), "detail": p.detail}
	if p.kind != "" {
		body["scimType"] = p.kind
	}
	if err := q.answer(p.status, body); err != nil { // strings always marshal
		q.Log.ErrorContext(q.Context(), "answer", "error", err)
	}
}
