package softlimit_test

import data.ringfence

ceiling_of(limit) := ceiling if {
	ceiling := ringfence.ceiling["license:1"] with input as {
		"action": "assignSeats",
		"pools": [{"id": "license:1", "limit": limit}],
	}
}

test_five_percent_and_at_least_one if {
	ceiling_of(10) == 11
	ceiling_of(30) == 31
	ceiling_of(100) == 105
	ceiling_of(0) == 1
}

test_no_soft_limit_for_what_is_no_seat if {
	ringfence.ceiling == {} with input as {"action": "createAllotment", "pools": [{"id": "license:1", "limit": 10}]}
}

test_nothing_above_no_limit if {
	ringfence.ceiling == {} with input as {"action": "assignSeats", "pools": [{"id": "license:1", "unlimited": true}]}
}
