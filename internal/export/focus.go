package export

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"github.com/ringfence/ringfence/ent/product"
	"github.com/ringfence/ringfence/internal/cost"
	"github.com/ringfence/ringfence/internal/query"
)

// FocusVersion is the version of the FinOps Open Cost and Usage Specification whose columns are written.
const FocusVersion = "1.2"

// charge is one row of FOCUS in the making.
type charge struct {
	*query.Charge
	supplier string // of the contract
	maker    string // of the product
	contract *query.Contract
	product  *query.Product
}

// focusColumn is one column: how its value comes out of a charge. docs/cost.md says what each means here.
type focusColumn struct {
	name  string
	value func(c *charge) cell
}

// focus are the columns, in the alphabetical order of the specification: all that are mandatory, those conditional and recommended
// ones that a license can fill, and at the end one of our own.
var focus = []focusColumn{
	{"BilledCost", func(c *charge) cell { return amount(c.Cost) }},
	{"BillingAccountId", func(c *charge) cell { return named(c.contract.ID()) }},
	{"BillingAccountName", func(c *charge) cell { return word(c.supplier + " " + c.contract.Number) }},
	{"BillingAccountType", func(*charge) cell { return plain("Contract") }},
	{"BillingCurrency", func(c *charge) cell { return plain(c.Currency) }},
	{"BillingPeriodEnd", func(c *charge) cell { return moment(c.Month.AddDate(0, 1, 0)) }},
	{"BillingPeriodStart", func(c *charge) cell { return moment(c.Month) }},
	{"ChargeCategory", func(c *charge) cell { return either(c, "Usage", "Purchase") }},
	{"ChargeClass", func(*charge) cell { return cell{} }}, // only corrections have one
	{"ChargeDescription", func(c *charge) cell { return word(c.description()) }},
	{"ChargeFrequency", func(c *charge) cell { return either(c, "Usage-Based", "Recurring") }},
	{"ChargePeriodEnd", func(c *charge) cell { return moment(c.To) }},
	{"ChargePeriodStart", func(c *charge) cell { return moment(c.From) }},
	{"ConsumedQuantity", func(c *charge) cell { return c.consumed(amount(c.days())) }},
	{"ConsumedUnit", func(c *charge) cell { return c.consumed(plain("Seat-Days")) }},
	{"ContractedCost", func(c *charge) cell { return amount(c.Cost) }},
	{"ContractedUnitPrice", func(c *charge) cell { return amount(c.UnitPrice) }},
	{"EffectiveCost", func(c *charge) cell { return amount(c.Cost) }},
	{"InvoiceIssuerName", func(c *charge) cell { return word(c.supplier) }},
	{"ListCost", func(c *charge) cell { return amount(c.Cost) }},
	{"ListUnitPrice", func(c *charge) cell { return amount(c.UnitPrice) }},
	{"PricingCategory", func(*charge) cell { return plain("Standard") }},
	{"PricingQuantity", func(c *charge) cell { return amount(c.Quantity) }},
	{"PricingUnit", func(c *charge) cell { return plain(pricingUnits[c.Per]) }},
	{"ProviderName", func(c *charge) cell { return word(c.supplier) }},
	{"PublisherName", func(c *charge) cell { return word(c.maker) }},
	{"ResourceId", func(c *charge) cell { return named(c.License.ID()) }},
	{"ResourceName", func(c *charge) cell { return word(c.product.Name) }},
	{"ResourceType", func(*charge) cell { return plain("License") }},
	{"ServiceCategory", func(c *charge) cell { return plain(c.category()) }},
	{"ServiceName", func(c *charge) cell { return word(c.product.Name) }},
	{"ServiceSubcategory", func(c *charge) cell { return plain("Other (" + c.category() + ")") }},
	{"SkuId", func(c *charge) cell { return word(c.sku()) }},
	{"SkuPriceId", func(c *charge) cell { return word(c.sku() + "/" + string(c.Per)) }},
	{"SubAccountId", func(c *charge) cell { return c.subAccount(c.CostCenter) }},
	{"SubAccountName", func(c *charge) cell { return c.subAccount(c.CostCenter) }},
	{"SubAccountType", func(c *charge) cell { return c.subAccount("Cost Center") }},
	{"Tags", func(c *charge) cell { return c.tags() }},
	{"x_SeatSeconds", func(c *charge) cell { return number(c.Seconds) }},
}

func focusColumns() []string {
	names := make([]string, len(focus))
	for i, column := range focus {
		names[i] = column.name
	}
	return names
}

var pricingUnits = map[cost.Per]string{cost.Month: "Unit-Months", cost.Year: "Unit-Years", cost.Term: "Units"}

// focus writes a charge as a row.
func (j *job) focus(ctx context.Context, q *query.Charge) error {
	c := &charge{Charge: q}
	var err error
	if c.contract, err = q.License.Contract(ctx); err != nil {
		return err
	}
	supplier, err := c.contract.Vendor(ctx)
	if err != nil {
		return err
	}
	if c.product, err = q.License.Product(ctx); err != nil {
		return err
	}
	maker, err := c.product.Vendor(ctx)
	if err != nil {
		return err
	}
	c.supplier, c.maker = supplier.Name, maker.Name
	cells := make([]cell, len(focus))
	for i, column := range focus {
		cells[i] = column.value(c)
	}
	return j.row(cells...)
}

// amount is an exact decimal: a number in JSON, too, because FOCUS knows no other decimals.
func amount(d decimal.Decimal) cell { return cell{d.String(), json.RawMessage(d.String())} }

// moment is an instant as FOCUS writes it, to the second.
func moment(at time.Time) cell { return plain(at.UTC().Format("2006-01-02T15:04:05Z")) }

// either is one word for what somebody held, another for what nobody did.
func either(c *charge, held, spare string) cell {
	if c.Kind == query.Unassigned {
		return plain(spare)
	}
	return plain(held)
}

// consumed is a value that only usage has.
func (c *charge) consumed(value cell) cell {
	if c.Kind == query.Unassigned {
		return cell{}
	}
	return value
}

func (c *charge) days() decimal.Decimal {
	return decimal.NewFromInt(c.Seconds).DivRound(decimal.NewFromInt(cost.Day), 10)
}

func (c *charge) description() string {
	switch {
	case c.Kind == query.Unassigned:
		return c.product.Name + ", units bought and held by nobody"
	case c.Department == "":
		return c.product.Name + ", seats of users without a department"
	}
	return fmt.Sprintf("%s, seats of %s", c.product.Name, c.Department)
}

// category classifies the service. Of a license we know only whether it is one for software.
func (c *charge) category() string {
	if c.product.Kind == product.KindCLOUD_RESOURCE {
		return "Other"
	}
	return "Business Applications"
}

// sku is the publisher's id of the product, or its part number, or our own id.
func (c *charge) sku() string {
	if c.product.SkuID != nil && *c.product.SkuID != "" {
		return *c.product.SkuID
	}
	if c.product.Sku != "" {
		return c.product.Sku
	}
	return c.product.ID().String()
}

// subAccount is a value that only charges of a cost center have.
func (c *charge) subAccount(value string) cell {
	if c.CostCenter == "" {
		return cell{}
	}
	return word(value)
}

// tags are what the organization knows of a charge; what is empty is left out.
func (c *charge) tags() cell {
	tags := map[string]string{"contract": c.contract.Number}
	if c.Department != "" {
		tags["department"] = c.Department
	}
	if c.CostCenter != "" {
		tags["costCenter"] = c.CostCenter
	}
	text, _ := json.Marshal(tags) // texts always marshal
	return document(text)
}
