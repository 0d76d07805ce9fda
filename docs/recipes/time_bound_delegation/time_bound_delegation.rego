# These people are delegates only from one day to another, both included (UTC). Who may act anyway, by a role, still may.
package ringfence

findings contains {
	"code": "DELEGATION_NOT_IN_EFFECT",
	"message": sprintf("%v is a delegate from %v to %v", [input.principal.name, term.from, term.until]),
} if {
	term := data.time_bound_delegation[lower(input.principal.name)]
	grants & {"administrator", "contract manager"} == set()
	today := substring(time.format(input.now * 1000000000), 0, 10)
	outside(term, today)
}

outside(term, today) if today < term.from

outside(term, today) if today > term.until
