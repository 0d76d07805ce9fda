package demo

import (
	"context"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/operation"
)

// contracts of Contoso. Starts and ends are days from the day the demo was loaded, so that some always end soon.
var contracts = []struct {
	vendor, number, name string
	starts, ends         int
	notes                string
}{
	{"Microsoft", "MS-EA-7741902", "Enterprise Agreement", -500, 230, "True-up in the month before the anniversary."},
	{"Microsoft", "MS-CSP-44120", "Cloud Solution Provider, annual", -342, 23, "Renewal quote requested from the reseller."},
	{"Microsoft", "MS-OPEN-2021", "Open License 2021", -1900, 0, "Perpetual; no end."},
	{"Adobe", "ADB-VIP-0911", "Value Incentive Plan", -45, 320, ""},
	{"Atlassian", "AT-1190443", "Atlassian Cloud, annual", -324, 41, "Price rises by 5 % on renewal."},
	{"JetBrains", "JB-77321", "Business subscription", -215, 150, ""},
	{"Oracle", "OR-ULA-3308", "Unlimited License Agreement", -395, 700, "Certification is due three months before the end."},
	{"Salesforce", "SF-00451877", "Master Subscription Agreement", -270, 95, ""},
	{"Figma", "FIG-2231", "Organization plan", -377, -12, "Not renewed; the designers move to Creative Cloud."},
}

// licenses of Contoso, in the terms of CreateLicense. A quantity of 0 stands for unlimited here. Subscriptions are priced by the month.
var licenses = []struct {
	contract, sku   string
	quantity        int
	metric          string
	price, currency string
	ends            int // days, where it is not the contract that says so
}{
	{"MS-EA-7741902", "SPE_E5", 340, "", "52.30", "EUR", 0},
	{"MS-EA-7741902", "ENTERPRISEPACK", 380, "", "21.10", "EUR", 0},
	{"MS-EA-7741902", "STANDARDPACK", 260, "", "9.40", "EUR", 0},
	{"MS-EA-7741902", "SPE_F1", 100, "", "7.50", "EUR", 0},
	{"MS-EA-7741902", "EMS", 120, "", "8.90", "EUR", 0},
	{"MS-EA-7741902", "WIN_DEF_ATP", 1100, "", "4.20", "EUR", 0},
	{"MS-EA-7741902", "Microsoft_365_Copilot", 60, "", "28.10", "EUR", 0},
	{"MS-EA-7741902", "MCOEV", 90, "", "7.50", "EUR", 0},
	{"MS-EA-7741902", "MCOMEETADV", 60, "", "3.70", "EUR", 0},
	{"MS-CSP-44120", "POWER_BI_PRO", 110, "", "9.40", "EUR", 23},
	{"MS-CSP-44120", "PROJECTPROFESSIONAL", 40, "", "28.10", "EUR", 23},
	{"MS-CSP-44120", "VISIOCLIENT", 30, "", "14.00", "EUR", 23},
	{"MS-CSP-44120", "DYN365_ENTERPRISE_SALES", 45, "", "89.10", "EUR", 23},
	{"MS-OPEN-2021", "VISIO-PRO-2021", 15, "INSTALLS", "580.00", "EUR", 0},
	{"ADB-VIP-0911", "ADB-CC-ALL", 40, "", "79.99", "EUR", 320},
	{"ADB-VIP-0911", "ADB-ACRO-PRO", 90, "", "17.99", "EUR", 320},
	{"AT-1190443", "JIRA-PREM", 220, "", "13.53", "USD", 41},
	{"AT-1190443", "CONF-PREM", 400, "", "10.44", "USD", 41},
	{"JB-77321", "JB-ALL", 130, "", "64.92", "EUR", 0},
	{"OR-ULA-3308", "JAVA-SE-U", 0, "", "", "", 0},
	{"SF-00451877", "SF-SALES-ENT", 50, "", "165.00", "EUR", 95},
	{"FIG-2231", "FIGMA-ORG", 30, "", "45.00", "USD", -12},
	{"MS-OPEN-2021", "OFFICE-LTSC-2024", 120, "INSTALLS", "439.00", "EUR", 0},
	{"MS-OPEN-2021", "SQL-STD-2022", 48, "INSTALLS", "899.00", "EUR", 0},
	{"ADB-VIP-0911", "ADB-ACRO-2024", 60, "INSTALLS", "415.00", "EUR", 0},
}

// contractsAndLicenses loads what Contoso has bought.
func (l *loader) contractsAndLicenses(ctx context.Context) error {
	for _, c := range contracts {
		cmd := &operation.CreateContract{Request: l.next(), VendorID: l.vendors[c.vendor], Number: c.number, Name: c.name, StartsOn: l.day(c.starts), Notes: text(c.notes)}
		if c.ends != 0 {
			cmd.EndsOn = l.day(c.ends)
		}
		made, err := run(ctx, l, principal(liam), cmd)
		if err != nil {
			return err
		}
		l.contracts[c.number] = id.Of(id.Contract, made.Contract.ID)
	}
	for _, b := range licenses {
		cmd := &operation.CreateLicense{Request: l.next(), ContractID: l.contracts[b.contract], ProductID: l.products[b.sku], Metric: text(b.metric),
			UnitPrice: text(b.price), Currency: text(b.currency)}
		if b.ends != 0 {
			cmd.EndsOn = l.day(b.ends)
		}
		per := "MONTH"
		if b.metric == "INSTALLS" { // bought once
			per = "TERM"
		}
		cmd.PricePer = &per
		unlimited := b.quantity == 0
		if cmd.UnlimitedQuantity = &unlimited; !unlimited {
			cmd.Quantity = &b.quantity
		}
		made, err := run(ctx, l, principal(liam), cmd)
		if err != nil {
			return err
		}
		l.licenses[b.sku] = id.Of(id.License, made.License.ID)
	}
	return nil
}
