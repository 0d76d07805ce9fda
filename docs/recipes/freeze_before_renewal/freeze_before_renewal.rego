# In the last days before a license ends nobody but a GLOBAL_ADMIN gives out seats or makes or changes allotments of it, so that
# the numbers stand still for the renewal. The service goes on serving the queue.
package ringfence

findings contains {
	"code": "FROZEN",
	"message": sprintf("%v is frozen from %v days before it ends", [input.license.sku, data.freeze_before_renewal.days]),
	"field": "licenseId",
} if {
	input.license.ends_at - input.now < data.freeze_before_renewal.days * 86400
	freezing
	not input.principal.tier in {"GLOBAL_ADMIN", "SYSTEM"}
}

freezing if data.settings.actions[input.action].gives == true

freezing if data.settings.actions[input.action].kind == "allotments"
