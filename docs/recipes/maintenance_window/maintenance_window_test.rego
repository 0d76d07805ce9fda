package maintenance_window_test

import data.ringfence

stopped(tier, at) if {
	findings := ringfence.findings with input as {
		"now": time.parse_rfc3339_ns(at) / 1000000000,
		"action": "createVendor", "pools": [], "subjects": [],
		"principal": {"name": "kim", "tier": tier},
	}
	some finding in findings
	finding.code == "MAINTENANCE"
	finding.message == "nothing is changed until 2027-01-01T06:00:00Z: closing of the year"
}

test_within_the_hours if {
	stopped("LICENSE_ADMIN", "2026-12-31T18:00:00Z")
	stopped("PROVISIONER", "2027-01-01T05:59:59Z")
}

test_outside_of_them_and_who_is_exempt if {
	not stopped("LICENSE_ADMIN", "2026-12-31T17:59:59Z")
	not stopped("LICENSE_ADMIN", "2027-01-01T06:00:00Z")
	not stopped("GLOBAL_ADMIN", "2026-12-31T18:00:00Z")
	not stopped("SYSTEM", "2026-12-31T18:00:00Z")
}
