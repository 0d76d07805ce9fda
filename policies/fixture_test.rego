package ringfence_test

import data.ringfence

# The chain of most tests: London draws on UK (CEILING), UK is carved out of the license.
london := {
	"id": "allotment:34", "name": "London", "mode": "CEILING", "unlimited": false, "limit": 25, "used": 10, "reserved": 0,
	"available": 15, "requested": 1, "draws": true, "delegate": false,
}

uk := {
	"id": "allotment:33", "name": "UK", "mode": "RESERVED", "unlimited": false, "limit": 60, "used": 50, "reserved": 0,
	"available": 10, "requested": 1, "draws": true, "delegate": false,
}

e3 := {
	"id": "license:12", "name": "E3", "mode": "LICENSE", "unlimited": false, "limit": 275, "used": 0, "reserved": 60,
	"available": 215, "requested": 0, "draws": false, "delegate": false,
}

license := {
	"id": 12, "product_kind": "SUBSCRIPTION", "sku": "ENTERPRISEPACK", "quantity": 275, "unlimited": false,
	"blocked_locations": [], "plans": ["EXCHANGE_S_ENTERPRISE", "MCOSTANDARD"],
}

ann := {
	"user_id": 1, "type": "MEMBER", "enabled": true, "department": "Sales", "usage_location": "GB", "groups": [],
	"held_plans": [], "via": "direct", "count": 1,
}

# What a principal is, by the name the tests give it. A rule for each: a test makes only those it names.
principals["global admin"] := principal("GLOBAL_ADMIN", {})

principals["license admin"] := principal("LICENSE_ADMIN", {})

principals["contract manager"] := principal("CONTRACT_MANAGER", {})

principals["auditor"] := principal("AUDITOR", {})

principals["analyst"] := principal("ANALYST", {})

principals["policy author"] := principal("POLICY_AUTHOR", {})

principals["user"] := principal("USER", {})

principals["service"] := principal("SYSTEM", {"roles": [], "system": true})

principals["provisioner"] := principal("PROVISIONER", {})

principals["delegate"] := principal("USER", {"delegate_of": true, "delegate_here": true})

principals["delegate above"] := principal("USER", {"delegate_of": true, "delegate_above": true})

principals["delegate elsewhere"] := principal("USER", {"delegate_of": true})

principals["auditing delegate"] := principal("AUDITOR", {"delegate_of": true, "delegate_here": true})

principals["auditing delegate elsewhere"] := principal("AUDITOR", {"delegate_of": true})

principal(tier, more) := object.union(
	{
		"name": "kim", "roles": [tier], "tier": tier, "system": false, "user_id": 7,
		"delegate_of": false, "delegate_here": false, "delegate_above": false,
	},
	more,
)

request(who, action, more) := object.union(
	{
		"now": 1000, "action": action, "principal": principals[who], "license": license, "window": {"open": true},
		"pools": [london, uk, e3], "subjects": [ann],
	},
	more,
)

# The codes found about the request as a whole, and about one subject.
codes(found) := {finding.code | some finding in found; object.get(finding, "subject", -1) == -1}

codes_of(found, index) := {finding.code | some finding in found; finding.subject == index}

granted(who, action) if count(ringfence.grants) > 0 with input as request(who, action, {})

seat(more) := request("license admin", "assignSeats", more)

subject(more) := seat({"subjects": [object.union(ann, more)]})
