package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/internal/app"
	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/store"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

// sheet is a file of one kind: what is read first, what it leaves, and a line that spoils it.
type sheet struct {
	kind  string
	text  string
	flags []string // of the command line; as parameters over HTTP
	says  []string // what the first reading says
	count string   // what is there afterwards
	want  int
	bad   string // a line to be added
	wrong string // what it is refused with, after the name of the file
}

// sheets are files of every kind, in the order in which they are to be read.
var sheets = []sheet{
	{
		kind: "users", text: "id;user name;department;enabled\nu1;ann@contoso.example;Sales;yes\nu2;bob@contoso.example;Sales;yes\nu3;cy@contoso.example;;yes\n",
		says: []string{"users          3 created"}, count: `SELECT COUNT(*) FROM users WHERE department = 'Sales'`, want: 2,
		bad: "u4;dee@contoso.example;;perhaps\n", wrong: `:5:25: enabled: "perhaps" is neither true nor false`,
	},
	{
		kind: "groups", text: "name,id\nSales,g1\n\"IT, Berlin\",g2\n", says: []string{"groups         2 created"},
		count: `SELECT COUNT(*) FROM "groups"`, want: 2, bad: "Sales,g3\n", wrong: ":4:1: name: Sales is in the file twice",
	},
	{
		kind: "memberships", text: "group,user,member group\nSales,ann@contoso.example,\ng1,u2,\n\"IT, Berlin\",,Sales\n", says: []string{"memberships    3 created"},
		count: `SELECT members FROM "groups" WHERE name = 'Sales'`, want: 2, bad: "Sales,nobody,\n", wrong: `:5: user: there is no user "nobody"`,
	},
	{
		kind: "contracts", text: "vendor,number,name,ends on\nMicrosoft,EA-1,Enterprise,2030-12-31\nOracle,ULA,,\n", says: []string{"contracts      2 created", "vendors        2 created"},
		count: `SELECT COUNT(*) FROM contracts WHERE name = 'Enterprise' OR name = 'ULA'`, want: 2, bad: "Oracle,X,,tomorrow\n", wrong: `:4:11: ends on: "tomorrow" is not a date`,
	},
	{
		kind: "licenses", text: "id,contract,product,quantity,metric,unit price,currency\nL1,EA-1,Microsoft 365 E5,275,,54.75,EUR\nL2,ULA,Database,0,installs,,\n",
		says: []string{"licenses       2 created", "products       2 created"}, count: `SELECT COUNT(*) FROM licenses WHERE unlimited_quantity AND capacity IS NULL`, want: 1,
		bad: "L3,EA-9,Visio,5,,,\n", wrong: `:4: contract: there is no contract "EA-9"`,
	},
	{
		kind: "deployments", text: "vendor\tproduct\tusers\tinstalls\nMicrosoft\tM365 E5\t80\t\nMicrosoft\tTeams\t140\t\nOracle\tDatabase\t\t5000\n", flags: []string{"source=sccm"},
		says: []string{"deployments    3 created"}, count: `SELECT COUNT(*) FROM observations`, want: 3,
		bad: "Adobe\tReader\tmany\t\n", wrong: `:5:14: users: "many" is not a whole number`,
	},
	{
		kind: "allocations", text: "license,product,name,quantity,notes\nL1,M365 E5,,100,\nL1,,Sales BU,50,\"'=1+1\"\nL1,Teams,,0,\nL2,Database,,0,\n",
		says: []string{"allocations    4 created"}, count: `SELECT COUNT(*) FROM allocations WHERE unlimited AND quantity IS NULL`, want: 2,
		bad: "L1,,More,126,\n", wrong: ":6: not enough units left in Microsoft 365 E5",
	},
}

// tables are all in which an import may leave something, beside the record of a dry run or a denial.
var tables = []string{
	"users", `"groups"`, "memberships", "group_nestings", "vendors", "products", "contracts", "licenses", "deployments", "observations", "allocations",
	"allocation_states", "feeds", "events",
}

// state counts the rows of all tables.
func state(t *testing.T, url string) string {
	t.Helper()
	var counts []string
	err := storetest.Open(t, url, store.Config{}).View(t.Context(), func(ctx context.Context, r *store.Reader) error {
		counts = nil
		for _, table := range tables {
			var n int
			if err := r.QueryRow(ctx, `SELECT COUNT(*) FROM `+table).Scan(&n); err != nil {
				return err
			}
			counts = append(counts, fmt.Sprint(table, " ", n))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(counts, ", ")
}

// written writes a file of the test.
func written(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (s *sheet) args(file, url string, more ...string) []string {
	args := []string{"import", s.kind, file, "--database", url}
	for _, flag := range s.flags {
		args = append(args, "--"+flag)
	}
	return append(args, more...)
}

// Every kind of file: a dry run leaves nothing, a file with one bad line leaves nothing and names it, the good one does what it says,
// and once more it changes nothing.
func TestImportSheets(t *testing.T) {
	eachURL(t, func(t *testing.T, url string) {
		cli(t, "migrate", "--database", url).ok(t)
		for _, s := range sheets {
			file := written(t, s.kind+".csv", s.text)
			spoiled := written(t, s.kind+"-spoiled.csv", s.text+s.bad)
			before := state(t, url)
			says(t, cli(t, s.args(file, url, "--dry-run")...).ok(t).stdout, append(s.says, "dry run")...)
			refused := cli(t, s.args(spoiled, url)...)
			if refused.code != 1 || refused.stdout != "" {
				t.Errorf("%s: exit code %d, stdout %q", s.kind, refused.code, refused.stdout)
			}
			says(t, refused.stderr, spoiled+s.wrong)
			if after := state(t, url); after != before {
				t.Errorf("%s: a dry run and a refused file left something:\n%s\n%s", s.kind, before, after)
			}
			says(t, cli(t, s.args(file, url)...).ok(t).stdout, append(s.says, "imported")...)
			if n := rows(t, url, s.count); n != s.want {
				t.Errorf("%s: %s gives %d, want %d", s.kind, s.count, n, s.want)
			}
			before = state(t, url)
			says(t, cli(t, s.args(file, url)...).ok(t).stdout, "nothing changes", "read before", "by system", "0 created, 0 updated")
			again := state(t, url)
			if plain(before) != plain(again) {
				t.Errorf("%s: read again, it left\n%s\nafter\n%s", s.kind, again, before)
			}
			if n := rows(t, url, `SELECT COUNT(*) FROM feeds WHERE kind = '`+s.kind+`' AND state = 'DONE' AND actor = 'system' AND pages = 1`); n != 2 {
				t.Errorf("%s: %d readings are recorded", s.kind, n)
			}
		}
		if n := rows(t, url, `SELECT COUNT(*) FROM events WHERE type = 'FILE_IMPORTED'`); n != 2*len(sheets) {
			t.Errorf("%d files are told of in the log", n)
		}
		says(t, cli(t, "verify", "--database", url).ok(t).stdout, "clean")
		says(t, cli(t, "policy", "simulate", "--database", url).ok(t).stdout, "nothing would be different")
	})
}

// plain leaves out what every reading leaves: its record and its event.
func plain(counts string) string {
	before, _, _ := strings.Cut(counts, ", feeds")
	return before
}

// upload is an answer to a file sent over HTTP.
type upload struct {
	status int
	header http.Header
	text   string
	answer struct {
		Kind, File, Digest, FeedID, DecisionID string
		Rows                                   int
		DryRun, Changed                        bool
		ReadBefore                             *struct{ By string }
		Counts                                 []struct {
			What                                 string
			Created, Updated, Removed, Unchanged int
		}
		Seats          map[string]int
		Examples       []string
		Notes          []string
		UnknownColumns []string
		Entra          *struct {
			AssignedThereNotHere, LicensedThereNotHere, SeatsHereNotThere, NoLicenseHere []struct {
				Product, Group string
				Users, ShortBy int
			}
		}
		TakenOver *struct {
			Direct, Members map[string]int
			Groups          int
			Refused         []string
		}
		Errors []apptest.Error
	}
	lines []int // of the mistakes
}

// send sends a file as somebody.
func send(t *testing.T, s *apptest.Service, token, path, text string, headers ...string) *upload {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/import/"+path, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	u := &upload{status: res.StatusCode, header: res.Header, text: string(body)}
	if leak := apptest.Leak(u.text); leak != "" {
		t.Errorf("the answer tells %q: %s", leak, u.text)
	}
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&u.answer); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	var lined struct {
		Errors []struct{ Extensions struct{ Line int } }
	}
	if err := json.Unmarshal(body, &lined); err != nil {
		t.Fatal(err)
	}
	for _, e := range lined.Errors {
		u.lines = append(u.lines, e.Extensions.Line)
	}
	return u
}

// good fails the test unless the file was taken.
func (u *upload) good(t *testing.T) *upload {
	t.Helper()
	if u.status != http.StatusOK {
		t.Fatalf("%d %s", u.status, u.text)
	}
	return u
}

// refused fails the test unless the file was refused with a status and a code.
func (u *upload) refused(t *testing.T, status int, code string) apptest.Error {
	t.Helper()
	if u.status != status || len(u.answer.Errors) == 0 || u.answer.Errors[0].Extensions.Code != code {
		t.Fatalf("%d %s, want %d %s", u.status, u.text, status, code)
	}
	return u.answer.Errors[0]
}

// clean fails the test if something is wrong with what is stored.
func clean(t *testing.T, s *apptest.Service) {
	t.Helper()
	if err := operation.Verify(t.Context(), s.Store, func(f operation.Finding) { t.Errorf("verify: %v", f) }); err != nil {
		t.Error(err)
	}
}

func (s *sheet) path() string {
	if len(s.flags) == 0 {
		return s.kind
	}
	return s.kind + "?" + strings.Join(s.flags, "&")
}

// Files over HTTP, with the caller's token: who may, who may not, and what is recorded.
func TestImportOverHTTP(t *testing.T) {
	may := map[string][]string{
		"directory": {identity.RoleGlobalAdmin, identity.RoleLicenseAdmin, "PROVISIONER"},
		"contracts": {identity.RoleGlobalAdmin, identity.RoleLicenseAdmin, "CONTRACT_MANAGER"},
	}
	area := map[string]string{"users": "directory", "groups": "directory", "memberships": "directory"}
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		admin := s.Token("root@contoso.example", identity.RoleGlobalAdmin)
		for _, sheet := range sheets {
			kind := area[sheet.kind]
			if kind == "" {
				kind = "contracts"
			}
			send(t, s, "", sheet.path(), sheet.text).refused(t, 401, "UNAUTHENTICATED")
			for _, role := range []string{"", "AUDITOR", "ANALYST", "POLICY_AUTHOR", "CONTRACT_MANAGER", "PROVISIONER"} {
				if strings.Contains(strings.Join(may[kind], " "), role) && role != "" {
					continue
				}
				denied := send(t, s, s.Token("somebody@contoso.example", role), sheet.path(), "this is not even looked at").refused(t, 403, "POLICY_DENIED")
				if v := denied.Extensions.Violations; len(v) != 1 || v[0].Code != "ROLE_REQUIRED" && v[0].Code != "READ_ONLY" || denied.Extensions.DecisionID == "" {
					t.Errorf("%s as %q: %+v", sheet.kind, role, denied)
				}
			}
			role := may[kind][len(may[kind])-1]
			token := s.Token("maria@contoso.example", role)
			join := map[bool]string{true: "&", false: "?"}[strings.Contains(sheet.path(), "?")]
			dry := send(t, s, token, sheet.path()+join+"dryRun=true", sheet.text).good(t)
			if !dry.answer.DryRun || !dry.answer.Changed || dry.answer.FeedID != "" || dry.answer.DecisionID == "" || len(dry.answer.Examples) == 0 {
				t.Errorf("%s: %s", sheet.kind, dry.text)
			}
			send(t, s, token, sheet.path(), sheet.text+sheet.bad) // refused, and without effect, as on the command line
			first := send(t, s, token, sheet.path(), sheet.text).good(t)
			if first.answer.Counts[0].Created != dry.answer.Counts[0].Created || !strings.HasPrefix(first.answer.FeedID, "fed_") || first.answer.ReadBefore != nil {
				t.Errorf("%s: %s", sheet.kind, first.text)
			}
			again := send(t, s, admin, sheet.path(), sheet.text).good(t)
			if again.answer.Changed || again.answer.ReadBefore == nil || again.answer.ReadBefore.By != "maria@contoso.example" {
				t.Errorf("%s: %s", sheet.kind, again.text)
			}
		}
		var answer struct {
			Feeds struct {
				TotalCount int
				Nodes      []struct{ Kind, Name, Actor, State, Digest string }
			}
		}
		const document = `{ feeds(first: 1, where: {kindIn: ["allocations"]}) { totalCount nodes { kind name actor state digest } } }`
		s.As("aude@contoso.example", "AUDITOR").Do(document, nil, &answer)
		if answer.Feeds.TotalCount != 2 || answer.Feeds.Nodes[0].Actor != "root@contoso.example" || answer.Feeds.Nodes[0].State != "DONE" {
			t.Errorf("%+v", answer)
		}
		s.As("noel@contoso.example", "ANALYST").Do(document, nil, &answer)
		if answer.Feeds.TotalCount != 2 || answer.Feeds.Nodes[0].Actor != "" {
			t.Errorf("an analyst is told %+v", answer)
		}
		s.As("maria@contoso.example", "CONTRACT_MANAGER").Do(document, nil, &answer)
		if answer.Feeds.TotalCount != 0 {
			t.Errorf("a contract manager sees %+v", answer)
		}
		clean(t, s)
	})
}

// What is wrong with a request or a file is told with its code, field and line.
func TestImportOverHTTPMistakes(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		admin := s.Token("root@contoso.example", identity.RoleGlobalAdmin)
		send(t, s, admin, "robots", "x").refused(t, 404, "NOT_FOUND")
		if e := send(t, s, admin, "users?dryrun=true", "x").refused(t, 422, "INVALID_INPUT"); e.Extensions.Field != "dryrun" {
			t.Errorf("%+v", e)
		}
		for _, query := range []string{"dryRun=perhaps", "dryRun=true&dryRun=false", "observedAt=today", "takeOver=true"} {
			send(t, s, admin, "users?"+query, "x").refused(t, 422, "INVALID_INPUT")
		}
		u := send(t, s, admin, "users?name=people.csv", "user name,enabled,size\nann,perhaps,1\n,yes,2\n")
		e := u.refused(t, 422, "INVALID_INPUT")
		if e.Extensions.Field != "enabled" || e.Message != `people.csv:2:5: enabled: "perhaps" is neither true nor false` || fmt.Sprint(u.lines) != "[2 3]" {
			t.Errorf("%s", u.text)
		}
		if u := send(t, s, admin, "users", "user name,size\nann,1\n").good(t); strings.Join(u.answer.UnknownColumns, ",") != "size" {
			t.Errorf("%s", u.text)
		}
		e = send(t, s, admin, "users", "user name\n"+strings.Repeat("x", 2<<20)).refused(t, 422, "INVALID_INPUT")
		if e.Extensions.Field != "body" || !strings.Contains(e.Message, "more than 1 MB") {
			t.Errorf("%+v", e)
		}
		first := send(t, s, admin, "groups", "name\nA\n", "Idempotency-Key", "k1").good(t)
		retry := send(t, s, admin, "groups", "name\nA\n", "Idempotency-Key", "k1").good(t)
		if first.answer.DecisionID != retry.answer.DecisionID || retry.answer.Counts[0].Created != 1 {
			t.Errorf("%s, then %s", first.text, retry.text)
		}
		send(t, s, admin, "groups", "name\nB\n", "Idempotency-Key", "k1").refused(t, 409, "IDEMPOTENCY_KEY_REUSED")
		res, err := http.Get(s.URL + "/import/users")
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("GET answers %d", res.StatusCode)
		}
	}, func(c *app.Config) { c.ImportLimit = 1 << 20 })
}
