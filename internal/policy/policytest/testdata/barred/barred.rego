# A house rule in a file of its own: nobody whose usage location is one of these gets a seat, whatever the product.
package ringfence

barred_countries := {"KP", "SY"}

seat_findings contains {
	"code": "COUNTRY_BARRED",
	"message": sprintf("nobody in %v gets a seat", [subject.usage_location]),
	"subject": index,
	"field": "usageLocation",
} if {
	some index, subject in input.subjects
	subject.usage_location in barred_countries
}
