package barred_test

import data.ringfence

codes(location) := found if {
	findings := ringfence.seat_findings with input as {
		"action": "assignSeats",
		"license": {"product_kind": "SUBSCRIPTION", "plans": []},
		"pools": [],
		"subjects": [{"type": "MEMBER", "enabled": true, "usage_location": location, "held_plans": []}],
		"window": {"open": true},
	}
	found := {finding.code | some finding in findings}
}

test_barred if {
	codes("KP") == {"COUNTRY_BARRED"}
	codes("SY") == {"COUNTRY_BARRED"}
}

test_others_are_not_barred if {
	codes("GB") == set()
}
