package ringfence_test

import data.ringfence

reader(who) := {"action": "read", "principal": object.remove(principals[who], ["name", "user_id", "delegate_here", "delegate_above"])}

types := {
	"vendor", "product", "service_plan", "contract", "license", "allotment", "seat", "group_license", "user", "group",
	"decision", "event", "feed", "policy", "deployment", "allocation", "purchase_reservation",
}

test_who_sees_everything if {
	every who in ["global admin", "license admin", "auditor", "analyst", "service"] {
		{type | some type, scopes in ringfence.visible; "all" in scopes} - {"service_token"} == types with input as reader(who)
	}
}

test_what_every_user_sees if {
	ringfence.visible == {
		"vendor": {"all"}, "product": {"all"}, "service_plan": {"all"}, "contract": {"held"}, "license": {"held"},
		"seat": {"self"}, "user": {"self"}, "group": {"member"}, "decision": {"own"},
	} with input as reader("user")
}

test_a_delegate_also_sees_what_is_delegated if {
	seen := ringfence.visible with input as reader("delegate")
	seen.allotment == {"delegated"}
	seen.seat == {"delegated", "self"}
	seen.decision == {"delegated", "own"}
	not seen.policy
}

test_a_contract_manager_sees_contracts_but_no_people if {
	seen := ringfence.visible with input as reader("contract manager")
	{type | some type, scopes in seen; "all" in scopes} == {
		"vendor", "product", "service_plan", "contract", "license", "deployment", "allocation", "purchase_reservation",
		"allotment",
	}
	seen.user == {"self"}
	seen.decision == {"own"}
}

test_a_policy_author_sees_the_policy_and_its_decisions if {
	seen := ringfence.visible with input as reader("policy author")
	{type | some type, scopes in seen; "all" in scopes} == {"vendor", "product", "service_plan", "decision", "policy"}
}

test_a_provisioner_sees_the_directory if {
	seen := ringfence.visible with input as reader("provisioner")
	{type | some type, scopes in seen; "all" in scopes} == {"vendor", "product", "service_plan", "user", "group"}
	seen.license == {"held"}
	seen.decision == {"own"}
}

test_only_administrators_see_service_tokens if {
	who_sees := {who | some who, _ in principals; ringfence.visible.service_token with input as reader(who)}
	who_sees == {"global admin", "license admin", "service"}
}

test_roles_add_up if {
	both := json.patch(reader("contract manager"), [{"op": "replace", "path": "/principal/roles", "value": ["CONTRACT_MANAGER", "POLICY_AUTHOR"]}])
	"all" in ringfence.visible.policy with input as both
	"all" in ringfence.visible.contract with input as both
}

test_only_an_analyst_is_kept_from_personal_data if {
	object.keys(ringfence.masked) == {"user", "decision", "event", "feed", "policy"} with input as reader("analyst")
	ringfence.masked.user == {"user_name", "display_name", "email", "external_id"} with input as reader("analyst")
	every who in object.keys(principals) - {"analyst"} {
		ringfence.masked == {} with input as reader(who)
	}
}

test_the_menu if {
	all := {name | some name, about in data.settings.actions; not about.kind in {"policy", "service"}}
	policies := {name | some name, about in data.settings.actions; about.kind == "policy"}
	seats := {name | some name, about in data.settings.actions; about.kind == "seats"}
	contracts := {name | some name, about in data.settings.actions; about.kind == "contracts"}
	allotments := {name | some name, about in data.settings.actions; about.kind == "allotments"}
	ringfence.actions == all with input as reader("license admin")
	ringfence.actions == all | policies with input as reader("global admin")
	ringfence.actions == policies with input as reader("policy author")
	ringfence.actions == contracts with input as reader("contract manager")
	ringfence.actions == seats with input as reader("delegate")
	ringfence.actions == seats | allotments with input as reader("delegate") with data.settings.delegation as subdelegation
	ringfence.actions == object.keys(data.settings.actions) with input as reader("service")
	ringfence.actions == {name | some name, about in data.settings.actions; about.kind == "directory"} with input as reader("provisioner")
	every who in ["auditor", "analyst", "user"] {
		ringfence.actions == set() with input as reader(who)
	}
}
