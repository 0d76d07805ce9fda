package announced_test

import data.ringfence

effects(type, at) := {finding.effect | some finding in findings; finding.code == "NO_SERVICE_ACCOUNTS"} if {
	findings := ringfence.seat_findings with input as {
		"now": time.parse_rfc3339_ns(at) / 1000000000,
		"action": "assignSeats", "ordinary": true, "window": {"open": true}, "pools": [],
		"license": {"product_kind": "SUBSCRIPTION", "plans": []},
		"subjects": [{"type": type, "held_plans": []}],
	}
}

test_a_warning_first if effects("SERVICE_ACCOUNT", "2026-12-31T23:59:59Z") == {"warn"}

test_then_a_refusal if effects("SERVICE_ACCOUNT", "2027-01-01T00:00:00Z") == {"deny"}

test_users_are_not_meant if effects("MEMBER", "2027-01-01T00:00:00Z") == set()
