# A new rule in two steps: until a day it only warns, from then on it denies (UTC). Here: service accounts get no seat. The rule is
# written once; only the day decides.
package ringfence

seat_findings contains {
	"code": "NO_SERVICE_ACCOUNTS",
	"message": sprintf("from %v on service accounts get no seat", [data.announced.denied_from]),
	"effect": announced_effect,
	"subject": index,
} if {
	some index, subject in input.subjects
	subject.type == "SERVICE_ACCOUNT"
}

announced_effect := "warn" if {
	substring(time.format(input.now * 1000000000), 0, 10) < data.announced.denied_from
} else := "deny"
