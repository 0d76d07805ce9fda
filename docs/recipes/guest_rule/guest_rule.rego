# Guests never get these products, whoever asks and whether directly or through a group.
package ringfence

seat_findings contains {
	"code": "GUEST_NOT_ALLOWED",
	"message": sprintf("guests do not get %v", [input.license.sku]),
	"subject": index,
} if {
	input.license.sku in data.guest_rule.not_for_guests
	some index, subject in input.subjects
	subject.type == "GUEST"
}
