package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/internal/filter"
)

// What a list rule may say, and what it becomes. What the conditions find in a database is tried with random rules in internal/sight.
func TestListRulesAreTranslated(t *testing.T) {
	who := Principal{Name: "Kim", UserID: 7, Roles: []string{"HELPDESK"}, DelegateOf: true, Reach: Reach{Allotments: []int64{5, 6}, Licenses: []int64{2}}}
	for name, c := range map[string]struct{ kind, body, want string }{
		"a value":                   {"license", `input.row.metric == "USERS"`, `metric = "USERS"`},
		"the value first":           {"license", `100 < input.row.quantity`, `quantity > 100`},
		"a fraction":                {"license", `input.row.quantity >= 1.5`, `quantity > 1`},
		"a fraction is no count":    {"license", `input.row.quantity == 1.5`, `nothing`},
		"beyond all counts":         {"license", `input.row.quantity < 1e30`, `everything`},
		"another type":              {"license", `input.row.quantity != "5"`, `everything`},
		"a column that may be null": {"license", `input.row.capacity != "5"`, `capacity is known`},
		"a list":                    {"user", `input.row.department in {"HR", "Sales"}`, `department in ["HR" "Sales"]`},
		"a list of both types":      {"user", `input.row.department in ["HR", 5]`, `department = "HR"`},
		"several rules":             {"user", "input.row.id == 5\n}\n\nlisted.user if {\n\tinput.row.id == 6", `id in [5 6]`},
		"what the principal is":     {"user", `input.row.id == input.principal.user_id`, `id = 7`},
		"a role":                    {"user", `"HELPDESK" in input.principal.roles`, `everything`},
		"another role":              {"user", `"OTHER" in input.principal.roles`, `nothing`},
		"a boolean":                 {"user", `input.row.enabled`, `enabled = true`},
		"no boolean":                {"user", `not input.row.enabled`, `not enabled = true`},
		"parts of texts":            {"group", `startswith(input.row.name, "a"); endswith(input.row.name, "z"); contains(input.row.name, "%")`, `(name begins with "a") and (name ends in "z") and (name has "%")`},
		"lower case":                {"decision", `lower(input.row.principal) == lower(input.principal.name)`, `lower(principal) = "kim"`},
		"two columns":               {"license", `input.row.used > input.row.quantity`, `used > quantity`},
		"the only related row":      {"license", `input.row.contract.vendor.name == "Oracle"`, `some contract (some vendor (name = "Oracle"))`},
		"related rows":              {"license", `some s in input.row.seats; s.user_id == 7; s.state == "ACTIVE"`, `some seats ((user_id = 7) and (state = "ACTIVE"))`},
		"two related rows":          {"license", `some s in input.row.seats; some x in input.row.seats; s.user_id == 7; x.user_id == 8`, `(some seats (user_id = 7)) and (some seats (user_id = 8))`},
		"no related row":            {"user", "not holds\n}\n\nholds if {\n\tsome s in input.row.seats\n\ts.license_id in input.principal.licenses", `not some seats (license_id = 2)`},
		"not of a related row":      {"user", `some s in input.row.seats; not s.state == "ACTIVE"`, `some seats (not state = "ACTIVE")`},
		"a function":                {"seat", "draws(input.row)\n}\n\ndraws(row) if {\n\trow.allotment_id in input.principal.allotments", `allotment_id in [5 6]`},
		"a value the row chooses":   {"user", `data.settings.x[input.row.department] == 1`, `department = "a"`},
		"a rule of its own":         {"license", "not cheap\n}\n\ncheap if {\n\tinput.row.unit_price != \"1000\"", `not unit_price <> "1000"`},
	} {
		t.Run(name, func(t *testing.T) {
			p, problems := Build(t.Context(), Files{"p.rego": rules(map[string]string{"more": fmt.Sprintf("\nlisted.%s if {\n\t%s\n}\n", c.kind, c.body)}), "data.json": `{"settings": {"x": {"a": 1, "b": 2}}}`}, Limits{Logger: quiet()})
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			view, err := p.Visibility(t.Context(), who)
			if err != nil {
				t.Fatal(err)
			}
			got := filter.Describe(view.Listed(c.kind))
			if c.kind == "seat" {
				got = strings.TrimPrefix(strings.TrimSuffix(got, ")"), "(user_id = 7) or (") // tiny lists these, too
			}
			if got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}

// What cannot be a condition of a database is refused before it is live, with its place. Row 20 is the first of the rule's body.
func TestUntranslatableListRulesAreRefused(t *testing.T) {
	const row = 20
	for name, c := range map[string]struct {
		kind, body, message string
		row                 int
	}{
		"an unknown column":             {kind: "user", body: `input.row.departmnt == "x"`, message: `user has no column "departmnt"`},
		"a column of another type":      {kind: "user", body: `input.row.quantity == 1`, message: `user has no column "quantity"`},
		"a secret column":               {kind: "service_token", body: `input.row.hash == "x"`, message: `service_token has no column "hash"`},
		"a column of a related row":     {kind: "user", body: `some s in input.row.seats; s.quantity == 1`, message: `seat has no column "quantity"`},
		"a branch of one role only":     {kind: "user", body: `"RARE" in input.principal.roles; input.row.departmnt == "x"`, message: `user has no column "departmnt"`},
		"a branch of one person only":   {kind: "user", body: `input.principal.name == "kim"; count(input.row.seats) > 1`, message: "count of a row cannot be translated"},
		"a number in a row":             {kind: "user", body: `input.row[0] == "x"`, message: "names no column"},
		"a number in a relation":        {kind: "user", body: `input.row.seats[0].state == "ACTIVE"`, message: "have no numbers"},
		"a position":                    {kind: "user", body: `some i; input.row.seats[i].state == "ACTIVE"; i > 1`, message: "depends on something that is not known"},
		"the same position twice":       {kind: "user", body: `some i; input.row.seats[i].state == "ACTIVE"; input.row.memberships[i].group_id == 1`, message: "have no numbers"},
		"a relation as a value":         {kind: "user", body: `input.row.seats == []`, message: "are many rows"},
		"a row as a value":              {kind: "user", body: `input.row == {"id": 5}`, message: "cannot be compared as a whole"},
		"arithmetic":                    {kind: "license", body: `input.row.used + 5 > input.row.quantity`, message: "plus of a row cannot be translated"},
		"a pattern":                     {kind: "user", body: `regex.match("a", input.row.department)`, message: "regex.match of a row cannot be translated"},
		"upper case":                    {kind: "user", body: `upper(input.row.department) == "A"`, message: "upper of a row cannot be translated"},
		"a format":                      {kind: "user", body: `sprintf("%s", [input.row.department]) == "A"`, message: "cannot be translated"},
		"every":                         {kind: "user", body: `every s in input.row.seats { s.state == "ACTIVE" }`, message: "`every` over rows"},
		"a comprehension":               {kind: "user", body: `count([1 | some s in input.row.seats]) > 1`, message: "depends on something that is not known"},
		"columns of two rows":           {kind: "user", body: `some s in input.row.seats; s.id == input.row.id`, message: "only columns of the same row"},
		"not over two rows":             {kind: "user", body: "some s in input.row.seats; not f(s, input.row)\n}\n\nf(a, b) if {\n\ta.state == \"ACTIVE\"\n\tsome m in b.memberships\n\tm.group_id == 5", message: "several rows at once"},
		"a set of columns":              {kind: "user", body: `"x" in {input.row.department, input.row.cost_center}`, message: "cannot be translated"},
		"a text no database holds":      {kind: "user", body: `input.row.department == "a\u0000b"`, message: "zero character"},
		"a number of too many digits":   {kind: "license", body: `input.row.quantity == 1e400`, message: "more than 60 digits"},
		"a missing column before a not": {kind: "license", body: `not input.row.unit_price != "5"`, message: `"unit_price" may be missing`},
		"a missing column in a not":     {kind: "license", body: `not input.row.unit_price in {"5"}`, message: `"unit_price" may be missing`},
		"a missing column by a name":    {kind: "license", body: `x := input.row.unit_price; not x == "5"`, message: `"unit_price" may be missing`},
		"a missing column in lower":     {kind: "license", body: `not lower(input.row.currency) == "eur"`, message: `"currency" may be missing`},
		"a missing argument":            {kind: "license", body: "not f(input.row.unit_price)\n}\n\nf(x) if {\n\tx == \"5\"", message: `"unit_price" may be missing`},
		"a missing related row":         {kind: "seat", body: `not input.row.allotment.used > 5`, message: `"used" may be missing`},
		"a value instead of true":       {kind: "user", body: "true\n}\n\nlisted.group := \"yes\" if {\n\tinput.row.id == 5", message: "write listed.TYPE if", row: 23},
		"an unknown type":               {kind: "users", body: `input.row.id == 5`, message: `there is no type "users"`, row: 19},
		"an else":                       {kind: "user", body: "n == 1\n}\n\nn := 1 if {\n\tinput.row.id == 1\n} else := 2 if {\n\tinput.row.id == 2", message: "cannot be translated"},
	} {
		t.Run(name, func(t *testing.T) {
			text := rules(map[string]string{"more": fmt.Sprintf("\nlisted.%s if {\n\t%s\n}\n", c.kind, c.body)})
			_, problems := Build(t.Context(), Files{"p.rego": text, "data.json": `{"settings": {"x": {"a": 1}}}`}, Limits{Logger: quiet()})
			if len(problems) == 0 {
				t.Fatal("not refused")
			}
			want := c.row
			if want == 0 {
				want = row
			}
			for _, p := range problems {
				if strings.Contains(p.Message, c.message) && p.File == "p.rego" && p.Row == want && p.Column > 0 {
					return
				}
			}
			t.Errorf("got %v\nwant row %d, %s", problems, want, c.message)
		})
	}
}

// FuzzListRule feeds the translator whatever somebody could write. It must not panic, and what passes the gate must say of rows what
// the rule says.
func FuzzListRule(f *testing.F) {
	for _, body := range []string{
		`input.row.department == "x"`, `not input.row.id in [1, 2]`, `some s in input.row.seats; s.user_id == input.principal.user_id`,
		`input.row[_] == 1`, `input.row.seats[_][_] == 1`, `x := input.row; x.id > 1.5`, `lower(input.row.email) == "a"`, `input.row.id == input.row.id`,
		`some k, v in input.row; v == 1`, `walk(input.row, [p, v]); v == 1`, `input.row.id == 1e99`, `not not_there`, `every x in input.row.seats { x.id > 1 }`,
		`input.row.seats[i].id == 1; i == 0`, `{1 | input.row.id} == {1}`, `input.row.id = input.row.seats[_].id`, `true`, `false`,
	} {
		f.Add(body)
	}
	table, _ := filter.Find("user")
	who := Principal{Name: "a", UserID: 1, DelegateOf: true, Reach: Reach{Allotments: []int64{3}, Licenses: []int64{2}, Departments: []string{"a"}}}
	f.Fuzz(func(t *testing.T, body string) {
		p, problems := Build(t.Context(), Files{"p.rego": rules(map[string]string{"more": "\nlisted.user if {\n\t" + body + "\n}\n"})}, Limits{Logger: quiet()})
		if len(problems) > 0 {
			return
		}
		view, err := p.Visibility(t.Context(), who)
		if err != nil {
			return
		}
		listed := view.Listed("user")
		for _, row := range filter.Samples(table, listed, 12) {
			if shown, err := p.Shows(t.Context(), who, "user", row); err == nil && shown != (filter.Holds(listed, row) == filter.Yes) {
				t.Fatalf("%s\nis %s\nwhich differs for %+v", body, filter.Describe(listed), row)
			}
		}
	})
}
