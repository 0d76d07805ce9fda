package guest_rule_test

import data.ringfence

found(sku, type) := {finding.code | some finding in findings; finding.code == "GUEST_NOT_ALLOWED"} if {
	findings := ringfence.seat_findings with input as {
		"action": "assignSeats", "ordinary": true, "window": {"open": true}, "pools": [],
		"license": {"product_kind": "SUBSCRIPTION", "sku": sku, "plans": []},
		"subjects": [{"type": type, "enabled": true, "via": "direct", "held_plans": []}],
	}
}

test_guests_do_not_get_e5 if {
	found("SPE_E5", "GUEST") == {"GUEST_NOT_ALLOWED"}
	found("SPE_E5", "MEMBER") == set()
	found("STANDARDPACK", "GUEST") == set()
}
