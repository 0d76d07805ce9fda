package ringfence_test

import data.ringfence

# Who may do what, whole: everyone else may not. A new action or principal that is missing here fails the tests below.
matrix := {
	"contracts": {"global admin", "license admin", "contract manager", "service"},
	"catalogue": {"global admin", "license admin", "service"},
	"directory": {"global admin", "license admin", "service", "provisioner"},
	"tokens": {"global admin", "license admin", "service"},
	"allotments": {"global admin", "license admin", "service"},
	"seats": {"global admin", "license admin", "service", "delegate", "delegate above", "auditing delegate"},
	"policy": {"global admin", "policy author", "service"},
	"service": {"service"},
}

# What grants look at besides the kind of an action; all others of a kind are granted alike, so that one stands for them. The house
# rules that ship with the service ask about every action.
looked_at := {"createAllotment", "updateAllotment", "deleteAllotment"}

asked contains action if {
	some kind in object.keys(matrix)
	action := min({name | some name, about in data.settings.actions; about.kind == kind})
}

asked contains action if some action in looked_at

test_every_kind_of_action_for_every_principal if {
	wrong := {[who, action] |
		some action in asked
		about := data.settings.actions[action]
		some who, _ in principals
		expected := who in matrix[about.kind]
		actual := allowed(who, action)
		expected != actual
	}
	wrong == set()
}

default allowed(_, _) := false

allowed(who, action) if granted(who, action)

test_every_kind_of_action_is_in_the_matrix if {
	{about.kind | some about in data.settings.actions} == object.keys(matrix)
}

test_an_action_that_no_setting_names_is_denied_to_all if {
	every who, _ in principals {
		ringfence.grants == set() with input as request(who, "mintSeats", {})
		codes(ringfence.findings) == {"ROLE_REQUIRED"} with input as request(who, "mintSeats", {})
	}
}

test_reasons_of_refusals if {
	reasons := {
		["user", "assignSeats"]: "NOT_DELEGATED",
		["delegate elsewhere", "assignSeats"]: "NOT_DELEGATED",
		["contract manager", "assignSeats"]: "NOT_DELEGATED",
		["policy author", "assignSeats"]: "NOT_DELEGATED",
		["auditing delegate elsewhere", "assignSeats"]: "NOT_DELEGATED",
		["auditor", "assignSeats"]: "READ_ONLY",
		["analyst", "upsertUsers"]: "READ_ONLY",
		["user", "createVendor"]: "ROLE_REQUIRED",
		["delegate", "createAllotment"]: "ROLE_REQUIRED",
		["contract manager", "upsertUsers"]: "ROLE_REQUIRED",
	}
	every who_action, code in reasons {
		codes(ringfence.findings) == {code} with input as request(who_action[0], who_action[1], {})
	}
}

test_a_policy_author_may_have_other_roles if {
	auditing := request("auditor", "publishPolicy", {"principal": object.union(principals.auditor, {"roles": ["AUDITOR", "POLICY_AUTHOR"]})})
	ringfence.grants == {"policy author"} with input as auditing
	licensing := request("license admin", "publishPolicy", {})
	ringfence.grants == set() with input as licensing
}

test_a_refusal_names_the_pool if {
	some finding in ringfence.findings with input as request("user", "assignSeats", {})
	finding.pool == "allotment:34"
	finding.message == "kim is not a delegate of London"
}

test_a_grant_leaves_no_reason if {
	ringfence.findings == set() with input as request("delegate", "assignSeats", {})
}

subdelegation := {"subdelegate": true}

chain(here, above) := {"pools": [object.union(london, {"delegate": here}), object.union(uk, {"delegate": above}), e3]}

test_delegates_divide_their_allotment_if_the_settings_let_them if {
	ringfence.grants == {"subdelegate"} with input as request("delegate", "createAllotment", chain(true, false))
		with data.settings.delegation as subdelegation
	ringfence.grants == {"subdelegate"} with input as request("delegate above", "createAllotment", chain(false, true))
		with data.settings.delegation as subdelegation
	every action in ["updateAllotment", "deleteAllotment"] {
		ringfence.grants == {"subdelegate"} with input as request("delegate above", action, chain(false, true))
			with data.settings.delegation as subdelegation
	}
}

test_never_their_own_allotment if {
	every action in ["updateAllotment", "deleteAllotment"] {
		codes(ringfence.findings) == {"NOT_DELEGATED"} with input as request("delegate", action, chain(true, false))
			with data.settings.delegation as subdelegation
	}
}

test_not_below_an_allotment_of_others if {
	codes(ringfence.findings) == {"NOT_DELEGATED"} with input as request("delegate elsewhere", "createAllotment", chain(false, false))
		with data.settings.delegation as subdelegation
}

test_the_answer_has_its_four_keys if {
	answer := ringfence.decision with input as seat({})
	object.keys(answer) == {"grants", "findings", "ceiling", "priority"}
	answer.grants == {"administrator"}
	answer.findings == set()
}
