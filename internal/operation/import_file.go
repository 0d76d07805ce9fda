package operation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/feed"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
)

// Import reads a file into the database (docs/feeds.md): what it names and is not there is created, what is there and differs is
// changed, the rest stays. All of the file or nothing, in one transaction; who may is up to the policy, under the action of the
// kind (importUsers, …). A dry run tells what would be. The file is read twice, so that locks are taken in one order, and never
// held in memory.
type Import struct {
	Request
	Kind string // one of ImportKinds
	File File
	// Source names the collector whose deployments the file has, where the file does not name it.
	Source string
	// ObservedAt is when the deployments were seen, where the file does not say; now by default.
	ObservedAt *time.Time
	// Complete says that the file has everything: deployments of its sources that it does not name fall to 0, members that it does not
	// name leave the groups it names.
	Complete bool
	// Vendor is whose products a catalog has, Microsoft by default. Vendor and Contract name the contract under which subscribedSkus
	// are booked.
	Vendor, Contract string
	// Done are the digests of the pages of the same export that come before this one and are done; More says that others come after
	// it (Microsoft Graph).
	Done []string
	More bool
}

// File is what an import reads.
type File struct {
	Name   string // as the user calls it
	Digest string // SHA-256, in hexadecimal digits
	Rows   int64
	// DeltaLink is where changes from then on are (Microsoft Graph).
	DeltaLink string
	// Open gives the content from its beginning, as often as it is asked.
	Open func() (io.ReadCloser, error) `json:"-"`
	// Passed is told how many rows were worked through, of both readings together; nil: nobody wants to know.
	Passed func(rows int64) `json:"-"`
}

// open gives the content from its beginning.
func (f *File) open() (io.ReadCloser, error) {
	if f.Open == nil {
		return nil, fault.Invalid("file", "there is nothing to read")
	}
	return f.Open()
}

func (f *File) passed(rows int) {
	if f.Passed != nil {
		f.Passed(int64(rows))
	}
}

// ImportTally tells what an import did to the things of one kind.
type ImportTally struct {
	What string // in the plural: users, memberships, …
	ImportCount
}

// SeatTally tells what an import did to seats: how many were released, given, queued, or failed.
type SeatTally struct{ Released, Given, Queued, Failed int64 }

// ImportPayload answers Import. Examples are the first things that differ, in words; Notes what is worth knowing.
type ImportPayload struct {
	Reply
	Kind     string
	File     string
	Digest   string
	Rows     int64
	Feed     *id.ID      // the record of this reading; nil for a dry run
	Earlier  *FeedBefore // when the same file was read before, if it was
	Counts   []*ImportTally
	Seats    SeatTally
	Examples []string
	Notes    []string
	Entra    *EntraReport // of an export of users
}

// FeedBefore is an earlier reading of the same file.
type FeedBefore struct {
	At time.Time
	By string
}

// Changed tells whether anything is different from before.
func (p *ImportPayload) Changed() bool {
	for _, c := range p.Counts {
		if c.Changed() {
			return true
		}
	}
	return p.Seats != SeatTally{}
}

// tally gives the counts of one kind of things, in the order in which they are first asked for.
func (p *ImportPayload) tally(what string) *ImportTally {
	for _, c := range p.Counts {
		if c.What == what {
			return c
		}
	}
	c := &ImportTally{What: what}
	p.Counts = append(p.Counts, c)
	return c
}

// MostExamples is how many differences an import tells in words.
const MostExamples = 20

func (p *ImportPayload) example(format string, args ...any) {
	if len(p.Examples) < MostExamples {
		p.Examples = append(p.Examples, fmt.Sprintf(format, args...))
	}
}

func (p *ImportPayload) note(format string, args ...any) {
	p.Notes = append(p.Notes, fmt.Sprintf(format, args...))
}

// importer is how the files of one kind are taken in.
type importer interface {
	// look reads the file, finds out what is to be locked, and locks it. Nothing is written.
	look(ctx context.Context, r *reading) error
	// store reads the file again and writes.
	store(ctx context.Context, w *writing) error
}

// importKind is a kind of file: the action the policy is asked about, and how it is taken in.
type importKind struct {
	name, action string
	check        func(name string, file io.Reader) (*feed.Summary, error)
	begin        func(c *Import, p *ImportPayload) importer
	// sees are the kinds of things that who imports must see all of, because the file may name any of them and the answer tells
	// which are there.
	sees []string
}

// importKinds are the kinds of files; init fills it, because the importers refer to what is declared here.
var importKinds []importKind

func init() {
	importKinds = []importKind{
		{"products", "importProducts", checkCatalog, beginProducts, []string{"product"}},
		{"users", "importUsers", feed.Users.Check, beginUsers, []string{"user"}},
		{"groups", "importGroups", feed.Groups.Check, beginGroups, []string{"group"}},
		{"memberships", "importMemberships", feed.Memberships.Check, beginMemberships, []string{"user", "group"}},
		{"contracts", "importContracts", feed.Contracts.Check, beginContracts, []string{"contract"}},
		{"licenses", "importLicenses", feed.Licenses.Check, beginLicenses, []string{"contract", "product", "license"}},
		{"deployments", "importDeployments", feed.Deployments.Check, beginDeployments, []string{"deployment"}},
		{"allocations", "importAllocations", feed.Allocations.Check, beginAllocations, []string{"license", "deployment", "allocation"}},
		{"graph-skus", "importLicenses", feed.GraphSkus.Check, beginSkus, []string{"contract", "product", "license"}},
		{"graph-users", "importUsers", feed.GraphUsers.Check, beginGraphUsers, []string{"user", "group", "license", "seat"}},
		{"graph-groups", "importGroups", feed.GraphGroups.Check, beginGraphGroups, []string{"user", "group"}},
	}
}

// ImportKinds names the kinds of files that Import reads.
func ImportKinds() []string {
	names := make([]string, len(importKinds))
	for i, k := range importKinds {
		names[i] = k.name
	}
	return names
}

func kindOfFile(name string) *importKind {
	for i := range importKinds {
		if importKinds[i].name == name {
			return &importKinds[i]
		}
	}
	return nil
}

func (c *Import) kind() *importKind { return kindOfFile(c.Kind) }

// ReadFile reads a whole file of a kind and tells what it is like, or everything that is wrong with it that can be seen without the
// database, up to feed.MostMistakes.
func ReadFile(kind, name string, open func() (io.ReadCloser, error)) (f File, s *feed.Summary, err error) {
	k := kindOfFile(kind)
	if k == nil {
		return f, nil, fault.Invalid("kind", "there are no files of the kind %q", kind)
	}
	file, err := open()
	if err != nil {
		return f, nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if s, err = k.check(name, file); err != nil {
		return f, nil, err
	}
	return File{Name: name, Digest: s.Digest, Rows: s.Rows, DeltaLink: s.DeltaLink, Open: open}, s, nil
}

func (c *Import) action() string {
	if k := c.kind(); k != nil {
		return k.action
	}
	return "import"
}

func (c *Import) check() error {
	if c.kind() == nil {
		return fault.Invalid("kind", "there are no files of the kind %q", c.Kind)
	}
	return firstError(checkText("file", c.File.Name, 300), checkOptional("source", &c.Source, 200), checkOptional("vendor", &c.Vendor, 200),
		checkOptional("contract", &c.Contract, 100))
}

func (c *Import) prepare(ctx context.Context, r *reading) (*plan[ImportPayload], error) {
	p := &ImportPayload{Kind: c.Kind, File: c.File.Name, Digest: c.File.Digest, Rows: c.File.Rows}
	if slices.ContainsFunc(c.kind().sees, func(kind string) bool { return !r.seesAll(ctx, kind) }) {
		return nil, fault.Missing("kind", "kind of file")
	}
	i := c.kind().begin(c, p)
	if err := i.look(ctx, r); err != nil {
		return nil, err
	}
	ask := r.question(c.action(), map[string]any{"kind": c.Kind, "file": c.File.Name, "digest": c.File.Digest, "rows": c.File.Rows, "complete": c.Complete})
	return &plan[ImportPayload]{ask: ask, write: func(ctx context.Context, w *writing) (*ImportPayload, error) {
		w.seats = &p.Seats
		if err := i.store(ctx, w); err != nil {
			return nil, err
		}
		if err := w.turnPage(ctx); err != nil {
			return nil, err
		}
		var err error
		if p.Earlier, err = w.earlier(ctx, c.Kind, append(slices.Clone(c.Done), c.File.Digest)[0]); err != nil || c.dry() {
			return p, err
		}
		return p, w.keepFeed(ctx, c, p)
	}}, nil
}

// parted is a file that is read part by part.
type parted[T any] interface {
	Part(n int) ([]T, error)
	Digest() (string, error)
}

// importPart is how many rows of a file are worked on at once.
const importPart = 5000

// inParts hands the rows of a file to do, a part at a time.
func inParts[T any](f *File, open func(name string, file io.Reader) (parted[T], error), do func(part []T) error) (err error) {
	file, err := f.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	rows, err := open(f.Name, file)
	if err != nil {
		return err
	}
	for {
		part, err := rows.Part(importPart)
		if err != nil {
			return err
		}
		if len(part) == 0 {
			break
		}
		if err := do(part); err != nil {
			return err
		}
		f.passed(len(part))
	}
	digest, err := rows.Digest()
	if err == nil && digest != f.Digest {
		err = fault.New(fault.Conflict, "%s changed while it was read", f.Name)
	}
	return err
}

// inSheet is inParts for a CSV file.
func inSheet[T any](f *File, sheet *feed.Sheet[T], do func(part []T) error) error {
	return inParts(f, func(name string, file io.Reader) (parted[T], error) { return sheet.Open(name, file) }, do)
}

// rowMistakes collects what is wrong with rows of a file beyond what its reader saw.
type rowMistakes struct {
	file string
	list feed.Mistakes
	more int
}

// add notes a mistake in a row.
func (m *rowMistakes) add(line int, field, format string, args ...any) {
	if len(m.list) == feed.MostMistakes {
		m.more++
		return
	}
	m.list = append(m.list, feed.At(m.file, line, field, format, args...))
}

// failure gives the mistakes as one error; nil if there is none.
func (m *rowMistakes) failure() error {
	if len(m.list) == 0 {
		return nil
	}
	if m.more > 0 {
		return append(m.list, fault.New(fault.InvalidInput, "%s: and %d more mistakes", m.file, m.more))
	}
	return m.list
}

// turnPage writes what the book holds and begins a new one, so that a long import holds no more in memory than a part of it. What was
// locked stays locked; what is needed of it has to be read again.
func (w *writing) turnPage(ctx context.Context) error {
	if err := w.flush(ctx); err != nil {
		return err
	}
	if len(w.further) > 0 {
		if _, err := w.runner.insertDecisions(ctx, w.tx, w.further); err != nil {
			return err
		}
		w.further = nil
	}
	w.countSeats()
	w.seatEvents(func(*licensing.Seat) (*decision, string) { return w.accountable(), w.who.name() })
	w.book, w.facts, w.flushed = licensing.NewBook(w.Now()), newFacts(), false
	return nil
}

// countSeats adds to the tally of an import what became of the seats of the book.
func (w *writing) countSeats() {
	if w.seats == nil {
		return
	}
	for _, seat := range w.book.Touched() {
		switch seatEvent(seat) {
		case "SEAT_RELEASED":
			w.seats.Released++
		case "SEAT_" + string(licensing.Active):
			w.seats.Given++
		case "SEAT_" + string(licensing.Waiting):
			w.seats.Queued++
		case "SEAT_" + string(licensing.Failed):
			w.seats.Failed++
		}
	}
}
