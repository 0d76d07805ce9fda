package app_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/internal/store"
	"github.com/ringfence/ringfence/internal/store/storetest"
	"github.com/ringfence/ringfence/policies"
)

func microsoftCatalog(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "..", "shared", "data", "microsoft-products-and-service-plans.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("Microsoft's catalog must lie beside the repository, at ../shared/data: %v", err)
	}
	return path
}

func eachURL(t *testing.T, run func(t *testing.T, url string)) {
	for _, d := range storetest.Dialects {
		t.Run(d, func(t *testing.T) { run(t, storetest.URL(t, d)) })
	}
}

func rows(t *testing.T, url, query string) (n int) {
	t.Helper()
	err := storetest.Open(t, url, store.Config{}).View(t.Context(), func(ctx context.Context, r *store.Reader) error {
		return r.QueryRow(ctx, query).Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Microsoft's catalog as it is: dry, for real, and again.
func TestImportProductsCommand(t *testing.T) {
	file := microsoftCatalog(t)
	eachURL(t, func(t *testing.T, url string) {
		dry := cli(t, "import", "products", file, "--database", url, "--dry-run").ok(t)
		says(t, dry.stdout, "dry run", "+ vendor Microsoft", "569 created, 0 updated, 0 unchanged", "723 created")
		if n := rows(t, url, `SELECT COUNT(*) FROM products`); n != 0 {
			t.Errorf("the dry run left %d products", n)
		}
		first := cli(t, "import", "products", file, "--database", url).ok(t)
		says(t, first.stdout, "imported", "569 created, 0 updated, 0 unchanged", "723 created, 0 updated, 0 unchanged")
		says(t, first.stderr, "140 service plans are not spelled alike", "MCOPSTN5")
		again := cli(t, "import", "products", file, "--database", url).ok(t)
		says(t, again.stdout, "nothing changes", "0 created, 0 updated, 569 unchanged", "0 created, 0 updated, 723 unchanged")
		if p, s := rows(t, url, `SELECT COUNT(*) FROM products`), rows(t, url, `SELECT COUNT(*) FROM service_plans`); p != 569 || s != 723 {
			t.Errorf("%d products and %d service plans are stored", p, s)
		}
		if n := rows(t, url, `SELECT COUNT(*) FROM decisions WHERE action = 'importProducts' AND principal = 'system'`); n != 3 {
			t.Errorf("%d decisions of three runs", n)
		}
	})
}

// One bad row in the middle of a good file: nothing changes, and its place is named.
func TestImportProductsBadRow(t *testing.T) {
	text, err := os.ReadFile(microsoftCatalog(t))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")
	fields := strings.Split(lines[2500], ",")
	fields[2] = "not-a-guid"
	lines[2500] = strings.Join(fields, ",")
	bad := filepath.Join(t.TempDir(), "bad.csv")
	if err := os.WriteFile(bad, []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	place := len(strings.Join(fields[:2], ",")) + 2
	eachURL(t, func(t *testing.T, url string) {
		got := cli(t, "import", "products", bad, "--database", url)
		if got.code != 1 || got.stdout != "" {
			t.Errorf("exit code %d, stdout %q", got.code, got.stdout)
		}
		says(t, got.stderr, bad+":2501:"+strconv.Itoa(place)+`: GUID: "not-a-guid" is not a GUID`)
		for _, table := range []string{"vendors", "products", "service_plans", "events", "decisions"} {
			if n := rows(t, url, `SELECT COUNT(*) FROM `+table); n != 0 {
				t.Errorf("a refused file left %d rows in %s", n, table)
			}
		}
	})
}

// copiedPolicies makes a directory with the built-in policy.
func copiedPolicies(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, policies.FS); err != nil {
		t.Fatal(err)
	}
	return dir
}

// The policy decides on imports too: one that grants nothing denies, and the reason is told.
func TestImportProductsDenied(t *testing.T) {
	dir := copiedPolicies(t)
	data := filepath.Join(dir, "data.json")
	text, err := os.ReadFile(data)
	if err != nil {
		t.Fatal(err)
	}
	text = regexp.MustCompile(`"importProducts": \{[^}]*\},`).ReplaceAll(text, nil)
	if err := os.WriteFile(data, text, 0o600); err != nil {
		t.Fatal(err)
	}
	tests, err := filepath.Glob(filepath.Join(dir, "*_test.rego")) // they insist on the action
	if err != nil || len(tests) == 0 {
		t.Fatalf("%d tests of the policy: %v", len(tests), err)
	}
	for _, test := range tests {
		if err := os.Remove(test); err != nil {
			t.Fatal(err)
		}
	}
	url := storetest.URL(t, "sqlite3")
	got := cli(t, "import", "products", microsoftCatalog(t), "--database", url, "--policies", dir)
	if got.code != 1 {
		t.Errorf("exit code %d", got.code)
	}
	says(t, got.stderr, "ROLE_REQUIRED")
	if n := rows(t, url, `SELECT COUNT(*) FROM decisions WHERE action = 'importProducts' AND NOT allow`); n != 1 {
		t.Errorf("%d denials recorded", n)
	}
	if n := rows(t, url, `SELECT COUNT(*) FROM products`); n != 0 {
		t.Errorf("a denied import left %d products", n)
	}
}
