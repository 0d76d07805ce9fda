package ringfence

# What a planned decrease would leave without a unit. A plan is only warned of; when a contract is renewed, the plans that are
# put in force must cover what is in use, unless the request says that the licenses may be over their limit.

renewal_findings contains object.union(below_use(renewal), {"effect": "warn"}) if {
	input.action == "planRenewal"
	some renewal in input.renewals
	renewal.short_by > 0
}

renewal_findings contains below_use(renewal) if {
	input.action == "renewContract"
	some renewal in input.renewals
	renewal.short_by > 0
	input.args.allow_over_limit == false
}

renewal_findings contains object.union(below_use(renewal), {"effect": "warn"}) if {
	input.action == "renewContract"
	some renewal in input.renewals
	renewal.short_by > 0
	input.args.allow_over_limit == true
}

below_use(renewal) := {
	"code": "INSUFFICIENT_POOL",
	"message": sprintf("%v of %v are in use, %v are planned", [renewal.consumed, renewal.name, renewal.quantity]),
	"field": "renewalQuantity",
	"pool": renewal.pool,
	"limit": renewal.quantity,
	"used": renewal.consumed,
	"short_by": renewal.short_by,
}
