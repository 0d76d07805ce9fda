package ringfence

# Why an allotment cannot be made or changed as asked. What it asks of units, the ledger checks; here it is about what
# must lie within the parent.

default parent := {}

parent := input.pools[0] if input.action == "createAllotment"

parent := input.pools[1] if input.action == "updateAllotment"

findings contains {
	"code": "LIMIT_EXCEEDS_PARENT",
	"message": sprintf("the limit %v is above the limit %v of %v", [input.allotment.limit, parent.limit, parent.name]),
	"field": "limit",
	"pool": parent.id,
	"limit": parent.limit,
	"requested": input.allotment.limit,
	"short_by": input.allotment.limit - parent.limit,
} if {
	input.allotment.limit > parent.limit
}

findings contains {
	"code": "LIMIT_EXCEEDS_PARENT",
	"message": sprintf("without a limit the allotment is above the limit %v of %v", [parent.limit, parent.name]),
	"field": "limit",
	"pool": parent.id,
	"limit": parent.limit,
} if {
	input.allotment.unlimited == true
	parent.unlimited == false
}
