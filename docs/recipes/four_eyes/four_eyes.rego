# A large limit needs two people. The first request is refused with FOUR_EYES. Within three days somebody else, who may do it,
# too, makes the same request and names that decision in `confirms`.
package ringfence

allotment_findings contains {
	"code": "FOUR_EYES",
	"message": sprintf("a limit of %v and more needs two people: let somebody else ask the same and confirm this decision", [data.four_eyes.limit]),
	"field": "limit",
	"limit": data.four_eyes.limit,
	"requested": object.get(input.allotment, "limit", data.four_eyes.limit),
} if {
	"limit" in input.allotment.fields
	large
	not confirmed
}

large if input.allotment.unlimited == true

large if {
	input.allotment.limit >= data.four_eyes.limit
	input.allotment.limit > object.get(input.allotment, "previous_limit", 0)
}

# Nothing else may have stood against the first request: who could not have done it alone is not one of the two.
confirmed if {
	input.confirms.same == true
	input.confirms.codes == ["FOUR_EYES"]
	lower(input.confirms.principal) != lower(input.principal.name)
	input.now - input.confirms.at <= data.four_eyes.hours * 3600
}
