package ringfence_test

import data.ringfence

renewed(quantity, consumed) := {
	"pool": "license:12", "name": "E3", "quantity": quantity, "consumed": consumed,
	"short_by": max([0, consumed - quantity]),
}

renewal(action, renewals, allow) := request("contract manager", action, {
	"renewals": renewals, "args": {"allow_over_limit": allow}, "subjects": [], "pools": [e3],
})

test_a_plan_below_use_is_warned_of if {
	told(renewal("planRenewal", [renewed(80, 100)], false)) == {["INSUFFICIENT_POOL", "renewalQuantity", "warn"]}
	told(renewal("planRenewal", [renewed(100, 100)], false)) == set()
}

test_a_renewal_below_use_has_to_be_asked_for if {
	told(renewal("renewContract", [renewed(100, 100), renewed(80, 100)], false)) == {["INSUFFICIENT_POOL", "renewalQuantity", "deny"]}
	told(renewal("renewContract", [renewed(100, 100), renewed(80, 100)], true)) == {["INSUFFICIENT_POOL", "renewalQuantity", "warn"]}
	told(renewal("renewContract", [renewed(100, 100)], false)) == set()
	told(renewal("renewContract", [], false)) == set()
}

test_what_is_told_of_a_renewal_below_use if {
	some finding in ringfence.findings with input as renewal("renewContract", [renewed(80, 100)], false)
	finding.message == "100 of E3 are in use, 80 are planned"
	[finding.limit, finding.used, finding.short_by, finding.pool] == [80, 100, 20, "license:12"]
}
