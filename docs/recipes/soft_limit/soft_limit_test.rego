package soft_limit_test

import data.ringfence

ceiling(action, pool) := high if high := ringfence.ceiling with input as {"action": action, "pools": [pool]}

test_five_percent_and_at_least_one if {
	every limit, high in {0: 1, 10: 11, 30: 31, 100: 105} {
		ceiling("assignSeats", {"id": "license:1", "limit": limit}) == {"license:1": high}
	}
}

test_the_settings_say_how_much if {
	settings := {"percent": 10, "at_least": 0}
	ringfence.ceiling == {"license:1": 110} with data.soft_limit as settings
		with input as {"action": "assignSeats", "pools": [{"id": "license:1", "limit": 100}]}
}

test_nothing_above_no_limit_and_nothing_for_what_gives_no_seat if {
	ceiling("assignSeats", {"id": "license:1", "unlimited": true}) == {}
	ceiling("createAllotment", {"id": "license:1", "limit": 10}) == {}
}
