package no_self_assignment_test

import data.ringfence

found(action, principal) := {[finding.code, finding.subject] | some finding in findings; finding.code == "SELF_ASSIGNMENT"} if {
	findings := ringfence.seat_findings with input as {
		"action": action, "ordinary": true, "window": {"open": true}, "pools": [], "principal": {"user_id": principal},
		"license": {"product_kind": "SUBSCRIPTION", "plans": []},
		"subjects": [{"user_id": 1, "held_plans": []}, {"user_id": 2, "held_plans": []}],
	}
}

test_not_to_themself if {
	found("assignSeats", 2) == {["SELF_ASSIGNMENT", 1]}
	found("assignSeats", 3) == set()
	found("assignSeats", 0) == set()
}

test_the_queue_knows_no_self if {
	found("promoteSeats", 2) == set()
}
