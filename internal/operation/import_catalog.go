package operation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ringfence/ringfence/internal/feed"
	"github.com/ringfence/ringfence/internal/store"
)

// productFinder finds the contracts and products that rows of a file of licenses name.
type productFinder struct {
	file    string
	created int // products that were created
}

type namedContract struct {
	id, vendor int64
	owner      string // the vendor's name
}

// namedProduct is a product that rows of a file name; one that is to be created has no key yet.
type namedProduct struct {
	id, vendor int64
	name       string
}

// contractsOf finds the contracts of licenses by number and, where that is not enough, vendor; nil where there is none, which is noted.
func (f *productFinder) contractsOf(ctx context.Context, r *reading, part []feed.License, wrong *rowMistakes) ([]*namedContract, error) {
	numbers := make([]string, len(part))
	for i, l := range part {
		numbers[i] = l.Contract
	}
	stored := map[string][]*namedContract{}
	rows, err := r.Query(ctx, `SELECT c.id, c.number, c.vendor_id, v.name FROM contracts c JOIN vendors v ON v.id = c.vendor_id WHERE `+r.Any("c.number", 1), r.Array(numbers))
	if err := each(rows, err, func(s scanner) error {
		c := &namedContract{}
		var number string
		err := s.Scan(&c.id, &number, &c.vendor, &c.owner)
		stored[number] = append(stored[number], c)
		return err
	}); err != nil {
		return nil, err
	}
	found := make([]*namedContract, len(part))
	for i, l := range part {
		var matching []*namedContract
		for _, c := range stored[l.Contract] {
			if l.Vendor == "" || nameKey(l.Vendor) == nameKey(c.owner) {
				matching = append(matching, c)
			}
		}
		switch {
		case len(matching) == 1:
			found[i] = matching[0]
		case len(matching) > 1:
			wrong.add(l.Line, "contract", "several vendors have a contract %q; name the vendor", l.Contract)
		case l.Vendor == "":
			wrong.add(l.Line, "contract", "there is no contract %q; import contracts first", l.Contract)
		default:
			wrong.add(l.Line, "contract", "there is no contract %q with %s; import contracts first", l.Contract, l.Vendor)
		}
	}
	return found, nil
}

// vendorProductName is a product by any of its names in lower case.
type vendorProductName struct {
	vendor int64
	name   string
}

// productsOf finds the products of licenses by GUID, SKU or name, without case; what is not there is to be created. It is nil where
// that is not clear, which is noted.
func (f *productFinder) productsOf(ctx context.Context, r *reading, part []feed.License, contracts []*namedContract, wrong *rowMistakes) ([]*namedProduct, error) {
	names, exact := make([]string, len(part)), make([]string, len(part))
	for i, l := range part {
		names[i], exact[i] = strings.ToLower(l.Product), l.Product
	}
	stored, err := r.productsNamed(ctx, names, exact)
	if err != nil {
		return nil, err
	}
	found := make([]*namedProduct, len(part))
	for i, l := range part {
		if contracts[i] == nil {
			continue
		}
		key := vendorProductName{contracts[i].vendor, names[i]}
		switch known := stored[key]; {
		case len(known) == 1:
			found[i] = known[0]
		case len(known) > 1:
			wrong.add(l.Line, "product", "%s has %d products called %q; name one by its GUID", contracts[i].owner, len(known), l.Product)
		case feed.IsGUID(l.Product):
			wrong.add(l.Line, "product", "%s has no product %s; import products first", contracts[i].owner, l.Product)
		default:
			found[i] = &namedProduct{vendor: contracts[i].vendor, name: l.Product}
			stored[key] = append(stored[key], found[i])
		}
	}
	return found, nil
}

// productsNamed reads products by any of their names. The database compares without case as far as it can: SQLite does for ASCII.
func (r *reading) productsNamed(ctx context.Context, lower, exact []string) (map[vendorProductName][]*namedProduct, error) {
	stored := map[vendorProductName][]*namedProduct{}
	list := r.Array(lower)
	rows, err := r.Query(ctx, `SELECT id, vendor_id, name, sku, COALESCE(sku_id, '') FROM products
		WHERE `+r.Any("lower(name)", 1)+` OR `+r.Any("lower(sku)", 2)+` OR `+r.Any("lower(sku_id)", 3)+` OR `+r.Any("name", 4)+` ORDER BY id`,
		list, list, list, r.Array(exact))
	return stored, each(rows, err, func(s scanner) error {
		p := &namedProduct{}
		var sku, guid string
		if err := s.Scan(&p.id, &p.vendor, &p.name, &sku, &guid); err != nil {
			return err
		}
		for _, text := range distinctLower(p.name, sku, guid) {
			key := vendorProductName{p.vendor, text}
			stored[key] = append(stored[key], p)
		}
		return nil
	})
}

// distinctLower gives texts in lower case, each once and none that is empty.
func distinctLower(texts ...string) []string {
	for i, text := range texts {
		texts[i] = strings.ToLower(text)
	}
	slices.Sort(texts)
	return slices.DeleteFunc(slices.Compact(texts), func(text string) bool { return text == "" })
}

// createProducts stores the products of rows that are to be created.
func (f *productFinder) createProducts(ctx context.Context, w *writing, rows []licenseRow, p *ImportPayload) error {
	var fresh []*namedProduct
	seen := map[*namedProduct]bool{}
	for _, row := range rows {
		if row.product.id == 0 && !seen[row.product] {
			seen[row.product] = true
			fresh = append(fresh, row.product)
			p.example("+ product %s of %s", row.product.name, row.contract.owner)
		}
	}
	f.created += len(fresh)
	return w.createProducts(ctx, fresh)
}

// createProducts stores products of which only the name is known.
func (w *writing) createProducts(ctx context.Context, list []*namedProduct) error {
	n := len(list)
	if n == 0 {
		return nil
	}
	vendors, names := make([]int64, n), make([]string, n)
	for i, p := range list {
		vendors[i], names[i] = p.vendor, p.name
	}
	i := 0
	err := w.tx.InsertReturning(ctx, "products", []string{"id"}, scanRows(func(row scanner) error {
		i++
		return row.Scan(&list[i-1].id)
	}), store.Column{Name: "vendor_id", Values: vendors}, store.Column{Name: "name", Values: names}, store.Column{Name: "kind", Values: repeat("SUBSCRIPTION", n)},
		store.Column{Name: "created_at", Values: repeat(w.Now(), n)}, store.Column{Name: "blocked_locations", Values: make([]json.RawMessage, n)})
	for _, p := range list {
		w.happened("PRODUCT_CREATED", "product", p.id, map[string]any{"name": p.name})
	}
	return err
}

// atLine names the line of the file in the violations of a refusal.
func atLine(err error, file string, line int) error {
	var no *refusal
	if errors.As(err, &no) {
		for n := range no.violations {
			no.violations[n].Message = fmt.Sprintf("%s:%d: %s", file, line, no.violations[n].Message)
		}
	}
	return err
}
