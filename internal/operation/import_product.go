package operation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/feed"
)

// mostCatalog is how large a catalog of products may be, in bytes: it is held in memory.
const mostCatalog = 256 << 20

// checkCatalog reads a whole catalog and tells what it is like.
func checkCatalog(name string, file io.Reader) (*feed.Summary, error) {
	hashed := feed.Hashing(file)
	_, odd, err := readCatalog(name, hashed)
	if err != nil {
		return nil, err
	}
	digest, err := hashed.Sum()
	return &feed.Summary{Rows: int64(odd.Rows), Digest: digest}, err
}

func readCatalog(name string, file io.Reader) (*feed.Catalog, *feed.Oddities, error) {
	limited := &io.LimitedReader{R: file, N: mostCatalog}
	catalog, odd, err := feed.Products(name, limited)
	if limited.N == 0 {
		return nil, nil, fault.Invalid("file", "%s has more than %d MB", name, mostCatalog>>20)
	}
	return catalog, odd, err
}

// productImport takes a vendor's catalog in, as ImportProducts does.
type productImport struct {
	c *Import
	p *ImportPayload
	d *difference
}

func beginProducts(c *Import, p *ImportPayload) importer { return &productImport{c: c, p: p} }

func (i *productImport) look(ctx context.Context, r *reading) (err error) {
	file, err := i.c.File.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	catalog, odd, err := readCatalog(i.c.File.Name, file)
	if err != nil {
		return err
	}
	i.p.Notes = oddities(odd)
	i.c.File.passed(odd.Rows)
	whole := &ImportProducts{Vendor: "Microsoft", Catalog: *catalog}
	if i.c.Vendor != "" {
		whole.Vendor = i.c.Vendor
	}
	if err := whole.check(); err != nil {
		return err
	}
	i.d, err = r.differ(ctx, whole)
	return err
}

func (i *productImport) store(ctx context.Context, w *writing) error {
	done, err := w.importProducts(ctx, i.d)
	if err != nil {
		return err
	}
	vendors := i.p.tally("vendors")
	if done.VendorCreated {
		vendors.Created++
		i.p.example("+ vendor %s", done.Vendor.Name)
	} else {
		vendors.Unchanged++
	}
	i.p.Counts = append(i.p.Counts, &ImportTally{"products", done.Products}, &ImportTally{"service plans", done.ServicePlans}, &ImportTally{"features", done.Features})
	for _, p := range i.d.products.fresh {
		i.p.example("+ product %s (%s)", p.Name, p.Sku)
	}
	for _, p := range i.d.products.changed {
		i.p.example("~ product %s (%s)", p.Name, p.Sku)
	}
	return nil
}

// oddities tells in words what is odd about a catalog without being wrong.
func oddities(odd *feed.Oddities) (texts []string) {
	if odd.Respelled > 0 {
		texts = append(texts, fmt.Sprintf("%d service plans are not spelled alike on every line; the most frequent spelling counts", odd.Respelled))
	}
	if odd.Duplicates > 0 {
		texts = append(texts, fmt.Sprintf("%d lines repeat a product and service plan; once counts", odd.Duplicates))
	}
	if len(odd.SharedSkus) > 0 {
		texts = append(texts, fmt.Sprintf("several products have the SKU %s; the GUID tells them apart", strings.Join(odd.SharedSkus, ", ")))
	}
	return texts
}
