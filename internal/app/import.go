package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"

	"github.com/ringfence/ringfence/internal/feed"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/policy"
)

// mostBytes is how large a file may be: it is read into memory before anything is written.
const mostBytes = 256 << 20

// imports are the commands that load files.
type imports struct {
	Products importProducts `cmd:"" help:"Load products and service plans from Microsoft's catalog (CSV, as it is published)."`
}

type importProducts struct {
	storage
	File     string `arg:"" help:"The file; - is standard input." placeholder:"FILE"`
	DryRun   bool   `help:"Tell what would change, and change nothing." env:"RINGFENCE_DRY_RUN"`
	Vendor   string `help:"The vendor whose products these are; created if missing." env:"RINGFENCE_VENDOR" default:"Microsoft" placeholder:"NAME"`
	Policies string `help:"Directory of the policy (Rego). Without it: the one that is built in." env:"RINGFENCE_POLICIES" placeholder:"DIR"`
}

// Run reads the whole file, then writes all of it or nothing, as the service itself; the policy decides and the decision is
// recorded. What it did goes to stdout, what is odd about the file and progress to stderr.
func (c *importProducts) Run(ctx context.Context, out outputs) (err error) {
	p := startProgress(out.stderr, "import", tellWorkEvery)
	defer p.end()
	catalog, odd, err := c.read(p)
	if err != nil {
		return err
	}
	told(out.stderr, odd)
	cfg := c.config()
	cfg.Policies, cfg.Log = c.Policies, slog.Default()
	p.at(func() string { return "opening the database" })
	runner, release, err := openRunner(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	p.at(func() string {
		return fmt.Sprintf("writing %d products and %d service plans", len(catalog.Products), len(catalog.Plans))
	})
	ctx = identity.WithPrincipal(ctx, &identity.Principal{System: true})
	payload, err := operation.Run(ctx, runner, &operation.ImportProducts{
		Request: operation.Request{DryRun: &c.DryRun}, Vendor: c.Vendor, Catalog: *catalog,
	})
	if err != nil {
		return err
	}
	return report(out.stdout, payload)
}

// read parses the file; mistakes name it as it was given.
func (c *importProducts) read(p *progress) (*feed.Catalog, *feed.Oddities, error) {
	if c.File == "-" {
		return c.parse("standard input", os.Stdin, 0, p)
	}
	file, err := os.Open(c.File)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = file.Close() }() // it is only read
	info, err := file.Stat()
	if err != nil {
		return nil, nil, err
	}
	return c.parse(c.File, file, info.Size(), p)
}

func (c *importProducts) parse(name string, file io.Reader, size int64, p *progress) (*feed.Catalog, *feed.Oddities, error) {
	counted := &countingReader{from: file}
	p.at(func() string {
		if size == 0 {
			return fmt.Sprintf("reading %s, %d KB so far", name, counted.n.Load()>>10)
		}
		return fmt.Sprintf("reading %s, %d %%", name, 100*counted.n.Load()/size)
	})
	catalog, odd, err := feed.Products(name, counted)
	if counted.n.Load() > mostBytes {
		return nil, nil, fmt.Errorf("%s has more than %d MB", name, mostBytes>>20)
	}
	return catalog, odd, err
}

// countingReader counts what was read, and ends a file that is too large.
type countingReader struct {
	from io.Reader
	n    atomic.Int64
}

// Read reads.
func (c *countingReader) Read(p []byte) (int, error) {
	if c.n.Load() > mostBytes {
		return 0, io.EOF
	}
	n, err := c.from.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// openRunner opens the database and the policy for a command that runs operations without serving. The function it gives
// releases both.
func openRunner(ctx context.Context, cfg Config) (*operation.Runner, func() error, error) {
	db, err := OpenStore(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	engine, err := policy.New(ctx, policy.Config{Dir: cfg.Policies, Logger: cfg.Log})
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	runner := operation.NewRunner(operation.Config{Store: db, Policy: engine, Logger: cfg.Log})
	return runner, func() error {
		runner.Close()
		engine.Close()
		return db.Close()
	}, nil
}

// told says what is odd about a file without being wrong.
func told(to io.Writer, odd *feed.Oddities) {
	if odd.Respelled > 0 {
		fmt.Fprintf(to, "note: %d service plans are not spelled alike on every line; the most frequent spelling counts\n", odd.Respelled)
	}
	if odd.Duplicates > 0 {
		fmt.Fprintf(to, "note: %d lines repeat a product and service plan; once counts\n", odd.Duplicates)
	}
	if len(odd.SharedSkus) > 0 {
		fmt.Fprintf(to, "note: several products have the SKU %s; the GUID tells them apart\n", strings.Join(odd.SharedSkus, ", "))
	}
}

// report says what was done, or would be.
func report(to io.Writer, p *operation.ImportProductsPayload) error {
	verdict := "imported"
	switch {
	case !p.Changed():
		verdict = "nothing changes: the catalog is up to date"
	case p.DryRun:
		verdict = "dry run: this would be imported, nothing was written"
	}
	vendor := p.Vendor.Name
	if p.VendorCreated {
		vendor += " (created)"
	}
	_, err := fmt.Fprintf(to, "%s\n%-14s %s\n%-14s %s\n%-14s %s\n%-14s %s\n", verdict, "vendor", vendor,
		"products", counted(p.Products), "service plans", counted(p.ServicePlans), "features", counted(p.Features))
	return err
}

func counted(c operation.ImportCount) string {
	text := fmt.Sprintf("%d created, %d updated, %d unchanged", c.Created, c.Updated, c.Unchanged)
	if c.Removed > 0 {
		text += fmt.Sprintf(", %d removed", c.Removed)
	}
	return text
}
