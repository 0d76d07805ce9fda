package ringfence_test

import data.ringfence

new_token(who, roles) := request(who, "createServiceToken", {"args": {"roles": roles}})

test_nobody_gives_a_token_more_than_they_have if {
	refused := {
		["license admin", "GLOBAL_ADMIN"], ["license admin", "POLICY_AUTHOR"], ["license admin", "MADE_UP"],
		["global admin", "MADE_UP"],
	}
	every who_role in refused {
		codes(ringfence.findings) == {"ROLE_REQUIRED"} with input as new_token(who_role[0], ["AUDITOR", who_role[1]])
	}
	some finding in ringfence.findings with input as new_token("license admin", ["GLOBAL_ADMIN"])
	finding.field == "roles"
}

test_roles_that_can_be_given if {
	every who in ["global admin", "license admin", "service"] {
		ringfence.findings == set() with input as new_token(who, ["LICENSE_ADMIN", "CONTRACT_MANAGER", "AUDITOR", "ANALYST", "PROVISIONER"])
		ringfence.findings == set() with input as new_token(who, [])
	}
	ringfence.findings == set() with input as new_token("global admin", ["GLOBAL_ADMIN", "POLICY_AUTHOR"])
	ringfence.findings == set() with input as new_token("service", ["MADE_UP"])
}

test_ones_own_roles_can_be_given if {
	asked := json.patch(new_token("license admin", ["MINE"]), [{"op": "add", "path": "/principal/roles/-", "value": "MINE"}])
	ringfence.findings == set() with input as asked
}
