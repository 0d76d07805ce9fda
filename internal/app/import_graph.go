package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ringfence/ringfence/internal/feed"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/operation"
)

// importPages is the command that loads the pages of an export of Microsoft Graph.
type importPages struct {
	importing
	Files []string `arg:"" help:"The pages, in order; - is standard input." placeholder:"FILE"`
}

type importGraphSkus struct {
	importPages
	Vendor   string `help:"The vendor of the products; created if missing." env:"RINGFENCE_VENDOR" default:"Microsoft" placeholder:"NAME"`
	Contract string `help:"Number of the contract under which the licenses are booked; created if missing." env:"RINGFENCE_CONTRACT" required:"" placeholder:"NUMBER"`
}

// Run loads products and licenses.
func (c *importGraphSkus) Run(ctx context.Context, out outputs) error {
	return c.run(ctx, out, operation.Import{Kind: "graph-skus", Vendor: c.Vendor, Contract: c.Contract}, nil)
}

type importGraphGroups struct{ importPages }

// Run loads groups and their members.
func (c *importGraphGroups) Run(ctx context.Context, out outputs) error {
	return c.run(ctx, out, operation.Import{Kind: "graph-groups"}, nil)
}

type importGraphUsers struct {
	importPages
	Contract string `help:"Number of the contract whose licenses count, where there are several of a product." env:"RINGFENCE_CONTRACT" placeholder:"NUMBER"`
	TakeOver bool   `help:"Give users and groups here what they have in Entra." env:"RINGFENCE_TAKE_OVER"`
	WhenFull string `help:"What becomes of assignments that do not fit: WAIT or DENY." env:"RINGFENCE_WHEN_FULL" enum:"WAIT,DENY" default:"WAIT"`
}

// Run loads users, tells where their licenses in Entra and their seats here differ, and takes the former over if asked to.
func (c *importGraphUsers) Run(ctx context.Context, out outputs) error {
	var takeover *operation.TakeOver
	if c.TakeOver && !c.DryRun {
		takeover = &operation.TakeOver{Contract: c.Contract, WhenFull: c.WhenFull}
	}
	return c.run(ctx, out, operation.Import{Kind: "graph-users", Contract: c.Contract}, takeover)
}

// run checks all pages, then takes each in or leaves it, and goes on where an earlier run was interrupted. Then it takes over what users
// have in Entra, if that is asked for.
func (c *importPages) run(ctx context.Context, out outputs, cmd operation.Import, takeover *operation.TakeOver) (err error) {
	w := c.begin(out)
	defer w.end()
	cmd.DryRun = &c.DryRun
	pages, last, err := w.readPages(cmd.Kind, c.Files)
	defer func() {
		for _, page := range pages {
			err = errors.Join(err, page.Close())
		}
	}()
	if err != nil {
		return err
	}
	if last.NextLink != "" {
		fmt.Fprintln(out.stderr, "note: the last page names a next one, which is not among the files")
	}
	runner, release, err := c.open(ctx, w)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	if err := w.runPages(ctx, runner, cmd, pages, c.DryRun); err != nil || takeover == nil {
		return err
	}
	for _, page := range pages {
		takeover.Files = append(takeover.Files, page.File)
	}
	takeover.Told = func(what string) { w.at(func() string { return what }) }
	report, err := takeover.Run(identity.WithPrincipal(ctx, &identity.Principal{System: true}), runner)
	if err != nil {
		return err
	}
	if err := w.sweep(ctx, runner); err != nil {
		return err
	}
	return reportTakeOver(out.stdout, report)
}

// readPages checks the pages of an export, and tells what the last one is like. What was opened is to be closed even after an error.
func (w *importWork) readPages(kind string, paths []string) (pages []*importFile, last *feed.Summary, err error) {
	for _, path := range paths {
		var page *importFile
		if page, last, err = w.read(kind, path); err != nil {
			return pages, nil, err
		}
		pages = append(pages, page)
	}
	return pages, last, nil
}

// runPages takes the pages in that no earlier run has.
func (w *importWork) runPages(ctx context.Context, runner *operation.Runner, cmd operation.Import, pages []*importFile, dry bool) error {
	if dry { // a page may build upon those before it, which are not written
		var err error
		if cmd.File, err = together(cmd.Kind, pages); err != nil {
			return err
		}
		payload, err := w.run(ctx, runner, &cmd)
		if err != nil {
			return err
		}
		return reportImport(w.out, payload)
	}
	digests := make([]string, len(pages))
	for i, page := range pages {
		digests[i] = page.Digest
	}
	done, err := operation.PagesDone(ctx, runner, cmd.Kind, digests)
	if err != nil {
		return err
	}
	if done > 0 {
		fmt.Fprintf(w.out.stdout, "%d of %d pages are done already; going on with %s\n", done, len(pages), pages[done].Name)
	}
	for i := done; i < len(pages); i++ {
		page := cmd
		page.File, page.Done, page.More = pages[i].File, digests[:i], i+1 < len(pages)
		if len(pages) > 1 {
			fmt.Fprintf(w.out.stdout, "%s, page %d of %d:\n", pages[i].Name, i+1, len(pages))
		}
		payload, err := w.run(ctx, runner, &page)
		if err != nil {
			return err
		}
		if err := reportImport(w.out, payload); err != nil {
			return err
		}
	}
	return nil
}

// together gives pages as one file.
func together(kind string, pages []*importFile) (operation.File, error) {
	if len(pages) == 1 {
		return pages[0].File, nil
	}
	name := fmt.Sprintf("%s and %d more", pages[0].Name, len(pages)-1)
	file, _, err := operation.ReadFile(kind, name, func() (io.ReadCloser, error) {
		var contents []io.Reader
		for _, page := range pages {
			content, err := page.Open()
			if err != nil {
				return nil, err
			}
			contents = append(contents, feed.Unmarked(content), strings.NewReader("\n"))
		}
		return io.NopCloser(io.MultiReader(contents...)), nil
	})
	return file, err
}
