package app

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ringfence/ringfence/graph/transport"
	"github.com/ringfence/ringfence/internal/export"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/identity"
)

const (
	// exportsAtOnce is how many exports may run at the same time, so that they leave the database and the processor to others.
	exportsAtOnce = 4
	// exportPatience is how long a client may take to read a page of an export.
	exportPatience = time.Minute
)

// exportParameters are what the query of an export's address may have.
var exportParameters = []string{"where", "from", "to", "by", "asOf"}

// exports answers GET /export/{kind}.csv and /export/{kind}.json, as far as the caller may see what is written. Rows are sent as
// they are read; an error in the middle breaks the connection off, so that nobody takes a part for the whole. Statuses: 401 for who
// is not signed in, 404 for a kind that does not exist, 422 for what is wrong with the request, 503 when too many run.
func (a *App) exports() func(w http.ResponseWriter, r *http.Request) error {
	running := make(chan struct{}, exportsAtOnce)
	return func(w http.ResponseWriter, r *http.Request) error {
		request, err := exportRequest(r)
		if err != nil {
			return err
		}
		select {
		case running <- struct{}{}:
			defer func() { <-running }()
		default:
			return fault.New(fault.Unavailable, "too many exports are running; try again in a moment")
		}
		return a.export(w, r, request)
	}
}

// exportRequest reads the address.
func exportRequest(r *http.Request) (export.Request, error) {
	var none export.Request
	if identity.FromContext(r.Context()) == nil {
		return none, fault.New(fault.Unauthenticated, "sign in first")
	}
	kind, format, _ := strings.Cut(r.PathValue("file"), ".")
	query := r.URL.Query()
	for name, values := range query {
		if !slices.Contains(exportParameters, name) {
			return none, fault.Invalid(name, "an export takes only %s", strings.Join(exportParameters, ", "))
		}
		if len(values) > 1 {
			return none, fault.Invalid(name, "%s is given twice", name)
		}
	}
	request := export.Request{
		Kind: kind, Format: export.Format(format), Where: json.RawMessage(query.Get("where")), From: query.Get("from"), To: query.Get("to"), By: query.Get("by"),
	}
	if text := query.Get("asOf"); text != "" {
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return none, fault.Invalid("asOf", "asOf is an instant like 2026-05-01T12:00:00Z")
		}
		request.AsOf = &at
	}
	return request, nil
}

func (a *App) export(w http.ResponseWriter, r *http.Request, request export.Request) error {
	sent := &sending{to: w}
	buffer := bufio.NewWriterSize(sent, 64<<10)
	control := http.NewResponseController(w)
	request.Page = func() error {
		err := control.SetWriteDeadline(time.Now().Add(exportPatience))
		if err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		return r.Context().Err()
	}
	header := w.Header()
	header.Set("Content-Type", request.Format.MediaType())
	header.Set("Content-Disposition", `attachment; filename="`+request.Kind+"."+string(request.Format)+`"`)
	err := a.Exporter.Write(r.Context(), buffer, request)
	if err == nil {
		err = buffer.Flush()
	}
	if err != nil && sent.n > 0 {
		a.Config.Log.WarnContext(r.Context(), "an export broke off", "kind", request.Kind, "request", transport.RequestID(r.Context()), "error", err)
		panic(http.ErrAbortHandler) // the answer has begun: only its broken end can tell that it is not whole
	}
	if err != nil {
		header.Del("Content-Disposition")
	}
	return err
}

// sending counts what was sent.
type sending struct {
	to io.Writer
	n  int64
}

// Write sends.
func (c *sending) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.n += int64(n)
	return n, err
}
