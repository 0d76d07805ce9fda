package operation_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/feed"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/store"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

// importer runs imports as the service itself, as the command line does.
type importer struct {
	*testing.T
	store  *store.Store
	runner *operation.Runner
}

func eachImporter(t *testing.T, run func(i *importer)) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		engine, err := policy.New(t.Context(), policy.Config{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(engine.Close)
		runner := operation.NewRunner(operation.Config{Store: s, Policy: engine, Logger: slog.New(slog.DiscardHandler)})
		t.Cleanup(runner.Close)
		run(&importer{t, s, runner})
	})
}

func (i *importer) as(p *identity.Principal, cmd *operation.ImportProducts) (*operation.ImportProductsPayload, error) {
	return operation.Run(identity.WithPrincipal(i.Context(), p), i.runner, cmd)
}

func (i *importer) run(c feed.Catalog) *operation.ImportProductsPayload {
	i.Helper()
	payload, err := i.as(&identity.Principal{System: true}, &operation.ImportProducts{Vendor: "Microsoft", Catalog: c})
	if err != nil {
		i.Fatal(err)
	}
	return payload
}

func (i *importer) count(query string) int {
	i.Helper()
	var n int
	if err := i.store.View(i.Context(), func(ctx context.Context, r *store.Reader) error {
		return r.QueryRow(ctx, query).Scan(&n)
	}); err != nil {
		i.Fatal(err)
	}
	return n
}

func (i *importer) expect(what string, got, want operation.ImportCount) {
	i.Helper()
	if got != want {
		i.Errorf("%s: %+v, want %+v", what, got, want)
	}
}

func microsoft(t *testing.T) feed.Catalog {
	t.Helper()
	file, err := os.Open(filepath.Join("..", "..", "..", "shared", "data", "microsoft-products-and-service-plans.csv"))
	if err != nil {
		t.Fatalf("Microsoft's catalog must lie beside the repository, at ../shared/data: %v", err)
	}
	defer func() { _ = file.Close() }()
	c, _, err := feed.Products(file.Name(), file)
	if err != nil {
		t.Fatal(err)
	}
	return *c
}

type counts = operation.ImportCount

// The real file: once it creates everything, again it changes nothing, and every run is decided and recorded.
func TestImportProductsReal(t *testing.T) {
	eachImporter(t, func(i *importer) {
		c := microsoft(i.T)
		first := i.run(c)
		i.expect("products", first.Products, counts{Created: 569})
		i.expect("plans", first.ServicePlans, counts{Created: 723})
		i.expect("features", first.Features, counts{Created: 5448})
		if !first.VendorCreated || first.Vendor.Name != "Microsoft" || !first.Decision.Allow || first.Decision.Action != "importProducts" {
			i.Errorf("first run: %+v, decision %+v", first, first.Decision)
		}
		if n := i.count(`SELECT COUNT(*) FROM products WHERE kind = 'SUBSCRIPTION'`); n != 569 {
			i.Errorf("%d products stored", n)
		}
		if p, l := i.count(`SELECT COUNT(*) FROM service_plans`), i.count(`SELECT COUNT(*) FROM product_plans`); p != 723 || l != 5448 {
			i.Errorf("%d plans, %d features stored", p, l)
		}
		if n := i.count(`SELECT COUNT(*) FROM events`); n != 569+2 {
			i.Errorf("%d events, want one for each product, the vendor and the import", n)
		}
		again := i.run(c)
		i.expect("products again", again.Products, counts{Unchanged: 569})
		i.expect("plans again", again.ServicePlans, counts{Unchanged: 723})
		i.expect("features again", again.Features, counts{Unchanged: 5448})
		if again.Changed() {
			i.Error("the second run says that something changed")
		}
		if n := i.count(`SELECT COUNT(*) FROM decisions WHERE action = 'importProducts' AND allow`); n != 2 {
			i.Errorf("%d decisions for two runs", n)
		}
		if n := i.count(`SELECT COUNT(*) FROM events`); n != 569+2 {
			i.Errorf("the second run left events: %d", n)
		}
	})
}

func small() feed.Catalog {
	return feed.Catalog{
		Plans: []feed.Plan{{PlanID: "p1", Name: "ONE", FriendlyName: "One"}, {PlanID: "p2", Name: "TWO", FriendlyName: "Two"}},
		Products: []feed.Product{
			{SkuID: "a", Sku: "A", Name: "Alpha", Plans: []string{"p1", "p2"}}, {SkuID: "b", Sku: "B", Name: "Beta", Plans: []string{"p1"}},
		},
	}
}

// A later file renames, adds and takes plans away; what it does not name stays.
func TestImportProductsUpdates(t *testing.T) {
	eachImporter(t, func(i *importer) {
		i.run(small())
		next := feed.Catalog{
			Plans: []feed.Plan{{PlanID: "p1", Name: "ONE", FriendlyName: "The first"}, {PlanID: "p3", Name: "THREE"}},
			Products: []feed.Product{
				{SkuID: "a", Sku: "A2", Name: "Alpha", Plans: []string{"p1", "p3"}}, {SkuID: "c", Sku: "C", Name: "Gamma", Plans: []string{"p3"}},
			},
		}
		got := i.run(next)
		i.expect("products", got.Products, counts{Created: 1, Updated: 1})
		i.expect("plans", got.ServicePlans, counts{Created: 1, Updated: 1})
		i.expect("features", got.Features, counts{Created: 2, Removed: 1, Unchanged: 1})
		var lines []string
		if err := i.store.View(i.Context(), func(ctx context.Context, r *store.Reader) error {
			rows, err := r.Query(ctx, `SELECT p.sku || ' ' || p.name || ' ' || s.name || ' ' || s.friendly_name FROM products p
				JOIN product_plans f ON f.product_id = p.id JOIN service_plans s ON s.id = f.plan_id`)
			if err != nil {
				return err
			}
			defer func() { _ = rows.Close() }()
			for rows.Next() {
				var line string
				if err := rows.Scan(&line); err != nil {
					return err
				}
				lines = append(lines, line)
			}
			return rows.Err()
		}); err != nil {
			i.Fatal(err)
		}
		slices.Sort(lines)
		want := []string{"A2 Alpha ONE The first", "A2 Alpha THREE ", "B Beta ONE The first", "C Gamma THREE "}
		if !slices.Equal(lines, want) {
			i.Errorf("stored %q, want %q", lines, want)
		}
	})
}

// A vendor is found whatever the case of its name, and what was entered by hand is found whatever the case of its GUID.
func TestImportProductsFindsWhatIsThere(t *testing.T) {
	eachImporter(t, func(i *importer) {
		root := identity.WithPrincipal(i.Context(), &identity.Principal{UserName: "root", Roles: []string{identity.RoleGlobalAdmin}})
		vendor, err := operation.Run(root, i.runner, &operation.CreateVendor{Name: "MICROSOFT"})
		if err != nil {
			i.Fatal(err)
		}
		skuID := "A"
		product := &operation.CreateProduct{VendorID: id.Of(id.Vendor, vendor.Vendor.ID), Name: "Alpha, entered by hand", SkuID: &skuID,
			ServicePlans: []operation.ServicePlanInput{{PlanID: "P1", Name: "ONE"}}}
		if _, err := operation.Run(root, i.runner, product); err != nil {
			i.Fatal(err)
		}
		got := i.run(small())
		if got.VendorCreated || got.Vendor.Name != "MICROSOFT" {
			i.Errorf("vendor %+v, created %v", got.Vendor, got.VendorCreated)
		}
		i.expect("products", got.Products, counts{Created: 1, Updated: 1})
		i.expect("plans", got.ServicePlans, counts{Created: 1, Updated: 1})
		i.expect("features", got.Features, counts{Created: 2, Unchanged: 1})
	})
}

// A dry run tells the same and leaves its decision only.
func TestImportProductsDryRun(t *testing.T) {
	eachImporter(t, func(i *importer) {
		dry := true
		got, err := i.as(&identity.Principal{System: true}, &operation.ImportProducts{Request: operation.Request{DryRun: &dry}, Vendor: "Microsoft", Catalog: small()})
		if err != nil {
			i.Fatal(err)
		}
		i.expect("products", got.Products, counts{Created: 2})
		if !got.DryRun || !got.Decision.DryRun {
			i.Errorf("payload %+v", got)
		}
		for _, table := range []string{"vendors", "products", "service_plans", "product_plans", "events"} {
			if n := i.count(`SELECT COUNT(*) FROM ` + table); n != 0 {
				i.Errorf("a dry run left %d rows in %s", n, table)
			}
		}
		if n := i.count(`SELECT COUNT(*) FROM decisions WHERE dry_run`); n != 1 {
			i.Errorf("%d decisions of a dry run", n)
		}
	})
}

// Who may: administrators and the service. The policy decides it like everything else.
func TestImportProductsWhoMay(t *testing.T) {
	eachImporter(t, func(i *importer) {
		for _, role := range []string{identity.RoleContractManager, identity.RoleAuditor, identity.RoleAnalyst, ""} {
			who := &identity.Principal{UserName: "someone"}
			if role != "" {
				who.Roles = []string{role}
			}
			if _, err := i.as(who, &operation.ImportProducts{Vendor: "Microsoft", Catalog: small()}); fault.CodeOf(err) != fault.PolicyDenied {
				i.Errorf("role %q: %v, want %s", role, err, fault.PolicyDenied)
			}
		}
		if n := i.count(`SELECT COUNT(*) FROM products`); n != 0 {
			i.Errorf("%d products after denials only", n)
		}
		if _, err := i.as(&identity.Principal{UserName: "root", Roles: []string{identity.RoleLicenseAdmin}},
			&operation.ImportProducts{Vendor: "Microsoft", Catalog: small()}); err != nil {
			i.Error(err)
		}
	})
}

func TestImportProductsInvalid(t *testing.T) {
	eachImporter(t, func(i *importer) {
		for want, change := range map[string]func(c *operation.ImportProducts){
			"vendor":                       func(c *operation.ImportProducts) { c.Vendor = " " },
			"catalog":                      func(c *operation.ImportProducts) { c.Catalog = feed.Catalog{} },
			"catalog.plans.1.planId":       func(c *operation.ImportProducts) { c.Catalog.Plans[1].PlanID = "p1" },
			"catalog.plans.0.name":         func(c *operation.ImportProducts) { c.Catalog.Plans[0].Name = "" },
			"catalog.products.1.skuId":     func(c *operation.ImportProducts) { c.Catalog.Products[1].SkuID = "a" },
			"catalog.products.0.name":      func(c *operation.ImportProducts) { c.Catalog.Products[0].Name = strings.Repeat("x", 301) },
			"catalog.products.0.plans":     func(c *operation.ImportProducts) { c.Catalog.Products[0].Plans[1] = "p1" },
			"catalog.products.1.plans":     func(c *operation.ImportProducts) { c.Catalog.Products[1].Plans[0] = "p9" },
			"catalog.products.1.sku":       func(c *operation.ImportProducts) { c.Catalog.Products[1].Sku = "\x00" },
			"catalog.plans.0.friendlyName": func(c *operation.ImportProducts) { c.Catalog.Plans[0].FriendlyName = "\xff" },
		} {
			cmd := &operation.ImportProducts{Vendor: "Microsoft", Catalog: small()}
			change(cmd)
			_, err := i.as(&identity.Principal{System: true}, cmd)
			if e, ok := errors.AsType[*fault.Error](err); !ok || e.Code != fault.InvalidInput || e.Field != want {
				i.Errorf("%v, want INVALID_INPUT for %s", err, want)
			}
		}
	})
}
