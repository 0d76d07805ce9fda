# Nobody gives a seat to themself, not even an administrator. Somebody else may.
package ringfence

seat_findings contains {
	"code": "SELF_ASSIGNMENT",
	"message": "nobody gives a seat to themself",
	"subject": index,
} if {
	input.action == "assignSeats"
	some index, subject in input.subjects
	subject.user_id == input.principal.user_id
}
