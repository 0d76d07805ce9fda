package operation

import (
	"context"
	"fmt"

	"github.com/ringfence/ringfence/ent"
	entproduct "github.com/ringfence/ringfence/ent/product"
	"github.com/ringfence/ringfence/ent/serviceplan"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/policy"
)

// question is the input of an operation that draws on no pool.
func (r *reading) question(action string, args map[string]any) *policy.Input {
	ask := &policy.Input{Now: r.Now(), Action: action, Principal: r.who.facts()}
	if args != nil {
		ask.Args = args
	}
	return ask
}

func (c *CreateVendor) action() string { return "createVendor" }

func (c *CreateVendor) check() error { return checkText("name", c.Name, 200) }

func (c *CreateVendor) prepare(_ context.Context, r *reading) (*plan[CreateVendorPayload], error) { //nolint:unparam // as every command
	return &plan[CreateVendorPayload]{ask: r.question(c.action(), nil), write: func(ctx context.Context, w *writing) (*CreateVendorPayload, error) {
		row, err := w.tx.Client().Vendor.Create().SetName(c.Name).SetCreatedAt(w.Now()).Save(ctx)
		if err != nil {
			return nil, named(err, "name", "a vendor of this name exists already")
		}
		w.happened("VENDOR_CREATED", "vendor", row.ID, map[string]any{"name": c.Name})
		return &CreateVendorPayload{Vendor: row}, nil
	}}, nil
}

// named makes a conflict that names the field out of a unique violation.
func named(err error, field, message string) error {
	if ent.IsConstraintError(err) {
		e := fault.Wrap(err, fault.Conflict, "%s", message)
		e.Field = field
		return e
	}
	return err
}

func (c *CreateProduct) action() string { return "createProduct" }

func (c *CreateProduct) check() error {
	for i := range c.BlockedLocations {
		if err := checkCountry(fmt.Sprintf("blockedLocations.%d", i), &c.BlockedLocations[i]); err != nil {
			return err
		}
	}
	for i, p := range c.ServicePlans {
		if err := firstError(checkText(fmt.Sprintf("servicePlans.%d.planId", i), p.PlanID, 100), checkText(fmt.Sprintf("servicePlans.%d.name", i), p.Name, 200)); err != nil {
			return err
		}
	}
	if c.SkuID != nil {
		if err := checkText("skuId", *c.SkuID, 100); err != nil {
			return err
		}
	}
	return firstError(
		checkText("name", c.Name, 300), checkOptional("sku", c.Sku, 200),
		checkOneOf("kind", c.Kind, "SUBSCRIPTION", "PERPETUAL", "STORE_APP", "CLOUD_RESOURCE"),
	)
}

func (c *CreateProduct) prepare(ctx context.Context, r *reading) (*plan[CreateProductPayload], error) {
	vendor := c.VendorID.Key(id.Vendor)
	if err := r.exists(ctx, "vendors", vendor, fault.Missing("vendorId", "vendor")); err != nil {
		return nil, err
	}
	return &plan[CreateProductPayload]{ask: r.question(c.action(), nil), write: func(ctx context.Context, w *writing) (*CreateProductPayload, error) {
		create := w.tx.Client().Product.Create().SetVendorID(vendor).SetName(c.Name).SetSku(orEmpty(c.Sku)).SetNillableSkuID(c.SkuID).
			SetBlockedLocations(c.BlockedLocations).SetCreatedAt(w.Now())
		if c.Kind != nil {
			create.SetKind(entproduct.Kind(*c.Kind))
		}
		for i, p := range c.ServicePlans {
			plan, err := w.servicePlan(ctx, fmt.Sprintf("servicePlans.%d.planId", i), p)
			if err != nil {
				return nil, err
			}
			create.AddPlanIDs(plan)
		}
		row, err := create.Save(ctx)
		if err != nil {
			return nil, named(err, "skuId", "the vendor has a product with this skuId already")
		}
		w.happened("PRODUCT_CREATED", "product", row.ID, map[string]any{"name": c.Name, "sku": orEmpty(c.Sku)})
		return w.productPayload(ctx, row.ID)
	}}, nil
}

func (w *writing) productPayload(ctx context.Context, key int64) (*CreateProductPayload, error) {
	row, err := w.tx.Client().Product.Query().Where(entproduct.ID(key)).WithVendor().
		WithPlans(func(q *ent.ServicePlanQuery) { q.Order(serviceplan.ByName(), serviceplan.ByID()) }).Only(ctx)
	return &CreateProductPayload{Product: row}, err
}

// servicePlan finds a plan by the publisher's id or records it. A known plan keeps its name.
func (w *writing) servicePlan(ctx context.Context, field string, p ServicePlanInput) (int64, error) {
	known, err := w.tx.Client().ServicePlan.Query().Where(serviceplan.PlanID(p.PlanID)).Only(ctx)
	if err == nil {
		if known.Name != p.Name {
			return 0, fault.Invalid(field, "this plan is known as %s", known.Name)
		}
		return known.ID, nil
	}
	if !ent.IsNotFound(err) {
		return 0, err
	}
	row, err := w.tx.Client().ServicePlan.Create().SetPlanID(p.PlanID).SetName(p.Name).SetFriendlyName(orEmpty(p.FriendlyName)).Save(ctx)
	if err != nil {
		return 0, err
	}
	return row.ID, nil
}

func (c *UpdateProduct) action() string { return "updateProduct" }

func (c *UpdateProduct) check() error {
	for i, location := range c.BlockedLocations.Value() {
		if err := checkCountry(fmt.Sprintf("blockedLocations.%d", i), &location); err != nil {
			return err
		}
	}
	if c.Name != nil {
		if err := checkText("name", *c.Name, 300); err != nil {
			return err
		}
	}
	return checkOptional("sku", c.Sku, 200)
}

func (c *UpdateProduct) prepare(ctx context.Context, r *reading) (*plan[UpdateProductPayload], error) {
	key := c.ProductID.Key(id.Product)
	if err := r.exists(ctx, "products", key, fault.Missing("productId", "product")); err != nil {
		return nil, err
	}
	return &plan[UpdateProductPayload]{ask: r.question(c.action(), nil), write: func(ctx context.Context, w *writing) (*UpdateProductPayload, error) {
		update := w.tx.Client().Product.UpdateOneID(key).SetNillableSku(c.Sku)
		if c.Name != nil {
			update.SetName(*c.Name)
		}
		if blocked, given := c.BlockedLocations.ValueOK(); given {
			update.SetBlockedLocations(blocked)
		}
		if err := update.Exec(ctx); err != nil {
			return nil, err
		}
		w.happened("PRODUCT_UPDATED", "product", key, nil)
		p, err := w.productPayload(ctx, key)
		return &UpdateProductPayload{Product: p.Product}, err
	}}, nil
}

func (c *CreateContract) action() string { return "createContract" }

func (c *CreateContract) check() error {
	return firstError(
		checkText("number", c.Number, 100), checkText("name", c.Name, 300), checkDate("startsOn", c.StartsOn), checkDate("endsOn", c.EndsOn),
		checkPeriod(c.StartsOn, c.EndsOn), checkOptional("notes", c.Notes, 10_000),
	)
}

func (c *CreateContract) prepare(ctx context.Context, r *reading) (*plan[CreateContractPayload], error) {
	vendor := c.VendorID.Key(id.Vendor)
	if err := r.exists(ctx, "vendors", vendor, fault.Missing("vendorId", "vendor")); err != nil {
		return nil, err
	}
	return &plan[CreateContractPayload]{ask: r.question(c.action(), nil), write: func(ctx context.Context, w *writing) (*CreateContractPayload, error) {
		row, err := w.tx.Client().Contract.Create().SetVendorID(vendor).SetNumber(c.Number).SetName(c.Name).SetNillableStartsOn(c.StartsOn).
			SetNillableEndsOn(c.EndsOn).SetNillableNotes(c.Notes).SetCreatedAt(w.Now()).Save(ctx)
		if err != nil {
			return nil, named(err, "number", "the vendor has a contract of this number already")
		}
		w.happened("CONTRACT_CREATED", "contract", row.ID, map[string]any{"number": c.Number})
		return w.contractPayload(ctx, row.ID)
	}}, nil
}
