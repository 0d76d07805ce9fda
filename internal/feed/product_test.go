package feed

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/internal/fault"
)

const head = "Product_Display_Name,String_Id,GUID,Service_Plan_Name,Service_Plan_Id,Service_Plans_Included_Friendly_Names\r\n"

const (
	guidA = "d2dea78b-507c-4e56-b400-39447f4738f8"
	guidB = "8f0c5670-4e56-4892-b06d-91c085d7004f"
	planX = "a7c70a41-5e02-4271-93e6-d9b4184d83f5"
	planY = "113feb6c-3fe4-4440-bddc-54d774bf0318"
)

func line(fields ...string) string { return strings.Join(fields, ",") + "\r\n" }

// realFile opens Microsoft's catalog as it was published.
func realFile(t testing.TB) *os.File {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "data", "microsoft-products-and-service-plans.csv")
	f, err := os.Open(path)
	if err != nil {
		t.Fatalf("Microsoft's catalog must lie beside the repository, at ../shared/data: %v", err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestProductsReal(t *testing.T) {
	c, odd, err := Products("ms.csv", realFile(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Products) != 569 || len(c.Plans) != 723 || odd.Rows != 5457 {
		t.Errorf("%d products, %d plans in %d lines; want 569, 723 in 5457", len(c.Products), len(c.Plans), odd.Rows)
	}
	if odd.Duplicates != 9 || odd.Respelled != 140 || len(odd.SharedSkus) != 1 || odd.SharedSkus[0] != "MCOPSTN5" {
		t.Errorf("oddities %+v", odd)
	}
	links := 0
	for _, p := range c.Products {
		links += len(p.Plans)
		if p.Sku != tidy(p.Sku) || strings.Contains(p.Sku+p.Name, "\u00a0") {
			t.Errorf("product %q %q has blanks left", p.Sku, p.Name)
		}
	}
	if links != 5448 {
		t.Errorf("%d plans in products, want 5448", links)
	}
	names := map[string]Plan{}
	for _, p := range c.Plans {
		names[p.PlanID] = p
	}
	if p := names[planY]; p.Name != "EXCHANGE_S_FOUNDATION" || p.FriendlyName != "Exchange Foundation" {
		t.Errorf("the plan spelled in four ways is %+v", p)
	}
	if p := names["4828c8ec-dc2e-4779-b502-87ac9ce28ab7"]; p.Name != "MCOEV" || p.FriendlyName != "Microsoft 365 Phone System" {
		t.Errorf("the plan shouted and cut short is %+v", p)
	}
}

func TestProductsTolerates(t *testing.T) {
	text := "\xef\xbb\xbf" + strings.ToUpper(head) +
		line("\u00a0Alpha  One ", "ALPHA ", "\u200b"+strings.ToUpper(guidA)+"\u00a0", "PX", planX, "PLAN X") +
		line("Alpha One", "ALPHA", guidA, "PX", planX, "Plan x") +
		line("Alpha One", "ALPHA", guidA, "PY", planY, "") +
		"\r\n" +
		line("Beta", "ALPHA", guidB, "PX", planX, "PLAN X")
	c, odd, err := Products("f.csv", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Products) != 2 || c.Products[0].Name != "Alpha One" || c.Products[0].SkuID != guidA || c.Products[0].Sku != "ALPHA" || len(c.Products[0].Plans) != 2 {
		t.Errorf("products %+v", c.Products)
	}
	if len(c.Plans) != 2 || c.Plans[0].FriendlyName != "Plan x" || c.Plans[1].FriendlyName != "" {
		t.Errorf("plans %+v", c.Plans)
	}
	if odd.Duplicates != 1 || odd.Respelled != 1 || len(odd.SharedSkus) != 1 || odd.Rows != 4 {
		t.Errorf("oddities %+v", odd)
	}
}

func TestProductsColumnsInAnyOrder(t *testing.T) {
	text := "note;ignored,GUID,service_plan_id,Service_Plan_Name,String_Id,Service_Plans_Included_Friendly_Names,Product_Display_Name\n" +
		line("x", guidA, planX, "PX", "ALPHA", "Plan X", `"Alpha, with ""quotes"""`)
	c, _, err := Products("f.csv", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if c.Products[0].Name != `Alpha, with "quotes"` || c.Plans[0].FriendlyName != "Plan X" {
		t.Errorf("%+v", c)
	}
}

// What is wrong with a file, and where: the place counts lines from 1 and bytes from 1.
func TestProductsMistakes(t *testing.T) {
	good := line("Alpha", "ALPHA", guidA, "PX", planX, "Plan X")
	for name, c := range map[string]struct{ text, want, field string }{
		"empty":           {"", "f.csv:1:1: the file is empty", ""},
		"header only":     {head, "f.csv:1:1: the file has no line", ""},
		"no header":       {good, "f.csv:1:1: Product_Display_Name: there is no such column", "Product_Display_Name"},
		"missing column":  {strings.Replace(head, "Service_Plan_Id", "Other", 1) + good, "f.csv:1:1: Service_Plan_Id: there is no such column", "Service_Plan_Id"},
		"column twice":    {strings.Replace(head, "String_Id", "guid", 1) + good, "f.csv:1:27: GUID: there are two columns of this name", "GUID"},
		"UTF-16":          {"\xff\xfeP\x00", "f.csv:1:1: the file is UTF-16", ""},
		"product GUID":    {head + good + line("B", "BETA", "d2dea78b", "PX", planX, ""), `f.csv:3:8: GUID: "d2dea78b" is not a GUID`, "GUID"},
		"plan GUID":       {head + line("B", "BETA", guidA, "PX", strings.Replace(planX, "a", "g", 1), ""), `f.csv:2:48: Service_Plan_Id: "g7c70a41`, "Service_Plan_Id"},
		"missing name":    {head + good + line("\u00a0", "BETA", guidB, "PX", planX, ""), "f.csv:3:1: Product_Display_Name: the value is missing", "Product_Display_Name"},
		"missing SKU":     {head + line("B", "", guidB, "PX", planX, ""), "f.csv:2:3: String_Id: the value is missing", "String_Id"},
		"missing GUID":    {head + line("B", "BETA", "", "PX", planX, ""), "f.csv:2:8: GUID: the value is missing", "GUID"},
		"missing plan":    {head + line("B", "BETA", guidB, "", planX, ""), "f.csv:2:45: Service_Plan_Name: the value is missing", "Service_Plan_Name"},
		"missing plan ID": {head + line("B", "BETA", guidB, "PX", "", ""), "f.csv:2:48: Service_Plan_Id: the value is missing", "Service_Plan_Id"},
		"few fields":      {head + good + line("B", "BETA", guidB), "f.csv:3:8: this line has 3 fields, the first line of the file has 6", ""},
		"many fields":     {head + line("B", "BETA", guidB, "PX", planX, "", "more", "x"), "f.csv:2:86: this line has 8 fields", ""},
		"not UTF-8":       {head + good + line("B\xff", "BETA", guidB, "PX", planX, ""), "f.csv:3:1: Product_Display_Name: this is not UTF-8", "Product_Display_Name"},
		"control":         {head + line("B\x00B", "BETA", guidB, "PX", planX, ""), "f.csv:2:1: Product_Display_Name: the value has characters", "Product_Display_Name"},
		"too long":        {head + line("B", strings.Repeat("é", 201), guidB, "PX", planX, ""), "f.csv:2:3: String_Id: the value has more than 200", "String_Id"},
		"open quote":      {head + good + `"B,BETA` + "\r\n", "f.csv:3:9: this is not CSV", ""},
		"stray quote":     {head + good + `B"B,BETA` + "\r\n", "f.csv:3:2: this is not CSV", ""},
		"two names": {head + good + line("Beta", "ALPHA", guidA, "PY", planY, ""),
			"f.csv:3:1: Product_Display_Name: product " + guidA + ` is named "Beta" here and "Alpha" on line 2`, "Product_Display_Name"},
		"two SKUs": {head + good + line("Alpha", "BETA", guidA, "PY", planY, ""),
			"f.csv:3:7: String_Id: product " + guidA + ` has the SKU "BETA" here and "ALPHA" on line 2`, "String_Id"},
		"after line breaks in a value": {head + line(`"A`+"\n"+`a"`, "ALPHA", guidA, "PX", planX, "") + line("B", "BETA", "x", "PX", planX, ""), "f.csv:4:8: GUID", "GUID"},
	} {
		t.Run(name, func(t *testing.T) {
			got, _, err := Products("f.csv", strings.NewReader(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want %s", err, c.want)
			}
			if got != nil {
				t.Error("a file with a mistake gave a catalog")
			}
			if fault.CodeOf(err) != fault.InvalidInput {
				t.Errorf("code %s", fault.CodeOf(err))
			}
			if f := firstFault(err); f == nil || f.Field != c.field {
				t.Errorf("field of %v, want %q", f, c.field)
			}
		})
	}
}

func firstFault(err error) *fault.Error {
	switch e := err.(type) { //nolint:errorlint // the test walks the tree itself
	case *fault.Error:
		return e
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			if f := firstFault(inner); f != nil {
				return f
			}
		}
	}
	return nil
}

// All mistakes are told together, up to a bound.
func TestProductsManyMistakes(t *testing.T) {
	text := head + line("A", "ALPHA", guidA, "PX", planX, "") + line("B", "", "x", "PX", planX, "") + line("C", "C", guidB, "PX", "y", "")
	_, _, err := Products("f.csv", strings.NewReader(text))
	for _, want := range []string{"f.csv:3:3: String_Id", "f.csv:3:4: GUID", "f.csv:4:45: Service_Plan_Id"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s in it", err, want)
		}
	}
	_, _, err = Products("f.csv", strings.NewReader(head+strings.Repeat(line("A", "", guidA, "PX", planX, ""), 50)))
	if err == nil || strings.Count(err.Error(), "String_Id") != MostMistakes || !strings.Contains(err.Error(), "and 30 more mistakes") {
		t.Errorf("%v", err)
	}
}

func FuzzProducts(f *testing.F) {
	f.Add([]byte(head + line("Alpha", "ALPHA", guidA, "PX", planX, "Plan X")))
	f.Add([]byte("\xef\xbb\xbf" + strings.ToLower(head) + line("\u00a0A", "ALPHA", strings.ToUpper(guidA), "PX", planX, "") + line("A", "ALPHA", guidA, "PX", planY, "X")))
	f.Add([]byte(head + `"A` + "\n" + `a",b,` + guidA))
	f.Add([]byte("\xff\xfe"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, odd, err := Products("f.csv", strings.NewReader(string(text)))
		if err != nil {
			if c != nil || fault.CodeOf(err) != fault.InvalidInput || !strings.Contains(err.Error(), "f.csv:") {
				t.Fatalf("%v with %v", err, c)
			}
			return
		}
		plans := map[string]bool{}
		for _, p := range c.Plans {
			if !guid.MatchString(p.PlanID) || p.Name == "" || p.Name != tidy(p.Name) || plans[p.PlanID] {
				t.Fatalf("plan %+v", p)
			}
			plans[p.PlanID] = true
		}
		products, links := map[string]bool{}, 0
		for _, p := range c.Products {
			if !guid.MatchString(p.SkuID) || p.Name == "" || p.Sku == "" || products[p.SkuID] || len(p.Plans) == 0 {
				t.Fatalf("product %+v", p)
			}
			products[p.SkuID] = true
			links += len(p.Plans)
			for _, id := range p.Plans {
				if !plans[id] {
					t.Fatalf("product %+v has a plan that is not in the catalog", p)
				}
			}
		}
		if links+odd.Duplicates != odd.Rows {
			t.Fatalf("%d plans in products and %d duplicates make no %d lines", links, odd.Duplicates, odd.Rows)
		}
	})
}
