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
	"time"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/feed"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/policy"
)

// imports are the commands that load files.
type imports struct {
	Products    importProducts    `cmd:"" help:"Load products and service plans from Microsoft's catalog (CSV, as it is published)."`
	Users       importUsers       `cmd:"" help:"Load users (CSV)."`
	Groups      importGroups      `cmd:"" help:"Load groups (CSV)."`
	Memberships importMemberships `cmd:"" help:"Load who is a member of which group (CSV)."`
	Contracts   importContracts   `cmd:"" help:"Load contracts (CSV)."`
	Licenses    importLicenses    `cmd:"" help:"Load licenses (CSV); a quantity of 0 is unlimited."`
	Deployments importDeployments `cmd:"" help:"Load what is installed and used (CSV)."`
	GraphSkus   importGraphSkus   `cmd:"" help:"Load products and licenses from subscribedSkus of Microsoft Graph (JSON)."`
	GraphUsers  importGraphUsers  `cmd:"" help:"Load users of Microsoft Graph (JSON), and compare their licenses with their seats."`
	GraphGroups importGraphGroups `cmd:"" help:"Load groups and members of Microsoft Graph (JSON: groups, groups/delta)."`
	Allocations importAllocations `cmd:"" help:"Load what licenses are allocated to (CSV); a quantity of 0 is unlimited."`
}

// importing are the flags of every import.
type importing struct {
	storage
	DryRun          bool   `help:"Tell what would change, and change nothing." env:"RINGFENCE_DRY_RUN"`
	Policies        string `help:"Directory of the policy (Rego). Without it: the one that is built in." env:"RINGFENCE_POLICIES" placeholder:"DIR"`
	DefaultLocation string `help:"Usage location of users who have none (two letters)." env:"RINGFENCE_DEFAULT_LOCATION" placeholder:"CC"`
}

// importOne is the command that loads one CSV file.
type importOne struct {
	importing
	File string `arg:"" help:"The file; - is standard input." placeholder:"FILE"`
}

type importProducts struct {
	importOne
	Vendor string `help:"The vendor whose products these are; created if missing." env:"RINGFENCE_VENDOR" default:"Microsoft" placeholder:"NAME"`
}

// Run loads a catalog of products.
func (c *importProducts) Run(ctx context.Context, out outputs) error {
	return c.run(ctx, out, &operation.Import{Kind: "products", Vendor: c.Vendor})
}

type importUsers struct{ importOne }

// Help names the columns.
func (*importUsers) Help() string { return columns(feed.Users.Columns()) }

// Run loads users.
func (c *importUsers) Run(ctx context.Context, out outputs) error {
	return c.run(ctx, out, &operation.Import{Kind: "users"})
}

type importGroups struct{ importOne }

// Help names the columns.
func (*importGroups) Help() string { return columns(feed.Groups.Columns()) }

// Run loads groups.
func (c *importGroups) Run(ctx context.Context, out outputs) error {
	return c.run(ctx, out, &operation.Import{Kind: "groups"})
}

type importMemberships struct {
	importOne
	Complete bool `help:"The file has all members of the groups it names: others leave them." env:"RINGFENCE_COMPLETE"`
}

// Help names the columns.
func (*importMemberships) Help() string { return columns(feed.Memberships.Columns()) }

// Run loads memberships.
func (c *importMemberships) Run(ctx context.Context, out outputs) error {
	return c.run(ctx, out, &operation.Import{Kind: "memberships", Complete: c.Complete})
}

type importContracts struct{ importOne }

// Help names the columns.
func (*importContracts) Help() string { return columns(feed.Contracts.Columns()) }

// Run loads contracts.
func (c *importContracts) Run(ctx context.Context, out outputs) error {
	return c.run(ctx, out, &operation.Import{Kind: "contracts"})
}

type importLicenses struct{ importOne }

// Help names the columns.
func (*importLicenses) Help() string { return columns(feed.Licenses.Columns()) }

// Run loads licenses.
func (c *importLicenses) Run(ctx context.Context, out outputs) error {
	return c.run(ctx, out, &operation.Import{Kind: "licenses"})
}

type importAllocations struct{ importOne }

// Help names the columns.
func (*importAllocations) Help() string { return columns(feed.Allocations.Columns()) }

// Run loads allocations.
func (c *importAllocations) Run(ctx context.Context, out outputs) error {
	return c.run(ctx, out, &operation.Import{Kind: "allocations"})
}

type importDeployments struct {
	importOne
	Source     string    `help:"The collector the file comes from, where the file does not say." env:"RINGFENCE_SOURCE" placeholder:"NAME"`
	ObservedAt time.Time `help:"When it was observed (2026-03-31T12:00:00Z), where the file does not say; now by default." env:"RINGFENCE_OBSERVED_AT" placeholder:"TIME"`
	Complete   bool      `help:"The file has everything its sources see: their other deployments fall to 0." env:"RINGFENCE_COMPLETE"`
}

// Help names the columns.
func (*importDeployments) Help() string { return columns(feed.Deployments.Columns()) }

// Run loads deployments.
func (c *importDeployments) Run(ctx context.Context, out outputs) error {
	cmd := &operation.Import{Kind: "deployments", Source: c.Source, Complete: c.Complete}
	if !c.ObservedAt.IsZero() {
		cmd.ObservedAt = &c.ObservedAt
	}
	return c.run(ctx, out, cmd)
}

// columns tells which columns a file must have, and may.
func columns(must, may []string) string {
	return "Columns: " + strings.Join(must, ", ") + "; " + strings.Join(may, ", ") + ". Only the first " + map[bool]string{true: "is", false: fmt.Sprint(len(must), " are")}[len(must) == 1] +
		" needed. More, with an example of each file: docs/feeds.md."
}

// run checks the whole file, then writes all of it or nothing, as the service itself; the policy decides and the decision is
// recorded. What it did goes to stdout, what is odd about the file and progress to stderr.
func (c *importOne) run(ctx context.Context, out outputs, cmd *operation.Import) (err error) {
	w := c.begin(out)
	defer w.end()
	cmd.DryRun = &c.DryRun
	file, summary, err := w.read(cmd.Kind, c.File)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	tellUnknown(out.stderr, summary)
	cmd.File = file.File
	runner, release, err := c.open(ctx, w)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	payload, err := w.run(ctx, runner, cmd)
	if err != nil {
		return err
	}
	return reportImport(out, payload)
}

// open opens the database and the policy.
func (c *importing) open(ctx context.Context, w *importWork) (*operation.Runner, func() error, error) {
	cfg := c.config()
	cfg.Policies, cfg.DefaultLocation, cfg.Log = c.Policies, c.DefaultLocation, slog.Default()
	w.at(func() string { return "opening the database" })
	return openRunner(ctx, cfg)
}

// importWork is an import at work: it tells its progress.
type importWork struct {
	*progress
	out     outputs
	dataDir string
}

func (c *importing) begin(out outputs) *importWork {
	return &importWork{progress: startProgress(out.stderr, "import", tellWorkEvery), out: out, dataDir: c.DataDir}
}

// importFile is a file that was read and found good, and can be read again.
type importFile struct {
	operation.File
	source *source
}

// Close releases what the file holds.
func (f *importFile) Close() error { return f.source.Close() }

// read checks a whole file.
func (w *importWork) read(kind, path string) (*importFile, *feed.Summary, error) {
	src, err := openSource(path, w.dataDir)
	if err != nil {
		return nil, nil, err
	}
	counted := &atomic.Int64{}
	w.at(func() string { return fmt.Sprintf("reading %s, %d %%", src.name, 100*counted.Load()/max(1, src.size)) })
	file, summary, err := operation.ReadFile(kind, src.name, func() (io.ReadCloser, error) { return counting(src.Open(), counted), nil })
	if err != nil {
		return nil, nil, errors.Join(err, src.Close())
	}
	file.Open = func() (io.ReadCloser, error) { return src.Open(), nil }
	return &importFile{File: file, source: src}, summary, nil
}

// run carries an import out as the service itself, and does at once what it left for later.
func (w *importWork) run(ctx context.Context, runner *operation.Runner, cmd *operation.Import) (*operation.ImportPayload, error) {
	passed, rows := &atomic.Int64{}, cmd.File.Rows
	cmd.File.Passed = func(n int64) { passed.Add(n) }
	w.at(func() string { // it is read twice: compared, then written
		n := passed.Load()
		if n <= rows {
			return fmt.Sprintf("comparing %s, %d of %d rows", cmd.File.Name, n, rows)
		}
		return fmt.Sprintf("writing %s, %d of %d rows", cmd.File.Name, min(n-rows, rows), rows)
	})
	payload, err := operation.Run(identity.WithPrincipal(ctx, &identity.Principal{System: true}), runner, cmd)
	if err != nil {
		return nil, err
	}
	return payload, w.sweep(ctx, runner)
}

// sweep does at once what was left for later.
func (w *importWork) sweep(ctx context.Context, runner *operation.Runner) error {
	select {
	case <-runner.Unfinished():
		w.at(func() string { return "giving the members of groups their seats" })
		return runner.Sweep(ctx)
	default:
		return nil
	}
}

// openRunner opens the database, and the policy that was published last if none is deployed, for a command that runs operations without
// serving. The function it gives releases both.
func openRunner(ctx context.Context, cfg Config) (*operation.Runner, func() error, error) {
	db, err := OpenStore(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	engine, err := policy.New(ctx, policy.Config{Dir: cfg.Policies, Logger: cfg.Log, Timeout: 10 * time.Second})
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	runner := operation.NewRunner(operation.Config{Store: db, Policy: engine, Logger: cfg.Log, DefaultLocation: cfg.DefaultLocation, Apart: cfg.apart})
	release := func() error {
		runner.Close()
		engine.Close()
		return db.Close()
	}
	if err := runner.FollowPolicy(ctx); err != nil {
		return nil, nil, errors.Join(err, release())
	}
	return runner, release, nil
}

// source is the content of a file, which can be read as often as one likes: standard input and other things that cannot be read twice
// are kept in a temporary file, which has no name and goes with the program.
type source struct {
	name string
	file *os.File
	size int64
}

func openSource(path, dataDir string) (*source, error) {
	if path == "-" {
		return keep(dataDir, "standard input", os.Stdin, 1<<62)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if info.Mode().IsRegular() {
		return &source{name: path, file: file, size: info.Size()}, nil
	}
	kept, err := keep(dataDir, path, file, 1<<62)
	return kept, errors.Join(err, file.Close())
}

// errTooLarge ends the reading of what has more bytes than are allowed.
var errTooLarge = errors.New("the file is too large")

// keep copies what can be read once into a temporary file: in the data directory if there is one, because the image has no other
// place, else where the system keeps such files.
func keep(dataDir, name string, from io.Reader, most int64) (_ *source, err error) {
	if info, err := os.Stat(dataDir); err != nil || !info.IsDir() {
		dataDir = ""
	}
	file, err := os.CreateTemp(dataDir, "ringfence-import-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	if err := os.Remove(file.Name()); err != nil {
		return nil, err
	}
	read := &watched{from: io.LimitReader(from, most)}
	n, err := io.Copy(file, read)
	if read.err != nil {
		return nil, fault.Wrap(read.err, fault.InvalidInput, "%s did not arrive as a whole", name)
	}
	if err != nil {
		return nil, fmt.Errorf("keep %s: %w", name, err)
	}
	if n == most {
		return nil, errTooLarge
	}
	return &source{name: name, file: file, size: n}, nil
}

// watched remembers what went wrong with reading, as opposed to what went wrong with what was read.
type watched struct {
	from io.Reader
	err  error
}

// Read reads.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.from.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

// Open gives the content from its beginning.
func (s *source) Open() io.ReadCloser {
	return io.NopCloser(io.NewSectionReader(s.file, 0, 1<<62))
}

// Close releases the file.
func (s *source) Close() error { return s.file.Close() }

// countingReader counts what was read.
type countingReader struct {
	io.ReadCloser
	n *atomic.Int64
}

func counting(from io.ReadCloser, n *atomic.Int64) io.ReadCloser { return &countingReader{from, n} }

// Read reads.
func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n.Add(int64(n))
	return n, err
}
