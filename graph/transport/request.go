package transport

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"

	"github.com/ringfence/ringfence/internal/fault"
)

// refused is a request that is not a GraphQL request at all: its status stands whatever media type was asked for.
type refused struct {
	status int
	fault  *fault.Error
}

func badRequest(err *fault.Error) *refused { return &refused{http.StatusBadRequest, err} }

// bodies keeps buffers for request bodies; what is decoded from them are copies.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// largestKept is the buffer size above which a buffer is not kept.
const largestKept = 64 << 10

// readPOST reads the parameters of a POST request from its JSON body.
func (t overHTTP) readPOST(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, *refused) {
	if problem := checkContent(r.Header); problem != nil {
		return nil, problem
	}
	buffer := bodies.Get().(*bytes.Buffer)
	defer func() {
		if buffer.Cap() <= largestKept {
			buffer.Reset()
			bodies.Put(buffer)
		}
	}()
	if _, err := buffer.ReadFrom(http.MaxBytesReader(w, r.Body, int64(t.limits.Bytes))); err != nil {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			return nil, &refused{http.StatusRequestEntityTooLarge,
				fault.New(fault.TooComplex, "the request is too complex: more than %d bytes", t.limits.Bytes)}
		}
		return nil, badRequest(fault.Wrap(err, fault.InvalidInput, "the body could not be read"))
	}
	if !utf8.Valid(buffer.Bytes()) {
		return nil, badRequest(fault.New(fault.InvalidInput, "the body is not valid UTF-8"))
	}
	return t.decode(buffer.Bytes())
}

// checkContent refuses a body that is not plain JSON in UTF-8.
func checkContent(h http.Header) *refused {
	unsupported := func(sentence string) *refused {
		return &refused{http.StatusUnsupportedMediaType, fault.New(fault.InvalidInput, "%s", sentence)}
	}
	if encoding := h.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return unsupported("the body must not be compressed")
	}
	contentType := h.Get("Content-Type")
	if contentType == plainJSON {
		return nil
	}
	mediaType, parameters, err := mime.ParseMediaType(contentType)
	if err != nil || mediaType != plainJSON {
		return unsupported("the Content-Type of a POST must be application/json")
	}
	if charset := parameters["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return unsupported("the body must be UTF-8")
	}
	return nil
}

// parameters are those of a request (GraphQL over HTTP, §5.1). A pointer tells what is missing from what is empty.
type parameters struct {
	Query         *string        `json:"query"`
	DocumentID    *string        `json:"documentId"`
	OperationName *string        `json:"operationName"`
	Variables     map[string]any `json:"variables"`
	Extensions    map[string]any `json:"extensions"`
}

func (t overHTTP) decode(body []byte) (*graphql.RawParams, *refused) {
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '[' {
		return nil, badRequest(fault.New(fault.InvalidInput, "a request has one operation; batches are not supported"))
	}
	var p parameters
	if wrong := decodeJSON(body, &p); wrong != nil {
		return nil, badRequest(notDecoded(wrong))
	}
	query, err := t.document(p.Query, p.DocumentID)
	if err != nil {
		return nil, badRequest(err)
	}
	raw := &graphql.RawParams{Query: query, Variables: p.Variables, Extensions: p.Extensions}
	if p.OperationName != nil {
		raw.OperationName = *p.OperationName
	}
	return raw, nil
}

// document gives the text of a request's document: as it was sent, or the trusted one it names.
func (t overHTTP) document(query, id *string) (string, *fault.Error) {
	switch {
	case query != nil && id != nil:
		return "", fault.Invalid("documentId", "the request has both a query and a documentId")
	case query != nil:
		return *query, nil
	case id != nil:
		return t.trusted.text(*id)
	default:
		return "", fault.Invalid("query", "the request has no query")
	}
}

// decodeJSON decodes exactly one JSON value, and keeps numbers as they were written.
func decodeJSON(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more than one JSON value")
	}
	return nil
}

// notDecoded says what is wrong with a body in the words of the API, not of Go.
func notDecoded(err error) *fault.Error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		field, _, _ := strings.Cut(wrong.Field, ".")
		if field == "" {
			return fault.Wrap(err, fault.InvalidInput, "the body must be a JSON object")
		}
		f := fault.Invalid(field, "the parameter %s cannot be a JSON %s", field, wrong.Value)
		f.Cause = err
		return f
	}
	return fault.Wrap(err, fault.InvalidInput, "the body is not valid JSON")
}

// readGET reads the parameters of a GET request from its URL.
func (t overHTTP) readGET(r *http.Request) (*graphql.RawParams, *refused) {
	if len(r.URL.RawQuery) > t.limits.Bytes {
		return nil, &refused{http.StatusRequestURITooLong,
			fault.New(fault.TooComplex, "the request is too complex: more than %d bytes", t.limits.Bytes)}
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest(fault.Wrap(err, fault.InvalidInput, "the URL's query cannot be decoded"))
	}
	parameter := func(name string) *string {
		if !values.Has(name) {
			return nil
		}
		value := values.Get(name)
		return &value
	}
	query, problem := t.document(parameter("query"), parameter("documentId"))
	if problem != nil {
		return nil, badRequest(problem)
	}
	raw := &graphql.RawParams{Query: query, OperationName: values.Get("operationName")}
	for name, into := range map[string]*map[string]any{"variables": &raw.Variables, "extensions": &raw.Extensions} {
		text := values.Get(name)
		if text == "" {
			continue
		}
		if !utf8.ValidString(text) {
			return nil, badRequest(fault.Invalid(name, "the parameter %s is not valid UTF-8", name))
		}
		if err := decodeJSON([]byte(text), into); err != nil {
			return nil, badRequest(fault.Invalid(name, "the parameter %s is not a JSON object", name))
		}
	}
	return raw, nil
}
