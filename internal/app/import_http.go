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
	cmd, takeover, err := importCommand(r.PathValue("kind"), r.URL.Query())
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
	src, err := keep(i.Config.DataDir, cmd.File.Name, r.Body, i.Config.importLimit()+1)
	if errors.Is(err, errTooLarge) {
		return nil, tooLarge(i.Config.importLimit())
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	return i.load(ctx, cmd, takeover, src)
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

// load checks the file that has arrived, imports it, and takes over what it says of licenses, if that is asked for.
func (i *importer) load(ctx context.Context, cmd *operation.Import, takeover *operation.TakeOver, src *source) (any, error) {
	file, summary, err := operation.ReadFile(cmd.Kind, src.name, src.reopen)
	if err != nil {
		return nil, err
	}
	cmd.File = file
	payload, err := operation.Run(ctx, i.Runner, cmd)
	if err != nil {
		return nil, err
	}
	answer := imported(payload, summary)
	if takeover == nil || payload.DryRun {
		return answer, nil
	}
	takeover.Files, takeover.Contract = []operation.File{file}, cmd.Contract
	report, err := takeover.Run(ctx, i.Runner)
	if err != nil {
		return nil, err
	}
	answer.TakenOver = &takenOver{report.Assigned, report.Licensed, report.Groups, report.Refused}
	return answer, nil
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
func importCommand(kind string, query url.Values) (*operation.Import, *operation.TakeOver, error) {
	if !slices.Contains(operation.ImportKinds(), kind) {
		return nil, nil, fault.Missing("kind", "kind of file")
	}
	cmd := &operation.Import{Kind: kind, File: operation.File{Name: kind}}
	takeover, asked := &operation.TakeOver{WhenFull: "WAIT"}, false
	for name, values := range query {
		if len(values) != 1 {
			return nil, nil, fault.Invalid(name, "give this once")
		}
		var err error
		switch {
		case name == "takeOver" && kind == "graph-users":
			err = flag(name, values[0], &asked)
		case name == "whenFull" && kind == "graph-users":
			if takeover.WhenFull = values[0]; values[0] != "WAIT" && values[0] != "DENY" {
				err = fault.Invalid(name, "this is WAIT or DENY")
			}
		default:
			err = importParameter(cmd, name, values[0])
		}
		if err != nil {
			return nil, nil, err
		}
	}
	if !asked {
		takeover = nil
	}
	return cmd, takeover, nil
}

func flag(name, value string, into *bool) (err error) {
	if *into, err = strconv.ParseBool(value); err != nil {
		return fault.Invalid(name, "this is true or false")
	}
	return nil
}

func importParameter(cmd *operation.Import, name, value string) error {
	switch name {
	case "dryRun":
		cmd.DryRun = new(bool)
		return flag(name, value, cmd.DryRun)
	case "complete":
		return flag(name, value, &cmd.Complete)
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
