package operation

import (
	"context"
	"iter"
	"maps"
	"strings"

	"github.com/ringfence/ringfence/internal/feed"
	"github.com/ringfence/ringfence/internal/store"
)

func mapKeys[K comparable, V any](m map[K]V) iter.Seq[K] { return maps.Keys(m) }

// rowFinder finds what the rows of a file name.
type rowFinder struct {
	file    string
	vendors *vendorNames
}

// namedLicense is a license that rows of a file name.
type namedLicense struct {
	id, vendor   int64
	metric, name string
}

// licensesOf finds the licenses of allocations: by external id, or by contract and product; nil where there is none, which is noted.
func (f *rowFinder) licensesOf(ctx context.Context, r *reading, part []feed.Allocation, wrong *rowMistakes) ([]*namedLicense, error) {
	var externals, contracts []string
	for _, a := range part {
		if a.License != "" {
			externals = append(externals, a.License)
		} else {
			contracts = append(contracts, a.Contract)
		}
	}
	byExternal, byProduct, err := r.licensesNamed(ctx, externals, contracts)
	if err != nil {
		return nil, err
	}
	found := make([]*namedLicense, len(part))
	for i, a := range part {
		if a.License != "" {
			if found[i] = byExternal[a.License]; found[i] == nil {
				wrong.add(a.Line, "license", "there is no license %q; import licenses first", a.License)
			}
			continue
		}
		switch of := byProduct[contractProduct{a.Contract, strings.ToLower(a.Licensed)}]; len(of) {
		case 0:
			wrong.add(a.Line, "licensed product", "there is no license of %q under contract %q; import licenses first", a.Licensed, a.Contract)
		case 1:
			found[i] = of[0]
		default:
			wrong.add(a.Line, "licensed product", "there are %d licenses of %q under contract %q; name one by its id, in a column license", len(of), a.Licensed, a.Contract)
		}
	}
	return found, nil
}

// contractProduct is a product, by any of its names in lower case, under a contract.
type contractProduct struct{ contract, product string }

// licensesNamed reads licenses by external id, and those under contracts by the names of their products.
func (r *reading) licensesNamed(ctx context.Context, externals, contracts []string) (map[string]*namedLicense, map[contractProduct][]*namedLicense, error) {
	byExternal, byProduct := map[string]*namedLicense{}, map[contractProduct][]*namedLicense{}
	rows, err := r.Query(ctx, `SELECT l.id, c.vendor_id, l.metric, COALESCE(l.external_id, ''), c.number, p.name, p.sku, COALESCE(p.sku_id, '') FROM licenses l
		JOIN contracts c ON c.id = l.contract_id JOIN products p ON p.id = l.product_id WHERE `+r.Any("l.external_id", 1)+` OR `+r.Any("c.number", 2),
		r.Array(append(externals, "")), r.Array(append(contracts, "")))
	err = each(rows, err, func(s scanner) error {
		l := &namedLicense{}
		var external, contract, sku, guid string
		if err := s.Scan(&l.id, &l.vendor, &l.metric, &external, &contract, &l.name, &sku, &guid); err != nil {
			return err
		}
		if external != "" {
			byExternal[external] = l
		}
		for _, name := range distinctLower(l.name, sku, guid) {
			key := contractProduct{contract, name}
			byProduct[key] = append(byProduct[key], l)
		}
		return nil
	})
	return byExternal, byProduct, err
}

// deploymentsOf finds the deployments that allocations track, 0 for those that track none. What is not there is noted.
func (f *rowFinder) deploymentsOf(ctx context.Context, r *reading, part []feed.Allocation, licenses []*namedLicense, wrong *rowMistakes) ([]int64, error) {
	names := make([]string, len(part))
	for i, a := range part {
		names[i] = a.Vendor
	}
	vendors, err := f.vendors.known(ctx, r, names)
	if err != nil {
		return nil, err
	}
	products := make([]string, len(part))
	for i, a := range part {
		if products[i] = nameKey(a.Product); a.Vendor == "" && licenses[i] != nil {
			vendors[i] = licenses[i].vendor
		}
	}
	found := map[vendorProduct]int64{}
	table, args := r.Table("v", 1, store.Column{Name: "vendor_id", Values: vendors}, store.Column{Name: "product_key", Values: products})
	rows, err := r.Query(ctx, `SELECT d.id, d.vendor_id, d.product_key FROM `+table+` JOIN deployments d ON d.vendor_id = v.vendor_id AND d.product_key = v.product_key`, args...)
	if err := each(rows, err, func(s scanner) error {
		var key int64
		var at vendorProduct
		err := s.Scan(&key, &at.vendor, &at.product)
		found[at] = key
		return err
	}); err != nil {
		return nil, err
	}
	keys := make([]int64, len(part))
	for i, a := range part {
		if a.Product == "" {
			continue
		}
		if keys[i] = found[vendorProduct{vendors[i], products[i]}]; keys[i] == 0 && licenses[i] != nil {
			wrong.add(a.Line, "product", "there is no deployment of %q%s; import deployments first", a.Product, by(a.Vendor))
		}
	}
	return keys, nil
}

func by(vendor string) string {
	if vendor == "" {
		return " by the vendor of the license"
	}
	return " by " + vendor
}

// knownAllocations are allocations by what rows of a file name them.
type knownAllocations struct {
	byExternal map[string]*allocation
	byPlace    map[allocationPlace][]*allocation
}

// allocationPlace is what an allocation is for: a deployment, or a purpose by its name in lower case.
type allocationPlace struct {
	license, deployment int64
	purpose             string
}

func (a *allocation) place() allocationPlace {
	p := allocationPlace{license: a.license, deployment: a.deployment}
	if a.deployment == 0 {
		p.purpose = strings.ToLower(orEmpty(a.name))
	}
	return p
}

// allocationsOf reads the allocations of licenses, and those that rows of a file name by their external ids.
func (r *reading) allocationsOf(ctx context.Context, part []feed.Allocation, licenses []*namedLicense) (*knownAllocations, error) {
	var keys []int64
	externals := []string{""}
	for i, l := range licenses {
		if l != nil {
			keys = append(keys, l.id)
		}
		if external := filled(part[i].ExternalID); external != nil {
			externals = append(externals, *external)
		}
	}
	known := &knownAllocations{byExternal: map[string]*allocation{}, byPlace: map[allocationPlace][]*allocation{}}
	rows, err := r.Query(ctx, `SELECT id, license_id, external_id, type, COALESCE(deployment_id, 0), name, quantity, metric, cost_center, notes FROM allocations
		WHERE `+r.Any("license_id", 1)+` OR `+r.Any("external_id", 2), r.Array(sorted(keys)), r.Array(externals))
	return known, each(rows, err, func(s scanner) error {
		a := &allocation{}
		if err := s.Scan(&a.id, &a.license, &a.external, &a.kind, &a.deployment, &a.name, &a.quantity, &a.metric, &a.costCenter, &a.notes); err != nil {
			return err
		}
		if a.external != nil {
			known.byExternal[*a.external] = a
		}
		known.byPlace[a.place()] = append(known.byPlace[a.place()], a)
		return nil
	})
}

// find gives the allocation a row is about: by external id, else by license, place and metric; nil if there is none.
func (k *knownAllocations) find(a *allocation, metric bool, line int, wrong *rowMistakes) *allocation {
	if a.external != nil {
		if found := k.byExternal[*a.external]; found != nil {
			switch {
			case found.license != a.license:
				wrong.add(line, "id", "the allocation %q is one of another license", *a.external)
			case found.deployment != a.deployment:
				wrong.add(line, "id", "the allocation %q is for another deployment or purpose; delete it, or give this one an id of its own", *a.external)
			}
			return found
		}
	}
	var found []*allocation
	for _, other := range k.byPlace[a.place()] {
		if (a.external == nil || other.external == nil) && (other.metric == a.metric || !metric) {
			found = append(found, other)
		}
	}
	if len(found) > 1 {
		wrong.add(line, "id", "there are %d allocations for this already; name one by its id", len(found))
	}
	if len(found) == 0 {
		return nil
	}
	return found[0]
}
