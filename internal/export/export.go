package export

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/query"
)

// Exporter writes what the principal of a context may see.
type Exporter struct {
	Reader *query.Reader
	// Check tells whether conditions fit the input type of the API that they have in GraphQL; errors name the field.
	Check func(inputType string, where json.RawMessage) error
}

// Request says what is to be written, and how.
type Request struct {
	Kind   string
	Format Format
	Where  json.RawMessage // conditions, as the API takes them for the same list; empty: none
	// From and To are the first and the last day of a showback or of FOCUS rows, YYYY-MM-DD; empty: the present month up to today.
	From, To string
	By       string     // what rows of a showback stand for; empty: DEPARTMENT
	AsOf     *time.Time // the time of an overview; nil: now
	// Page is called before the rows of each page are written; nil: nothing. Its error ends the export.
	Page func() error
}

// kind is one thing that can be written.
type kind struct {
	name    string
	about   string
	input   string // GraphQL type of its conditions; empty: it takes none
	takes   []string
	columns []string
	write   func(ctx context.Context, job *job) error
}

// The parameters that only some kinds take.
const (
	takesPeriod = "from"
	takesBy     = "by"
	takesAsOf   = "asOf"
)

// kinds are all that can be written, in the order in which they are offered.
func kinds() []*kind {
	return slices.Concat(catalogKinds, estateKinds, overviewKinds, peopleKinds, poolKinds, recordKinds, costKinds)
}

// Kinds gives the names of all that can be written.
func Kinds() []string {
	var names []string
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	return names
}

// Check tells whether a request can be carried out at all, before anything is read. Errors: NOT_FOUND for a kind that does not
// exist, INVALID_INPUT that names what is wrong.
func (e *Exporter) check(r *Request) (*kind, error) {
	all := kinds()
	i := slices.IndexFunc(all, func(k *kind) bool { return k.name == r.Kind })
	if i < 0 {
		return nil, &fault.Error{Code: fault.NotFound, Field: "kind", Message: "there is no export of that kind; there are " + strings.Join(Kinds(), ", ")}
	}
	k := all[i]
	if r.Format != CSV && r.Format != JSON {
		return nil, fault.Invalid("format", "the format is csv or json")
	}
	for _, given := range []struct {
		field, takes string
		is           bool
	}{{"from", takesPeriod, r.From != ""}, {"to", takesPeriod, r.To != ""}, {"by", takesBy, r.By != ""}, {"asOf", takesAsOf, r.AsOf != nil}} {
		if given.is && !slices.Contains(k.takes, given.takes) {
			return nil, fault.Invalid(given.field, "%s takes no %s", k.name, given.field)
		}
	}
	if len(bytes.TrimSpace(r.Where)) == 0 {
		r.Where = nil
		return k, nil
	}
	if k.input == "" {
		return nil, fault.Invalid("where", "%s takes no conditions", k.name)
	}
	return k, e.Check(k.input, r.Where)
}

// Write writes all that the principal of the context may see of a kind. Whatever is wrong with the request is told before the first
// byte; an error after it leaves what was written cut off.
func (e *Exporter) Write(ctx context.Context, to io.Writer, r Request) error {
	k, err := e.check(&r)
	if err != nil {
		return err
	}
	ctx = e.Reader.BeginWalk(ctx)
	if err := e.Reader.Sight(ctx); err != nil {
		return err
	}
	j := &job{Request: r, reader: e.Reader, to: to, columns: k.columns}
	if err := k.write(ctx, j); err != nil {
		return err
	}
	if err := j.begin(); err != nil { // there were no rows
		return err
	}
	return j.rows.end()
}

// job is one export under way.
type job struct {
	Request
	reader  *query.Reader
	to      io.Writer
	columns []string
	rows    rowWriter
}

func (j *job) begin() (err error) {
	if j.rows == nil {
		j.rows, err = newRowWriter(j.Format, j.to, j.columns)
	}
	return err
}

// row writes one row.
func (j *job) row(cells ...cell) error {
	if err := j.begin(); err != nil {
		return err
	}
	return j.rows.row(cells)
}

// where reads the conditions of a request; nil if there are none.
func where[W any](j *job) (*W, error) {
	if j.Where == nil {
		return nil, nil
	}
	conditions := new(W)
	if err := json.Unmarshal(j.Where, conditions); err != nil {
		return nil, fault.Invalid("where", "where is not what conditions on %s look like", j.Kind)
	}
	return conditions, nil
}

// walk writes a row for each item of a list.
func walk[W, V any](ctx context.Context, j *job, list func(ctx context.Context, p query.Page, w *W) (*query.Connection[V], error),
	write func(ctx context.Context, item V) error) error {
	conditions, err := where[W](j)
	if err != nil {
		return err
	}
	return query.Walk(ctx, func(ctx context.Context, p query.Page) (*query.Connection[V], error) { return list(ctx, p, conditions) },
		func(ctx context.Context, page []V) error {
			if err := j.paged(); err != nil {
				return err
			}
			for _, item := range page {
				if err := write(ctx, item); err != nil {
					return err
				}
			}
			return nil
		})
}

func (j *job) paged() error {
	if j.Page == nil {
		return nil
	}
	return j.Page()
}
