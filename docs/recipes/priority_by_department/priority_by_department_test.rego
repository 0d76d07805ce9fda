package priority_by_department_test

import data.ringfence

test_departments_have_ranks if {
	users := [{"department": "Support"}, {"department": "Sales"}, {}, {"department": "Board"}]
	ringfence.priority == {0: 50, 3: 100} with input as {"action": "promoteSeats", "subjects": users}
}

test_no_queue_no_rank if {
	ringfence.priority == 0 with input as {"action": "createAllotment", "subjects": []}
}
