package graph

import (
	"context"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/identity"
)

// reads are the root fields that read. Each shows only what the policy lets the principal see, so whoever is signed in may
// ask; what is about policies alone denies instead of showing nothing.
var reads = map[string]bool{
	"serviceTokens": true, "feeds": true, "replayPolicy": true, "policyTrials": true, "policyRevision": true, "validatePolicy": true,
	// It tries an operation under the gate of that operation, keeps nothing, and asks who may know why.
	"explain": true,

	"node": true, "nodes": true, "viewer": true, "vendors": true, "products": true, "contracts": true, "licenses": true,
	"allotments": true, "users": true, "groups": true, "deployments": true, "allocations": true, "decisions": true, "events": true, "policy": true, "cost": true, "showback": true,
	"portfolioOverview": true, "licenseOverviews": true, "contractOverviews": true,
	"purchaseReservations": true, "capacity": true,
}

// operations are the root fields that write: each is the operation of the same name, which the runner takes through the
// policy inside its transaction.
var operations = map[string]bool{
	"createServiceToken": true, "revokeServiceToken": true, "publishPolicy": true, "rollbackPolicy": true,
	"startPolicyTrial": true, "stopPolicyTrial": true,
	"createVendor": true, "deleteVendor": true, "createProduct": true, "updateProduct": true, "deleteProduct": true,
	"createContract": true, "updateContract": true, "deleteContract": true, "createLicense": true, "updateLicense": true,
	"deleteLicense": true, "recordDeployments": true, "createAllocation": true, "updateAllocation": true,
	"deleteAllocation": true, "createAllotment": true, "updateAllotment": true, "deleteAllotment": true, "upsertUsers": true,
	"deleteUsers": true, "upsertGroups": true, "deleteGroup": true, "addGroupMembers": true, "removeGroupMembers": true,
	"licenseGroup": true, "updateGroupLicense": true, "unlicenseGroup": true, "swapGroupLicense": true,
	"excludeFromGroupLicense": true, "includeInGroupLicense": true, "assignSeats": true, "unassignSeats": true, "retrySeats": true,
	"removeUnusedOverage": true, "placePurchaseReservation": true, "cancelPurchaseReservation": true, "fulfillPurchaseReservation": true,
	"planRenewal": true, "renewContract": true,
}

// Authorize is the gate before the root fields: a field is executed only for somebody who is signed in, and only if it is
// registered as an operation or as a scoped read. It does not ask the policy: that happens where the facts are.
func Authorize(ctx context.Context, operation ast.Operation, field string) error {
	if identity.FromContext(ctx) == nil {
		return fault.New(fault.Unauthenticated, "sign in first")
	}
	if operation == ast.Query && reads[field] || operation == ast.Mutation && operations[field] {
		return nil
	}
	return fault.New(fault.PolicyDenied, "this field is not open to anyone")
}
