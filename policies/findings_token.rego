package ringfence

# Which roles a service token may have: those of who makes it, and those that the settings let them give. Nobody makes a
# token that can do more than they can.

token_findings contains {
	"code": "ROLE_REQUIRED",
	"message": sprintf("%v may not give a token the role %v", [input.principal.name, role]),
	"field": "roles",
} if {
	some role in input.args.roles
	not may_give(role)
}

may_give(role) if role in input.principal.roles

may_give(role) if {
	some own in input.principal.roles
	role in data.settings.tokens.gives[own]
}

# The operator of the server, on the command line.
may_give(_) if input.principal.tier == "SYSTEM"
