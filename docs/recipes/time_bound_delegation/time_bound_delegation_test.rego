package time_bound_delegation_test

import data.ringfence

may(name, tier, at) if {
	findings := ringfence.findings with input as {
		"now": time.parse_rfc3339_ns(at) / 1000000000,
		"action": "unassignSeats", "pools": [], "subjects": [],
		"principal": {"name": name, "tier": tier, "delegate_here": true},
	}
	findings == set()
}

test_within_the_days if {
	every at in ["2026-07-01T00:00:00Z", "2026-09-30T23:59:59Z"] {
		may("Tom@contoso.example", "USER", at)
	}
}

test_not_before_and_not_after if {
	every at in ["2026-06-30T23:59:59Z", "2026-10-01T00:00:00Z"] {
		not may("tom@contoso.example", "USER", at)
	}
}

test_others_and_roles_are_not_bound if {
	may("ann@contoso.example", "USER", "2026-10-01T00:00:00Z")
	may("tom@contoso.example", "LICENSE_ADMIN", "2026-10-01T00:00:00Z")
}
