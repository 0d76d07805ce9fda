package operation_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/licensing"
)

// shown names, for every violation code, a test of this package that shows it through the API.
var shown = map[string]string{
	licensing.NotDelegated:            "TestWhoMayAssignFromAnAllotment",
	licensing.OutOfScope:              "TestScopeIsAnyOfGroupDepartmentCountry",
	licensing.InsufficientPool:        "TestWX9ReservedAllotmentsCarveOut",
	licensing.ProductNotEligible:      "TestOnlySubscriptionsHaveAllotmentsAndSeats",
	licensing.GuestNotAllowed:         "TestGuestsNeedTheirOwnAssignment",
	licensing.UserDisabled:            "TestDisablingReleasesAndEnablingIsCheckedAgain",
	licensing.UsageLocationNotAllowed: "TestUsageLocationIsTheDefaultWhenMissing",
	licensing.MutuallyExclusive:       "TestPlansThatExcludeEachOther",
	licensing.MissingDependency:       "TestAPlanThatNeedsAnother",
	licensing.NotInEffect:             "TestDatesOfAnAllotment",
	licensing.LimitExceedsParent:      "TestAChildStaysWithinItsParent",
	licensing.ScopeExceedsParent:      "TestAChildStaysWithinItsParent",
	licensing.RoleRequired:            "TestADelegateMayNotChangeTheAllotment",
	licensing.ReadOnly:                "TestWhoMayAssignFromAnAllotment",
	licensing.PolicyError:             "TestAPolicyThatBreaksDenies",
	licensing.OverLimitGranted:        "TestWX18sASoftLimit",
}

// told names the same for the error codes that operations give.
var told = map[string]string{
	string(fault.Unauthenticated):      "TestADelegateThroughAGroup",
	string(fault.PolicyDenied):         "TestADenialIsRepeated",
	string(fault.NotFound):             "TestInputsThatCannotBe",
	string(fault.InvalidInput):         "TestInputsThatCannotBe",
	string(fault.Conflict):             "TestConflicts",
	string(fault.IdempotencyKeyReused): "TestDryRunAndRepetition",
}

// worked names the test of each worked example that belongs here.
var worked = map[string]string{
	"WX-7": "TestWX7AQuantityBelowWhatIsReserved", "WX-9": "TestWX9ReservedAllotmentsCarveOut", "WX-10": "TestWX10AGroupLargerThanItsAllotment",
	"WX-11": "TestWX11ALoweredLimit", "WX-12": "TestWX12OneSeatForTwoGroups", "WX-14": "TestWX14EveryCapOfAChainBinds",
	"WX-15": "TestWX15AllOrNothing", "WX-16": "TestWX16DisabledPlansAreTheIntersection", "WX-17": "TestWX17SwapWithTooFewUnits",
	"WX-18": "TestWX18TheLastUnitAmongFifty", "WX-18s": "TestWX18sASoftLimit",
	"WX-19": "TestWX19UnusedOverageIsRemoved", "WX-20": "TestWX20DatesOfPurchaseReservations",
}

// A census: every code of licensing has a test that shows it, and the test speaks of it.
func TestEveryCodeIsShown(t *testing.T) {
	bodies := tests(t)
	for _, code := range codes(t) {
		if shown[code] == "" {
			t.Errorf("no test shows %s", code)
		}
	}
	for _, list := range []map[string]string{shown, told} {
		for code, test := range list {
			if !strings.Contains(bodies[test], code) && code != string(fault.PolicyDenied) && code != string(fault.Conflict) {
				t.Errorf("%s is to be shown by %q, which does not speak of it", code, test)
			}
			if bodies[test] == "" {
				t.Errorf("there is no test %s", test)
			}
		}
	}
	for example, test := range worked {
		if bodies[test] == "" {
			t.Errorf("%s: there is no test %s", example, test)
		}
	}
}

// codes reads the violation codes out of the source of licensing.
func codes(t *testing.T) []string {
	file, err := parser.ParseFile(token.NewFileSet(), "../licensing/violation.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for _, value := range spec.Values {
			if literal, ok := value.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				text, _ := strconv.Unquote(literal.Value)
				found = append(found, text)
			}
		}
		return true
	})
	if !slices.Contains(found, licensing.ReadOnly) {
		t.Fatal("the codes were not found")
	}
	return found
}

// tests gives the text of every test of this package by name.
func tests(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	bodies := map[string]string{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && strings.HasPrefix(f.Name.Name, "Test") {
				bodies[f.Name.Name] = string(text[set.Position(f.Pos()).Offset:set.Position(f.End()).Offset])
			}
		}
	}
	return bodies
}
