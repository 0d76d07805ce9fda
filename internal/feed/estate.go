package feed

import (
	"regexp"
	"strings"
	"time"
)

// The columns of files of contracts, licenses, deployments and allocations.
const (
	columnVendor     = "vendor"
	columnNumber     = "number"
	columnStarts     = "starts on"
	columnEnds       = "ends on"
	columnNotes      = "notes"
	columnContract   = "contract"
	columnProductRef = "product"
	columnQuantity   = "quantity"
	columnUnlimited  = "unlimited"
	columnMetric     = "metric"
	columnPrice      = "unit price"
	columnCurrency   = "currency"
	columnPricePer   = "price per"
	columnInstalls   = "installs"
	columnUsers      = "users"
	columnObserved   = "observed at"
	columnSource     = "source"
	columnLicense    = "license"
	columnLicensed   = "licensed product"
)

// Contract is a line of a file of contracts. What is nil is not in the file and stays as it is; what is empty is taken away.
type Contract struct {
	Line     int
	Vendor   string
	Number   string
	Name     *string
	StartsOn *string
	EndsOn   *string
	Notes    *string
}

// Contracts are files of contracts.
var Contracts = &Sheet[Contract]{
	columns: []column{
		{name: columnVendor, also: []string{"publisher", "vendor name"}, required: true},
		{name: columnNumber, also: []string{"contract", "contract number", "agreement number"}, required: true},
		{name: columnName, also: []string{"contract name", "title"}},
		{name: columnStarts, also: []string{"start", "start date", "starts"}},
		{name: columnEnds, also: []string{"end", "end date", "ends", "expires", "expiration date", "expiry date"}},
		{name: columnNotes, also: []string{"note", "comment", "comments", "description"}},
	},
	read: func(r *record) Contract {
		c := Contract{
			Line: r.line, Vendor: r.value(columnVendor, true, 200), Number: r.value(columnNumber, true, 100), Name: r.optional(columnName, 300),
			StartsOn: r.date(columnStarts), EndsOn: r.date(columnEnds), Notes: r.notes(columnNotes, 10_000),
		}
		r.period(c.StartsOn, c.EndsOn)
		return c
	},
	keys: func(c *Contract) [][]string {
		return [][]string{{columnNumber, strings.ToLower(c.Vendor), c.Number}}
	},
}

// period notes a mistake if the end lies before the start.
func (r *record) period(starts, ends *string) {
	if deref(starts) != "" && deref(ends) != "" && *ends < *starts {
		r.refuse(columnEnds, "the end lies before the start")
	}
}

// Quantity is a number of units, or no limit. In files 0 means unlimited, unless the file has a column that says it is not.
type Quantity struct {
	Units     int64
	Unlimited bool
}

func (r *record) quantity() Quantity {
	n, flag := r.number(columnQuantity, false), r.flag(columnUnlimited)
	switch {
	case flag != nil && *flag:
		if n != nil && *n > 0 {
			r.refuse(columnUnlimited, "a quantity of %d is not unlimited", *n)
		}
		return Quantity{Unlimited: true}
	case n == nil:
		if r.value(columnQuantity, false, 40) == "" {
			r.refuse(columnQuantity, "the value is missing; 0 is unlimited")
		}
		return Quantity{}
	case *n == 0 && flag == nil:
		return Quantity{Unlimited: true}
	}
	return Quantity{Units: *n}
}

// License is a line of a file of licenses. It is found by its external id, else by contract and product. What is nil is not in
// the file and stays as it is; what is empty is taken away.
type License struct {
	Line       int
	ExternalID *string
	Vendor     string // of the contract; empty: the number says it alone
	Contract   string // number
	Product    string // name, SKU or the publisher's GUID
	Quantity   Quantity
	Metric     *string // USERS or INSTALLS
	StartsOn   *string
	EndsOn     *string
	UnitPrice  *string // decimal
	Currency   *string // three capital letters
	PricePer   *string // MONTH, YEAR or TERM
	Notes      *string
}

// Licenses are files of licenses.
var Licenses = &Sheet[License]{
	columns: []column{
		{name: columnContract, also: []string{"contract number", "agreement", "agreement number"}, required: true},
		{name: columnProductRef, also: []string{"product name", "sku", "sku part number", "sku id"}, required: true},
		{name: columnQuantity, also: []string{"units", "entitled", "purchased"}, required: true},
		{name: columnUnlimited, also: []string{"unlimited quantity"}},
		{name: columnID, also: []string{"external id", "license id"}},
		{name: columnVendor, also: []string{"publisher", "vendor name"}},
		{name: columnMetric, also: []string{"license metric"}},
		{name: columnStarts, also: []string{"start", "start date", "starts"}},
		{name: columnEnds, also: []string{"end", "end date", "ends", "expires", "expiration date", "expiry date"}},
		{name: columnPrice, also: []string{"price"}},
		{name: columnCurrency},
		{name: columnPricePer, also: []string{"billing period"}},
		{name: columnNotes, also: []string{"note", "comment", "comments", "description"}},
	},
	read: func(r *record) License {
		l := License{
			Line: r.line, ExternalID: r.optional(columnID, 200), Vendor: r.value(columnVendor, false, 200), Contract: r.value(columnContract, true, 100),
			Product: r.value(columnProductRef, true, 300), Quantity: r.quantity(), Metric: r.choice(columnMetric, "USERS", "INSTALLS"),
			StartsOn: r.date(columnStarts), EndsOn: r.date(columnEnds), UnitPrice: r.matching(columnPrice, price, "is not a price, which is written 12.50"),
			Currency: r.matching(columnCurrency, currency, "is not a currency, which is three capital letters (ISO 4217)"),
			PricePer: r.choice(columnPricePer, "MONTH", "YEAR", "TERM"), Notes: r.notes(columnNotes, 10_000),
		}
		r.period(l.StartsOn, l.EndsOn)
		return l
	},
	keys: func(l *License) [][]string {
		if id := deref(l.ExternalID); id != "" {
			return [][]string{{columnID, id}}
		}
		return [][]string{{columnProductRef, strings.ToLower(l.Vendor), l.Contract, strings.ToLower(l.Product)}}
	},
}

var (
	price    = regexp.MustCompile(`^[0-9]{1,18}(\.[0-9]{1,12})?$`)
	currency = regexp.MustCompile(`^[A-Z]{3}$`)
)

// matching gives a field of a form; nil if the file has no such column, empty if nothing stands there.
func (r *record) matching(column string, form *regexp.Regexp, problem string) *string {
	text := r.optional(column, 100)
	if text != nil && *text != "" && !form.MatchString(*text) {
		r.refuse(column, "%q %s", *text, problem)
	}
	return text
}

// Deployment is a line of a file of deployments.
type Deployment struct {
	Line       int
	Vendor     string
	Product    string
	Installs   int64
	Users      int64
	ObservedAt *time.Time
	Source     string
}

// Deployments are files of deployments.
var Deployments = &Sheet[Deployment]{
	columns: []column{
		{name: columnVendor, also: []string{"publisher", "vendor name"}, required: true},
		{name: columnProductRef, also: []string{"product name", "software", "application"}, required: true},
		{name: columnInstalls, also: []string{"installations", "install count", "devices", "installed"}},
		{name: columnUsers, also: []string{"user count", "active users"}},
		{name: columnObserved, also: []string{"observed", "date", "last seen", "timestamp"}},
		{name: columnSource, also: []string{"collector"}},
	},
	read: func(r *record) Deployment {
		d := Deployment{
			Line: r.line, Vendor: r.value(columnVendor, true, 200), Product: r.value(columnProductRef, true, 300), ObservedAt: r.moment(columnObserved),
			Source: r.value(columnSource, false, 200),
		}
		if n := r.number(columnInstalls, false); n != nil {
			d.Installs = *n
		}
		if n := r.number(columnUsers, false); n != nil {
			d.Users = *n
		}
		if !r.has(columnInstalls) && !r.has(columnUsers) {
			r.refuse(columnInstalls, "the file has a column for neither installs nor users")
		}
		return d
	},
	keys: func(d *Deployment) [][]string {
		at := ""
		if d.ObservedAt != nil {
			at = d.ObservedAt.Format(time.RFC3339Nano)
		}
		return [][]string{{columnProductRef, strings.ToLower(d.Vendor), strings.ToLower(d.Product), at}}
	},
}

// Allocation is a line of a file of allocations. Its license is found by external id, or by contract and licensed product. It tracks
// a deployment if it names a product, else it is a custom reservation of a name. What is nil is not in the file and stays as it is.
type Allocation struct {
	Line       int
	ExternalID *string
	License    string // external id; or:
	Contract   string // number
	Licensed   string // product of the license: name, SKU or the publisher's GUID
	Vendor     string // of the deployment; empty: that of the license
	Product    string // of the deployment
	Name       *string
	Quantity   Quantity
	Metric     *string // USERS or INSTALLS
	CostCenter *string
	Notes      *string
}

// Allocations are files of allocations.
var Allocations = &Sheet[Allocation]{
	columns: []column{
		{name: columnQuantity, also: []string{"allocated", "allocated quantity", "units"}, required: true},
		{name: columnUnlimited, also: []string{"unlimited quantity"}},
		{name: columnID, also: []string{"external id", "allocation id"}},
		{name: columnLicense, also: []string{"license id"}},
		{name: columnContract, also: []string{"contract number"}},
		{name: columnLicensed, also: []string{"license product", "license name"}},
		{name: columnVendor, also: []string{"publisher", "vendor name", "deployment vendor"}},
		{name: columnProductRef, also: []string{"deployment", "deployed product", "product name"}},
		{name: columnName, also: []string{"reservation", "purpose", "allocation name"}},
		{name: columnMetric, also: []string{"license metric"}},
		{name: columnCostCenter},
		{name: columnNotes, also: []string{"note", "comment", "comments", "description"}},
	},
	read: func(r *record) Allocation {
		a := Allocation{
			Line: r.line, ExternalID: r.optional(columnID, 200), License: r.value(columnLicense, false, 200), Contract: r.value(columnContract, false, 100),
			Licensed: r.value(columnLicensed, false, 300), Vendor: r.value(columnVendor, false, 200), Product: r.value(columnProductRef, false, 300),
			Name: r.optional(columnName, 300), Quantity: r.quantity(), Metric: r.choice(columnMetric, "USERS", "INSTALLS"),
			CostCenter: r.optional(columnCostCenter, 200), Notes: r.notes(columnNotes, 10_000),
		}
		if a.License == "" && (a.Contract == "" || a.Licensed == "") {
			r.refuse(columnLicense, "name the license by its id, or by contract and licensed product")
		}
		if a.Product == "" && deref(a.Name) == "" {
			r.refuse(columnProductRef, "name either a product (a deployment to track) or a name (a custom reservation)")
		}
		if a.Product == "" && a.Quantity.Unlimited {
			r.refuse(columnQuantity, "a custom reservation has a quantity; 0 is unlimited")
		}
		return a
	},
	keys: func(a *Allocation) [][]string {
		if id := deref(a.ExternalID); id != "" {
			return [][]string{{columnID, id}}
		}
		name := ""
		if a.Product == "" {
			name = deref(a.Name)
		}
		return [][]string{{columnLicense, a.License, a.Contract, strings.ToLower(a.Licensed), strings.ToLower(a.Vendor), strings.ToLower(a.Product), name, deref(a.Metric)}}
	},
}
