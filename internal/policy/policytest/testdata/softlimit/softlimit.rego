# A soft limit: seats may go 5 % above the limit of a pool, and at least one seat above it. The ledger adds the warning to
# each seat that it hands out above a limit.
package ringfence

ceiling := {pool.id: high |
	some pool in input.pools
	high := pool.limit + max([1, floor((pool.limit * 5) / 100)])
} if {
	data.settings.actions[input.action].gives == true
}
