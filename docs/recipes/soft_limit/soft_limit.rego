# Seats may go 5 % above the limit of a pool, and at least one above it. The service warns of each seat it gives out above
# a limit, and denies the first one above the ceiling.
package ringfence

ceiling := {pool.id: high |
	some pool in input.pools
	high := pool.limit + max([data.soft_limit.at_least, floor((pool.limit * data.soft_limit.percent) / 100)])
} if {
	data.settings.actions[input.action].gives == true
}
