# The default policy of Ringfence. The service asks for data.ringfence.decision once per request, inside the
# transaction that will write. Whatever this answers beyond the four keys below, or fails to answer, denies.
package ringfence

# grants: names of the rules that grant; none denies. findings: what refuses the request or a subject, or warns.
# ceiling: how high used + reserved of a pool may go; a pool that is absent stops at its limit. priority: place in the
# queue, higher first; one number for all, or an object from a subject's index to a number.
decision := {
	"grants": grants,
	"findings": findings,
	"ceiling": ceiling,
	"priority": priority,
}

# No pool may go above its limit. A soft limit answers {"allotment:34": 105} here.
ceiling := {}

# All wait alike: first come, first served.
priority := 0

# What the settings say about the action. Undefined for an action they do not list, so that nothing grants it.
action := data.settings.actions[input.action]

default gives := false

# The action gives seats to its subjects, rather than taking them.
gives := action.gives
