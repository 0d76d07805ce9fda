package operation_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// Inputs that cannot be: INVALID_INPUT with the field, NOT_FOUND with the field, CONFLICT (semantics.md §8).

// bad is an input that must fail: a change of the mutation's example, and the field the error names.
type bad struct {
	change in
	field  string
}

var long = strings.Repeat("x", 20_000)

var invalid = map[string][]bad{
	"createVendor": {{in{"name": ""}, "name"}, {in{"name": " \t"}, "name"}, {in{"name": long}, "name"}, {in{"name": "a\x00b"}, "name"}},
	"createProduct": {
		{in{"name": ""}, "name"}, {in{"name": long}, "name"}, {in{"sku": long}, "sku"}, {in{"skuId": ""}, "skuId"}, {in{"kind": "BOX"}, "kind"},
		{in{"blockedLocations": []string{"GB", "xx"}}, "blockedLocations.1"}, {in{"servicePlans": []in{{"planId": "", "name": "x"}}}, "servicePlans.0.planId"},
		{in{"servicePlans": []in{{"planId": "q", "name": ""}}}, "servicePlans.0.name"},
	},
	"updateProduct": {{in{"name": ""}, "name"}, {in{"sku": long}, "sku"}, {in{"blockedLocations": []string{"Germany"}}, "blockedLocations.0"}},
	"createContract": {
		{in{"number": ""}, "number"}, {in{"name": ""}, "name"}, {in{"startsOn": "2026-02-30"}, "startsOn"}, {in{"endsOn": "soon"}, "endsOn"},
		{in{"startsOn": "2026-02-01", "endsOn": "2026-01-31"}, "endsOn"}, {in{"notes": long}, "notes"},
	},
	"updateContract": {
		{in{"name": ""}, "name"}, {in{"endsOn": "2026"}, "endsOn"}, {in{"startsOn": "2026-02-01", "endsOn": "2026-01-31"}, "endsOn"}, {in{"notes": long}, "notes"},
	},
	"createLicense": {
		{in{"quantity": -1}, "quantity"}, {in{"quantity": nil}, "quantity"}, {in{"unlimitedQuantity": true}, "quantity"}, {in{"quantity": 1 << 31}, "quantity"},
		{in{"quantity": 1.5}, "quantity"}, {in{"metric": "CORES"}, "metric"}, {in{"startsOn": "x"}, "startsOn"}, {in{"startsOn": "2026-02-01", "endsOn": "2026-01-31"}, "endsOn"},
		{in{"unitPrice": "-1"}, "unitPrice"}, {in{"unitPrice": "1e3"}, "unitPrice"}, {in{"currency": "eur"}, "currency"}, {in{"notes": long}, "notes"},
	},
	"updateLicense": {
		{in{"quantity": -1}, "quantity"}, {in{"unlimitedQuantity": true}, "quantity"}, {in{"overage": -1}, "overage"}, {in{"quantity": 2_000_000_000, "overage": 2_000_000_000}, "overage"},
		{in{"endsOn": "x"}, "endsOn"}, {in{"startsOn": "2026-02-01", "endsOn": "2026-01-31"}, "endsOn"}, {in{"unitPrice": "free"}, "unitPrice"}, {in{"currency": "€"}, "currency"},
	},
	"recordDeployments": {
		{in{"source": ""}, "source"}, {in{"observedAt": "2099-01-01T00:00:00Z"}, "observedAt"}, {in{"deployments": []in{{"vendor": "", "product": "x"}}}, "deployments.0.vendor"},
		{in{"deployments": []in{{"vendor": "x", "product": " "}}}, "deployments.0.product"}, {in{"deployments": []in{{"vendor": "x", "product": "y", "installs": -1}}}, "deployments.0.installs"},
		{in{"deployments": []in{{"vendor": "x", "product": "y"}, {"vendor": "X", "product": " Y"}}}, "deployments.1.product"},
	},
	"createAllocation": {
		{in{"quantity": -1}, "quantity"}, {in{"quantity": nil}, "quantity"}, {in{"unlimited": true}, "quantity"}, {in{"type": "LEASE"}, "type"}, {in{"deploymentId": nil}, "deploymentId"},
		{in{"type": "CUSTOM_RESERVATION", "name": "x"}, "deploymentId"}, {in{"type": "CUSTOM_RESERVATION", "deploymentId": nil}, "name"}, {in{"metric": "CORES"}, "metric"},
		{in{"type": "CUSTOM_RESERVATION", "deploymentId": nil, "name": "x", "quantity": nil, "unlimited": true}, "unlimited"}, {in{"name": " "}, "name"},
		{in{"costCenter": long}, "costCenter"}, {in{"notes": long}, "notes"}, {in{"externalId": ""}, "externalId"},
	},
	"updateAllocation": {
		{in{"quantity": -1}, "quantity"}, {in{"unlimited": true}, "quantity"}, {in{"name": ""}, "name"}, {in{"name": nil}, "name"}, {in{"metric": "CORES"}, "metric"},
		{in{"costCenter": long}, "costCenter"}, {in{"notes": long}, "notes"},
	},
	"deleteAllocation": nil,
	"upsertUsers": {
		{in{"users": []in{}}, "users"}, {in{"users": []in{{"userName": ""}}}, "users.0.userName"}, {in{"users": []in{{"userName": "a"}, {"userName": "b", "usageLocation": "uk"}}}, "users.1.usageLocation"},
		{in{"users": []in{{"userName": "a", "externalId": ""}}}, "users.0.externalId"}, {in{"users": []in{{"userName": "a", "type": "ROBOT"}}}, "users.0.type"},
		{in{"users": []in{{"userName": "a", "department": long}}}, "users.0.department"}, {in{"users": []in{{"userName": "a", "email": long}}}, "users.0.email"},
		{in{"users": []in{{"userName": "a", "displayName": "x\x07"}}}, "users.0.displayName"}, {in{"users": []in{{"userName": "a", "roles": []string{""}}}}, "users.0.roles"},
	},
	"deleteUsers":        {{in{"userIds": []string{}}, "userIds"}},
	"upsertGroups":       {{in{"groups": []in{}}, "groups"}, {in{"groups": []in{{"name": ""}}}, "groups.0.name"}, {in{"groups": []in{{"name": "a", "externalId": ""}}}, "groups.0.externalId"}},
	"addGroupMembers":    {{in{"userIds": []string{}}, "userIds"}},
	"removeGroupMembers": {{in{"userIds": nil}, "userIds"}},
	"createAllotment": {
		{in{"name": ""}, "name"}, {in{"limit": nil}, "limit"}, {in{"limit": -1}, "limit"}, {in{"mode": "SOFT"}, "mode"}, {in{"licenseId": nil}, "licenseId"},
		{in{"parentId": "alt_1"}, "licenseId"}, {in{"scope": in{"countries": []string{"gb"}}}, "scope.countries.0"}, {in{"scope": in{"departments": []string{""}}}, "scope.departments.0"},
		{in{"startsAt": time.Now(), "endsAt": time.Now().Add(-time.Hour)}, "endsAt"}, {in{"startsAt": "today"}, "startsAt"},
	},
	"updateAllotment": {
		{in{"name": ""}, "name"}, {in{"limit": nil}, "limit"}, {in{"limit": -1}, "limit"}, {in{"scope": in{"countries": []string{"England"}}}, "scope.countries.0"},
		{in{"startsAt": time.Now(), "endsAt": time.Now().Add(-time.Hour)}, "endsAt"},
	},
	"deleteAllotment": {{in{"releaseSeats": true}, "releaseSeats"}, {in{"moveSeatsTo": "LICENSE"}, "moveSeatsTo"}},
	"assignSeats": {
		{in{"userIds": []string{}}, "userIds"}, {in{"allotmentId": "alt_1"}, "allotmentId"}, {in{"licenseId": nil}, "allotmentId"}, {in{"whenFull": "MAYBE"}, "whenFull"},
		{in{"disabledPlanIds": []string{"pln_zzz"}}, "disabledPlanIds.0"},
	},
	"unassignSeats": {{in{"userIds": []string{}}, "userIds"}, {in{"allotmentId": "alt_1"}, "allotmentId"}, {in{"licenseId": nil}, "allotmentId"}},
	"retrySeats":    {{in{"licenseId": nil}, "allotmentId"}, {in{"groupLicenseId": "gli_1"}, "allotmentId"}},
	"licenseGroup": {
		{in{"allotmentId": "alt_1"}, "allotmentId"}, {in{"licenseId": nil}, "allotmentId"}, {in{"whenFull": "DENY"}, "whenFull"}, {in{"disabledPlanIds": []string{"pln_zzz"}}, "disabledPlanIds.0"},
	},
	"updateGroupLicense":      {{in{"disabledPlanIds": []string{"pln_zzz"}}, "disabledPlanIds.0"}},
	"swapGroupLicense":        {{in{"licenseId": nil}, "allotmentId"}, {in{"disabledPlanIds": []string{"pln_zzz"}}, "disabledPlanIds.0"}},
	"excludeFromGroupLicense": {{in{"userIds": []string{}}, "userIds"}, {in{"endsAt": "2020-01-01T00:00:00Z"}, "endsAt"}, {in{"note": strings.Repeat("x", 501)}, "note"}},
	"includeInGroupLicense":   {{in{"userIds": []string{}}, "userIds"}},
	"removeUnusedOverage":     {{in{"licenseId": nil}, "licenseId"}, {in{"all": true}, "licenseId"}},
	"placePurchaseReservation": {
		{in{"quantity": 0}, "quantity"}, {in{"quantity": 1<<31 - 1}, "quantity"}, {in{"startsOn": "tomorrow"}, "startsOn"}, {in{"notes": long}, "notes"},
	},
	"cancelPurchaseReservation":  nil,
	"fulfillPurchaseReservation": {{in{"orderNumber": " "}, "orderNumber"}, {in{"orderNumber": long}, "orderNumber"}},
	"planRenewal":                {{in{"renewalQuantity": -1}, "renewalQuantity"}},
	"renewContract":              {{in{"endsOn": "never"}, "endsOn"}, {in{"endsOn": "2020-01-01"}, "endsOn"}},
	// What only names a thing can name none: that is missing below.
	"deleteVendor": nil, "deleteProduct": nil, "deleteContract": nil, "deleteLicense": nil, "deleteGroup": nil, "unlicenseGroup": nil,
}

// missing are, for every mutation, the fields that name things, each with an id of a thing that is not there.
var missing = map[string][]bad{
	"createVendor": nil, "upsertUsers": nil, "upsertGroups": nil, "recordDeployments": nil,
	"createAllocation":           {{in{"licenseId": "lic_zz"}, "licenseId"}, {in{"deploymentId": "dep_zz"}, "deploymentId"}},
	"updateAllocation":           {{in{"allocationId": "alc_zz"}, "allocationId"}},
	"deleteAllocation":           {{in{"allocationId": "alc_zz"}, "allocationId"}},
	"removeUnusedOverage":        {{in{"licenseId": "lic_zz"}, "licenseId"}},
	"placePurchaseReservation":   {{in{"licenseId": "lic_zz"}, "licenseId"}},
	"cancelPurchaseReservation":  {{in{"purchaseReservationId": "pur_zz"}, "purchaseReservationId"}},
	"fulfillPurchaseReservation": {{in{"purchaseReservationId": "lic_1"}, "purchaseReservationId"}},
	"planRenewal":                {{in{"licenseId": "lic_zz"}, "licenseId"}},
	"renewContract":              {{in{"contractId": "con_zz"}, "contractId"}},

	"deleteVendor":       {{in{"vendorId": "ven_zz"}, "vendorId"}, {in{"vendorId": "nonsense"}, "vendorId"}},
	"createProduct":      {{in{"vendorId": "ven_zz"}, "vendorId"}, {in{"vendorId": ""}, "vendorId"}},
	"updateProduct":      {{in{"productId": "prd_zz"}, "productId"}},
	"deleteProduct":      {{in{"productId": "ven_1"}, "productId"}},
	"createContract":     {{in{"vendorId": "ven_zz"}, "vendorId"}},
	"updateContract":     {{in{"contractId": "con_zz"}, "contractId"}},
	"deleteContract":     {{in{"contractId": "con_zz"}, "contractId"}},
	"createLicense":      {{in{"contractId": "con_zz"}, "contractId"}, {in{"productId": "prd_zz"}, "productId"}},
	"updateLicense":      {{in{"licenseId": "lic_zz"}, "licenseId"}},
	"deleteLicense":      {{in{"licenseId": "lic_zz"}, "licenseId"}},
	"deleteUsers":        {{in{"userIds": []string{"usr_zz"}}, "userIds.0"}},
	"deleteGroup":        {{in{"groupId": "grp_zz"}, "groupId"}},
	"addGroupMembers":    {{in{"groupId": "grp_zz"}, "groupId"}, {in{"userIds": []string{"usr_1", "usr_zz"}}, "userIds.1"}, {in{"memberGroupIds": []string{"grp_zz"}}, "memberGroupIds.0"}},
	"removeGroupMembers": {{in{"groupId": "grp_zz"}, "groupId"}, {in{"userIds": []string{"usr_zz"}}, "userIds.0"}},
	"createAllotment": {
		{in{"licenseId": "lic_zz"}, "licenseId"}, {in{"licenseId": nil, "parentId": "alt_zz"}, "parentId"}, {in{"delegateUserIds": []string{"usr_zz"}}, "delegateUserIds.0"},
		{in{"delegateGroupIds": []string{"grp_zz"}}, "delegateGroupIds.0"}, {in{"scope": in{"groupIds": []string{"grp_zz"}}}, "scope.groupIds.0"},
	},
	"updateAllotment":         {{in{"allotmentId": "alt_zz"}, "allotmentId"}, {in{"delegateUserIds": []string{"usr_zz"}}, "delegateUserIds.0"}, {in{"scope": in{"groupIds": []string{"grp_zz"}}}, "scope.groupIds.0"}},
	"deleteAllotment":         {{in{"allotmentId": "alt_zz"}, "allotmentId"}},
	"assignSeats":             {{in{"licenseId": "lic_zz"}, "licenseId"}, {in{"licenseId": nil, "allotmentId": "alt_zz"}, "allotmentId"}, {in{"userIds": []string{"usr_1", "usr_zz"}}, "userIds.1"}},
	"unassignSeats":           {{in{"licenseId": "lic_zz"}, "licenseId"}, {in{"userIds": []string{"usr_zz"}}, "userIds.0"}},
	"retrySeats":              {{in{"licenseId": "lic_zz"}, "licenseId"}, {in{"licenseId": nil, "groupLicenseId": "gli_zz"}, "groupLicenseId"}, {in{"licenseId": nil, "allotmentId": "alt_zz"}, "allotmentId"}},
	"licenseGroup":            {{in{"groupId": "grp_zz"}, "groupId"}, {in{"licenseId": "lic_zz"}, "licenseId"}, {in{"licenseId": nil, "allotmentId": "alt_zz"}, "allotmentId"}},
	"updateGroupLicense":      {{in{"groupLicenseId": "gli_zz"}, "groupLicenseId"}},
	"unlicenseGroup":          {{in{"groupLicenseId": "gli_zz"}, "groupLicenseId"}},
	"swapGroupLicense":        {{in{"groupLicenseId": "gli_zz"}, "groupLicenseId"}, {in{"licenseId": "lic_zz"}, "licenseId"}},
	"excludeFromGroupLicense": {{in{"groupLicenseId": "gli_zz"}, "groupLicenseId"}, {in{"userIds": []string{"usr_zz"}}, "userIds.0"}},
	"includeInGroupLicense":   {{in{"groupLicenseId": "gli_zz"}, "groupLicenseId"}, {in{"userIds": []string{"usr_zz"}}, "userIds.0"}},
}

func TestInputsThatCannotBe(t *testing.T) {
	each(t, func(w *world) {
		w.want(slices.Sorted(maps.Keys(invalid)), slices.Sorted(maps.Keys(payloads)))
		w.want(slices.Sorted(maps.Keys(missing)), slices.Sorted(maps.Keys(payloads)))
		for _, name := range slices.Sorted(maps.Keys(payloads)) {
			if len(invalid[name])+len(missing[name]) == 0 {
				continue
			}
			example := examples[name](w)
			before := w.snapshot()
			for code, cases := range map[string][]bad{"INVALID_INPUT": invalid[name], "NOT_FOUND": missing[name]} {
				for _, c := range cases {
					e := w.fails(code, name, with(example, c.change))
					if e.Extensions.Field != c.field {
						w.Errorf("%s %.200s: the error names %q, want %q (%s)", name, fmt.Sprint(c.change), e.Extensions.Field, c.field, e.Message)
					}
				}
			}
			if changed := w.changed(before); len(changed) > 0 && text(changed) != `["decisions"]` {
				w.Errorf("%s changed %v", name, changed)
			}
		}
	})
}

func TestConflicts(t *testing.T) {
	each(t, func(w *world) {
		product, _ := w.product(in{"skuId": "same"})
		l := w.licenseOf(product, 5)
		w.conflict("name", "createVendor", in{"name": "Microsoft"})
		w.conflict("skuId", "createProduct", in{"vendorId": w.vendor, "name": "x", "skuId": "same"})
		w.conflict("number", "createContract", in{"vendorId": w.vendor, "number": "EA-1", "name": "x"})
		w.conflict("", "deleteVendor", in{"vendorId": w.vendor})
		w.conflict("", "deleteProduct", in{"productId": product})
		w.conflict("", "deleteContract", in{"contractId": w.contract})
		a := w.allot(l, 2)
		w.conflict("name", "createAllotment", allotment(l, 2))
		w.conflict("", "deleteLicense", in{"licenseId": l})
		b := w.allot(l, 1)
		w.conflict("name", "updateAllotment", in{"allotmentId": b, "name": "share of 2"})
		w.do("updateAllotment", in{"allotmentId": a, "name": "share of 2"}) // its own name is free
		g := w.group()
		w.allot(a, 1, in{"scope": in{"groupIds": []string{g}}})
		w.conflict("", "deleteGroup", in{"groupId": g}) // an allotment without its last group would be for everyone
		w.conflict("", "deleteAllotment", in{"allotmentId": a})
	})
}

func (w *world) conflict(field, name string, input in) {
	w.Helper()
	if e := w.fails("CONFLICT", name, input); e.Extensions.Field != field {
		w.Errorf("%s: the conflict names %q, want %q", name, e.Extensions.Field, field)
	}
}
