# Some products are only for members of a group: those who had the training. The list `groups` tells the service which groups
# the rules want to know of; subject.member_of then names those that a user is a direct member of.
package ringfence

seat_findings contains {
	"code": "TRAINING_REQUIRED",
	"message": sprintf("%v is only for members of %v", [input.license.sku, group]),
	"subject": index,
} if {
	group := data.training.required[input.license.sku]
	some index, subject in input.subjects
	not group in object.get(subject, "member_of", [])
}
