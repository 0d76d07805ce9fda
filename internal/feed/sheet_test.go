package feed

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/internal/fault"
)

// seed reads a file of testdata.
func seed(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// rowsOf reads a whole sheet.
func rowsOf[T any](t *testing.T, s *Sheet[T], text string) []T {
	t.Helper()
	rows, err := s.Open("f.csv", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	all, err := rows.Part(1000)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// shows compares rows, as JSON without the parts that are nil or empty, with what is expected.
func shows(t *testing.T, rows any, want ...string) {
	t.Helper()
	text, err := json.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d: %s", len(got), len(want), text)
	}
	for i, row := range got {
		for name, value := range row {
			if value == nil || value == "" {
				delete(row, name)
			}
		}
		line, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		if string(line) != want[i] {
			t.Errorf("row %d\ngot  %s\nwant %s", i, line, want[i])
		}
	}
}

// What each kind of file says, with the delimiters, names of columns and quoting that they come with.
func TestSheets(t *testing.T) {
	shows(t, rowsOf(t, Users, seed(t, "users.csv")),
		`{"CostCenter":"CC 1","Department":"Sales","DisplayName":"Ann \"A\" Lee","Email":"ann@contoso.example","Enabled":true,"ExternalID":"7","Line":2,"Roles":["AUDITOR","ANALYST"],"Type":"MEMBER","UsageLocation":"DE","UserName":"ann@contoso.example"}`,
		`{"DisplayName":"=Bob","Enabled":false,"Line":3,"Roles":[],"Type":"GUEST","UserName":"guest_bob"}`)
	shows(t, rowsOf(t, Groups, seed(t, "groups.csv")), `{"ExternalID":"g1","Line":2,"Name":"Sales"}`, `{"ExternalID":"g2","Line":3,"Name":"Sales, North"}`)
	shows(t, rowsOf(t, Memberships, seed(t, "memberships.csv")), `{"Group":"Sales","Line":2,"User":"ann@contoso.example"}`, `{"Group":"g2","Line":3,"Subgroup":"Sales"}`)
	shows(t, rowsOf(t, Contracts, seed(t, "contracts.csv")),
		`{"EndsOn":"2028-12-31","Line":2,"Name":"Enterprise","Notes":"two\nlines","Number":"EA-1","StartsOn":"2026-01-01","Vendor":"Microsoft"}`,
		`{"Line":4,"Number":"ULA","Vendor":"Oracle"}`)
	shows(t, rowsOf(t, Licenses, seed(t, "licenses.csv")),
		`{"Contract":"EA-1","Currency":"EUR","ExternalID":"L1","Line":2,"Metric":"USERS","PricePer":"MONTH","Product":"Microsoft 365 E5","Quantity":{"Units":275,"Unlimited":false},"StartsOn":"2026-01-01","UnitPrice":"54.75","Vendor":"Microsoft"}`,
		`{"Contract":"ULA","Line":3,"Metric":"INSTALLS","Product":"Database","Quantity":{"Units":0,"Unlimited":true}}`,
		`{"Contract":"ULA","Line":4,"Product":"Spare","Quantity":{"Units":0,"Unlimited":false}}`)
	shows(t, rowsOf(t, Deployments, seed(t, "deployments.csv")),
		`{"Installs":0,"Line":3,"ObservedAt":"2026-03-31T12:00:00Z","Product":"M365 E5","Source":"Graph","Users":80,"Vendor":"Microsoft"}`,
		`{"Installs":12,"Line":4,"ObservedAt":"2026-03-31T00:00:00Z","Product":"Database","Source":"SCCM","Users":0,"Vendor":"Oracle"}`)
	shows(t, rowsOf(t, Allocations, seed(t, "allocations.csv")),
		`{"ExternalID":"A1","License":"L1","Line":2,"Product":"M365 E5","Quantity":{"Units":100,"Unlimited":false}}`,
		`{"CostCenter":"CC 1","License":"L1","Line":3,"Metric":"USERS","Name":"Sales BU","Notes":"=1+1","Quantity":{"Units":50,"Unlimited":false}}`,
		`{"Contract":"ULA","Licensed":"Database","Line":4,"Metric":"INSTALLS","Product":"Database","Quantity":{"Units":0,"Unlimited":true},"Vendor":"Oracle"}`)
}

func TestCheckTells(t *testing.T) {
	s, err := Users.Check("users.csv", strings.NewReader(seed(t, "users.csv")))
	if err != nil {
		t.Fatal(err)
	}
	if s.Rows != 2 || strings.Join(s.Unknown, ",") != "Shoe size" || len(s.Columns) != 10 || len(s.Digest) != 64 {
		t.Errorf("%+v", s)
	}
	must, may := Users.Columns()
	if strings.Join(must, ",") != "user name" || len(may) != 9 {
		t.Errorf("columns %v and %v", must, may)
	}
}

// What is wrong with a file, and where.
func TestSheetMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		check       func(name string, file io.Reader) (*Summary, error)
		text, want  string
		field       string
		line, count int
	}{
		"no user name":     {Users.Check, "name,enabled\nA,yes\n", "f.csv:1:1: user name: there is no such column", "user name", 1, 1},
		"twice by name":    {Users.Check, "user name,id\nann,1\nAnn,2\n", "f.csv:3:1: user name: ann is in the file twice", "user name", 3, 1},
		"twice by id":      {Users.Check, "user name,id\nann,1\nbob,1\n", "f.csv:3:1: id: 1 is in the file twice", "id", 3, 1},
		"no yes or no":     {Users.Check, "user name,enabled\nann,perhaps\n", `f.csv:2:5: enabled: "perhaps" is neither true nor false`, "enabled", 2, 1},
		"no type":          {Users.Check, "user name,type\nann,robot\n", `f.csv:2:5: type: "robot" is none of MEMBER, GUEST, SERVICE_ACCOUNT`, "type", 2, 1},
		"no country":       {Users.Check, "user name,usage location\nann,Germany\n", `f.csv:2:5: usage location: "Germany" is not a country`, "usage location", 2, 1},
		"several mistakes": {Users.Check, "user name,enabled\n,perhaps\nbob,x\n", "f.csv:2:1: user name: the value is missing", "user name", 2, 3},
		"no member":        {Memberships.Check, "group,user,member group\nSales,,\n", "f.csv:2:7: user: name either a user or a member group", "user", 2, 1},
		"two members":      {Memberships.Check, "group,user,member group\nSales,a,b\n", "name either a user or a member group", "user", 2, 1},
		"end before start": {Contracts.Check, "vendor,number,starts on,ends on\nM,1,2026-02-01,2026-01-31\n", "f.csv:2:16: ends on: the end lies before the start", "ends on", 2, 1},
		"no date":          {Contracts.Check, "vendor,number,ends on\nM,1,31.12.2026\n", `f.csv:2:5: ends on: "31.12.2026" is not a date`, "ends on", 2, 1},
		"contract twice":   {Contracts.Check, "vendor,number\nM,1\nm,1\n", "f.csv:3:1: number: m, 1 is in the file twice", "number", 3, 1},
		"no quantity":      {Licenses.Check, "contract,product,quantity\n1,P,\n", "f.csv:2:5: quantity: the value is missing; 0 is unlimited", "quantity", 2, 1},
		"odd quantity":     {Licenses.Check, "contract,product,quantity\n1,P,-5\n", `f.csv:2:5: quantity: "-5" is not a whole number`, "quantity", 2, 1},
		"huge quantity":    {Licenses.Check, "contract,product,quantity\n1,P,2147483648\n", "is not a whole number from 0 to 2147483647", "quantity", 2, 1},
		"both":             {Licenses.Check, "contract,product,quantity,unlimited\n1,P,5,yes\n", "a quantity of 5 is not unlimited", "unlimited", 2, 1},
		"no price":         {Licenses.Check, "contract,product,quantity,unit price\n1,P,5,\"12,50\"\n", `"12,50" is not a price`, "unit price", 2, 1},
		"license twice":    {Licenses.Check, "contract,product,quantity\n1,P,5\n1,p,6\n", "f.csv:3:1: product: 1, p is in the file twice", "product", 3, 1},
		"no counts":        {Deployments.Check, "vendor,product\nM,P\n", "has a column for neither installs nor users", "installs", 2, 1},
		"deployment twice": {Deployments.Check, "vendor,product,users\nM,P,1\nm,p,2\n", "f.csv:3:1: product: m, p is in the file twice", "product", 3, 1},
		"no time":          {Deployments.Check, "vendor,product,users,observed at\nM,P,1,yesterday\n", `"yesterday" is not a time`, "observed at", 2, 1},
		"no license":       {Allocations.Check, "name,quantity\nA,1\n", "name the license by its id", "license", 2, 1},
		"nothing to track": {Allocations.Check, "license,quantity\nL,1\n", "name either a product", "product", 2, 1},
		"unlimited name":   {Allocations.Check, "license,name,quantity\nL,A,0\n", "a custom reservation has a quantity; 0 is unlimited", "quantity", 2, 1},
		"no line":          {Groups.Check, "name\n\n,\n", "this line has 2 fields, the first line of the file has 1", "", 3, 1},
		"header only":      {Groups.Check, "name\n\n", "the file has no line beside the names of its columns", "", 1, 1},
		"quote left open":  {Groups.Check, "name\n\"" + strings.Repeat("x", 2<<20), "is a quotation mark left open?", "", 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.check("f.csv", strings.NewReader(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want %s", err, c.want)
			}
			f := firstFault(err)
			if f.Field != c.field || f.Line != c.line || f.Code != fault.InvalidInput {
				t.Errorf("field %q line %d code %s, want %q %d", f.Field, f.Line, f.Code, c.field, c.line)
			}
			if several, ok := errors.AsType[Mistakes](err); ok && len(several) != c.count {
				t.Errorf("%d mistakes, want %d: %v", len(several), c.count, err)
			}
		})
	}
}

// Two deployments at different times are two observations.
func TestSameDeploymentAtTwoTimes(t *testing.T) {
	if _, err := Deployments.Check("f.csv", strings.NewReader("vendor,product,users,observed at\nM,P,1,2026-01-01\nM,P,2,2026-02-01\n")); err != nil {
		t.Error(err)
	}
}

// A file of any size is read in parts.
func TestParts(t *testing.T) {
	var text strings.Builder
	text.WriteString("name\n")
	for i := range 2500 {
		fmt.Fprintf(&text, "Group %d\n", i)
	}
	rows, err := Groups.Open("f.csv", strings.NewReader(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	var sizes []int
	for {
		part, err := rows.Part(1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(part) == 0 {
			break
		}
		sizes = append(sizes, len(part))
	}
	if fmt.Sprint(sizes) != "[1000 1000 500]" {
		t.Errorf("parts of %v", sizes)
	}
	s, err := rows.Summary()
	if err != nil || s.Rows != 2500 {
		t.Errorf("%+v %v", s, err)
	}
}

// fuzzSheet feeds a kind of file odd texts: it is read twice alike or refused with a place, and never breaks.
func fuzzSheet[T any](f *testing.F, s *Sheet[T], file string, line func(*T) int) {
	f.Add(seed(f, file))
	must, may := s.Columns()
	f.Add(strings.Join(append(must, may...), ",") + "\n" + strings.Repeat("a,", len(must)+len(may)-1) + "1\n")
	f.Fuzz(func(t *testing.T, text string) {
		summary, err := s.Check("f", strings.NewReader(text))
		if err != nil {
			for _, one := range wholes(err) {
				known, ok := errors.AsType[*fault.Error](one)
				if !ok || known.Code != fault.InvalidInput || !strings.HasPrefix(known.Message, "f:") {
					t.Fatalf("refused with %v", one)
				}
			}
			return
		}
		rows, err := s.Open("f", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		var n int64
		last := 1
		for {
			row, err := rows.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("found good and then refused: %v", err)
			}
			if at := line(&row); at <= last {
				t.Fatalf("line %d after %d", at, last)
			} else {
				last = at
			}
			n++
		}
		digest, err := rows.Digest()
		if n != summary.Rows || n == 0 || err != nil || digest != summary.Digest {
			t.Fatalf("%d rows, the second time %d; %v", summary.Rows, n, err)
		}
	})
}

func wholes(err error) []error {
	if several, ok := errors.AsType[Mistakes](err); ok {
		return several
	}
	return []error{err}
}

func FuzzUsers(f *testing.F) { fuzzSheet(f, Users, "users.csv", func(r *User) int { return r.Line }) }

func FuzzGroups(f *testing.F) {
	fuzzSheet(f, Groups, "groups.csv", func(r *Group) int { return r.Line })
}

func FuzzMemberships(f *testing.F) {
	fuzzSheet(f, Memberships, "memberships.csv", func(r *Membership) int { return r.Line })
}

func FuzzContracts(f *testing.F) {
	fuzzSheet(f, Contracts, "contracts.csv", func(r *Contract) int { return r.Line })
}

func FuzzLicenses(f *testing.F) {
	fuzzSheet(f, Licenses, "licenses.csv", func(r *License) int { return r.Line })
}

func FuzzDeployments(f *testing.F) {
	fuzzSheet(f, Deployments, "deployments.csv", func(r *Deployment) int { return r.Line })
}

func FuzzAllocations(f *testing.F) {
	fuzzSheet(f, Allocations, "allocations.csv", func(r *Allocation) int { return r.Line })
}
