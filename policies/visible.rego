package ringfence

# What a principal may see. listed.TYPE says of one row of the type, input.row, whether it is shown; the service translates it into
# a condition of the database, so that nothing else is even counted. Any of the rules is enough, and without one nothing is shown.
# policies/README.md says what can be translated.

# Whole types, for everyone and by role.
listed[kind] if some kind in data.settings.visible.everyone

listed[kind] if {
	some role in tiers_and_roles
	some kind in data.settings.visible.roles[role]
}

# The tier stands for the service itself, which has no roles.
tiers_and_roles contains input.principal.tier

tiers_and_roles contains role if some role in input.principal.roles

# Oneself, one's groups, seats and decisions, and the licenses of these seats.
listed.user if input.row.id == input.principal.user_id

listed.seat if input.row.user_id == input.principal.user_id

listed.license if {
	some seat in input.row.seats
	seat.user_id == input.principal.user_id
}

listed.contract if {
	some license in input.row.licenses
	some seat in license.seats
	seat.user_id == input.principal.user_id
}

listed.group if {
	some membership in input.row.memberships
	membership.user_id == input.principal.user_id
}

listed.decision if lower(input.row.principal) == lower(input.principal.name)

# The allotments one is a delegate of and those below, and what belongs to them.
listed.allotment if input.row.id in input.principal.allotments

listed.license if input.row.id in input.principal.licenses

listed.contract if {
	some license in input.row.licenses
	license.id in input.principal.licenses
}

listed.seat if draws(input.row)

# A seat may be charged elsewhere while one of its reasons draws on a delegate's allotment.
listed.seat if {
	some reason in input.row.reasons
	draws(reason)
}

listed.group_license if draws(input.row)

listed.decision if draws(input.row)

listed.event if draws(input.row)

# Whom one's allotments may serve. Whoever has a seat of them, or waits for one, stays in sight after leaving their scope.
listed.user if input.principal.reach.everyone == true

listed.user if input.row.department in input.principal.reach.departments

listed.user if input.row.usage_location in input.principal.reach.countries

listed.user if {
	some membership in input.row.memberships
	membership.group_id in input.principal.reach.groups
}

listed.user if {
	some seat in input.row.seats
	draws(seat)
}

listed.group if input.principal.reach.everyone == true

listed.group if input.principal.reach.every_group == true

listed.group if input.row.id in input.principal.reach.groups

listed.group if {
	some grant in input.row.group_licenses
	draws(grant)
}

# A row belongs to one of the principal's allotments. The license is named, too, because the indexes begin with it.
draws(row) if {
	row.license_id in input.principal.licenses
	row.allotment_id in input.principal.allotments
}

# A field is masked only if every role that shows everything masks it; whoever has another role with full sight, or
# none that masks, sees it as far as they see the object.
masked[type] contains field if {
	input.principal.tier == "ANALYST"
	some type, fields in data.settings.masked.ANALYST
	some field in fields
}

# What one may do to at least something, for the menus of a client. The decision on a request is what counts.
actions contains name if {
	input.principal.tier in {"GLOBAL_ADMIN", "LICENSE_ADMIN"}
	some name, about in data.settings.actions
	not about.kind in {"service", "policy"}
}

actions contains name if {
	some role in tiers_and_roles
	role in {"GLOBAL_ADMIN", "POLICY_AUTHOR"}
	some name, about in data.settings.actions
	about.kind == "policy"
}

actions contains name if {
	input.principal.tier == "CONTRACT_MANAGER"
	some name, about in data.settings.actions
	about.kind == "contracts"
}

actions contains name if {
	input.principal.tier == "PROVISIONER"
	some name, about in data.settings.actions
	about.kind == "directory"
}

actions contains name if {
	input.principal.tier == "SYSTEM"
	some name, _ in data.settings.actions
}

actions contains name if {
	input.principal.delegate_of == true
	some name, about in data.settings.actions
	about.kind == "seats"
}

actions contains name if {
	input.principal.delegate_of == true
	data.settings.delegation.subdelegate == true
	some name, about in data.settings.actions
	about.kind == "allotments"
}
