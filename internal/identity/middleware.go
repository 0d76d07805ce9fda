package identity

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/ringfence/ringfence/internal/fault"
)

// Middleware puts the principal of the bearer token in the Authorization header into the request's context. Without the
// header the request goes on as anonymous (FromContext gives nil). A header that is not one valid bearer token is answered
// here, as a GraphQL error: 401 UNAUTHENTICATED with WWW-Authenticate, 403 for a service token that opens something else, or 503 UNAVAILABLE with Retry-After while the
// provider's keys cannot be had.
func (a *Authenticator) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		headers := r.Header["Authorization"]
		if len(headers) == 0 {
			next.ServeHTTP(w, r)
			return
		}
		who, err := a.fromHeaders(r, headers)
		if err == nil && who.Purpose == PurposeSCIM {
			err = fault.New(fault.PolicyDenied, "this token is for provisioning (SCIM) only")
		}
		if err != nil {
			a.record(r.Context(), err)
			refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(WithPrincipal(r.Context(), who)))
	})
}

func (a *Authenticator) fromHeaders(r *http.Request, headers []string) (*Principal, error) {
	if len(headers) > 1 {
		return nil, rejected(nil, "there is more than one Authorization header")
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return nil, rejected(nil, "the Authorization header is not a bearer token")
	}
	return a.Authenticate(r.Context(), token)
}

// record logs why a caller was refused, with the cause the caller is not told.
func (a *Authenticator) record(ctx context.Context, err error) {
	level := slog.LevelDebug
	if fault.CodeOf(err) != fault.Unauthenticated {
		level = slog.LevelWarn
	}
	a.log.Log(ctx, level, "caller refused", "error", err)
}

// refuse answers a request whose caller could not be told.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		f = fault.Wrap(err, fault.Internal, "internal error")
	}
	status := http.StatusUnauthorized
	switch f.Code {
	case fault.Unauthenticated:
		w.Header().Set("WWW-Authenticate", `Bearer realm="ringfence", error="invalid_token", error_description=`+strconv.Quote(f.Message))
	case fault.PolicyDenied:
		status = http.StatusForbidden
		w.Header().Set("WWW-Authenticate", `Bearer realm="ringfence", error="insufficient_scope", error_description=`+strconv.Quote(f.Message))
	case fault.Unavailable:
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "5")
	default:
		status = http.StatusInternalServerError
	}
	mediaType := "application/json"
	if strings.Contains(r.Header.Get("Accept"), "application/graphql-response+json") {
		mediaType = "application/graphql-response+json"
	}
	body, err := json.Marshal(map[string]any{"errors": []any{
		map[string]any{"message": f.Message, "extensions": map[string]any{"code": f.Code}},
	}})
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", mediaType+"; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
