package demo

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/store"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

func config(t *testing.T, s *store.Store) Config {
	t.Helper()
	engine, err := policy.New(t.Context(), policy.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(engine.Close)
	runner := operation.NewRunner(operation.Config{Store: s, Policy: engine, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(runner.Close)
	return Config{Store: s, Runner: runner}
}

func load(t *testing.T, cfg Config, want Outcome) {
	t.Helper()
	got, err := Load(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Fatalf("outcome %s, want %s", got, want)
	}
}

// lines gives the answer to a query of one text column.
func lines(t *testing.T, s *store.Store, query string) []string {
	t.Helper()
	var all []string
	if err := s.View(t.Context(), func(ctx context.Context, r *store.Reader) error {
		rows, err := r.Query(ctx, query)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				return err
			}
			all = append(all, line)
		}
		return rows.Err()
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// state is everything the demo comes to that a person would look at.
func state(t *testing.T, s *store.Store) []string {
	t.Helper()
	figures := `COALESCE(capacity, -1) || ' ' || used || ' ' || reserved || ' ' || waiting || ' ' || errors`
	all := lines(t, s, `SELECT p.sku || ': ' || `+figures+` FROM licenses l JOIN products p ON p.id = l.product_id ORDER BY l.id`)
	all = append(all, lines(t, s, `SELECT name || ' (' || license_id || '): ' || `+figures+` FROM allotments ORDER BY id`)...)
	all = append(all, lines(t, s, `SELECT action || ' ' || allow || ' ' || COUNT(*) FROM decisions GROUP BY action, allow ORDER BY action, allow`)...)
	return append(all, lines(t, s, `SELECT u.user_name || ' ' || p.sku || ' ' || s.state FROM seats s JOIN users u ON u.id = s.user_id
		JOIN licenses l ON l.id = s.license_id JOIN products p ON p.id = l.product_id ORDER BY u.user_name, p.sku`)...)
}

func audit(t *testing.T, s *store.Store) {
	t.Helper()
	found, err := (&operation.Audit{Store: s, Report: func(f operation.Finding) { t.Error(f) }}).Run(t.Context())
	if err != nil || found.Findings > 0 {
		t.Errorf("the audit found %d: %v", found.Findings, err)
	}
}

// The demo has what there is to look at, the books agree, and a second start changes nothing.
func TestLoad(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		cfg := config(t, s)
		load(t, cfg, Loaded)
		audit(t, s)
		before := state(t, s)
		text := strings.Join(before, "\n")
		for _, want := range []string{
			"United Kingdom (1): 55 43 12 0 0",           // full, by its own seats and what is carved out of it
			"London (1): 34 26 0 0 0",                    // has room that the United Kingdom does not have
			"Manchester (1): 12 12 0 2 0",                // full, with a queue
			"Nordics (1): 12 17 0 0 0",                   // over its limit
			"Order desk (2): 38 38 0 2 0",                // a swap with two still to come
			"EMS: 105 112 0 0 0",                         // a license over its limit
			"Microsoft_365_Copilot: 60 5 55 0 0",         // full, by what is carved out of it
			"JAVA-SE-U: -1 85 0 0 0",                     // unlimited
			"ADB-CC-ALL: 40 35 5 5 0",                    // full, with a queue of the license itself
			"Summer interns (1): 5 0 0 0 0",              // begins later
			"grace@contoso.example WIN_DEF_ATP ACTIVE",   // personas hold seats
			"noel@contoso.example POWER_BI_PRO ACTIVE",   //
			"pat@contoso.example ADB-CC-ALL ACTIVE",      //
			"ursula@contoso.example SPE_E5 ACTIVE",       //
			"aisha@contoso.example ADB-ACRO-PRO ACTIVE",  //
			"dora@contoso.example Microsoft_365_Copilot", //
			"liam@contoso.example JIRA-PREM ACTIVE",      //
		} {
			if !strings.Contains(text, want) {
				t.Errorf("there is no %q in\n%s", want, strings.Join(before[:60], "\n"))
			}
		}
		load(t, cfg, Present)
		if !reflect.DeepEqual(state(t, s), before) {
			t.Error("the second start changed something")
		}
	})
}

// What the demo shows of the policy: every reason to be in error or to be denied that it means to show.
func TestLoadShows(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		load(t, config(t, s), Loaded)
		wrong := strings.Join(lines(t, s, `SELECT CAST(violations AS TEXT) FROM seats WHERE state = 'ERROR'`), "")
		for _, code := range []string{"USAGE_LOCATION_NOT_ALLOWED", "MUTUALLY_EXCLUSIVE", "MISSING_DEPENDENCY", "USER_DISABLED"} {
			if !strings.Contains(wrong, code) {
				t.Errorf("no seat is in error because of %s", code)
			}
		}
		denials := strings.Join(lines(t, s, `SELECT CAST(violations AS TEXT) FROM decisions WHERE NOT allow`), "")
		for _, code := range []string{"INSUFFICIENT_POOL", "OUT_OF_SCOPE", "NOT_FOUND", "NOT_DELEGATED", "ROLE_REQUIRED", "READ_ONLY", "LIMIT_EXCEEDS_PARENT",
			"SCOPE_EXCEEDS_PARENT", "PRODUCT_NOT_ELIGIBLE", "NOT_IN_EFFECT", "USER_DISABLED"} {
			if !strings.Contains(denials, code) {
				t.Errorf("nothing was denied because of %s", code)
			}
		}
		for what, query := range map[string]string{
			"people": `SELECT '' || (COUNT(*) BETWEEN 1000 AND 1050) FROM users`, "groups": `SELECT '' || (COUNT(*) BETWEEN 55 AND 70) FROM "groups"`,
			"licenses": `SELECT '' || (COUNT(*) BETWEEN 24 AND 26) FROM licenses`, "guests": `SELECT '' || (COUNT(*) > 10) FROM users WHERE type = 'GUEST'`,
			"disabled people": `SELECT '' || (COUNT(*) > 5) FROM users WHERE NOT enabled`, "exclusions": `SELECT '' || (COUNT(*) = 3) FROM exclusions`,
			"service accounts": `SELECT '' || (COUNT(*) > 0) FROM users WHERE type = 'SERVICE_ACCOUNT'`,
			"a swap":           `SELECT '' || (COUNT(*) = 1) FROM group_licenses WHERE replaced_by <> 0`,
			"a fourth level":   `SELECT '' || (MAX(depth) >= 4) FROM allotments`,
			"a dry run":        `SELECT '' || (COUNT(*) = 1) FROM decisions WHERE dry_run`,
			"deployments":      `SELECT '' || (COUNT(*) >= 10) FROM deployments`,
			"observations":     `SELECT '' || (COUNT(*) >= 35) FROM observations`,
			"allocations":      `SELECT '' || (COUNT(*) >= 8 AND COUNT(DISTINCT type) = 2) FROM allocations`,
			"countries":        `SELECT '' || (COUNT(DISTINCT usage_location) > 10) FROM users`,
		} {
			if got := lines(t, s, query); len(got) != 1 || got[0] != "1" && got[0] != "true" {
				t.Errorf("%s are not as meant", what)
			}
		}
	})
}

// A load that was broken off is completed by the next start, to the same state.
func TestLoadResumes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		cfg := config(t, s)
		for _, part := range []string{"products", "allotments", "a few changes", "denied requests"} {
			ctx, stop := context.WithCancel(t.Context())
			broken := cfg
			broken.Say = func(text string) {
				if text == part {
					stop()
				}
			}
			if _, err := Load(ctx, broken); err == nil {
				t.Fatalf("the load went on after it was broken off at %s", part)
			}
			stop()
		}
		load(t, cfg, Loaded)
		audit(t, s)
		whole := storetest.Open(t, storetest.URL(t, s.Dialect()), store.Config{})
		load(t, config(t, whole), Loaded)
		got, want := state(t, s), state(t, whole)
		for i := range want {
			if i >= len(got) || got[i] != want[i] {
				t.Fatalf("after breaks and at once differ:\n%s\n%s", got[i], want[i])
			}
		}
		if len(got) != len(want) {
			t.Errorf("%d lines of state after breaks, %d at once", len(got), len(want))
		}
	})
}

// A database that holds anything else is left alone.
func TestLoadNotEmpty(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		cfg := config(t, s)
		root := identity.WithPrincipal(t.Context(), &identity.Principal{UserName: "root", Roles: []string{identity.RoleGlobalAdmin}})
		if _, err := operation.Run(root, cfg.Runner, &operation.CreateVendor{Name: "Initech"}); err != nil {
			t.Fatal(err)
		}
		load(t, cfg, NotLoaded)
		if got := lines(t, s, `SELECT name FROM vendors`); fmt.Sprint(got) != "[Initech]" {
			t.Errorf("vendors %v", got)
		}
	})
}

// The people are the same at every start, and their names are theirs alone.
func TestEveryone(t *testing.T) {
	people := everyone()
	if !reflect.DeepEqual(people, everyone()) {
		t.Error("the people differ from one call to the next")
	}
	seen := map[string]bool{}
	for _, p := range people {
		if seen[p.userName] || strings.ContainsFunc(p.userName, func(r rune) bool { return r > 'z' }) || p.displayName == "" {
			t.Errorf("user name %q of %q is taken or cannot be typed", p.userName, p.displayName)
		}
		seen[p.userName] = true
	}
	for _, g := range groups() {
		if len(g.members(people)) == 0 && len(g.nests) == 0 {
			t.Errorf("the group %s is empty", g.name)
		}
	}
}
