# The default policy with a soft limit: seats may go 5 % above the limit of a pool, and at least one seat above it. The
# ledger adds the warning to each seat that it hands out above a limit.
package ringfence

decision := {
	"grants": grants,
	"findings": findings,
	"ceiling": ceiling,
	"priority": 0,
}

ceiling[pool.id] := pool.limit + max([1, floor((pool.limit * 5) / 100)]) if {
	data.settings.actions[input.action].gives == true
	some pool in input.pools
}

kind := data.settings.actions[input.action].kind

findings contains reason if {
	count(grants) == 0
}

findings contains finding if {
	data.settings.actions[input.action].gives == true
	some finding in seat_findings
}

findings contains finding if {
	input.action == "createServiceToken"
	some finding in token_findings
}

findings contains finding if {
	input.action in {"createAllotment", "updateAllotment"}
	some finding in allotment_findings
}

# The action is about units that are committed for a date.
findings contains finding if {
	input.action in {"placePurchaseReservation", "cancelPurchaseReservation"}
	some finding in purchase_findings
}

# The action is about what there will be after a renewal.
findings contains finding if {
	input.action in {"planRenewal", "renewContract"}
	some finding in renewal_findings
}
