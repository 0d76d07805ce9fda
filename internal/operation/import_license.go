package operation

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/ringfence/ringfence/ent"
	entlicense "github.com/ringfence/ringfence/ent/license"
	"github.com/ringfence/ringfence/internal/feed"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
)

// licenseImport takes licenses in: they are found by external id, else by contract and product. Products that are not known are
// created. Each row that changes something is asked of the policy as createLicense or updateLicense would be.
type licenseImport struct {
	c    *Import
	p    *ImportPayload
	rows func(do func(part []feed.License) error) error
	productFinder

	touched []int64 // licenses that are there and differ
}

func beginLicenses(c *Import, p *ImportPayload) importer {
	return &licenseImport{
		c: c, p: p, productFinder: productFinder{file: c.File.Name},
		rows: func(do func(part []feed.License) error) error { return inSheet(&c.File, feed.Licenses, do) },
	}
}

// licenseRow is a row of the file with what it is about.
type licenseRow struct {
	feed.License
	contract *namedContract
	product  *namedProduct
	before   *ent.License // nil if it is to be created
}

func (i *licenseImport) look(ctx context.Context, r *reading) error {
	err := i.rows(func(part []feed.License) error {
		rows, err := i.match(ctx, r, part)
		for _, row := range rows {
			if row.before != nil && !row.same() {
				i.touched = append(i.touched, row.before.ID)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	return r.lockLicenses(ctx, i.touched)
}

// match finds out what the rows of a part of the file are about.
func (i *licenseImport) match(ctx context.Context, r *reading, part []feed.License) ([]licenseRow, error) {
	wrong := &rowMistakes{file: i.file}
	contracts, err := i.contractsOf(ctx, r, part, wrong)
	if err != nil {
		return nil, err
	}
	products, err := i.productsOf(ctx, r, part, contracts, wrong)
	if err != nil {
		return nil, err
	}
	known, err := r.licensesUnderContracts(ctx, part, contracts)
	if err != nil {
		return nil, err
	}
	var rows []licenseRow
	taken := map[int64]int{}
	for n := range part {
		if contracts[n] == nil || products[n] == nil {
			continue // it is noted already
		}
		row := licenseRow{License: part[n], contract: contracts[n], product: products[n]}
		if row.before = known.find(&row, wrong); row.before != nil {
			if line, twice := taken[row.before.ID]; twice {
				wrong.add(row.Line, "product", "this is the license of line %d", line)
			}
			taken[row.before.ID] = row.Line
			if row.Metric != nil && *row.Metric != string(row.before.Metric) {
				wrong.add(row.Line, "metric", "the metric of a license does not change; it is %s", row.before.Metric)
			}
		}
		if starts, ends := row.period(); checkPeriod(starts, ends) != nil {
			wrong.add(row.Line, "ends on", "the end lies before the start")
		}
		rows = append(rows, row)
	}
	return rows, wrong.failure()
}

// period gives the dates the license is to have.
func (l *licenseRow) period() (starts, ends *string) {
	if l.before != nil {
		starts, ends = l.before.StartsOn, l.before.EndsOn
	}
	return orKeep(omittable(l.StartsOn).ValueOK())(starts), orKeep(omittable(l.EndsOn).ValueOK())(ends)
}

// quantity gives the units the license is to have; nil is unlimited.
func (l *licenseRow) quantity() *int64 {
	if l.Quantity.Unlimited {
		return nil
	}
	return &l.Quantity.Units
}

// command is the change of the license that is there.
func (l *licenseRow) command() *UpdateLicense {
	c := &UpdateLicense{
		LicenseID: id.Of(id.License, l.before.ID), StartsOn: omittable(l.StartsOn), EndsOn: omittable(l.EndsOn), UnitPrice: omittable(l.UnitPrice),
		Currency: omittable(l.Currency), PricePer: l.PricePer, Notes: omittable(l.Notes),
	}
	if n := l.quantity(); n != nil {
		units := int(*n)
		c.Quantity = &units
	} else {
		c.UnlimitedQuantity = new(bool)
		*c.UnlimitedQuantity = true
	}
	return c
}

// same tells whether the license that is there is as the row says.
func (l *licenseRow) same() bool {
	b := l.before
	return len(l.changes()) == 0 && (l.Notes == nil || same(filled(l.Notes), b.Notes))
}

// changes tells in words what is different.
func (l *licenseRow) changes() (words []string) {
	b := l.before
	was, is := "unlimited", "unlimited"
	if !b.UnlimitedQuantity {
		was = strconv.FormatInt(b.Quantity, 10)
	}
	if !l.Quantity.Unlimited {
		is = strconv.FormatInt(l.Quantity.Units, 10)
	}
	if was != is {
		words = append(words, was+" → "+is)
	}
	per := string(b.PricePer)
	for _, c := range []struct {
		name  string
		given *string
		was   *string
	}{
		{"id", l.ExternalID, b.ExternalID}, {"starts on", l.StartsOn, b.StartsOn}, {"ends on", l.EndsOn, b.EndsOn}, {"unit price", l.UnitPrice, b.UnitPrice},
		{"currency", l.Currency, b.Currency}, {"price per", l.PricePer, &per},
	} {
		if c.given != nil && !same(filled(c.given), c.was) {
			words = append(words, c.name+" "+quoted(orEmpty(c.was))+" → "+quoted(*c.given))
		}
	}
	return words
}

func (i *licenseImport) store(ctx context.Context, w *writing) error {
	err := i.rows(func(part []feed.License) error { return i.part(ctx, w, part) })
	if i.created > 0 {
		i.p.tally("products").Created = int64(i.created)
	}
	return err
}

// part stores the rows of a part of the file.
func (i *licenseImport) part(ctx context.Context, w *writing, part []feed.License) error {
	rows, err := i.match(ctx, w.reading, part)
	if err != nil {
		return err
	}
	if err := i.createProducts(ctx, w, rows, i.p); err != nil {
		return err
	}
	if err := w.turnPage(ctx); err != nil {
		return err
	}
	var changed []int64
	for _, row := range rows {
		if row.before != nil && !row.same() {
			changed = append(changed, row.before.ID)
		}
	}
	if len(without(changed, i.touched)) > 0 { // somebody changed them after the first look
		return &widenError{}
	}
	if err := w.lockLicenses(ctx, changed); err != nil {
		return err
	}
	var fresh []*licenseDraft
	for n := range rows {
		row := &rows[n]
		switch {
		case row.before == nil:
			draft, err := i.draft(ctx, w, row)
			if err != nil {
				return atLine(err, i.file, row.Line)
			}
			fresh = append(fresh, draft)
		case row.same():
			i.p.tally("licenses").Unchanged++
		default:
			if err := i.change(ctx, w, row); err != nil {
				return atLine(err, i.file, row.Line)
			}
		}
	}
	if err := w.createLicenses(ctx, fresh); err != nil {
		return err
	}
	return w.settle(ctx)
}

// draft asks the policy about a new license, as the caller, and gives what is to be stored.
func (i *licenseImport) draft(ctx context.Context, w *writing, row *licenseRow) (*licenseDraft, error) {
	allowed, no := w.decide(ctx, w.questionLicensing(row.quantity()), requestKey{}, nil)
	if no != nil {
		return nil, refuse(no.decision.violations...)
	}
	w.further = append(w.further, allowed.decision)
	l := &licenseDraft{
		contract: row.contract.id, product: row.product.id, external: filled(row.ExternalID), quantity: row.quantity(), metric: "USERS", pricePer: "YEAR",
		starts: filled(row.StartsOn), ends: filled(row.EndsOn), price: filled(row.UnitPrice), currency: filled(row.Currency), notes: filled(row.Notes),
	}
	set(&l.metric, row.Metric)
	set(&l.pricePer, row.PricePer)
	i.p.tally("licenses").Created++
	i.p.example("+ license of %s under %s: %s", row.product.name, row.Contract, unitsOf(row.Quantity))
	return l, nil
}

func unitsOf(q feed.Quantity) string {
	if q.Unlimited {
		return "unlimited"
	}
	return strconv.FormatInt(q.Units, 10)
}

// change asks the policy about a change of a license, as the caller, and carries it out but for what follows.
func (i *licenseImport) change(ctx context.Context, w *writing, row *licenseRow) error {
	pool := w.book.Pools[licensing.PoolKey{License: row.before.ID}]
	if pool == nil {
		return &widenError{}
	}
	c := row.command()
	stock, err := c.stock(pool)
	if err != nil {
		return feed.At(i.file, row.Line, "quantity", "%s", asFault(err).Message)
	}
	allowed, no := w.decide(ctx, w.questionStock(c, stock, pool), requestKey{}, nil)
	if no != nil {
		return refuse(no.decision.violations...)
	}
	w.further = append(w.further, allowed.decision)
	if external := filled(row.ExternalID); external != nil && !same(external, row.before.ExternalID) {
		if _, err := w.tx.Exec(ctx, `UPDATE licenses SET external_id = $1 WHERE id = $2`, *external, row.before.ID); err != nil {
			return err
		}
	}
	i.p.tally("licenses").Updated++
	words := row.changes()
	if len(words) == 0 {
		words = []string{"notes"}
	}
	i.p.example("~ license of %s under %s: %s", row.product.name, row.Contract, strings.Join(words, ", "))
	return w.changeLicense(ctx, c, stock, pool)
}

// knownLicenses are licenses by what rows of a file name them.
type knownLicenses struct {
	byExternal map[string]*ent.License
	byPlace    map[[2]int64][]*ent.License // contract, product
}

// licensesUnderContracts reads the licenses of contracts, and those that rows of a file name by their external ids.
func (r *reading) licensesUnderContracts(ctx context.Context, part []feed.License, contracts []*namedContract) (*knownLicenses, error) {
	var under []int64
	externals := []string{""}
	for i, c := range contracts {
		if c != nil {
			under = append(under, c.id)
		}
		if external := filled(part[i].ExternalID); external != nil {
			externals = append(externals, *external)
		}
	}
	keys, err := r.ids(ctx, `SELECT id FROM licenses WHERE `+r.Any("contract_id", 1)+` OR `+r.Any("external_id", 2)+` ORDER BY id`, r.Array(sorted(under)), r.Array(externals))
	if err != nil {
		return nil, err
	}
	known := &knownLicenses{byExternal: map[string]*ent.License{}, byPlace: map[[2]int64][]*ent.License{}}
	for some := range slices.Chunk(keys, 10_000) {
		found, err := r.Client().License.Query().Where(entlicense.IDIn(some...)).All(ctx)
		if err != nil {
			return nil, err
		}
		for _, l := range found {
			if l.ExternalID != nil {
				known.byExternal[*l.ExternalID] = l
			}
			place := [2]int64{l.ContractID, l.ProductID}
			known.byPlace[place] = append(known.byPlace[place], l)
		}
	}
	return known, nil
}

// find gives the license a row is about: by external id, else by contract and product; nil if there is none.
func (k *knownLicenses) find(row *licenseRow, wrong *rowMistakes) *ent.License {
	external := filled(row.ExternalID)
	if external != nil {
		if found := k.byExternal[*external]; found != nil {
			if found.ContractID != row.contract.id || found.ProductID != row.product.id {
				wrong.add(row.Line, "id", "the license %q is of another product or under another contract", *external)
			}
			return found
		}
	}
	var found []*ent.License
	for _, l := range k.byPlace[[2]int64{row.contract.id, row.product.id}] {
		if external == nil || l.ExternalID == nil {
			found = append(found, l)
		}
	}
	if len(found) > 1 {
		wrong.add(row.Line, "id", "there are %d licenses of this product under the contract; name one by its id", len(found))
	}
	if len(found) == 0 {
		return nil
	}
	return found[0]
}
