package transport

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/ringfence/ringfence/internal/fault"
)

// contentTypes are the header values, made once.
var contentTypes = map[string][]string{
	graphqlJSON: {graphqlJSON + "; charset=utf-8"},
	plainJSON:   {plainJSON + "; charset=utf-8"},
}

var answers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// statuses are those of requests that were refused before execution. They hold for both media types: what is not about the
// document is about HTTP too.
var statuses = map[fault.Code]int{
	fault.Unauthenticated: http.StatusUnauthorized,
	fault.PolicyDenied:    http.StatusForbidden,
	fault.RateLimited:     http.StatusTooManyRequests,
	fault.Unavailable:     http.StatusServiceUnavailable,
	fault.Internal:        http.StatusInternalServerError,
}

// writeRefusal answers a well-formed request that was not executed. Of a document at fault the status speaks only if the
// caller takes graphql-response+json.
func writeRefusal(w http.ResponseWriter, response *graphql.Response, mediaType string) {
	status := http.StatusOK
	if mediaType == graphqlJSON {
		status = http.StatusBadRequest
	}
	for _, err := range response.Errors {
		code, _ := err.Extensions["code"].(fault.Code)
		if s, ok := statuses[code]; ok {
			status = s
		}
		switch code {
		case fault.Unauthenticated:
			w.Header().Set("WWW-Authenticate", `Bearer realm="ringfence"`)
		case fault.Unavailable:
			w.Header().Set("Retry-After", "1")
		}
	}
	write(w, status, response)
}

// writeFault answers what is not a GraphQL request.
func writeFault(w http.ResponseWriter, r *http.Request, status int, err *fault.Error) {
	mediaType, _ := negotiate(r)
	w.Header()["Content-Type"] = contentTypes[mediaType]
	extensions := map[string]any{"code": err.Code}
	if err.Field != "" {
		extensions["field"] = err.Field
	}
	write(w, status, &graphql.Response{Errors: gqlerror.List{{Message: err.Message, Extensions: extensions}}})
}

// write sends an answer. The data is JSON already and goes out as it is; json.Marshal would read it twice more. A request
// that was not executed has no data entry; one that was has, be it null.
func write(w http.ResponseWriter, status int, response *graphql.Response) {
	buffer := answers.Get().(*bytes.Buffer)
	defer func() {
		if buffer.Cap() <= largestKept {
			buffer.Reset()
			answers.Put(buffer)
		}
	}()
	separator := byte('{')
	member := func(name string) {
		buffer.WriteByte(separator)
		buffer.WriteByte('"')
		buffer.WriteString(name)
		buffer.WriteString(`":`)
		separator = ','
	}
	if len(response.Errors) > 0 {
		member("errors")
		_ = json.NewEncoder(buffer).Encode(response.Errors) // of strings, numbers and maps of them: cannot fail
	}
	if response.Data != nil {
		member("data")
		buffer.Write(response.Data)
	}
	if len(response.Extensions) > 0 {
		member("extensions")
		_ = json.NewEncoder(buffer).Encode(response.Extensions)
	}
	if separator == '{' {
		buffer.WriteByte('{')
	}
	buffer.WriteByte('}')
	w.Header()["Content-Length"] = []string{strconv.Itoa(buffer.Len())}
	w.WriteHeader(status)
	_, _ = w.Write(buffer.Bytes())
}
