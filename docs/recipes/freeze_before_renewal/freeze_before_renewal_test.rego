package freeze_before_renewal_test

import data.ringfence

frozen(action, tier, days_left) if {
	findings := ringfence.findings with input as {
		"now": 1000000, "action": action, "window": {"open": true}, "ordinary": true, "pools": [], "subjects": [],
		"principal": {"name": "kim", "tier": tier},
		"license": {"product_kind": "SUBSCRIPTION", "sku": "E3", "plans": [], "ends_at": 1000000 + (days_left * 86400)},
	}
	some finding in findings
	finding.code == "FROZEN"
}

test_the_last_days if {
	every action in ["assignSeats", "licenseGroup", "createAllotment", "updateAllotment"] {
		frozen(action, "LICENSE_ADMIN", 13)
		not frozen(action, "LICENSE_ADMIN", 14)
		not frozen(action, "GLOBAL_ADMIN", 1)
	}
}

test_seats_can_be_given_back_and_the_queue_goes_on if {
	not frozen("unassignSeats", "LICENSE_ADMIN", 1)
	not frozen("promoteSeats", "SYSTEM", 1)
}
