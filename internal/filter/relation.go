package filter

// kindOf names the types of rows by their tables.
var kindOf = map[string]string{
	"allocations": "allocation", "allotments": "allotment", "contracts": "contract", "decisions": "decision", "deployments": "deployment",
	"events": "event", "feeds": "feed", "groups": "group", "group_licenses": "group_license", "licenses": "license", "products": "product",
	"purchase_reservations": "purchase_reservation", "seats": "seat", "service_plans": "service_plan", "service_tokens": "service_token",
	"users": "user", "vendors": "vendor",
}

// relations are the ways from a row to others. Those to many are arrays in Rego, the others objects, missing where there is none.
var relations = []struct {
	from, name, to string
	many           bool
	on             [][2]string
}{
	{"vendors", "products", "products", true, [][2]string{{"id", "vendor_id"}}},
	{"vendors", "contracts", "contracts", true, [][2]string{{"id", "vendor_id"}}},
	{"products", "vendor", "vendors", false, [][2]string{{"vendor_id", "id"}}},
	{"products", "licenses", "licenses", true, [][2]string{{"id", "product_id"}}},
	{"products", "plans", "product_plans", true, [][2]string{{"id", "product_id"}}},
	{"service_plans", "products", "product_plans", true, [][2]string{{"id", "plan_id"}}},
	{"product_plans", "product", "products", false, [][2]string{{"product_id", "id"}}},
	{"product_plans", "plan", "service_plans", false, [][2]string{{"plan_id", "id"}}},
	{"contracts", "vendor", "vendors", false, [][2]string{{"vendor_id", "id"}}},
	{"contracts", "licenses", "licenses", true, [][2]string{{"id", "contract_id"}}},
	{"licenses", "contract", "contracts", false, [][2]string{{"contract_id", "id"}}},
	{"licenses", "product", "products", false, [][2]string{{"product_id", "id"}}},
	{"licenses", "allotments", "allotments", true, [][2]string{{"id", "license_id"}}},
	{"licenses", "seats", "seats", true, [][2]string{{"id", "license_id"}}},
	{"licenses", "allocations", "allocations", true, [][2]string{{"id", "license_id"}}},
	{"allotments", "license", "licenses", false, [][2]string{{"license_id", "id"}}},
	{"allotments", "parent", "allotments", false, [][2]string{{"parent_id", "id"}}},
	{"allotments", "delegates", "allotment_delegates", true, [][2]string{{"id", "allotment_id"}}},
	{"allotments", "scopes", "allotment_scopes", true, [][2]string{{"id", "allotment_id"}}},
	{"seats", "license", "licenses", false, [][2]string{{"license_id", "id"}}},
	{"seats", "user", "users", false, [][2]string{{"user_id", "id"}}},
	{"seats", "allotment", "allotments", false, [][2]string{{"allotment_id", "id"}}},
	{"seats", "reasons", "seat_reasons", true, [][2]string{{"license_id", "license_id"}, {"user_id", "user_id"}}},
	{"users", "seats", "seats", true, [][2]string{{"id", "user_id"}}},
	{"users", "memberships", "memberships", true, [][2]string{{"id", "user_id"}}},
	{"memberships", "group", "groups", false, [][2]string{{"group_id", "id"}}},
	{"memberships", "user", "users", false, [][2]string{{"user_id", "id"}}},
	{"groups", "memberships", "memberships", true, [][2]string{{"id", "group_id"}}},
	{"groups", "group_licenses", "group_licenses", true, [][2]string{{"id", "group_id"}}},
	{"group_licenses", "group", "groups", false, [][2]string{{"group_id", "id"}}},
	{"group_licenses", "license", "licenses", false, [][2]string{{"license_id", "id"}}},
	{"group_licenses", "allotment", "allotments", false, [][2]string{{"allotment_id", "id"}}},
	{"deployments", "vendor", "vendors", false, [][2]string{{"vendor_id", "id"}}},
	{"deployments", "allocations", "allocations", true, [][2]string{{"id", "deployment_id"}}},
	{"allocations", "license", "licenses", false, [][2]string{{"license_id", "id"}}},
	{"allocations", "deployment", "deployments", false, [][2]string{{"deployment_id", "id"}}},
	{"purchase_reservations", "license", "licenses", false, [][2]string{{"license_id", "id"}}},
	{"decisions", "license", "licenses", false, [][2]string{{"license_id", "id"}}},
	{"decisions", "allotment", "allotments", false, [][2]string{{"allotment_id", "id"}}},
	{"events", "license", "licenses", false, [][2]string{{"license_id", "id"}}},
	{"events", "allotment", "allotments", false, [][2]string{{"allotment_id", "id"}}},
	{"events", "user", "users", false, [][2]string{{"user_id", "id"}}},
	{"events", "group", "groups", false, [][2]string{{"group_id", "id"}}},
}
