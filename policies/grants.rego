package ringfence

# Who may act at all. Each rule grants on its own and none grants by default, so that deleting one can only narrow
# access.

grants contains "administrator" if {
	input.principal.tier in {"GLOBAL_ADMIN", "LICENSE_ADMIN"}
	kind != "service"
	kind != "policy"
}

# Policies are the affair of global administrators and of policy authors, whatever other role these have; a license administrator could
# otherwise give themself whatever the policy keeps from them.
grants contains "policy author" if {
	kind == "policy"
	input.principal.tier == "GLOBAL_ADMIN"
}

grants contains "policy author" if {
	kind == "policy"
	"POLICY_AUTHOR" in input.principal.roles
}

grants contains "contract manager" if {
	input.principal.tier == "CONTRACT_MANAGER"
	kind == "contracts"
}

# A provisioning client keeps the directory up to date, and nothing else.
grants contains "provisioner" if {
	input.principal.tier == "PROVISIONER"
	kind == "directory"
}

# Promotion, repair and imports on the command line. What is found about subjects holds for the service, too.
grants contains "service" if {
	input.principal.tier == "SYSTEM"
	kind
}

# A delegate gives out the seats of their allotment and of those below it.
grants contains "delegate" if {
	input.principal.delegate_here == true
	kind == "seats"
}

grants contains "delegate" if {
	input.principal.delegate_above == true
	kind == "seats"
}

# A delegate divides their allotment further, if the settings let delegates delegate.
grants contains "subdelegate" if {
	input.action == "createAllotment"
	data.settings.delegation.subdelegate == true
	some pool in input.pools
	pool.delegate == true
}

# The limit, scope and delegates of one's own allotment are the affair of those above; hence only from above.
grants contains "subdelegate" if {
	input.action in {"updateAllotment", "deleteAllotment"}
	data.settings.delegation.subdelegate == true
	input.principal.delegate_above == true
}

# Why nothing granted.
reason := {
	"code": "ROLE_REQUIRED",
	"message": sprintf("the policy knows no action %v", [input.action]),
} if {
	not kind
} else := {
	"code": "READ_ONLY",
	"message": sprintf("the role %v reads and changes nothing", [input.principal.tier]),
} if {
	input.principal.tier in {"AUDITOR", "ANALYST"}
	input.principal.delegate_of == false
} else := {
	"code": "NOT_DELEGATED",
	"message": sprintf("%v is not a delegate of %v", [input.principal.name, input.pools[0].name]),
	"pool": input.pools[0].id,
} if {
	delegable
} else := {
	"code": "ROLE_REQUIRED",
	"message": sprintf("%v has no role that permits %v", [input.principal.name, input.action]),
}

delegable if kind == "seats"

delegable if {
	kind == "allotments"
	data.settings.delegation.subdelegate == true
}
