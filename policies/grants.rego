package ringfence

# Who may act at all. Each rule grants on its own and there is no rule that grants by default, so that deleting one
# can only narrow access.

grants contains "administrator" if {
	input.principal.tier in {"GLOBAL_ADMIN", "LICENSE_ADMIN"}
	action.kind != "service"
}

grants contains "contract manager" if {
	input.principal.tier == "CONTRACT_MANAGER"
	action.kind == "contracts"
}

# Promotion, repair and imports on the command line. Findings about subjects hold for the service, too.
grants contains "service" if {
	input.principal.tier == "SYSTEM"
	action
}

# A delegate gives out the seats of their allotment and of those below it.
grants contains "delegate" if {
	action.kind == "seats"
	some pool in input.pools
	pool.delegate == true
}

# A delegate divides their allotment further, if the settings let delegates delegate. For an existing allotment the
# first pool is the allotment itself, whose own limit, scope and delegates are not theirs to change.
grants contains "subdelegate" if {
	data.settings.delegation.subdelegate == true
	some pool in above_the_target
	pool.delegate == true
}

above_the_target := input.pools if input.action == "createAllotment"

above_the_target := array.slice(input.pools, 1, 16) if input.action in {"updateAllotment", "deleteAllotment"}

# Why nothing granted. It is worked out only then.
findings contains refusal if {
	count(grants) == 0
	refusal := {"code": reason.code, "message": reason.message}
}

reason := {
	"code": "ROLE_REQUIRED",
	"message": sprintf("the policy knows no action %v", [input.action]),
} if {
	not action
} else := {
	"code": "READ_ONLY",
	"message": sprintf("the role %v reads and changes nothing", [input.principal.tier]),
} if {
	input.principal.tier in {"AUDITOR", "ANALYST"}
	input.principal.delegate_of == false
} else := {
	"code": "NOT_DELEGATED",
	"message": sprintf("%v is neither an administrator nor a delegate of %v", [input.principal.name, target.name]),
} if {
	delegable
} else := {
	"code": "ROLE_REQUIRED",
	"message": sprintf("%v needs a role that %v does not have", [input.action, input.principal.name]),
}

delegable if action.kind == "seats"

delegable if {
	action.kind == "allotments"
	data.settings.delegation.subdelegate == true
}

default target := {"name": "this pool"}

target := input.pools[0]
