package feed

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/internal/fault"
)

func elementsOf[T any](t *testing.T, e *Export[T], text string) ([]T, *Summary) {
	t.Helper()
	page, err := e.Open("f.json", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	all, err := page.Part(1000)
	if err != nil {
		t.Fatal(err)
	}
	s, err := page.Summary()
	if err != nil {
		t.Fatal(err)
	}
	return all, s
}

// Exports as Microsoft Graph answers them, with and without a mark, one page or several, and as bare lists.
func TestGraph(t *testing.T) {
	skus, _ := elementsOf(t, GraphSkus, "\xef\xbb\xbf"+seed(t, "skus.json"))
	if len(skus) != 2 {
		t.Fatalf("%d SKUs", len(skus))
	}
	s := skus[0]
	if s.Line != 2 || s.SkuID != "c7df2760-2c81-4ef7-b578-5b5392b571df" || s.Name != "ENTERPRISEPREMIUM" || s.Enabled != 25 || s.Warning != 2 || s.Off != 4 ||
		s.Consumed != 14 || s.Status != "Enabled" || s.Company || len(s.Plans) != 1 || s.Plans[0].Name != "ADALLOM_S_O365" {
		t.Errorf("%+v", s)
	}
	if !skus[1].Company || skus[1].Line != 5 {
		t.Errorf("%+v", skus[1])
	}
	users, summary := elementsOf(t, GraphUsers, seed(t, "users.json"))
	if len(users) != 3 || summary.Rows != 3 || summary.NextLink != "" || !strings.HasPrefix(summary.DeltaLink, "https://graph") {
		t.Fatalf("%d users, %+v", len(users), summary)
	}
	shows(t, users,
		`{"Assignments":[{"Disabled":["8c098270-9dd4-4350-9b30-ba4703f3b36b"],"Error":"None","Group":"","SkuID":"c7df2760-2c81-4ef7-b578-5b5392b571df","State":"Active"},`+
			`{"Disabled":null,"Error":"CountViolation","Group":"e6c9e0a3-0000-4000-8000-000000000001","SkuID":"c7df2760-2c81-4ef7-b578-5b5392b571df","State":"Error"}],`+
			`"CostCenter":"CC 7","Department":"Retail","DisplayName":"Adele Vance","Enabled":true,"ExternalID":"87d349ed-44d7-43e1-9a83-5f2406dee5bd","Line":2,"Removed":false,"Type":"MEMBER","UsageLocation":"US","UserName":"AdeleV@contoso.example"}`,
		`{"Assignments":[{"Disabled":null,"Error":"","Group":"","SkuID":"6470687e-a428-4b7a-bef2-8a291ad947c9","State":"Active"}],`+
			`"ExternalID":"4782e723-f4f4-4af3-a76e-25e3bab0d896","Line":8,"Removed":false,"Type":"GUEST","UserName":"guest#EXT#@contoso.example"}`,
		`{"ExternalID":"c03e6eaa-b6ab-46d7-905b-73ec7ea1f755","Line":12,"Removed":true}`)
	if users[0].Email == nil || *users[0].Email != "" || users[1].Email != nil {
		t.Error("null clears, and what is left out stays")
	}
	groups, summary := elementsOf(t, GraphGroups, seed(t, "groups.json"))
	if summary.DeltaLink == "" || len(groups) != 2 || !groups[1].Removed || groups[0].Name != "Sales" {
		t.Fatalf("%+v %+v", groups, summary)
	}
	if m := groups[0].Members; len(m) != 4 || m[0].Removed || !m[1].Removed || !m[2].Group || !m[3].Other {
		t.Errorf("%+v", groups[0].Members)
	}
	bare, _ := elementsOf(t, GraphGroups, `[{"Id":"1","DisplayName":"A"},{"Id":"2","DisplayName":"B"}]`)
	if len(bare) != 2 || bare[1].ID != "2" || bare[1].Name != "B" {
		t.Errorf("%+v", bare)
	}
}

func TestGraphMistakes(t *testing.T) {
	for name, c := range map[string]struct{ text, want, field string }{
		"empty":          {"", "f.json:1:1: the file is empty", ""},
		"UTF-16":         {"\xff\xfe{", "f.json:1:1: the file is UTF-16", ""},
		"no JSON":        {"{\n\"value\": [\n{\"id\": 1x}]}", "f.json:3:1: this is not JSON", ""},
		"cut off":        {"{\n\"value\": [\n{\"id\": \"1\", \"userPrincipalName\": \"a\"},\n", "f.json:4:1: the file ends in the middle", ""},
		"no list":        {`{"id": "1"}`, "f.json:1:1: value: this is no answer of Microsoft Graph", "value"},
		"value no list":  {`{"value": {}}`, "f.json:1:1: value: this is no list", "value"},
		"a number":       {`7`, "this is no answer of Microsoft Graph", ""},
		"no id":          {"{\"value\": [\n{\"id\": \"1\", \"userPrincipalName\": \"a\"},\n{\"userPrincipalName\": \"b\"}]}", "f.json:3:1: id: the value is missing", "id"},
		"no name":        {`{"value": [{"id": "1"}]}`, "f.json:1:1: userPrincipalName: the value is missing", "userPrincipalName"},
		"name a number":  {"{\"value\": [{\"id\": \"1\",\n\"accountEnabled\": 7}]}", "f.json:2:1: accountEnabled: the value is a number", "accountEnabled"},
		"country":        {`{"value": [{"id": "1", "userPrincipalName": "a", "usageLocation": "Germany"}]}`, `usageLocation: "Germany" is not a country`, "usageLocation"},
		"user type":      {`{"value": [{"id": "1", "userPrincipalName": "a", "userType": "Robot"}]}`, `userType: "Robot" is neither`, "userType"},
		"SKU no GUID":    {`{"value": [{"id": "1", "userPrincipalName": "a", "licenseAssignmentStates": [{"skuId": "E5"}]}]}`, `"e5" is not a GUID`, "licenseAssignmentStates.skuId"},
		"control":        {`{"value": [{"id": "1", "userPrincipalName": "a` + "\\u0007" + `"}]}`, "characters that cannot be shown", "userPrincipalName"},
		"endless member": {`{"value": [{"id": "1", "x": "` + strings.Repeat("x", maxElement+1<<20) + `"}]}`, "has more than 16 MB", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := GraphUsers.Check("f.json", strings.NewReader(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want %s", err, c.want)
			}
			if f := firstFault(err); f.Field != c.field || f.Code != fault.InvalidInput {
				t.Errorf("field %q code %s", f.Field, f.Code)
			}
		})
	}
	if _, err := GraphSkus.Check("f.json", strings.NewReader(`{"value": [{"skuId": "c7df2760-2c81-4ef7-b578-5b5392b571df", "skuPartNumber": "X", "prepaidUnits": {"enabled": -1}}]}`)); err == nil ||
		!strings.Contains(err.Error(), "prepaidUnits.enabled: -1 is not a whole number") {
		t.Errorf("%v", err)
	}
}

// A mark between pages is skipped where pages are put together.
func TestUnmarked(t *testing.T) {
	text, err := io.ReadAll(Unmarked(strings.NewReader("\xef\xbb\xbfab")))
	if err != nil || string(text) != "ab" {
		t.Errorf("%q %v", text, err)
	}
	if text, err = io.ReadAll(Unmarked(strings.NewReader("a"))); err != nil || string(text) != "a" {
		t.Errorf("%q %v", text, err)
	}
}

// fuzzExport feeds an export odd texts: it is read twice alike or refused with a place, and never breaks.
func fuzzExport[T any](f *testing.F, e *Export[T], file string) {
	f.Add(seed(f, file))
	f.Add(`[{"id":"1"}]{"value":[]}`)
	f.Fuzz(func(t *testing.T, text string) {
		summary, err := e.Check("f", strings.NewReader(text))
		if err != nil {
			for _, one := range wholes(err) {
				known, ok := errors.AsType[*fault.Error](one)
				if !ok || known.Code != fault.InvalidInput || !strings.HasPrefix(known.Message, "f:") {
					t.Fatalf("refused with %v", one)
				}
			}
			return
		}
		page, err := e.Open("f", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := page.Next(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("found good and then refused: %v", err)
			}
		}
		again, err := page.Summary()
		if err != nil || *again.forTest() != *summary.forTest() {
			t.Fatalf("%+v, the second time %+v; %v", summary, again, err)
		}
	})
}

type comparable4 struct {
	rows                int64
	digest, next, delta string
}

func (s *Summary) forTest() *comparable4 {
	return &comparable4{s.Rows, s.Digest, s.NextLink, s.DeltaLink}
}

func FuzzGraphSkus(f *testing.F) { fuzzExport(f, GraphSkus, "skus.json") }

func FuzzGraphUsers(f *testing.F) { fuzzExport(f, GraphUsers, "users.json") }

func FuzzGraphGroups(f *testing.F) { fuzzExport(f, GraphGroups, "groups.json") }
