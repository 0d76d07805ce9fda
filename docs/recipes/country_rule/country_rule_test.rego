package country_rule_test

import data.ringfence

found(sku, user) := {finding.code | some finding in findings; finding.code == "COUNTRY_NOT_ALLOWED"} if {
	findings := ringfence.seat_findings with input as {
		"action": "assignSeats", "ordinary": true, "window": {"open": true}, "pools": [],
		"license": {"product_kind": "SUBSCRIPTION", "sku": sku, "plans": []},
		"subjects": [object.union({"type": "MEMBER", "enabled": true, "via": "direct", "held_plans": []}, user)],
	}
}

test_only_what_is_listed if {
	found("SPE_E5", {"usage_location": "CN"}) == {"COUNTRY_NOT_ALLOWED"}
	found("O365_E3_CN", {"usage_location": "CN"}) == set()
	found("O365_E3_CN", {"usage_location": "KP"}) == {"COUNTRY_NOT_ALLOWED"}
}

test_no_rule_for_others if {
	found("SPE_E5", {"usage_location": "GB"}) == set()
	found("SPE_E5", {}) == set()
}
