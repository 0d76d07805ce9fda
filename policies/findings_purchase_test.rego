package ringfence_test

import data.ringfence

# WX-20 of semantics.md is in these numbers, too: the service counts, these rules compare.
purchase := {"quantity": 10, "starts_at": 1000000, "days_ahead": 30, "months_ahead": 1, "override": false}

place(more) := request("license admin", "placePurchaseReservation", {"purchase": object.union(purchase, more), "subjects": [], "pools": [e3]})

cancel(who, more) := request(who, "cancelPurchaseReservation", object.union(
	{"subjects": [], "pools": [e3]},
	more,
))

told(request) := findings if {
	found := ringfence.findings with input as request
	findings := {[f.code, f.field, object.get(f, "effect", "deny")] | some f in found}
}

test_a_reservation_within_its_dates if {
	told(place({})) == set()
	told(place({"days_ahead": 0, "months_ahead": 0})) == set()
	told(place({"months_ahead": 6})) == set()
	told(place({"days_to_anniversary": 31, "days_before_anniversary": 61})) == set()
	told(place({"days_to_anniversary": 0, "days_before_anniversary": 0})) == set()
}

test_not_in_the_past_and_not_too_far_ahead if {
	told(place({"days_ahead": -1})) == {["NOT_IN_EFFECT", "startsOn", "deny"]}
	told(place({"months_ahead": 7})) == {["NOT_IN_EFFECT", "startsOn", "deny"]}
	some finding in ringfence.findings with input as place({"months_ahead": 3})
		with data.settings.purchases.months_ahead as 2
	finding.message == "a purchase reservation starts 2 months ahead at the latest"
}

test_nothing_is_placed_before_an_anniversary if {
	every days in [1, 26, 30] {
		told(place({"days_to_anniversary": days})) == {["NOT_IN_EFFECT", "licenseId", "deny"]}
	}
}

test_a_warning_near_an_anniversary if {
	every days in [1, 52, 60] {
		told(place({"days_before_anniversary": days})) == {["NEAR_ANNIVERSARY", "startsOn", "warn"]}
	}
}

test_until_when_a_reservation_is_taken_back if {
	early := {"now": 1000000 - ((72 * 3600) + 1), "purchase": purchase}
	last := {"now": 1000000 - (72 * 3600), "purchase": purchase}
	late := {"now": 1000000 - ((72 * 3600) - 1), "purchase": purchase}
	begun := {"now": 2000000, "purchase": purchase}
	every at in [early, last] {
		told(cancel("contract manager", at)) == set()
	}
	every at in [late, begun] {
		told(cancel("global admin", at)) == {["NOT_IN_EFFECT", "purchaseReservationId", "deny"]}
	}
}

test_who_overrides_the_deadline if {
	at := {"now": 2000000, "purchase": object.union(purchase, {"override": true})}
	told(cancel("global admin", at)) == {["DEADLINE_OVERRIDDEN", "overrideDeadline", "warn"]}
	denied := {["DEADLINE_OVERRIDDEN", "overrideDeadline", "warn"], ["ROLE_REQUIRED", "overrideDeadline", "deny"]}
	every who in ["license admin", "contract manager"] {
		told(cancel(who, at)) == denied
	}
	told(cancel("contract manager", object.union(at, {"now": 0}))) == set()
}

test_other_actions_know_nothing_of_these_dates if {
	told(request("license admin", "fulfillPurchaseReservation", {"purchase": object.union(purchase, {"days_ahead": -9}), "subjects": []})) == set()
}
