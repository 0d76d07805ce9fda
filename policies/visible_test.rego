package ringfence_test

import data.ringfence

reader(who) := {"action": "read", "principal": object.remove(principals[who], ["delegate_here", "delegate_above"])}

# One row is put before a list rule, with what the directory says of a delegate.
showing(who, row) := object.union(reader(who), {"row": row})

delegate_of(reach, row) := object.union(showing("delegate", row), {"principal": {
	"allotments": [33, 34], "licenses": [12],
	"reach": object.union({"everyone": false, "every_group": false, "groups": [], "departments": [], "countries": []}, reach),
}})

types := {
	"vendor", "product", "service_plan", "contract", "license", "allotment", "seat", "group_license", "user", "group",
	"decision", "event", "feed", "policy", "deployment", "allocation", "purchase_reservation",
}

catalogue := {"vendor", "product", "service_plan"}

# Of a row that says nothing of itself only those are shown who are shown everything.
whole(who) := types_of(listed) if listed := ringfence.listed with input as showing(who, {})

types_of(listed) := {type | some type, true in listed}

test_who_sees_everything if {
	every who in ["global admin", "license admin", "auditor", "analyst", "service"] {
		whole(who) - {"service_token"} == types
	}
}

test_who_sees_whole_types if {
	whole("user") == catalogue
	whole("delegate") == catalogue
	whole("contract manager") == catalogue | {"contract", "license", "deployment", "allocation", "purchase_reservation", "allotment"}
	whole("policy author") == catalogue | {"decision", "policy"}
	whole("provisioner") == catalogue | {"user", "group"}
}

test_what_every_user_sees if {
	ringfence.listed.user with input as showing("user", {"id": 7})
	not ringfence.listed.user with input as showing("user", {"id": 8})
	ringfence.listed.seat with input as showing("user", {"user_id": 7})
	not ringfence.listed.seat with input as showing("user", {"user_id": 8})
	ringfence.listed.license with input as showing("user", {"seats": [{"user_id": 8}, {"user_id": 7}]})
	not ringfence.listed.license with input as showing("user", {"seats": [{"user_id": 8}]})
	ringfence.listed.contract with input as showing("user", {"licenses": [{"seats": [{"user_id": 7}]}]})
	not ringfence.listed.contract with input as showing("user", {"licenses": [{"seats": [{"user_id": 8}]}]})
	ringfence.listed.group with input as showing("user", {"memberships": [{"user_id": 7}]})
	not ringfence.listed.group with input as showing("user", {"memberships": [{"user_id": 8}]})
	ringfence.listed.decision with input as showing("user", {"principal": "KIM"})
	not ringfence.listed.decision with input as showing("user", {"principal": "lee"})
}

test_nobody_of_the_directory_is_shown_no_row if {
	nobody := json.patch(showing("user", {"id": 0, "user_id": 0}), [{"op": "remove", "path": "/principal/user_id"}])
	not ringfence.listed.user with input as nobody
	not ringfence.listed.seat with input as nobody
}

test_a_delegate_also_sees_what_is_delegated if {
	mine := {"license_id": 12, "allotment_id": 34}
	ringfence.listed.allotment with input as delegate_of({}, {"id": 33})
	ringfence.listed.license with input as delegate_of({}, {"id": 12})
	ringfence.listed.contract with input as delegate_of({}, {"licenses": [{"id": 12}]})
	every type in ["seat", "group_license", "decision", "event"] {
		ringfence.listed[type] with input as delegate_of({}, mine)
	}
	ringfence.listed.seat with input as delegate_of({}, {"license_id": 12, "allotment_id": 0, "reasons": [mine]})
	ringfence.listed.user with input as delegate_of({}, {"id": 8, "seats": [mine]})
	ringfence.listed.group with input as delegate_of({}, {"id": 8, "group_licenses": [mine]})
}

test_a_delegate_sees_nothing_else if {
	other := {"id": 8, "license_id": 12, "allotment_id": 35}
	every type in types - catalogue {
		not ringfence.listed[type] with input as delegate_of({}, other)
	}
	not ringfence.listed.seat with input as delegate_of({}, object.union(other, {"reasons": [other]}))
	not ringfence.listed.user with input as delegate_of({}, object.union(other, {"seats": [other], "memberships": [{"group_id": 4}]}))
}

test_a_delegate_sees_whom_the_allotments_serve if {
	ann_in_sales := {"id": 8, "department": "Sales", "usage_location": "GB", "memberships": [{"group_id": 4}]}
	not ringfence.listed.user with input as delegate_of({}, ann_in_sales)
	every reach in [{"departments": ["Sales"]}, {"countries": ["GB"]}, {"groups": [4]}, {"everyone": true}] {
		ringfence.listed.user with input as delegate_of(reach, ann_in_sales)
	}
	every reach in [{"groups": [8]}, {"every_group": true}, {"everyone": true}] {
		ringfence.listed.group with input as delegate_of(reach, {"id": 8})
	}
	not ringfence.listed.group with input as delegate_of({"departments": ["Sales"]}, {"id": 8})
}

test_only_administrators_see_tokens_of_services if {
	who_sees := {who | some who, _ in principals; "service_token" in whole(who)}
	who_sees == {"global admin", "license admin", "service"}
}

test_roles_add_up if {
	both := json.patch(showing("contract manager", {}), [{"op": "replace", "path": "/principal/roles", "value": ["CONTRACT_MANAGER", "POLICY_AUTHOR"]}])
	ringfence.listed.policy with input as both
	ringfence.listed.contract with input as both
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
