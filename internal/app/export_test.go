package app_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/app"
	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/export"
)

// download asks for an export as somebody of the cast, or with a token; path is what follows /export/.
func download(t *testing.T, s *apptest.Service, token, path string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/export/"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if leak := apptest.Leak(string(body)); leak != "" {
		t.Errorf("%s tells %q", path, leak)
	}
	return response, string(body)
}

func (s *stage) token(name string) string {
	for _, p := range cast {
		if p.name == name && name != "anonymous" {
			return s.Token(p.name, p.roles...)
		}
	}
	return ""
}

// table is an export as CSV, by column.
type table struct {
	header []string
	rows   []map[string]string
}

func readCSV(t *testing.T, text string) table {
	t.Helper()
	if !strings.HasSuffix(text, "\r\n") {
		t.Errorf("lines do not end as RFC 4180 says: %.200q", text)
	}
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll() // also fails for lines of different width
	if err != nil {
		t.Fatalf("%v in %.1000s", err, text)
	}
	all := table{header: records[0]}
	for _, record := range records[1:] {
		row := map[string]string{}
		for i, value := range record {
			row[all.header[i]] = value
		}
		all.rows = append(all.rows, row)
	}
	return all
}

func readJSON(t *testing.T, text string) (rows []map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		t.Fatalf("%v in %.1000s", err, text)
	}
	return rows
}

// exportIDs gives the ids of an export's rows, sorted.
func (s *stage) exportIDs(who, kind string) []string {
	s.Helper()
	response, body := download(s.T, s.Service, s.token(who), kind+".json")
	if response.StatusCode != http.StatusOK {
		s.Fatalf("%s exports %s: %d %s", who, kind, response.StatusCode, body)
	}
	ids := []string{}
	for _, row := range readJSON(s.T, body) {
		ids = append(ids, fmt.Sprint(row["ringfenceId"]))
	}
	slices.Sort(ids)
	return ids
}

// listIDs gives the ids that lists of the API have, sorted, without doubles. Documents have a variable $after for pages.
func (s *stage) listIDs(who, document string, lists ...string) []string {
	s.Helper()
	ids := []string{}
	var after any
	for {
		answer := s.send(s.as(who), document, in{"after": after})
		if len(answer.Errors) > 0 {
			s.Fatalf("%s asks %s: %s", who, document, answer.Raw)
		}
		var data struct {
			List struct {
				PageInfo struct {
					HasNextPage bool
					EndCursor   string
				}
			}
		}
		if err := json.Unmarshal(answer.Data, &data); err != nil {
			s.Fatal(err)
		}
		for _, id := range strings.Split(answer.Raw, `"wanted":"`)[1:] {
			ids = append(ids, id[:strings.Index(id, `"`)])
		}
		if !data.List.PageInfo.HasNextPage {
			slices.Sort(ids)
			return slices.Compact(ids)
		}
		after = data.List.PageInfo.EndCursor
	}
}

// Everybody exports what the API lists for them, of every kind that has ids, no more and no less.
func TestExportShowsWhatTheAPIShows(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		simple := func(list string) string {
			return `query($after: String) { list: ` + list + `(first: 100, after: $after) { pageInfo { hasNextPage endCursor } nodes { wanted: id } } }`
		}
		within := func(list, field string) string {
			return `query($after: String) { list: ` + list + `(first: 100, after: $after) { pageInfo { hasNextPage endCursor } nodes { ` + field + `(first: 100) { nodes { wanted: id } } } } }`
		}
		documents := map[string][]string{"seats": {within("licenses", "seats"), within("users", "seats")}, "group-licenses": {within("groups", "groupLicenses"), within("licenses", "groupLicenses")}}
		for _, list := range []string{"vendors", "products", "contracts", "licenses", "deployments", "allocations", "purchaseReservations", "serviceTokens", "feeds", "policyTrials", "allotments", "users", "groups", "decisions", "events"} {
			documents[kebab.ReplaceAllStringFunc(list, func(c string) string { return "-" + strings.ToLower(c) })] = []string{simple(list)}
		}
		for kind, documents := range documents {
			shown := 0
			for _, p := range cast {
				if p.name == "anonymous" || p.name == "dan" || p.name == "dana" {
					continue
				}
				want := []string{}
				for _, document := range documents {
					want = append(want, s.listIDs(p.name, document)...)
				}
				slices.Sort(want)
				want = slices.Compact(want)
				got := s.exportIDs(p.name, kind)
				if !slices.Equal(got, want) {
					t.Errorf("%s exports %s: %v\nthe API lists %v", p.name, kind, got, want)
				}
				shown += len(got)
			}
			if shown == 0 {
				t.Errorf("nobody exports any %s", kind)
			}
		}
	})
}

// The overviews that are exported are those the API gives, for everybody and as of a time, too.
func TestExportOfOverviews(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		before := time.Now().UTC().Format(time.RFC3339Nano)
		s.do("recordDeployments", in{"source": "scan", "deployments": []in{{"vendor": "Microsoft", "product": "Office", "users": 41}, {"vendor": "Adobe", "product": "=Reader", "installs": 7}}})
		s.do("createAllocation", in{"licenseId": "@suite", "type": "CUSTOM_RESERVATION", "name": "Sales BU", "quantity": 3})
		for _, p := range cast {
			if p.name == "anonymous" || p.name == "dan" || p.name == "dana" {
				continue
			}
			for _, asOf := range []string{"", before} {
				at, many, query := "", "(first: 100)", ""
				if asOf != "" {
					at, many, query = `(asOf: "`+asOf+`")`, `(first: 100, asOf: "`+asOf+`")`, "?asOf="+asOf
				}
				answer := s.send(s.as(p.name), `{ portfolioOverview`+at+` { rows { label deployed allocated uncovered } }
					licenseOverviews`+many+` { nodes { id overview { entitled allocated deployed uncovered } } }
					contractOverviews`+many+` { nodes { id overview { entitled allocated deployed uncovered } } } }`, nil)
				var want struct {
					PortfolioOverview                   struct{ Rows []map[string]any }
					LicenseOverviews, ContractOverviews struct{ Nodes []map[string]any }
				}
				if err := json.Unmarshal(answer.Data, &want); err != nil {
					t.Fatal(err)
				}
				got := func(kind string) []map[string]any {
					response, body := download(t, s.Service, s.token(p.name), kind+".json"+query)
					if response.StatusCode != http.StatusOK {
						t.Fatalf("%s exports %s: %s", p.name, kind, body)
					}
					return readJSON(t, body)
				}
				rows := got("overview")
				for _, row := range rows {
					row["label"] = row["product"]
					if row["label"] == nil {
						row["label"] = row["reservation"]
					}
				}
				alike(t, p.name+" portfolio"+at, rows, want.PortfolioOverview.Rows, "label", "deployed", "allocated", "uncovered")
				for kind, nodes := range map[string][]map[string]any{"license": want.LicenseOverviews.Nodes, "contract": want.ContractOverviews.Nodes} {
					for _, node := range nodes {
						for name, value := range node["overview"].(map[string]any) {
							node[name] = value
						}
						node[kind] = node["id"]
					}
					alike(t, p.name+" "+kind+at, got(kind+"-overviews"), nodes, kind, "entitled", "allocated", "deployed", "uncovered")
				}
			}
		}
	})
}

// alike compares rows of two tables in some of their columns.
func alike(t *testing.T, what string, got, want []map[string]any, columns ...string) {
	t.Helper()
	lines := func(rows []map[string]any) string {
		var all []string
		for _, row := range rows {
			line := ""
			for _, column := range columns {
				line += fmt.Sprint(row[column], " ")
			}
			all = append(all, line)
		}
		return strings.Join(all, "\n")
	}
	if g, w := lines(got), lines(want); g != w {
		t.Errorf("%s: exported\n%s\nthe API has\n%s", what, g, w)
	}
}

// What the API lists, an export writes; a list that is added has to be given a name here or there.
func TestEveryListIsExported(t *testing.T) {
	schema := apptest.Start(t, "sqlite3").Schema.Schema()
	kinds, lists := export.Kinds(), 0
	for _, field := range schema.Query.Fields {
		if !strings.HasSuffix(field.Type.Name(), "Connection") {
			continue
		}
		lists++
		name := kebab.ReplaceAllStringFunc(field.Name, func(capital string) string { return "-" + strings.ToLower(capital) })
		if field.Name == "capacity" {
			name = "group-licenses"
		}
		if !slices.Contains(kinds, name) {
			t.Errorf("%s are listed and not exported", field.Name)
		}
	}
	if lists < 15 {
		t.Errorf("%d lists", lists)
	}
}

var kebab = regexp.MustCompile("[A-Z]")

// Every kind can be had in both formats, with the same rows; JSON has the CSV's columns in one word.
func TestExportOfEveryKind(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		for _, kind := range export.Kinds() {
			response, text := download(t, s.Service, s.token("root"), kind+".csv")
			if got := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || got != "text/csv; charset=utf-8; header=present" {
				t.Fatalf("%s.csv: %d %s", kind, response.StatusCode, got)
			}
			if got := response.Header.Get("Content-Disposition"); got != `attachment; filename="`+kind+`.csv"` {
				t.Errorf("%s.csv: Content-Disposition %s", kind, got)
			}
			sheet := readCSV(t, text)
			response, text = download(t, s.Service, s.token("root"), kind+".json")
			if got := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || got != "application/json; charset=utf-8" {
				t.Fatalf("%s.json: %d %s", kind, response.StatusCode, got)
			}
			objects := readJSON(t, text)
			if len(objects) != len(sheet.rows) {
				t.Errorf("%s: %d rows in CSV, %d in JSON", kind, len(sheet.rows), len(objects))
			}
			if len(objects) > 0 && len(objects[0]) != len(sheet.header) {
				t.Errorf("%s: the columns are %v, the names in JSON %v", kind, sheet.header, objects[0])
			}
			lower := strings.ToLower(strings.Join(sheet.header, ","))
			if kind != "focus" && lower != strings.Join(sheet.header, ",") {
				t.Errorf("%s: columns are lower-case words: %v", kind, sheet.header)
			}
			// Nobody who is not signed in or not any more is given anything.
			for _, who := range []string{"anonymous", "dan", "dana"} {
				if response, body := download(t, s.Service, s.token(who), kind+".csv"); response.StatusCode != http.StatusUnauthorized || !strings.Contains(body, "UNAUTHENTICATED") {
					t.Errorf("%s exports %s: %d %s", who, kind, response.StatusCode, body)
				}
			}
		}
	})
}

// What the policy masks is not in any export: an analyst is told of nobody who it is.
func TestExportMasks(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		for _, kind := range export.Kinds() {
			for _, format := range []string{"csv", "json"} {
				_, body := download(t, s.Service, s.token("noel"), kind+"."+format)
				for _, secret := range []string{"inside", "The outside", "@contoso.example", "ext far", "member1", "ursula"} {
					if strings.Contains(body, secret) {
						t.Errorf("an analyst's %s.%s tells %q", kind, format, secret)
					}
				}
			}
		}
		_, body := download(t, s.Service, s.token("noel"), "users.csv")
		people := readCSV(t, body)
		departments := 0
		for _, row := range people.rows {
			if row["user name"] != "" || row["email"] != "" || row["display name"] != "" || row["external id"] != "" || row["ringfence id"] == "" {
				t.Errorf("an analyst is told %v", row)
			}
			if row["department"] == "Sales" {
				departments++
			}
		}
		if departments == 0 {
			t.Error("an analyst sees no department")
		}
	})
}

// Spreadsheets take no text for a formula; JSON has it as it is.
func TestExportGuardsFormulas(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		for text, guarded := range map[string]string{
			`=HYPERLINK("http://x","y")`: `'=HYPERLINK("http://x","y")`, "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "'=1": "''=1", "'t Hooft": "'t Hooft",
			"a=b": "a=b", "a \"quoted\", list": "a \"quoted\", list", "two\nlines": "two\nlines",
		} {
			s.Admin().Do(`mutation($id: ID!, $notes: String!) { updateContract(input: {contractId: $id, notes: $notes}) { dryRun } }`,
				apptest.Vars{"id": s.ids["contract"], "notes": text}, nil)
			filter := "?where=" + url.QueryEscape(`{"idIn":["`+s.ids["contract"]+`"]}`)
			_, body := download(t, s.Service, s.token("root"), "contracts.csv"+filter)
			if rows := readCSV(t, body).rows; len(rows) != 1 || rows[0]["notes"] != guarded {
				t.Errorf("%q is written %q", text, rows)
			}
			_, body = download(t, s.Service, s.token("root"), "contracts.json"+filter)
			if rows := readJSON(t, body); len(rows) != 1 || rows[0]["notes"] != text {
				t.Errorf("%q is written %v in JSON", text, rows)
			}
		}
		// What we write ourselves, such as numbers, is left alone.
		s.do("updateLicense", in{"licenseId": "@tool", "unitPrice": "2.50", "currency": "EUR"})
		_, body := download(t, s.Service, s.token("root"), "licenses.csv?where="+url.QueryEscape(`{"idIn":["`+s.ids["tool"]+`"]}`))
		if rows := readCSV(t, body).rows; rows[0]["unit price"] != "2.50" || rows[0]["quantity"] != "300" || rows[0]["unlimited"] != "false" {
			t.Errorf("a license is written %v", rows)
		}
	})
}

// Unlimited is 0 in CSV, as Licenseware writes it, with a column that says so; in JSON it is null.
func TestExportOfUnlimited(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		s.do("updateLicense", in{"licenseId": "@empty license", "unlimitedQuantity": true})
		filter := "?where=" + url.QueryEscape(`{"idIn":["`+s.ids["empty license"]+`"]}`)
		_, body := download(t, s.Service, s.token("root"), "licenses.csv"+filter)
		if row := readCSV(t, body).rows[0]; row["quantity"] != "0" || row["unlimited"] != "true" || row["available"] != "" {
			t.Errorf("CSV has %v", row)
		}
		_, body = download(t, s.Service, s.token("root"), "licenses.json"+filter)
		if row := readJSON(t, body)[0]; row["quantity"] != nil || row["unlimited"] != true || row["available"] != nil {
			t.Errorf("JSON has %v", row)
		}
	})
}

// What is wrong with a request is said before anything is written, in the form the API's errors have.
func TestExportRefuses(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		where := func(text string) string { return "users.csv?where=" + url.QueryEscape(text) }
		for path, want := range map[string]struct {
			status      int
			code, field string
		}{
			"nonsense.csv":                                 {404, "NOT_FOUND", "kind"},
			"licenses.xml":                                 {422, "INVALID_INPUT", "format"},
			"licenses":                                     {422, "INVALID_INPUT", "format"},
			"licenses.csv?first=3":                         {422, "INVALID_INPUT", "first"},
			"licenses.csv?from=2026-01-01":                 {422, "INVALID_INPUT", "from"},
			"licenses.csv?asOf=2026-01-01T00:00:00Z":       {422, "INVALID_INPUT", "asOf"},
			"licenses.csv?asOf=now":                        {422, "INVALID_INPUT", "asOf"},
			"showback.csv?by=PLANET":                       {422, "INVALID_INPUT", "by"},
			"showback.csv?from=2026-02-01&to=2026-01-01":   {422, "INVALID_INPUT", "to"},
			"showback.csv?from=2026-02-01&from=2026-01-01": {422, "INVALID_INPUT", "from"},
			"showback.csv?from=yesterday":                  {422, "INVALID_INPUT", "from"},
			`memberships.csv?where={}`:                     {422, "INVALID_INPUT", "where"},
			where(`[]`):                                    {422, "INVALID_INPUT", "where"},
			where(`null`):                                  {422, "INVALID_INPUT", "where"},
			where(`{"nonsense":1}`):                        {422, "INVALID_INPUT", "where"},
			where(`{"enabled":"yes"}`):                     {422, "INVALID_INPUT", "where.enabled"},
			where(`{"typeIn":["ROBOT"]}`):                  {422, "INVALID_INPUT", "where.typeIn.0"},
			where(`{"typeIn":"GUEST"}`):                    {422, "INVALID_INPUT", "where.typeIn"},
			where(`{"userName":{"eq":3}}`):                 {422, "INVALID_INPUT", "where.userName.eq"},
			where(`{"userName":"ann"}`):                    {422, "INVALID_INPUT", "where.userName"},
			where(`{"search":"\u0000"}`):                   {422, "INVALID_INPUT", "where.search"},
			"contracts.csv?where=" + url.QueryEscape(`{"endsOn":{"before":"soon"}}`):           {422, "INVALID_INPUT", "where.endsOn.before"},
			"events.csv?where=" + url.QueryEscape(`{"at":{"since":"2026-01-01"}}`):             {422, "INVALID_INPUT", "where.at.since"},
			"licenses.csv?where=" + url.QueryEscape(`{"available":{"gte":1.5}}`):               {422, "INVALID_INPUT", "where.available.gte"},
			"licenses.csv?where=" + url.QueryEscape(`{"available":{"gte":99999999999999999}}`): {422, "INVALID_INPUT", "where.available.gte"},
		} {
			response, body := download(t, s.Service, s.token("root"), path)
			var answer struct{ Errors []apptest.Error }
			if err := json.Unmarshal([]byte(body), &answer); err != nil || len(answer.Errors) != 1 {
				t.Fatalf("%s: %s", path, body)
			}
			e := answer.Errors[0]
			if response.StatusCode != want.status || e.Extensions.Code != want.code || e.Extensions.Field != want.field || e.Message == "" {
				t.Errorf("%s: %d %s\nwant %v", path, response.StatusCode, body, want)
			}
			if response.Header.Get("Content-Disposition") != "" {
				t.Errorf("%s: an error is offered as a file", path)
			}
		}
		if _, body := download(t, s.Service, s.token("root"), "nonsense.csv"); !strings.Contains(body, strings.Join(export.Kinds(), ", ")) {
			t.Errorf("the error does not name the kinds: %s", body)
		}
		// Who may not see a name may not search by it, here neither.
		if response, body := download(t, s.Service, s.token("noel"), where(`{"search":"ins"}`)); response.StatusCode != http.StatusForbidden {
			t.Errorf("an analyst searches for names: %d %s", response.StatusCode, body)
		}
		for _, method := range []string{http.MethodPost, http.MethodDelete} {
			request, _ := http.NewRequestWithContext(t.Context(), method, s.URL+"/export/users.csv", nil)
			if response, err := http.DefaultClient.Do(request); err != nil || response.StatusCode != http.StatusMethodNotAllowed {
				t.Errorf("%s: %v %v", method, response, err)
			}
		}
	})
}

// Exports and questions of one caller are counted together.
func TestExportIsThrottled(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		token := s.Token("root@contoso.example", "GLOBAL_ADMIN")
		s.Admin().Do(`{ viewer { userName } }`, nil, nil)
		response, body := download(t, s, token, "vendors.csv")
		if response.StatusCode != http.StatusTooManyRequests || response.Header.Get("Retry-After") == "" || !strings.Contains(body, "RATE_LIMITED") {
			t.Errorf("the second request: %d %s", response.StatusCode, body)
		}
		if response, _ := download(t, s, s.Token("another", "GLOBAL_ADMIN"), "vendors.csv"); response.StatusCode != http.StatusOK {
			t.Errorf("somebody else: %d", response.StatusCode)
		}
	}, func(c *app.Config) { c.Rate = 0.01 })
}

// The command writes what the API would show: everything, or what a user sees.
func TestExportCommand(t *testing.T) {
	eachURL(t, func(t *testing.T, database string) {
		set(t, apptest.StartOn(t, database))
		run := func(args ...string) ran {
			return cli(t, append([]string{"export", "--database", database}, args...)...)
		}

		all := readCSV(t, run("users").ok(t).stdout)
		if len(all.rows) < 20 || !slices.ContainsFunc(all.rows, func(r map[string]string) bool {
			return r["user name"] == "inside" && r["email"] == "inside@contoso.example"
		}) {
			t.Errorf("the operator exports %d users", len(all.rows))
		}
		if rows := readCSV(t, run("users", "--as", "inside").ok(t).stdout).rows; len(rows) != 1 || rows[0]["user name"] != "inside" {
			t.Errorf("a user exports %v", rows)
		}
		if rows := readCSV(t, run("users", "--as", "noel", "--role", "ANALYST").ok(t).stdout).rows; len(rows) != len(all.rows) || rows[0]["user name"] != "" {
			t.Errorf("an analyst exports %v", rows[0])
		}
		if r := run("users", "--as", "dan"); r.code == 0 || !strings.Contains(r.stderr, "disabled") {
			t.Errorf("a disabled user exports: %v", r)
		}
		if rows := readCSV(t, run("licenses", "--where", `{"sku":{"eq":"SUITE PRODUCT"}}`).ok(t).stdout).rows; len(rows) != 1 || rows[0]["product"] != "suite product" {
			t.Errorf("with a condition: %v", rows)
		}

		file := filepath.Join(t.TempDir(), "licenses.json")
		if r := run("licenses", "-o", file).ok(t); r.stdout != "" {
			t.Errorf("with -o it prints %s", r.stdout)
		}
		text, err := os.ReadFile(file)
		if err != nil || len(readJSON(t, string(text))) != 3 {
			t.Errorf("the file has %v %s", err, text)
		}
		run("licenses", "-o", file, "--format", "csv").ok(t)
		if text, err = os.ReadFile(file); err != nil || !strings.HasPrefix(string(text), "ringfence id,") {
			t.Errorf("--format does not count: %v %.100s", err, text)
		}

		if help := strings.Join(strings.Fields(cli(t, "export", "--help").stdout), " "); !strings.Contains(help, "What to write: "+strings.Join(export.Kinds(), ", ")+".") {
			t.Errorf("the help does not name all kinds: %s", help)
		}
		for message, args := range map[string][]string{
			"there is no export of that kind; there are vendors, products": {"nonsense"},
			"where.enabled":              {"users", "--where", `{"enabled": 1}`},
			"--role belongs to --as":     {"users", "--role", "AUDITOR"},
			"users takes no from":        {"users", "--from", "2026-01-01"},
			"must be one of":             {"users", "--format", "xml"},
			"the last day is not before": {"focus", "--from", "2026-02-01", "--to", "2026-01-01"},
		} {
			r := run(append(args, "-o", filepath.Join(filepath.Dir(file), "new.csv"))...)
			if r.code == 0 || !strings.Contains(r.stderr, message) || strings.Count(r.stderr, "\n") > 3 {
				t.Errorf("%v: exit code %d, %s", args, r.code, r.stderr)
			}
		}
		left, _ := os.ReadDir(filepath.Dir(file))
		if len(left) != 1 {
			t.Errorf("failed exports left %v", left)
		}
	})
}
