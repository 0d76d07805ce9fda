package ringfence

# Why a subject is not served, or served in state ERROR, and why no seat can come from this pool now.

findings contains {
	"code": "PRODUCT_NOT_ELIGIBLE",
	"message": sprintf("%v is %v; only a SUBSCRIPTION has seats and allotments", [input.license.sku, input.license.product_kind]),
	"field": "licenseId",
} if {
	input.license.product_kind != "SUBSCRIPTION"
	needs_subscription
}

needs_subscription if gives == true

needs_subscription if input.action == "createAllotment"

findings contains not_in_effect(pool, "is not in effect yet") if {
	gives == true
	some pool in input.pools
	input.now < pool.starts_at
}

findings contains not_in_effect(pool, "is no longer in effect") if {
	gives == true
	some pool in input.pools
	input.now >= pool.ends_at
}

not_in_effect(pool, what) := {
	"code": "NOT_IN_EFFECT",
	"message": sprintf("%v %v", [pool.name, what]),
	"pool": pool.id,
}

findings contains {
	"code": "USER_DISABLED",
	"message": "the user is disabled",
	"subject": index,
} if {
	gives == true
	some index, subject in input.subjects
	subject.enabled == false
}

findings contains {
	"code": "GUEST_NOT_ALLOWED",
	"message": "guests are not licensed through a group",
	"subject": index,
} if {
	gives == true
	some index, subject in input.subjects
	subject.type == "GUEST"
	subject.via == "group"
	data.settings.guests.license_by_group == false
}

findings contains {
	"code": "OUT_OF_SCOPE",
	"message": sprintf("the user is outside the scope of %v", [pool.name]),
	"subject": index,
	"pool": pool.id,
} if {
	gives == true
	some pool in input.pools
	pool.scope
	some index, subject in input.subjects
	in_scope(subject, pool.scope) == false
}

in_scope(subject, scope) if {
	subject.department in scope.departments
} else if {
	subject.usage_location in scope.countries
} else if {
	some group in subject.groups
	group in scope.groups
} else := false

findings contains {
	"code": "USAGE_LOCATION_NOT_ALLOWED",
	"message": sprintf("%v must not be used in %v", [input.license.sku, location]),
	"effect": "error",
	"subject": index,
} if {
	gives == true
	some location in blocked_locations
	some index, subject in input.subjects
	usage_location(subject) == location
}

blocked_locations contains location if some location in input.license.blocked_locations

blocked_locations contains location if some location in data.settings.usage_location.blocked

usage_location(subject) := subject.usage_location

usage_location(subject) := data.settings.usage_location["default"] if not subject.usage_location

findings contains {
	"code": "MUTUALLY_EXCLUSIVE",
	"message": sprintf("%v and %v exclude each other", [plan, held]),
	"effect": "error",
	"subject": index,
} if {
	gives == true
	some plan in input.license.plans
	family := data.settings.plans.exclusive[plan]
	some index, subject in input.subjects
	some held in subject.held_plans
	held != plan
	data.settings.plans.exclusive[held] == family
}

findings contains {
	"code": "MISSING_DEPENDENCY",
	"message": sprintf("%v needs one of %v", [plan, concat(", ", needed)]),
	"effect": "error",
	"subject": index,
} if {
	gives == true
	some plan in input.license.plans
	needed := data.settings.plans.depends[plan]
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
