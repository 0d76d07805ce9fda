package ringfence

# Why no seat can come from this pool now, or a subject is not served, or served in state ERROR. That a pool is full is
# not found here: the ledger counts.

seat_findings contains product_not_eligible if input.license.product_kind != "SUBSCRIPTION"

product_not_eligible := {
	"code": "PRODUCT_NOT_ELIGIBLE",
	"message": sprintf("%v is %v; only a SUBSCRIPTION has allotments and seats", [input.license.sku, input.license.product_kind]),
	"field": "licenseId",
} if {
	input.license.product_kind != "SUBSCRIPTION"
}

# The window is open while all pools of the chain are in effect. Which of them is not is worked out afterwards.
seat_findings contains finding if {
	input.window.open == false
	some finding in outside_the_window
}

outside_the_window contains not_in_effect(pool, "is not in effect yet") if {
	some pool in input.pools
	input.now < pool.starts_at
}

outside_the_window contains not_in_effect(pool, "is no longer in effect") if {
	some pool in input.pools
	input.now >= pool.ends_at
}

not_in_effect(pool, what) := {
	"code": "NOT_IN_EFFECT",
	"message": sprintf("%v %v", [pool.name, what]),
	"pool": pool.id,
}

# Members are checked one by one. A scope that names only groups can also tell at once that a group is not meant.
seat_findings contains finding if {
	input.action in {"licenseGroup", "swapGroupLicense"}
	grants == {"delegate"}
	some pool in input.pools
	pool.scope.departments == []
	pool.scope.countries == []
	not input.group.id in pool.scope.groups
	finding := {
		"code": "OUT_OF_SCOPE",
		"message": sprintf("the group is outside the scope of %v", [pool.name]),
		"pool": pool.id,
		"field": "groupId",
	}
}

# The input says when every subject is an enabled member or service account within the scope of the whole chain. Who is not is
# looked for only then, and in an input that does not say.
seat_findings contains finding if {
	not input.ordinary
	some finding in subject_findings
}

subject_findings contains {
	"code": "USER_DISABLED",
	"message": "the user is disabled",
	"subject": index,
} if {
	some index, subject in input.subjects
	subject.enabled == false
}

subject_findings contains {
	"code": "GUEST_NOT_ALLOWED",
	"message": "guests are not licensed through a group",
	"subject": index,
} if {
	some index, subject in input.subjects
	subject.type == "GUEST"
	subject.via == "group"
	allowed := data.settings.guests.license_by_group
	allowed == false
}

# One match is enough. What a user lacks, a department or a usage location, matches nothing: hence the 0, which no list of
# strings contains.
subject_findings contains {
	"code": "OUT_OF_SCOPE",
	"message": sprintf("the user is outside the scope of %v", [pool.name]),
	"subject": index,
	"pool": pool.id,
} if {
	some pool in input.pools
	scope := pool.scope
	some index, subject in input.subjects
	not object.get(subject, "department", 0) in scope.departments
	not object.get(subject, "usage_location", 0) in scope.countries
	not any_group(subject, scope)
}

any_group(subject, scope) if {
	some group in subject.groups
	group in scope.groups
}

seat_findings contains finding if {
	some location in input.license.blocked_locations
	some finding in barred(location)
}

seat_findings contains finding if {
	some location in data.settings.usage_location.blocked
	some finding in barred(location)
}

# A subject without a usage location is taken to be where the settings say the organization is.
barred(location) := {finding |
	some index, subject in input.subjects
	location == object.get(subject, "usage_location", data.settings.usage_location["default"])
	finding := {
		"code": "USAGE_LOCATION_NOT_ALLOWED",
		"message": sprintf("%v must not be used in %v", [input.license.sku, location]),
		"effect": "error",
		"subject": index,
		"field": "usageLocation",
	}
}

# Plans of one family exclude each other. The same plan out of two licenses is no conflict.
seat_findings contains {
	"code": "MUTUALLY_EXCLUSIVE",
	"message": sprintf("%v excludes %v, which the user holds", [plan, held]),
	"effect": "error",
	"subject": index,
} if {
	some index, subject in input.subjects
	some held in subject.held_plans
	family := data.settings.plans.exclusive
	family[held]
	some plan in input.license.plans
	plan != held
	family[plan] == family[held]
}

# A plan needs one of a list, out of this license or another of the user's.
seat_findings contains {
	"code": "MISSING_DEPENDENCY",
	"message": sprintf("%v needs one of %v", [plan, concat(", ", needed)]),
	"effect": "error",
	"subject": index,
} if {
	depends := data.settings.plans.depends
	some plan in input.license.plans
	needed := depends[plan]
	some index, subject in input.subjects
	has_any(needed, subject) == false
}

has_any(needed, subject) if {
	some plan in needed
	plan in input.license.plans
} else if {
	some plan in needed
	plan in subject.held_plans
} else := false
