package ringfence

# What a principal may see, as named scopes per type. The service translates the names into conditions of the database:
#   all        everything of the type
#   delegated  the allotments one is a delegate of and those below, and what belongs to them
#   held       the licenses, contracts and products of one's own seats
#   self       oneself and one's own seats
#   member     the groups one is in
#   own        one's own decisions
# A type or a name that the service does not know shows nothing. The input has no name and no clock here: the answer is
# kept for all principals with the same roles.

visible[type] contains scope if {
	some type, scopes in data.settings.visible.everyone
	some scope in scopes
}

visible[type] contains scope if {
	input.principal.delegate_of == true
	some type, scopes in data.settings.visible.delegate
	some scope in scopes
}

visible[type] contains scope if {
	some role in tiers_and_roles
	some type, scopes in data.settings.visible.roles[role]
	some scope in scopes
}

# The tier stands for the service itself, which has no roles.
tiers_and_roles contains input.principal.tier

tiers_and_roles contains role if some role in input.principal.roles

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
