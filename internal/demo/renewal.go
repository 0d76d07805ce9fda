package demo

import (
	"context"

	"github.com/ringfence/ringfence/internal/operation"
)

// reservations are units that are committed for a day, so many days from the day the demo was loaded.
var reservations = []struct {
	sku            string
	quantity, days int
	notes          string
}{
	{"SPE_E5", 20, 45, "For the acquisition in Poland."},
	{"JIRA-PREM", 15, 35, "For those who wait; the contract's anniversary is near."},
}

// planned are the quantities that licenses are to have from their renewal on.
var planned = []struct {
	sku      string
	quantity int
}{
	{"POWER_BI_PRO", 90}, {"VISIOCLIENT", 30}, {"PROJECTPROFESSIONAL", 35}, {"SF-SALES-ENT", 40},
}

// renewals loads what Contoso will buy, what it will not buy again, and an overage that is not in use.
func (l *loader) renewals(ctx context.Context) error {
	for _, p := range reservations {
		if _, err := run(ctx, l, principal(cora), &operation.PlacePurchaseReservation{
			Request: l.next(), LicenseID: l.licenses[p.sku], Quantity: p.quantity, StartsOn: *l.day(p.days), Notes: text(p.notes),
		}); err != nil {
			return err
		}
	}
	for _, p := range planned {
		if _, err := run(ctx, l, principal(cora), &operation.PlanRenewal{Request: l.next(), LicenseID: l.licenses[p.sku], RenewalQuantity: &p.quantity}); err != nil {
			return err
		}
	}
	overage := 10
	_, err := run(ctx, l, principal(liam), &operation.UpdateLicense{Request: l.next(), LicenseID: l.licenses["STANDARDPACK"], Overage: &overage})
	return err
}
