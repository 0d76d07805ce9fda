package operation

import (
	"context"
	"slices"
	"strings"

	"github.com/ringfence/ringfence/ent"
	entcontract "github.com/ringfence/ringfence/ent/contract"
	"github.com/ringfence/ringfence/internal/feed"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/store"
)

// contractImport takes contracts in: they are found by vendor and number. Vendors that are not known are created. New dates of a
// contract bind its licenses, as with updateContract.
type contractImport struct {
	c       *Import
	p       *ImportPayload
	vendors *vendorNames

	touched  []int64 // contracts that are there and differ
	licenses []int64 // licenses whose contract gets other dates
}

func beginContracts(c *Import, p *ImportPayload) importer {
	return &contractImport{c: c, p: p, vendors: &vendorNames{}}
}

// vendorNumber is what a contract is known by.
type vendorNumber struct {
	vendor int64
	number string
}

func (i *contractImport) look(ctx context.Context, r *reading) error {
	var dated []int64
	err := inSheet(&i.c.File, feed.Contracts, func(part []feed.Contract) error {
		vendors, err := i.vendors.known(ctx, r, contractVendors(part))
		if err != nil {
			return err
		}
		rows, known, err := i.match(ctx, r, part, vendors)
		for n, old := range known {
			if old == nil || sameContract(rows[n], old) {
				continue
			}
			i.touched = append(i.touched, old.ID)
			if redated(rows[n], old) {
				dated = append(dated, old.ID)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	if i.licenses, err = r.ids(ctx, `SELECT id FROM licenses WHERE `+r.Any("contract_id", 1)+` ORDER BY id`, r.Array(dated)); err != nil {
		return err
	}
	if err := r.lockLicenses(ctx, i.licenses); err != nil {
		return err
	}
	slices.Sort(i.touched)
	_, err = r.ids(ctx, `SELECT id FROM contracts WHERE `+r.Any("id", 1)+` ORDER BY id`+r.tx.ForUpdate(), r.Array(i.touched))
	return err
}

func contractVendors(part []feed.Contract) []string {
	names := make([]string, len(part))
	for i, c := range part {
		names[i] = c.Vendor
	}
	return names
}

// match finds the contracts of a part of the file, and gives what they are to become.
func (i *contractImport) match(ctx context.Context, r *reading, part []feed.Contract, vendors []int64) (rows, known []*ent.Contract, err error) {
	numbers := make([]string, len(part))
	for n, c := range part {
		numbers[n] = c.Number
	}
	stored := map[vendorNumber]*ent.Contract{}
	keys, err := r.ids(ctx, `SELECT id FROM contracts WHERE `+r.Any("number", 1), r.Array(numbers))
	if err != nil {
		return nil, nil, err
	}
	for some := range slices.Chunk(keys, 10_000) {
		found, err := r.Client().Contract.Query().Where(entcontract.IDIn(some...)).All(ctx)
		if err != nil {
			return nil, nil, err
		}
		for _, row := range found {
			stored[vendorNumber{row.VendorID, row.Number}] = row
		}
	}
	wrong := &rowMistakes{file: i.c.File.Name}
	rows, known = make([]*ent.Contract, len(part)), make([]*ent.Contract, len(part))
	for n, c := range part {
		known[n] = stored[vendorNumber{vendors[n], c.Number}]
		rows[n] = contractOf(&c, known[n], vendors[n])
		if checkPeriod(rows[n].StartsOn, rows[n].EndsOn) != nil {
			wrong.add(c.Line, "ends on", "the end lies before the start")
		}
	}
	return rows, known, wrong.failure()
}

// contractOf gives the contract a row makes of a known one, or of none.
func contractOf(c *feed.Contract, known *ent.Contract, vendor int64) *ent.Contract {
	row := &ent.Contract{VendorID: vendor, Number: c.Number, Name: c.Number}
	if known != nil {
		copied := *known
		row = &copied
	}
	if name := filled(c.Name); name != nil {
		row.Name = *name
	}
	for _, text := range []struct {
		into  **string
		given *string
	}{{&row.StartsOn, c.StartsOn}, {&row.EndsOn, c.EndsOn}, {&row.Notes, c.Notes}} {
		if text.given != nil {
			*text.into = filled(text.given)
		}
	}
	return row
}

func sameContract(a, b *ent.Contract) bool {
	return a.Name == b.Name && same(a.Notes, b.Notes) && !redated(a, b)
}

func redated(a, b *ent.Contract) bool {
	return !same(a.StartsOn, b.StartsOn) || !same(a.EndsOn, b.EndsOn)
}

func (i *contractImport) store(ctx context.Context, w *writing) error {
	count := i.p.tally("contracts")
	err := inSheet(&i.c.File, feed.Contracts, func(part []feed.Contract) error {
		vendors, err := i.vendors.of(ctx, w, contractVendors(part))
		if err != nil {
			return err
		}
		rows, known, err := i.match(ctx, w.reading, part, vendors)
		if err != nil {
			return err
		}
		var fresh, changed []*ent.Contract
		contracts := map[int64]dates{}
		for n, old := range known {
			switch {
			case old == nil:
				count.Created++
				i.p.example("+ contract %s of %s", part[n].Number, part[n].Vendor)
				fresh = append(fresh, rows[n])
			case sameContract(rows[n], old):
				count.Unchanged++
			default:
				if _, locked := slices.BinarySearch(i.touched, old.ID); !locked { // somebody changed it after the first look
					return &widenError{}
				}
				count.Updated++
				i.p.example("~ contract %s of %s: %s", old.Number, part[n].Vendor, contractChanges(old, rows[n]))
				changed = append(changed, rows[n])
				if redated(rows[n], old) {
					contracts[old.ID] = dates{rows[n].StartsOn, rows[n].EndsOn}
				}
			}
		}
		return w.storeContracts(ctx, fresh, changed, contracts, i.licenses)
	})
	if n := int64(i.vendors.created); n > 0 {
		i.p.tally("vendors").Created = n
	}
	return err
}

func contractChanges(old, row *ent.Contract) string {
	var words []string
	for _, c := range []struct{ name, was, is string }{
		{"name", old.Name, row.Name}, {"starts on", orEmpty(old.StartsOn), orEmpty(row.StartsOn)}, {"ends on", orEmpty(old.EndsOn), orEmpty(row.EndsOn)},
	} {
		if c.was != c.is {
			words = append(words, c.name+" "+quoted(c.was)+" → "+quoted(c.is))
		}
	}
	if len(words) == 0 {
		return "notes"
	}
	return strings.Join(words, ", ")
}

// storeContracts writes new and changed contracts. The new dates of some, by their keys, bind their licenses, which are among those
// locked.
func (w *writing) storeContracts(ctx context.Context, fresh, changed []*ent.Contract, redates map[int64]dates, locked []int64) error {
	if len(redates) > 0 { // what is locked is read as it was, before the contracts change
		if err := w.turnPage(ctx); err != nil {
			return err
		}
		under, err := w.ids(ctx, `SELECT id FROM licenses WHERE `+w.Any("contract_id", 1), w.Array(slices.Collect(mapKeys(redates))))
		if err != nil {
			return err
		}
		if len(without(under, locked)) > 0 { // recorded after the first look
			return &widenError{licenses: under}
		}
		if err := w.lockLicenses(ctx, under); err != nil {
			return err
		}
	}
	if err := w.insertContracts(ctx, fresh); err != nil {
		return err
	}
	if err := w.updateContracts(ctx, changed); err != nil {
		return err
	}
	w.tellContracts("CONTRACT_CREATED", fresh)
	w.tellContracts("CONTRACT_UPDATED", changed)
	if len(redates) == 0 {
		return nil
	}
	return w.redate(ctx, redates)
}

// tellContracts notes what became of contracts: each on its own, or as lists when they are many.
func (w *writing) tellContracts(kind string, rows []*ent.Contract) {
	if len(rows) <= tellSingly {
		for _, row := range rows {
			w.happened(kind, "contract", row.ID, map[string]any{"number": row.Number})
		}
		return
	}
	keys := make([]int64, len(rows))
	for i, row := range rows {
		keys[i] = row.ID
	}
	w.happened(kind, "contracts", 0, map[string]any{"count": len(keys), "contracts": idsOf(id.Contract, keys)})
}

func contractColumns(rows []*ent.Contract) []store.Column {
	n := len(rows)
	names, starts, ends, notes := make([]string, n), make([]*string, n), make([]*string, n), make([]*string, n)
	for i, row := range rows {
		names[i], starts[i], ends[i], notes[i] = row.Name, row.StartsOn, row.EndsOn, row.Notes
	}
	return []store.Column{{Name: "name", Values: names}, {Name: "starts_on", Values: starts}, {Name: "ends_on", Values: ends}, {Name: "notes", Values: notes}}
}

func (w *writing) insertContracts(ctx context.Context, rows []*ent.Contract) error {
	n := len(rows)
	if n == 0 {
		return nil
	}
	vendors, numbers := make([]int64, n), make([]string, n)
	for i, row := range rows {
		vendors[i], numbers[i] = row.VendorID, row.Number
	}
	i := 0
	return w.tx.InsertReturning(ctx, "contracts", []string{"id"}, scanRows(func(row scanner) error {
		i++
		return row.Scan(&rows[i-1].ID)
	}), append(contractColumns(rows), store.Column{Name: "vendor_id", Values: vendors}, store.Column{Name: "number", Values: numbers},
		store.Column{Name: "created_at", Values: repeat(w.Now(), n)})...)
}

func (w *writing) updateContracts(ctx context.Context, rows []*ent.Contract) error {
	if len(rows) == 0 {
		return nil
	}
	keys := make([]int64, len(rows))
	for i, row := range rows {
		keys[i] = row.ID
	}
	table, args := w.tx.Table("v", 1, append(contractColumns(rows), store.Column{Name: "id", Values: keys})...)
	_, err := w.tx.Exec(ctx, `UPDATE contracts SET name = v.name, starts_on = v.starts_on, ends_on = v.ends_on, notes = v.notes FROM `+table+`
		WHERE contracts.id = v.id`, args...)
	return err
}
