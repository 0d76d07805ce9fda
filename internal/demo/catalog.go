package demo

import (
	"bytes"
	"context"
	_ "embed"

	"github.com/99designs/gqlgen/graphql"

	"github.com/ringfence/ringfence/ent/product"
	"github.com/ringfence/ringfence/internal/feed"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/store"
)

// microsoft is a part of Microsoft's published catalog: some SKUs under their true GUIDs, with their best-known service plans.
//
//go:embed microsoft.csv
var microsoft []byte

// others are products of other vendors.
var others = []struct{ vendor, name, sku, kind string }{
	{"Adobe", "Creative Cloud All Apps", "ADB-CC-ALL", "SUBSCRIPTION"},
	{"Adobe", "Acrobat Pro", "ADB-ACRO-PRO", "SUBSCRIPTION"},
	{"Atlassian", "Jira Software Premium", "JIRA-PREM", "SUBSCRIPTION"},
	{"Atlassian", "Confluence Premium", "CONF-PREM", "SUBSCRIPTION"},
	{"JetBrains", "All Products Pack", "JB-ALL", "SUBSCRIPTION"},
	{"Oracle", "Java SE Universal Subscription", "JAVA-SE-U", "SUBSCRIPTION"},
	{"Salesforce", "Sales Cloud Enterprise", "SF-SALES-ENT", "SUBSCRIPTION"},
	{"Figma", "Figma Organization", "FIGMA-ORG", "SUBSCRIPTION"},
	{"Microsoft", "Visio Professional 2021", "VISIO-PRO-2021", "PERPETUAL"},
	{"Microsoft", "Office LTSC Professional Plus 2024", "OFFICE-LTSC-2024", "PERPETUAL"},
	{"Microsoft", "SQL Server 2022 Standard", "SQL-STD-2022", "PERPETUAL"},
	{"Adobe", "Acrobat Classic 2024", "ADB-ACRO-2024", "PERPETUAL"},
}

// blocked are the countries in which a product may not be used.
var blocked = map[string][]string{"MCOEV": {"CN"}, "Microsoft_365_Copilot": {"CN"}}

// catalog loads vendors and products.
func (l *loader) catalog(ctx context.Context) error {
	if err := l.importMicrosoft(ctx); err != nil {
		return err
	}
	for _, p := range others {
		if _, known := l.vendors[p.vendor]; !known {
			vendor, err := run(ctx, l, principal(grace), &operation.CreateVendor{Request: l.next(), Name: p.vendor})
			if err != nil {
				return err
			}
			l.vendors[p.vendor] = id.Of(id.Vendor, vendor.Vendor.ID)
		}
		made, err := run(ctx, l, principal(grace), &operation.CreateProduct{
			Request: l.next(), VendorID: l.vendors[p.vendor], Name: p.name, Sku: text(p.sku), Kind: text(p.kind),
		})
		if err != nil {
			return err
		}
		l.products[p.sku] = id.Of(id.Product, made.Product.ID)
	}
	for _, sku := range []string{"MCOEV", "Microsoft_365_Copilot"} {
		if _, err := run(ctx, l, principal(grace), &operation.UpdateProduct{
			Request: l.next(), ProductID: l.products[sku], BlockedLocations: graphql.OmittableOf(blocked[sku]),
		}); err != nil {
			return err
		}
	}
	return nil
}

// importMicrosoft imports the part of Microsoft's catalog and remembers what it gave.
func (l *loader) importMicrosoft(ctx context.Context) error {
	catalog, _, err := feed.Products("microsoft.csv", bytes.NewReader(microsoft))
	if err != nil {
		return err
	}
	payload, err := run(ctx, l, system(), &operation.ImportProducts{Request: l.next(), Vendor: "Microsoft", Catalog: *catalog})
	if err != nil {
		return err
	}
	l.vendors["Microsoft"] = id.Of(id.Vendor, payload.Vendor.ID)
	return l.learn(ctx, payload.Vendor.ID)
}

// learn reads the ids of the products and service plans that an import gave.
func (l *loader) learn(ctx context.Context, vendor int64) error {
	return l.Store.View(ctx, func(ctx context.Context, r *store.Reader) error {
		rows, err := r.Client().Product.Query().Where(product.VendorID(vendor)).WithPlans().All(ctx)
		if err != nil {
			return err
		}
		for _, p := range rows {
			l.products[p.Sku] = id.Of(id.Product, p.ID)
			for _, plan := range p.Edges.Plans {
				l.plans[plan.Name] = id.Of(id.ServicePlan, plan.ID)
			}
		}
		return nil
	})
}
