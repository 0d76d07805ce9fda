# Nobody but a GLOBAL_ADMIN changes anything in these hours. What the service does by itself goes on.
package ringfence

findings contains {
	"code": "MAINTENANCE",
	"message": sprintf("nothing is changed until %v: %v", [window.until, window.why]),
} if {
	not input.principal.tier in {"GLOBAL_ADMIN", "SYSTEM"}
	now := time.format(input.now * 1000000000)
	some window in data.maintenance_window
	now >= window.from
	now < window.until
}
