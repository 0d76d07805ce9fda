package four_eyes_test

import data.ringfence

codes(allotment, confirms) := {finding.code | some finding in findings; finding.code == "FOUR_EYES"} if {
	findings := ringfence.allotment_findings with input as object.union(
		{
			"now": 1000000, "action": "createAllotment", "pools": [], "principal": {"name": "Bea"},
			"license": {"product_kind": "SUBSCRIPTION"},
			"allotment": object.union({"unlimited": false, "fields": ["limit"]}, allotment),
		},
		confirms,
	)
}

by_ada(more) := {"confirms": object.union({"same": true, "principal": "ada", "at": 1000000, "codes": ["FOUR_EYES"]}, more)}

test_large_limits if {
	every allotment in [{"limit": 500}, {"limit": 600, "previous_limit": 400}, {"unlimited": true}] {
		codes(allotment, {}) == {"FOUR_EYES"}
		codes(allotment, by_ada({})) == set()
	}
}

test_small_limits_and_lower_ones if {
	every allotment in [{"limit": 499}, {"limit": 600, "previous_limit": 700}, {"limit": 600, "fields": ["name"]}] {
		codes(allotment, {}) == set()
	}
}

test_what_confirms_nothing if {
	every confirms in [
		{"confirms": {"same": false}}, by_ada({"principal": "BEA"}), by_ada({"at": 1000000 - ((72 * 3600) + 1)}),
		by_ada({"codes": ["NOT_DELEGATED", "FOUR_EYES"]}), by_ada({"codes": []}),
	] {
		codes({"limit": 500}, confirms) == {"FOUR_EYES"}
	}
	codes({"limit": 500}, by_ada({"at": 1000000 - (72 * 3600)})) == set()
}
