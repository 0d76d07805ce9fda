package ringfence_test

import data.ringfence

giving := {action | some action, about in data.settings.actions; about.gives == true}

taking := {"unassignSeats", "unlicenseGroup", "excludeFromGroupLicense"}

test_only_a_subscription_has_seats if {
	every kind in ["PERPETUAL", "STORE_APP", "CLOUD_RESOURCE"] {
		codes(ringfence.findings) == {"PRODUCT_NOT_ELIGIBLE"} with input as seat({"license": {"product_kind": kind}})
	}
}

test_not_yet_and_no_longer_in_effect if {
	early := seat({"window": {"open": false, "starts_at": 1001}, "pools": [london, object.union(uk, {"starts_at": 1001}), e3]})
	late := seat({"window": {"open": false, "ends_at": 1000}, "pools": [object.union(london, {"ends_at": 1000}), uk, e3]})
	{[f.code, f.pool, f.message] | some f in ringfence.findings} == {["NOT_IN_EFFECT", "allotment:33", "UK is not in effect yet"]} with input as early
	{[f.code, f.pool, f.message] | some f in ringfence.findings} == {["NOT_IN_EFFECT", "allotment:34", "London is no longer in effect"]} with input as late
}

test_in_effect_from_the_first_second_to_the_last if {
	pools := [object.union(london, {"starts_at": 1000, "ends_at": 1001}), uk, e3]
	ringfence.findings == set() with input as seat({"window": {"open": false, "starts_at": 1000, "ends_at": 1001}, "pools": pools})
}

test_disabled_users_get_no_seat if {
	codes_of(ringfence.findings, 0) == {"USER_DISABLED"} with input as subject({"enabled": false})
}

test_guests_are_licensed_directly_only if {
	ringfence.findings == set() with input as subject({"type": "GUEST"})
	codes_of(ringfence.findings, 0) == {"GUEST_NOT_ALLOWED"} with input as subject({"type": "GUEST", "via": "group"})
	ringfence.findings == set() with input as subject({"type": "GUEST", "via": "group"}) with data.settings.guests as {"license_by_group": true}
	ringfence.findings == set() with input as subject({"via": "group"})
}

scoped(scope, more) := seat({
	"pools": [london, object.union(uk, {"scope": object.union({"groups": [], "departments": [], "countries": []}, scope)}), e3],
	"subjects": [object.union(ann, more)],
})

test_one_match_is_in_scope if {
	ringfence.findings == set() with input as scoped({"departments": ["Sales"], "countries": ["FR"]}, {})
	ringfence.findings == set() with input as scoped({"departments": ["Legal"], "countries": ["GB"]}, {})
	ringfence.findings == set() with input as scoped({"groups": [5, 6], "countries": ["FR"]}, {"groups": [6]})
}

test_no_match_is_out_of_scope_of_any_pool_in_the_chain if {
	found := ringfence.findings with input as scoped({"groups": [5], "departments": ["Legal"], "countries": ["FR"]}, {"groups": [6]})
	{[f.code, f.pool, f.subject] | some f in found} == {["OUT_OF_SCOPE", "allotment:33", 0]}
}

test_a_user_without_department_and_location_is_in_no_scope if {
	nobody := seat({
		"pools": [object.union(london, {"scope": {"groups": [], "departments": ["Sales"], "countries": ["GB"]}}), uk, e3],
		"subjects": [object.remove(ann, ["department", "usage_location"])],
	})
	codes_of(ringfence.findings, 0) == {"OUT_OF_SCOPE"} with input as nobody
}

group_request(who, scope) := request(who, "licenseGroup", {
	"group": {"id": 5, "members": 3},
	"subjects": [],
	"pools": [object.union(london, {"scope": object.union({"groups": [], "departments": [], "countries": []}, scope)}), uk, e3],
})

test_a_delegate_licenses_only_groups_that_can_be_meant if {
	codes(ringfence.findings) == {"OUT_OF_SCOPE"} with input as group_request("delegate", {"groups": [6]})
	ringfence.findings == set() with input as group_request("delegate", {"groups": [5, 6]})
	ringfence.findings == set() with input as group_request("delegate", {"groups": [6], "departments": ["Sales"]})
	ringfence.findings == set() with input as group_request("delegate", {"countries": ["GB"]})
	ringfence.findings == set() with input as group_request("license admin", {"groups": [6]})
}

test_a_location_that_the_license_or_the_settings_bar if {
	barred := {"license": {"blocked_locations": ["KP", "GB"]}}
	settings := {"blocked": ["GB"], "default": ""}
	found := ringfence.findings with input as seat(barred)
	{[f.code, f.effect, f.subject, f.field] | some f in found} == {["USAGE_LOCATION_NOT_ALLOWED", "error", 0, "usageLocation"]}
	codes_of(ringfence.findings, 0) == {"USAGE_LOCATION_NOT_ALLOWED"} with input as seat({}) with data.settings.usage_location as settings
	ringfence.findings == set() with input as subject({"usage_location": "FR"}) with data.settings.usage_location as settings
}

test_a_missing_location_is_that_of_the_organization if {
	unplaced := seat({"license": {"blocked_locations": ["KP"]}, "subjects": [object.remove(ann, ["usage_location"])]})
	ringfence.findings == set() with input as unplaced
	codes_of(ringfence.findings, 0) == {"USAGE_LOCATION_NOT_ALLOWED"} with input as unplaced
		with data.settings.usage_location as {"blocked": [], "default": "KP"}
}

test_plans_of_one_family_exclude_each_other if {
	found := ringfence.findings with input as subject({"held_plans": ["EXCHANGE_S_STANDARD", "SHAREPOINTSTANDARD"]})
	{[f.code, f.effect, f.subject] | some f in found} == {["MUTUALLY_EXCLUSIVE", "error", 0]}
	ringfence.findings == set() with input as subject({"held_plans": ["EXCHANGE_S_ENTERPRISE"]})
	ringfence.findings == set() with input as subject({"held_plans": ["MCOSTANDARD", "SHAREPOINTSTANDARD"]})
}

test_a_plan_that_needs_another if {
	phone := {"license": {"plans": ["MCOEV"]}}
	found := ringfence.findings with input as seat(phone)
	{[f.code, f.effect, f.subject] | some f in found} == {["MISSING_DEPENDENCY", "error", 0]}
	ringfence.findings == set() with input as object.union(subject({"held_plans": ["TEAMS1"]}), phone)
	ringfence.findings == set() with input as seat({"license": {"plans": ["MCOEV", "MCOSTANDARD"]}})
}

test_findings_name_their_subject if {
	found := ringfence.findings with input as seat({"subjects": [ann, object.union(ann, {"enabled": false}), ann]})
	codes_of(found, 0) == set()
	codes_of(found, 1) == {"USER_DISABLED"}
	codes_of(found, 2) == set()
}

# Everything that gives a seat goes through the same gate, the service included; what takes a seat away is never held up.
test_every_action_that_gives_is_held_to_the_rules if {
	count(giving) > 0
	every action in giving {
		codes_of(ringfence.findings, 0) == {"USER_DISABLED"} with input as request("service", action, {"subjects": [object.union(ann, {"enabled": false})]})
	}
	every action in taking {
		ringfence.findings == set() with input as request("service", action, {"subjects": [object.union(ann, {"enabled": false})]})
	}
}

test_the_short_cut_of_ordinary_subjects if {
	"USER_DISABLED" in codes_of(ringfence.findings, 0) with input as object.union(subject({"enabled": false}), {"ordinary": false})
	"USER_DISABLED" in codes_of(ringfence.findings, 0) with input as subject({"enabled": false})
	ringfence.findings == set() with input as object.union(subject({"enabled": false}), {"ordinary": true})
}
