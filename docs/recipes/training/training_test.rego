package training_test

import data.ringfence

found(sku, user) := {finding.code | some finding in findings; finding.code == "TRAINING_REQUIRED"} if {
	findings := ringfence.seat_findings with input as {
		"action": "assignSeats", "ordinary": true, "window": {"open": true}, "pools": [],
		"license": {"product_kind": "SUBSCRIPTION", "sku": sku, "plans": []},
		"subjects": [object.union({"held_plans": []}, user)],
	}
}

test_members_only if {
	found("SPE_E5", {}) == {"TRAINING_REQUIRED"}
	found("SPE_E5", {"member_of": ["Others"]}) == {"TRAINING_REQUIRED"}
	found("SPE_E5", {"member_of": ["E5 trained", "Others"]}) == set()
}

test_other_products_need_none if {
	found("STANDARDPACK", {}) == set()
}

test_the_service_is_told_which_groups if {
	every _, group in data.training.required {
		group in data.training.groups
	}
}
