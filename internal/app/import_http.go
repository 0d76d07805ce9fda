package app

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/feed"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/operation"
)

// How long a file may take to arrive over HTTP, and its import to be done. Both are far longer than other requests have.
const (
	arriveWithin = 15 * time.Minute
	importWithin = time.Hour
)

// importsAtOnce is how many imports one process works on over HTTP at the same time.
const importsAtOnce = 2

// importer answers POST /import/{kind}: the body is the file, the caller's token says who asks.
type importer struct {
	*App
	busy chan struct{}
}

// serve reads the file, then writes all of it or nothing.
func (i *importer) serve(w http.ResponseWriter, r *http.Request) error {
	answer, err := i.handle(w, r)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	return json.NewEncoder(w).Encode(answer)
}

func (i *importer) handle(w http.ResponseWriter, r *http.Request) (answer any, err error) {
	ctx, cancel := context.WithTimeout(r.Context(), arriveWithin+importWithin)
	defer cancel()
	cmd, err := importCommand(r.PathValue("kind"), r.URL.Query())
	if err != nil {
		return nil, err
	}
	if key := r.Header.Get("Idempotency-Key"); key != "" {
		cmd.IdempotencyKey = &key
	}
	if identity.FromContext(ctx) == nil {
		return nil, fault.New(fault.Unauthenticated, "sign in first")
	}
	if err := i.admit(ctx, cmd); err != nil {
		return nil, err
	}
	select {
	case i.busy <- struct{}{}:
		defer func() { <-i.busy }()
	default:
		return nil, fault.New(fault.RateLimited, "other imports are running; try again when they are done")
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(arriveWithin)) // where it cannot be set, the server's own deadline holds
	_ = control.SetWriteDeadline(time.Now().Add(arriveWithin + importWithin))
	src, err := keep(cmd.File.Name, r.Body, i.Config.importLimit()+1)
	if errors.Is(err, errTooLarge) {
		return nil, tooLarge(i.Config.importLimit())
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.InvalidInput, "the file did not arrive as a whole")
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	return i.load(ctx, cmd, src)
}

// admit refuses whoever may import nothing of the kind, before the file is even looked at; the decision is recorded.
func (i *importer) admit(ctx context.Context, cmd *operation.Import) error {
	may, err := operation.May(ctx, i.Runner, cmd)
	if may || err != nil {
		return err
	}
	if _, err = operation.Run(ctx, i.Runner, cmd); err == nil {
		err = fault.New(fault.PolicyDenied, "the policy does not allow this")
	}
	return err
}

// load checks the file that has arrived and imports it.
func (i *importer) load(ctx context.Context, cmd *operation.Import, src *source) (any, error) {
	file, summary, err := operation.ReadFile(cmd.Kind, src.name, src.reopen)
	if err != nil {
		return nil, err
	}
	cmd.File = file
	payload, err := operation.Run(ctx, i.Runner, cmd)
	if err != nil {
		return nil, err
	}
	return imported(payload, summary), nil
}

// importLimit is the largest file that is taken over HTTP, in bytes.
func (c Config) importLimit() int64 {
	if c.ImportLimit == 0 {
		return 256 << 20
	}
	return c.ImportLimit
}

func tooLarge(limit int64) error {
	e := fault.New(fault.InvalidInput, "the file has more than %d MB; load it on the command line, or raise --import-limit", limit>>20)
	e.Field = "body"
	return e
}

// importCommand makes the command out of the address. A parameter that is not known is refused: it might have been a dry run.
func importCommand(kind string, query url.Values) (*operation.Import, error) {
	if !slices.Contains(operation.ImportKinds(), kind) {
		return nil, fault.Missing("kind", "kind of file")
	}
	cmd := &operation.Import{Kind: kind, File: operation.File{Name: kind}}
	for name, values := range query {
		if len(values) != 1 {
			return nil, fault.Invalid(name, "give this once")
		}
		if err := importParameter(cmd, name, values[0]); err != nil {
			return nil, err
		}
	}
	return cmd, nil
}

func importParameter(cmd *operation.Import, name, value string) error {
	flag := func(into *bool) (err error) {
		if *into, err = strconv.ParseBool(value); err != nil {
			return fault.Invalid(name, "this is true or false")
		}
		return nil
	}
	switch name {
	case "dryRun":
		cmd.DryRun = new(bool)
		return flag(cmd.DryRun)
	case "complete":
		return flag(&cmd.Complete)
	case "name":
		cmd.File.Name = value
	case "source":
		cmd.Source = value
	case "vendor":
		cmd.Vendor = value
	case "contract":
		cmd.Contract = value
	case "observedAt":
		at, err := time.Parse(time.RFC3339, value)
		if err != nil {
			return fault.Invalid(name, "a time is written 2026-03-31T12:00:00Z")
		}
		cmd.ObservedAt = &at
	default:
		return fault.Invalid(name, "there is no such parameter")
	}
	return nil
}

// reopen gives the content from its beginning.
func (s *source) reopen() (io.ReadCloser, error) { return s.Open(), nil }

// importAnswer is the answer to an import over HTTP.
type importAnswer struct {
	Kind           string           `json:"kind"`
	File           string           `json:"file"`
	Digest         string           `json:"digest"`
	Rows           int64            `json:"rows"`
	DryRun         bool             `json:"dryRun"`
	Changed        bool             `json:"changed"`
	FeedID         *string          `json:"feedId"`
	DecisionID     string           `json:"decisionId"`
	ReadBefore     *readBefore      `json:"readBefore,omitempty"`
	Counts         []importedCount  `json:"counts"`
	Seats          map[string]int64 `json:"seats,omitempty"`
	Examples       []string         `json:"examples,omitempty"`
	Notes          []string         `json:"notes,omitempty"`
	UnknownColumns []string         `json:"unknownColumns,omitempty"`
}

type readBefore struct {
	At time.Time `json:"at"`
	By string    `json:"by"`
}

type importedCount struct {
	What      string `json:"what"`
	Created   int64  `json:"created"`
	Updated   int64  `json:"updated"`
	Removed   int64  `json:"removed"`
	Unchanged int64  `json:"unchanged"`
}

func imported(p *operation.ImportPayload, s *feed.Summary) *importAnswer {
	a := &importAnswer{
		Kind: p.Kind, File: p.File, Digest: p.Digest, Rows: p.Rows, DryRun: p.DryRun, Changed: p.Changed(), Examples: p.Examples, Notes: p.Notes,
		UnknownColumns: s.Unknown, DecisionID: id.Of(id.Decision, p.Decision.ID).String(), Counts: []importedCount{},
	}
	if p.Feed != nil {
		text := p.Feed.String()
		a.FeedID = &text
	}
	if p.Earlier != nil {
		a.ReadBefore = &readBefore{p.Earlier.At, p.Earlier.By}
	}
	for _, c := range p.Counts {
		a.Counts = append(a.Counts, importedCount{c.What, c.Created, c.Updated, c.Removed, c.Unchanged})
	}
	if t := p.Seats; t != (operation.SeatTally{}) {
		a.Seats = map[string]int64{"released": t.Released, "given": t.Given, "queued": t.Queued, "failed": t.Failed}
	}
	return a
}
