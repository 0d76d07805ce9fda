package feed

import (
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
)

// Catalog is what a file of products says, in the order of the file.
type Catalog struct {
	Products []Product
	Plans    []Plan
}

// Product is something a vendor sells, by the vendor's GUID (in small letters).
type Product struct {
	SkuID string
	Sku   string
	Name  string
	Plans []string // the PlanIDs of its service plans, each once
}

// Plan is a feature inside products, by the vendor's GUID (in small letters).
type Plan struct {
	PlanID       string
	Name         string
	FriendlyName string
}

// Oddities counts what a file has that is no mistake, but worth telling.
type Oddities struct {
	Rows       int      // lines read, without the header
	Duplicates int      // lines that name a product and plan named before
	Respelled  int      // plans whose names are not spelled alike on every line
	SharedSkus []string // SKUs that several products have
}

// The columns of Microsoft's catalog, "Product names and service plan identifiers for licensing".
const (
	columnProduct  = "Product_Display_Name"
	columnSku      = "String_Id"
	columnSkuID    = "GUID"
	columnPlan     = "Service_Plan_Name"
	columnPlanID   = "Service_Plan_Id"
	columnFriendly = "Service_Plans_Included_Friendly_Names"
)

var guid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// IsGUID tells whether a text is a GUID, in any case.
func IsGUID(text string) bool { return guid.MatchString(strings.ToLower(text)) }

// Products reads Microsoft's catalog as it is published: one line per product and service plan. Blanks around values are
// ignored, those inside made one. A plan that is not spelled alike everywhere gets its most frequent name; a product must be. Errors are INVALID_INPUT, each with file:line:column and the field, at most 20 at once; with an error there is
// no catalog.
func Products(name string, file io.Reader) (*Catalog, *Oddities, error) {
	t, err := openTable(name, file, required(columnProduct, columnSku, columnSkuID, columnPlan, columnPlanID, columnFriendly))
	if err != nil {
		return nil, nil, err
	}
	c := &catalogReader{products: map[string]*productLines{}, plans: map[string]*planLines{}, odd: &Oddities{}}
	for {
		r, err := t.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		c.read(r)
	}
	if c.odd.Rows == 0 && t.count() == 0 {
		t.note(t.mistake(1, 1, "", "the file has no line beside the names of its columns"))
	}
	if err := t.failure(); err != nil {
		return nil, nil, err
	}
	return c.catalog(), c.odd, nil
}

type catalogReader struct {
	products map[string]*productLines
	plans    map[string]*planLines
	order    []*productLines
	planIDs  []string
	odd      *Oddities
}

// productLines is what the lines of one product say.
type productLines struct {
	Product
	line int // the first one
	has  map[string]bool
}

// planLines is what the lines of one plan say.
type planLines struct{ names, friendly spelling }

func (c *catalogReader) read(r *record) {
	c.odd.Rows++
	name, sku := r.value(columnProduct, true, 300), r.value(columnSku, true, 200)
	skuID, planID := r.guid(columnSkuID), r.guid(columnPlanID)
	plan, friendly := r.value(columnPlan, true, 200), r.value(columnFriendly, false, 300)
	if skuID == "" || planID == "" {
		return
	}
	p := c.products[skuID]
	if p == nil {
		p = &productLines{Product: Product{SkuID: skuID, Sku: sku, Name: name}, line: r.line, has: map[string]bool{}}
		c.products[skuID] = p
		c.order = append(c.order, p)
	}
	if p.Name != name && name != "" && p.Name != "" {
		r.refuse(columnProduct, "product %s is named %q here and %q on line %d", skuID, name, p.Name, p.line)
	}
	if p.Sku != sku && sku != "" && p.Sku != "" {
		r.refuse(columnSku, "product %s has the SKU %q here and %q on line %d", skuID, sku, p.Sku, p.line)
	}
	if p.has[planID] {
		c.odd.Duplicates++
	} else {
		p.has[planID] = true
		p.Plans = append(p.Plans, planID)
	}
	if c.plans[planID] == nil {
		c.plans[planID] = &planLines{}
		c.planIDs = append(c.planIDs, planID)
	}
	c.plans[planID].names.add(plan)
	c.plans[planID].friendly.add(friendly)
}

// guid gives a field that is a GUID, in small letters; a mistake is noted and gives "".
func (r *record) guid(column string) string {
	noted := r.table.count()
	text := strings.ToLower(r.value(column, true, 200))
	if r.table.count() > noted {
		return ""
	}
	if !guid.MatchString(text) {
		r.refuse(column, "%q is not a GUID (8-4-4-4-12 hexadecimal digits)", text)
		return ""
	}
	return text
}

func (c *catalogReader) catalog() *Catalog {
	out := &Catalog{}
	skus := map[string]int{}
	for _, p := range c.order {
		out.Products = append(out.Products, p.Product)
		if skus[p.Sku]++; skus[p.Sku] == 2 {
			c.odd.SharedSkus = append(c.odd.SharedSkus, p.Sku)
		}
	}
	for _, planID := range c.planIDs {
		p := c.plans[planID]
		out.Plans = append(out.Plans, Plan{PlanID: planID, Name: p.names.frequent(), FriendlyName: p.friendly.pleasant()})
		if len(p.names) > 1 || len(p.friendly) > 1 {
			c.odd.Respelled++
		}
	}
	slices.Sort(c.odd.SharedSkus)
	return out
}

// spelling counts the ways in which a name is written, in the order in which they came.
type spelling []written

type written struct {
	text  string
	times int
}

func (s *spelling) add(text string) {
	if text == "" {
		return
	}
	for i := range *s {
		if (*s)[i].text == text {
			(*s)[i].times++
			return
		}
	}
	*s = append(*s, written{text, 1})
}

// frequent gives the name that is written most often; what comes first in the file wins a tie.
func (s spelling) frequent() string {
	var best written
	for _, w := range s {
		if w.times > best.times {
			best = w
		}
	}
	return best.text
}

// pleasant is frequent for names that people read: case does not count, and a spelling that is not all in capitals is preferred.
func (s spelling) pleasant() string {
	folded := map[string]int{}
	for _, w := range s {
		folded[strings.ToLower(w.text)] += w.times
	}
	var best written
	var spellings spelling
	for _, w := range s {
		if n := folded[strings.ToLower(w.text)]; n > best.times {
			best = written{w.text, n}
		}
	}
	for _, w := range s {
		if strings.EqualFold(w.text, best.text) && w.text != strings.ToUpper(w.text) {
			spellings = append(spellings, w)
		}
	}
	if len(spellings) == 0 {
		return best.text
	}
	return spellings.frequent()
}
