# The default policy of Ringfence. The service asks for data.ringfence.decision once per request, inside the transaction
# that will write. An answer that lacks one of the four keys, or has another, denies.
#
# How it is written is most of its latency: facts come in input, data holds settings only; a rule begins with the
# comparison that rules it out, against input where possible, because OPA then does not even open it; reasons are worked
# out after a check has failed; findings about seats are collected apart, so that they are skipped as one.
package ringfence

# grants: names of the rules that grant; none denies. findings: what refuses the request or a subject, or warns.
decision := {
	"grants": grants,
	"findings": findings,
	"ceiling": ceiling,
	"priority": priority,
}

# How high used + reserved of a pool may go. A pool that is absent stops at its limit; a soft limit, in a file of its own,
# answers {"allotment:34": 105}.
default ceiling := {}

# The place in the queue, higher first: one number for all, so that all wait alike, or, by a rule in a file of its own, an
# object from a subject's index to a number.
default priority := 0

# What the settings say about the action. It is undefined for an action that they do not list, so that nothing grants it.
kind := data.settings.actions[input.action].kind

# Nothing granted. The reason is worked out only then.
findings contains reason if {
	grants == set()
}

# The action gives seats to its subjects.
findings contains finding if {
	data.settings.actions[input.action].gives == true
	some finding in seat_findings
}

# The action gives a service roles.
findings contains finding if {
	input.action == "createServiceToken"
	some finding in token_findings
}

# The action makes or changes an allotment.
findings contains finding if {
	input.action in {"createAllotment", "updateAllotment"}
	some finding in allotment_findings
}

# The action is about units that are committed for a date.
findings contains finding if {
	input.action in {"placePurchaseReservation", "cancelPurchaseReservation"}
	some finding in purchase_findings
}

# The action is about what there will be after a renewal.
findings contains finding if {
	input.action in {"planRenewal", "renewContract"}
	some finding in renewal_findings
}
