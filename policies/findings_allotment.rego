package ringfence

# Why an allotment cannot be made or changed as asked: its limit, scope and dates must lie within those of every pool
# above it. Whether the pools above have the units is for the ledger to count.

allotment_findings contains product_not_eligible if input.action == "createAllotment"

# The first pool is the parent of a new allotment, and an existing allotment itself.
above contains pool if {
	input.action == "createAllotment"
	some pool in input.pools
}

above contains pool if {
	input.action == "updateAllotment"
	some index, pool in input.pools
	index > 0
}

# An update is held only to what it changes, so that a name can be corrected below a parent that was narrowed later.
changed contains field if {
	input.action == "updateAllotment"
	some field in input.allotment.fields
}

changed contains field if {
	input.action == "createAllotment"
	some field in ["limit", "scope", "startsAt", "endsAt"]
}

allotment_findings contains {
	"code": "LIMIT_EXCEEDS_PARENT",
	"message": sprintf("the limit %v is above the limit %v of %v", [limit, pool.limit, pool.name]),
	"field": "limit",
	"pool": pool.id,
	"limit": pool.limit,
	"requested": limit,
	"short_by": limit - pool.limit,
} if {
	"limit" in changed
	limit := input.allotment.limit
	some pool in above
	limit > pool.limit
}

allotment_findings contains {
	"code": "LIMIT_EXCEEDS_PARENT",
	"message": sprintf("an allotment without a limit is above the limit %v of %v", [pool.limit, pool.name]),
	"field": "limit",
	"pool": pool.id,
	"limit": pool.limit,
} if {
	"limit" in changed
	input.allotment.unlimited == true
	some pool in above
	pool.unlimited == false
}

# Everyone is more than the scope above admits.
allotment_findings contains scope_exceeds(pool, "everyone") if {
	"scope" in changed
	not input.allotment.scope
	some pool in above
	pool.scope
}

# A dimension that the pool above leaves open admits every value, because its other dimensions still bind each subject.
allotment_findings contains scope_exceeds(pool, value) if {
	"scope" in changed
	some dimension in ["groups", "departments", "countries"]
	some pool in above
	admitted := pool.scope[dimension]
	admitted != []
	some value in input.allotment.scope[dimension]
	not value in admitted
}

scope_exceeds(pool, value) := {
	"code": "SCOPE_EXCEEDS_PARENT",
	"message": sprintf("%v is outside the scope of %v", [value, pool.name]),
	"field": "scope",
	"pool": pool.id,
}

# A date that is left out binds nothing: an allotment is in effect only while every pool above it is.
allotment_findings contains not_within(pool, field) if {
	some field, key in {"startsAt": "starts_at", "endsAt": "ends_at"}
	field in changed
	date := input.allotment[key]
	some pool in above
	date < pool.starts_at
}

allotment_findings contains not_within(pool, field) if {
	some field, key in {"startsAt": "starts_at", "endsAt": "ends_at"}
	field in changed
	date := input.allotment[key]
	some pool in above
	date > pool.ends_at
}

not_within(pool, field) := {
	"code": "NOT_IN_EFFECT",
	"message": sprintf("%v is outside the dates of %v", [field, pool.name]),
	"field": field,
	"pool": pool.id,
}
