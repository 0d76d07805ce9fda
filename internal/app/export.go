package app

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ringfence/ringfence/graph"
	"github.com/ringfence/ringfence/internal/export"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/query"
)

// exports is the command that writes lists, overviews and costs to a file.
type exports struct {
	storage
	Kind     string     `arg:"" help:"What to write: vendors, products, contracts, licenses, deployments, allocations, purchase-reservations, overview, license-overviews, contract-overviews, users, groups, memberships, allotments, group-licenses, seats, service-tokens, feeds, policy-trials, decisions, events, showback, focus." placeholder:"KIND"`
	Format   string     `help:"csv or json. Without it: what the name of the file ends in, or csv." env:"RINGFENCE_EXPORT_FORMAT" enum:",csv,json" default:""`
	Output   string     `short:"o" help:"The file; it is there only when it is whole. Without it: standard output." env:"RINGFENCE_EXPORT_OUTPUT" placeholder:"FILE"`
	Where    string     `help:"Conditions, as JSON, as the API takes them for the same list." env:"RINGFENCE_EXPORT_WHERE" placeholder:"JSON"`
	From     string     `help:"First day of a showback or of FOCUS rows (YYYY-MM-DD). Without it: the first of this month." env:"RINGFENCE_EXPORT_FROM" placeholder:"DAY"`
	To       string     `help:"Last day of it. Without it: today." env:"RINGFENCE_EXPORT_TO" placeholder:"DAY"`
	By       string     `help:"What rows of a showback stand for: DEPARTMENT, COST_CENTER, LICENSE or USER." env:"RINGFENCE_EXPORT_BY" placeholder:"WORD"`
	AsOf     *time.Time `help:"The time of an overview. Without it: now." env:"RINGFENCE_EXPORT_AS_OF" placeholder:"TIME"`
	As       string     `help:"Write what this user may see. Without it: everything." env:"RINGFENCE_EXPORT_AS" placeholder:"NAME"`
	Role     []string   `help:"A role of that user; may be given several times." env:"RINGFENCE_EXPORT_ROLE" placeholder:"ROLE"`
	Policies string     `help:"Directory of the policy (Rego). Without it: the one that is built in." env:"RINGFENCE_POLICIES" placeholder:"DIR"`
}

// Validate refuses roles of nobody; kong asks it.
func (c *exports) Validate() error {
	if c.As == "" && len(c.Role) > 0 {
		return errors.New("--role belongs to --as")
	}
	return nil
}

// Run writes as the service itself, which sees everything, or as a user. It changes nothing, not even the version of the tables. The
// user need not be known to the database; one who is disabled there is refused.
func (c *exports) Run(ctx context.Context, out outputs) (err error) {
	cfg := c.config()
	cfg.Policies, cfg.Log = c.Policies, slog.Default()
	exporter, release, err := openExporter(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	who := &identity.Principal{System: true}
	if c.As != "" {
		who = &identity.Principal{UserName: c.As, Roles: c.Role}
	}
	request := export.Request{
		Kind: c.Kind, Format: c.format(), Where: json.RawMessage(c.Where), From: c.From, To: c.To, By: c.By, AsOf: c.AsOf, Page: ctx.Err,
	}
	ctx = identity.WithPrincipal(ctx, who)
	if c.Output == "" {
		buffer := bufio.NewWriterSize(out.stdout, 64<<10)
		return errors.Join(exporter.Write(ctx, buffer, request), buffer.Flush())
	}
	return whole(c.Output, func(to io.Writer) error { return exporter.Write(ctx, to, request) })
}

func (c *exports) format() export.Format {
	switch {
	case c.Format != "":
		return export.Format(c.Format)
	case strings.EqualFold(filepath.Ext(c.Output), ".json"):
		return export.JSON
	}
	return export.CSV
}

// whole writes a file under another name first, so that the name stands for a whole file or for the one that was there before.
func whole(path string, write func(to io.Writer) error) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	buffer := bufio.NewWriterSize(file, 64<<10)
	err = errors.Join(write(buffer), buffer.Flush(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name()) // what is not whole is of no use
	}
	return err
}

// openExporter opens the database and the policy for a command that only reads. The function it gives releases both.
func openExporter(ctx context.Context, cfg Config) (*export.Exporter, func() error, error) {
	db, err := openCurrent(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	engine, err := policy.New(ctx, policy.Config{Dir: cfg.Policies, Logger: cfg.Log})
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	published := &operation.Publications{Store: db, Policy: engine, Logger: cfg.Log}
	if err := published.Follow(ctx); err != nil {
		engine.Close()
		return nil, nil, errors.Join(err, db.Close())
	}
	exporter := newExporter(query.NewReader(query.Config{Store: db, Policy: engine}))
	return exporter, func() error {
		engine.Close()
		return db.Close()
	}, nil
}

func newExporter(reader *query.Reader) *export.Exporter {
	return &export.Exporter{Reader: reader, Check: conditions{graph.New(&graph.Resolver{}).Schema()}.check}
}
