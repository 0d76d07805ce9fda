package operation

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ringfence/ringfence/ent"
	entdeployment "github.com/ringfence/ringfence/ent/deployment"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/store"
)

// maxDeployments is how many deployments one request may name; a file (ringfence import deployments) may name any number.
const maxDeployments = 10_000

// clockSkew is how far ahead a collector's clock may be.
const clockSkew = 5 * time.Minute

func (c *RecordDeployments) action() string { return "recordDeployments" }

func (c *RecordDeployments) check() error {
	if len(c.Deployments) > maxDeployments {
		return fault.Invalid("deployments", "at most %d deployments at once", maxDeployments)
	}
	seen := map[sighting]bool{}
	for i, d := range c.Deployments {
		field := fmt.Sprintf("deployments.%d.", i)
		if err := firstError(checkText(field+"vendor", d.Vendor, 200), checkText(field+"product", d.Product, 300),
			checkCount(field+"installs", &d.Installs), checkCount(field+"users", &d.Users)); err != nil {
			return err
		}
		key := sighting{vendor: nameKey(d.Vendor), product: nameKey(d.Product)}
		if seen[key] {
			return fault.Invalid(field+"product", "%s by %s is named twice", strings.TrimSpace(d.Product), strings.TrimSpace(d.Vendor))
		}
		seen[key] = true
	}
	return checkText("source", c.Source, 200)
}

func (c *RecordDeployments) prepare(_ context.Context, r *reading) (*plan[RecordDeploymentsPayload], error) {
	at := r.Now()
	if c.ObservedAt != nil {
		at = *utc(c.ObservedAt)
	}
	if at.After(r.Now().Add(clockSkew)) {
		return nil, fault.Invalid("observedAt", "this lies in the future")
	}
	ask := r.question(c.action(), map[string]any{"source": c.Source, "deployments": len(c.Deployments), "complete": c.Complete != nil && *c.Complete})
	return &plan[RecordDeploymentsPayload]{ask: ask, write: func(ctx context.Context, w *writing) (*RecordDeploymentsPayload, error) {
		s := &survey{writing: w, source: strings.TrimSpace(c.Source), at: at}
		list := make([]sighting, len(c.Deployments))
		for i, d := range c.Deployments {
			list[i] = sighting{vendor: strings.TrimSpace(d.Vendor), product: strings.TrimSpace(d.Product), installs: int64(d.Installs), users: int64(d.Users)}
		}
		if err := s.record(ctx, list); err != nil {
			return nil, err
		}
		if c.Complete != nil && *c.Complete {
			if err := s.complete(ctx); err != nil {
				return nil, err
			}
		}
		s.tell()
		rows, err := s.rows(ctx, list)
		return &RecordDeploymentsPayload{Deployments: rows, Created: s.created, Changed: s.changed}, err
	}}, nil
}

// sighting is what a collector saw of one product.
type sighting struct {
	vendor, product string
	installs, users int64
}

// survey is what one collector saw at one time, in any number of parts. A deployment is a product of a vendor, whoever saw it: the
// latest observation says what it is (docs/decisions/0022).
type survey struct {
	*writing
	source string
	at     time.Time

	created, changed int
	vendors          *vendorNames
	keys             []int64 // the deployments that were named
	// told is told what a deployment was, nil if it was none, and what it is now; nil: nobody wants to know.
	told func(was *known, is sighting)
}

// known is a deployment as it is stored.
type known struct {
	id              int64
	installs, users int64
	at              time.Time
	source          string
}

// record stores one part of a survey; no product may be in it twice. What was seen later already stays what is.
func (s *survey) record(ctx context.Context, list []sighting) error {
	if len(list) == 0 {
		return nil
	}
	vendors, err := s.vendorsOf(ctx, list)
	if err != nil {
		return err
	}
	stored, err := s.lockKnown(ctx, vendors, list)
	if err != nil {
		return err
	}
	fresh := &deploymentColumns{}
	var seen observations
	var moved deploymentChanges
	for i, d := range list {
		k := stored[vendorProduct{vendors[i], nameKey(d.product)}]
		switch {
		case k == nil:
			fresh.add(vendors[i], d)
			s.differs(nil, d)
		case k.at.After(s.at):
			if k.installs != d.installs || k.users != d.users {
				seen.add(k.id, s.at, s.source, d.installs, d.users, false)
				seen.add(k.id, k.at, k.source, k.installs, k.users, false) // what is known holds from then on
			}
		default:
			if k.installs != d.installs || k.users != d.users {
				seen.add(k.id, s.at, s.source, d.installs, d.users, true)
				s.changed++
				s.differs(k, d)
			}
			if k.installs != d.installs || k.users != d.users || !k.at.Equal(s.at) || k.source != s.source {
				moved.add(k.id, d.installs, d.users)
			}
		}
		if k != nil {
			s.keys = append(s.keys, k.id)
		}
	}
	ids, err := fresh.insert(ctx, s)
	if err != nil {
		return err
	}
	for i, key := range ids {
		seen.add(key, s.at, s.source, fresh.installs[i], fresh.users[i], true)
		s.keys = append(s.keys, key)
	}
	s.created += len(ids)
	if err := moved.store(ctx, s); err != nil {
		return err
	}
	return seen.insert(ctx, s.writing)
}

func (s *survey) differs(was *known, is sighting) {
	if s.told != nil {
		s.told(was, is)
	}
}

// vendorProduct is where a deployment is found: its vendor and its product's name in lower case.
type vendorProduct struct {
	vendor  int64
	product string
}

// vendorsOf gives the vendors of sightings, creating those that are not known.
func (s *survey) vendorsOf(ctx context.Context, list []sighting) ([]int64, error) {
	names := make([]string, len(list))
	for i, d := range list {
		names[i] = d.vendor
	}
	if s.vendors == nil {
		s.vendors = &vendorNames{}
	}
	return s.vendors.of(ctx, s.writing, names)
}

// lockKnown locks the deployments that are known already, by id, and reads them.
func (s *survey) lockKnown(ctx context.Context, vendors []int64, list []sighting) (map[vendorProduct]*known, error) {
	products := make([]string, len(list))
	for i, d := range list {
		products[i] = nameKey(d.product)
	}
	rows, args := s.tx.Table("v", 1, store.Column{Name: "vendor_id", Values: vendors}, store.Column{Name: "product_key", Values: products})
	lock := s.tx.ForUpdate()
	if lock != "" {
		lock += " OF d"
	}
	stored := map[vendorProduct]*known{}
	found, err := s.Query(ctx, `SELECT d.id, d.vendor_id, d.product_key, d.installs, d.users, d.observed_at, d.source FROM deployments d
		JOIN `+rows+` ON d.vendor_id = v.vendor_id AND d.product_key = v.product_key ORDER BY d.id`+lock, args...)
	err = each(found, err, func(sc scanner) error {
		k := &known{}
		var at vendorProduct
		err := sc.Scan(&k.id, &at.vendor, &at.product, &k.installs, &k.users, &k.at, &k.source)
		stored[at] = k
		return err
	})
	return stored, err
}

// complete has the deployments of the source that were not named fall to 0.
func (s *survey) complete(ctx context.Context) error {
	slices.Sort(s.keys) // there may be millions: a sorted list is the smallest set
	var gone deploymentChanges
	var seen observations
	rows, err := s.Query(ctx, `SELECT id FROM deployments WHERE source = $1 AND observed_at <= $2 AND (installs > 0 OR users > 0) ORDER BY id`+s.tx.ForUpdate(), s.source, s.at)
	if err := each(rows, err, func(sc scanner) error {
		var key int64
		err := sc.Scan(&key)
		if _, named := slices.BinarySearch(s.keys, key); !named {
			gone.add(key, 0, 0)
			seen.add(key, s.at, s.source, 0, 0, true)
		}
		return err
	}); err != nil {
		return err
	}
	s.changed += len(gone.id)
	if err := gone.store(ctx, s); err != nil {
		return err
	}
	return seen.insert(ctx, s.writing)
}

// tell notes the survey in the event log.
func (s *survey) tell() {
	s.happened("DEPLOYMENTS_RECORDED", "source", 0, map[string]any{
		"source": s.source, "observedAt": s.at, "named": len(s.keys), "created": s.created, "changed": s.changed,
	})
}

// rows gives the deployments of sightings as clients see them, in order.
func (s *survey) rows(ctx context.Context, list []sighting) ([]*ent.Deployment, error) {
	found, err := s.tx.Client().Deployment.Query().Where(entdeployment.IDIn(s.keys...)).WithVendor().All(ctx)
	if err != nil {
		return nil, err
	}
	at := map[vendorProduct]*ent.Deployment{}
	for _, row := range found {
		at[vendorProduct{row.VendorID, row.ProductKey}] = row
	}
	rows := make([]*ent.Deployment, len(list))
	for i, d := range list {
		rows[i] = at[vendorProduct{s.vendors.keys[nameKey(d.vendor)], nameKey(d.product)}]
	}
	return slices.DeleteFunc(rows, func(row *ent.Deployment) bool { return row == nil }), nil
}
