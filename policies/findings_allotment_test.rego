package ringfence_test

import data.ringfence

change := {"mode": "RESERVED", "unlimited": false, "limit": 20, "requested": 20, "fields": []}

create(more, pools) := request("license admin", "createAllotment", {"allotment": object.union(change, more), "subjects": [], "pools": pools})

update(fields, more) := request("license admin", "updateAllotment", {
	"allotment": object.union(change, object.union({"fields": fields}, more)),
	"subjects": [],
	"pools": [london, uk_in_sales, e3],
})

uk_in_sales := object.union(uk, {
	"scope": {"groups": [], "departments": ["Sales", "Legal"], "countries": []},
	"starts_at": 500,
	"ends_at": 2000,
})

found(request) := places if {
	findings := ringfence.findings with input as request
	places := {[f.code, f.field, f.pool] | some f in findings}
}

test_within_its_parent if {
	ringfence.findings == set() with input as create({}, [uk, e3])
	ringfence.findings == set() with input as create({"limit": 60}, [uk, e3])
	ringfence.findings == set() with input as create(
		{"scope": {"groups": [], "departments": ["Sales"], "countries": ["GB"]}, "starts_at": 500, "ends_at": 2000},
		[uk_in_sales, e3],
	)
}

test_only_a_subscription_has_allotments if {
	perpetual := object.union(create({}, [e3]), {"license": {"product_kind": "PERPETUAL"}})
	codes(ringfence.findings) == {"PRODUCT_NOT_ELIGIBLE"} with input as perpetual
	ringfence.findings == set() with input as object.union(update([], {}), {"license": {"product_kind": "PERPETUAL"}})
}

test_a_limit_above_the_parent if {
	some finding in ringfence.findings with input as create({"limit": 61}, [uk, e3])
	finding.code == "LIMIT_EXCEEDS_PARENT"
	finding.pool == "allotment:33"
	[finding.limit, finding.requested, finding.short_by] == [60, 61, 1]
}

test_a_limit_above_a_grandparent if {
	open_parent := object.union(object.remove(uk, ["limit", "available"]), {"unlimited": true})
	found(create({"limit": 300}, [open_parent, e3])) == {["LIMIT_EXCEEDS_PARENT", "limit", "license:12"]}
}

test_no_limit_below_a_limited_parent if {
	boundless := object.remove(create({"unlimited": true}, [uk, e3]).allotment, ["limit"])
	request := json.patch(create({}, [uk, e3]), [{"op": "replace", "path": "/allotment", "value": boundless}])
	found(request) == {["LIMIT_EXCEEDS_PARENT", "limit", "allotment:33"], ["LIMIT_EXCEEDS_PARENT", "limit", "license:12"]}
}

test_a_scope_wider_than_the_parent if {
	wide := {"scope": {"groups": [], "departments": ["Sales", "IT"], "countries": []}}
	found(create(wide, [uk_in_sales, e3])) == {["SCOPE_EXCEEDS_PARENT", "scope", "allotment:33"]}
	found(create({}, [uk_in_sales, e3])) == {["SCOPE_EXCEEDS_PARENT", "scope", "allotment:33"]}
}

test_a_scope_wider_than_a_grandparent if {
	narrow := object.union(london, {"scope": {"groups": [9], "departments": [], "countries": []}})
	wide := {"scope": {"groups": [9], "departments": ["IT"], "countries": []}}
	found(create(wide, [narrow, uk_in_sales, e3])) == {["SCOPE_EXCEEDS_PARENT", "scope", "allotment:33"]}
}

test_dates_outside_the_parent if {
	scope := {"scope": {"groups": [], "departments": ["Sales"], "countries": []}}
	every date in [499, 2001] {
		found(create(object.union(scope, {"starts_at": date}), [uk_in_sales, e3])) == {["NOT_IN_EFFECT", "startsAt", "allotment:33"]}
		found(create(object.union(scope, {"ends_at": date}), [uk_in_sales, e3])) == {["NOT_IN_EFFECT", "endsAt", "allotment:33"]}
	}
}

test_an_update_is_held_to_what_it_changes if {
	ringfence.findings == set() with input as update(["name"], {"limit": 61, "starts_at": 1})
	found(update(["limit"], {"limit": 61})) == {["LIMIT_EXCEEDS_PARENT", "limit", "allotment:33"]}
	found(update(["scope"], {})) == {["SCOPE_EXCEEDS_PARENT", "scope", "allotment:33"]}
	found(update(["startsAt"], {"starts_at": 1, "ends_at": 1})) == {["NOT_IN_EFFECT", "startsAt", "allotment:33"]}
}

test_an_allotment_is_not_its_own_parent if {
	ringfence.findings == set() with input as update(["limit"], {"limit": 30})
}
