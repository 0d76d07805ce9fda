package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/identity"
)

// office is an organization fed from files: a license of three units, a group, and people.
type office struct {
	*testing.T
	*apptest.Service
	admin *apptest.Client
	token string
}

func eachOffice(t *testing.T, run func(o *office)) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		o := &office{t, s, s.Admin(), s.Token("root@contoso.example", identity.RoleGlobalAdmin)}
		o.feed("contracts", "vendor,number\nMicrosoft,EA\n")
		o.feed("licenses", "id,contract,product,quantity\nL1,EA,E5,3\n")
		o.feed("users", "user name,department\nann,Sales\nbob,Sales\ncy,Sales\ndee,Sales\neve,Sales\n")
		o.feed("groups", "name\nSales\nIT\n")
		o.feed("memberships", "group,user\nSales,ann\nSales,bob\nSales,cy\nSales,dee\n")
		run(o)
		clean(t, s)
	})
}

func (o *office) feed(path, text string) *upload {
	o.Helper()
	return send(o.T, o.Service, o.token, path, text).good(o.T)
}

// group licenses Sales.
func (o *office) group() {
	o.Helper()
	o.admin.Do(`mutation { licenseGroup(input: {groupId: "grp_1", licenseId: "lic_1"}) { groupLicense { id } } }`, nil, nil)
}

// seats tells where everybody stands with the license: ann ACTIVE, bob WAITING.
func (o *office) seats() string {
	o.Helper()
	var answer struct {
		Users struct {
			Nodes []struct {
				UserName string
				Seats    struct{ Nodes []struct{ State string } }
			}
		}
	}
	o.admin.Do(`{ users(first: 100) { nodes { userName seats { nodes { state } } } } }`, nil, &answer)
	var words []string
	for _, u := range answer.Users.Nodes {
		for _, seat := range u.Seats.Nodes {
			words = append(words, u.UserName+" "+seat.State)
		}
	}
	return strings.Join(words, ", ")
}

func (o *office) want(what, got, want string) {
	o.Helper()
	if got != want {
		o.Errorf("%s:\ngot  %s\nwant %s", what, got, want)
	}
}

// Whoever a file disables loses the seat in the same transaction, and the queue moves; a dry run tells and does nothing.
func TestImportedUsersLoseSeats(t *testing.T) {
	eachOffice(t, func(o *office) {
		o.group()
		o.want("licensed", o.seats(), "ann ACTIVE, bob ACTIVE, cy ACTIVE, dee WAITING")
		const off = "user name,enabled\nann,no\nbob,yes\n"
		dry := o.feed("users?dryRun=true", off)
		o.want("dry", fmt.Sprint(dry.answer.Seats, dry.answer.Examples), "map[failed:0 given:1 queued:0 released:1] [~ user ann: enabled true → false]")
		o.want("after a dry run", o.seats(), "ann ACTIVE, bob ACTIVE, cy ACTIVE, dee WAITING")
		done := o.feed("users", off)
		o.want("disabled", fmt.Sprint(done.answer.Seats, done.answer.Counts), "map[failed:0 given:1 queued:0 released:1] [{users 0 1 0 1}]")
		o.want("ann is disabled", o.seats(), "bob ACTIVE, cy ACTIVE, dee ACTIVE")
		o.feed("users", "user name,enabled\nann,yes\n") // and is checked like an assignment
		o.want("ann is back", o.seats(), "ann WAITING, bob ACTIVE, cy ACTIVE, dee ACTIVE")
	})
}

// Members who join by a file get seats, those whom a complete file does not name lose them.
func TestImportedMembershipsMoveSeats(t *testing.T) {
	eachOffice(t, func(o *office) {
		o.group()
		o.feed("memberships", "group,user\nSales,eve\n")
		o.want("eve joins", o.seats(), "ann ACTIVE, bob ACTIVE, cy ACTIVE, dee WAITING, eve WAITING")
		const snapshot = "group,user\nSales,cy\nSales,eve\n"
		o.want("not complete", fmt.Sprint(o.feed("memberships", snapshot).answer.Changed), "false")
		dry := o.feed("memberships?complete=true&dryRun=true", snapshot)
		o.want("dry", fmt.Sprint(dry.answer.Examples), "[- ann in Sales - bob in Sales - dee in Sales]")
		done := o.feed("memberships?complete=true", snapshot)
		o.want("complete", fmt.Sprint(done.answer.Counts), "[{memberships 0 0 3 2}]")
		o.want("ann, bob and dee are gone", o.seats(), "cy ACTIVE, eve ACTIVE")
		o.feed("memberships", "group,user,member group\nSales,,IT\nIT,ann,\n") // nested members are not licensed
		o.want("IT is nested", o.seats(), "cy ACTIVE, eve ACTIVE")
		e := send(o.T, o.Service, o.token, "memberships", "group,user,member group\nIT,bob,\nIT,,Sales\n").refused(o.T, 422, "INVALID_INPUT")
		o.want("in a circle", e.Message, "memberships:3: member group: a group cannot be nested in itself")
	})
}

// A quantity that a file raises promotes; one that it lowers takes nobody's seat. 0 is unlimited (as Licenseware writes it), unless
// the file says that it is not.
func TestImportedQuantities(t *testing.T) {
	eachOffice(t, func(o *office) {
		o.group()
		raised := o.feed("licenses", "id,contract,product,quantity\nL1,EA,E5,4\n")
		o.want("raised", fmt.Sprint(raised.answer.Seats, raised.answer.Counts), "map[failed:0 given:1 queued:0 released:0] [{licenses 0 1 0 0}]")
		o.feed("licenses", "id,contract,product,quantity\nL1,EA,E5,1\n")
		var answer struct {
			Node struct {
				Quantity, OverBy  int
				UnlimitedQuantity bool
				Limit             *int
				State             string
			}
		}
		const document = `{ node(id: "lic_1") { ... on License { quantity overBy unlimitedQuantity limit state } } }`
		o.admin.Do(document, nil, &answer)
		o.want("lowered", fmt.Sprint(answer.Node.Quantity, " over by ", answer.Node.OverBy, " ", answer.Node.State), "1 over by 3 OVER_LIMIT")
		o.feed("licenses", "id,contract,product,quantity\nL1,EA,E5,0\n")
		o.admin.Do(document, nil, &answer)
		o.want("0", fmt.Sprint(answer.Node.UnlimitedQuantity, answer.Node.Limit), "true <nil>")
		o.feed("licenses", "id,contract,product,quantity,unlimited\nL1,EA,E5,0,no\n")
		o.admin.Do(document, nil, &answer)
		o.want("0 and not unlimited", fmt.Sprint(answer.Node.UnlimitedQuantity, *answer.Node.Limit, answer.Node.OverBy), "false 0 4")
	})
}

// The dates of a contract bind its licenses: nothing is given before, and what failed is tried again when they change.
func TestImportedContractDates(t *testing.T) {
	eachOffice(t, func(o *office) {
		o.feed("licenses", "id,contract,product,quantity\nL1,EA,E5,4\n")
		o.group()
		o.feed("contracts", "vendor,number,starts on\nMicrosoft,EA,2090-01-01\n")
		o.feed("memberships", "group,user\nSales,eve\n")
		o.want("not yet", o.seats(), "ann ACTIVE, bob ACTIVE, cy ACTIVE, dee ACTIVE, eve ERROR")
		o.feed("users", "user name,enabled\nann,no\n")
		done := o.feed("contracts", "vendor,number,starts on\nMicrosoft,EA,2020-01-01\n")
		o.want("begun", o.seats(), "bob ACTIVE, cy ACTIVE, dee ACTIVE, eve ACTIVE")
		o.want("told", fmt.Sprint(done.answer.Seats), "map[failed:0 given:1 queued:0 released:0]")
	})
}

// Allocations of a file count against the license, all or nothing (WX-1, WX-5, WX-6); what gives units back comes before what takes them, and
// what is left goes to the queue.
func TestImportedAllocations(t *testing.T) {
	eachOffice(t, func(o *office) {
		o.feed("licenses", "id,contract,product,quantity\nL2,EA,Suite,275\n")
		o.feed("deployments?source=sccm", "vendor,product,users\nMicrosoft,A,80\nMicrosoft,B,140\n")
		o.feed("allocations", "id,license,product,name,quantity\nA1,L2,A,,100\nA2,L2,,Sales BU,50\nA3,L2,B,,0\n")
		var answer struct {
			Node struct {
				Available int
				Overview  struct {
					Allocated, Deployed, Uncovered int
				}
			}
		}
		const document = `{ node(id: "lic_2") { ... on License { available overview { allocated deployed uncovered } } } }`
		o.admin.Do(document, nil, &answer)
		// WX-1 and WX-5: 125 are left, B is covered up to them, 15 are not.
		o.want("WX-5", fmt.Sprint(answer.Node.Available, answer.Node.Overview.Deployed, answer.Node.Overview.Uncovered), "125 220 15")
		denied := send(o.T, o.Service, o.token, "allocations?name=more.csv", "id,license,product,name,quantity\nA4,L2,,Less,1\nA5,L2,,More,125\n").refused(o.T, 403, "POLICY_DENIED")
		v := denied.Extensions.Violations[0] // WX-6
		o.want("WX-6", fmt.Sprint(v.Code, " ", v.Field, " ", *v.Requested, *v.Available, *v.ShortBy, " ", v.Message),
			"INSUFFICIENT_POOL quantity 125 124 1 more.csv:3: not enough units left in Suite")
		o.feed("allocations", "id,license,product,name,quantity\nA5,L2,,More,150\nA1,L2,A,,75\n") // fits, because A1 gives 25 back
		o.admin.Do(document, nil, &answer)
		o.want("none is left", fmt.Sprint(answer.Node.Available), "0")
		e := send(o.T, o.Service, o.token, "allocations", "license,name,quantity\nL1,Reserve,0\n").refused(o.T, http.StatusUnprocessableEntity, "INVALID_INPUT")
		o.want("a purpose without a quantity", e.Message, "allocations:2:12: quantity: a custom reservation has a quantity; 0 is unlimited")
		o.feed("allocations", "license,name,quantity\nL1,Reserve,2\n")
		o.group()
		o.want("one is left", o.seats(), "ann ACTIVE, bob WAITING, cy WAITING, dee WAITING")
		back := o.feed("allocations", "license,name,quantity\nL1,Reserve,1\n")
		o.want("one more", o.seats(), "ann ACTIVE, bob ACTIVE, cy WAITING, dee WAITING")
		o.want("told", fmt.Sprint(back.answer.Seats), "map[failed:0 given:1 queued:0 released:0]")
	})
}

// What a complete file of a source does not name falls to 0; what others saw stays.
func TestImportedDeploymentsComplete(t *testing.T) {
	eachOffice(t, func(o *office) {
		o.feed("deployments?observedAt=2026-01-01T00:00:00Z", "vendor,product,users,source\nMicrosoft,A,80,sccm\nMicrosoft,B,140,sccm\nAdobe,C,7,other\n")
		const snapshot = "vendor,product,users\nMicrosoft,A,81\n"
		dry := o.feed("deployments?source=sccm&complete=true&dryRun=true", snapshot)
		o.want("dry", fmt.Sprint(dry.answer.Counts, dry.answer.Examples),
			"[{deployments 0 1 1 0}] [~ A by Microsoft: 0 installs, 80 users → 0, 81 - 1 deployments of sccm, which the file does not name, fall to 0]")
		o.feed("deployments?source=sccm&complete=true", snapshot)
		var answer struct {
			Deployments struct {
				Nodes []struct {
					Product string
					Users   int
				}
			}
		}
		o.admin.Do(`{ deployments(first: 10, orderBy: {field: PRODUCT}) { nodes { product users } } }`, nil, &answer)
		o.want("complete", fmt.Sprint(answer.Deployments.Nodes), "[{A 81} {B 0} {C 7}]")
		e := send(o.T, o.Service, o.token, "deployments", snapshot).refused(o.T, 422, "INVALID_INPUT")
		o.want("no source", e.Message, "deployments:2: source: the value is missing; say where the file comes from with --source")
		e = send(o.T, o.Service, o.token, "deployments?source=s", "vendor,product,users,observed at\nM,P,1,2099-01-01\n").refused(o.T, 422, "INVALID_INPUT")
		o.want("in the future", e.Message, "deployments:2: observed at: this lies in the future")
	})
}

// Names that are ambiguous, or of something else, are refused with their lines.
func TestImportedNames(t *testing.T) {
	eachOffice(t, func(o *office) {
		o.feed("contracts", "vendor,number\nOracle,EA\n")
		o.feed("users", "id,user name\n1,fay\n")
		for _, c := range []struct{ kind, text, want string }{
			{"licenses", "contract,product,quantity\nEA,E5,1\n", "licenses:2: contract: several vendors have a contract \"EA\"; name the vendor"},
			{"licenses", "contract,vendor,product,quantity\nEA,Adobe,E5,1\n", "licenses:2: contract: there is no contract \"EA\" with Adobe; import contracts first"},
			{"licenses", "contract,vendor,product,quantity,metric\nEA,Microsoft,E5,3,installs\n", "licenses:2: metric: the metric of a license does not change; it is USERS"},
			{"licenses", "contract,vendor,product,quantity\nEA,Microsoft,c7df2760-2c81-4ef7-b578-5b5392b571df,3\n",
				"licenses:2: product: Microsoft has no product c7df2760-2c81-4ef7-b578-5b5392b571df; import products first"},
			{"licenses", "id,contract,vendor,product,quantity\nL1,EA,Oracle,DB,3\n", "licenses:2: id: the license \"L1\" is of another product or under another contract"},
			{"allocations", "license,product,quantity\nL1,Word,3\n", "allocations:2: product: there is no deployment of \"Word\" by the vendor of the license; import deployments first"},
			{"allocations", "license,name,quantity\nL9,X,3\n", "allocations:2: license: there is no license \"L9\"; import licenses first"},
			{"users", "id,user name\n1,ann\n", "users:2: user name: ann is the name of another user"},
			{"users", "user name\nsystem\n", "users:2: userName: this name is reserved for the service"},
		} {
			u := send(o.T, o.Service, o.token, c.kind, c.text)
			e := u.refused(o.T, 422, "INVALID_INPUT")
			if e.Message != c.want || u.lines[0] != 2 {
				o.Errorf("got  %s\nwant %s", e.Message, c.want)
			}
		}
	})
}
