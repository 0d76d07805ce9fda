package app_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

// belongings are what files do not carry from one service to another: our own ids, when something was recorded, what the catalog says of
// products beside their names, and what users hold.
var belongings = []string{
	"ringfence id", "created at", "part number", "used", "available", "unused", "unused cost per year",
}

// What a service exports, an empty one imports, and then exports the same.
func TestExportsAreReadBack(t *testing.T) {
	for _, d := range storetest.Dialects {
		t.Run(d, func(t *testing.T) {
			from, to, dir := storetest.URL(t, d), storetest.URL(t, d), t.TempDir()
			estate(set(t, apptest.StartOn(t, from)))
			cli(t, "migrate", "--database", to).ok(t)
			kinds := []string{"users", "groups", "memberships", "contracts", "deployments", "licenses", "allocations"}
			for _, kind := range kinds {
				file := filepath.Join(dir, kind+".csv")
				cli(t, "export", kind, "--database", from, "-o", file).ok(t)
				cli(t, "import", kind, file, "--database", to).ok(t)
			}
			for _, kind := range kinds {
				file, again := filepath.Join(dir, kind+".csv"), filepath.Join(dir, kind+" again.csv")
				cli(t, "export", kind, "--database", to, "-o", again).ok(t)
				want, got := carried(t, file), carried(t, again)
				if len(want) < 2 || !slices.EqualFunc(got, want, maps.Equal) {
					t.Errorf("%s: exported\n%v\nimported and exported again\n%v", kind, want, got)
				}
				says(t, cli(t, "import", kind, again, "--database", to).ok(t).stdout, "nothing changes")
			}
		})
	}
}

// estate puts what is awkward to write on a stage, and takes away what files do not carry: shares of licenses.
func estate(s *stage) {
	for _, share := range []string{"empty", "london", "uk", "emea", "apac", "tools"} {
		s.do("deleteAllotment", in{"allotmentId": "@" + share, "releaseSeats": true})
	}
	s.do("upsertUsers", in{"users": []in{
		{"userName": "=cmd", "displayName": "'=Quote", "email": "+1@contoso.example", "department": "Sales, \"EMEA\"", "costCenter": "-4711", "usageLocation": "DE", "type": "GUEST"},
		{"userName": "robot", "displayName": "", "type": "SERVICE_ACCOUNT", "enabled": false},
	}})
	s.do("addGroupMembers", in{"groupId": "@team", "memberGroupIds": []string{"@nested group"}})
	s.do("updateContract", in{"contractId": "@contract", "startsOn": "2026-01-01", "notes": "first line\nsecond; line"})
	s.do("updateLicense", in{"licenseId": "@suite", "unitPrice": "10.005", "currency": "EUR", "pricePer": "MONTH", "notes": "-"})
	s.do("updateLicense", in{"licenseId": "@empty license", "unlimitedQuantity": true, "endsOn": "2027-06-30"})
	s.do("recordDeployments", in{"source": "=scan", "deployments": []in{{"vendor": "Microsoft", "product": "+Plus", "installs": 7}, {"vendor": "Adobe", "product": "Reader", "users": 0}}})
	s.do("createAllocation", in{"licenseId": "@suite", "type": "CUSTOM_RESERVATION", "name": "=Sales BU", "quantity": 50, "costCenter": "0815", "notes": "kept"})
	s.do("createAllocation", in{"licenseId": "@suite", "type": "TRACK_DEPLOYMENT", "deploymentId": "@deployment", "unlimited": true, "metric": "INSTALLS"})
}

// carried reads a file without what it cannot carry.
func carried(t *testing.T, file string) []map[string]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rows := readCSV(t, string(text)).rows
	for _, row := range rows {
		for _, column := range belongings {
			delete(row, column)
		}
	}
	return rows
}
