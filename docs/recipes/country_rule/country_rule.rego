# In these countries only the products listed may be used. In a country that is not listed there is no such rule.
package ringfence

seat_findings contains {
	"code": "COUNTRY_NOT_ALLOWED",
	"message": sprintf("%v is not for users in %v", [input.license.sku, subject.usage_location]),
	"subject": index,
	"field": "usageLocation",
} if {
	some index, subject in input.subjects
	allowed := data.country_rule.only[subject.usage_location]
	not input.license.sku in allowed
}
