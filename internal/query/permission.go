package query

import (
	"context"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
)

// Permission says whether the viewer may do something to a thing, as the API shows it.
type Permission struct {
	Allowed    bool
	Violations []*Violation
}

// may answers for all members of a family at once: the policy is asked on figures that are read for all of them together.
func may[V any](ctx context.Context, f *family[V], of V, noun id.Noun, key func(V) int64, action string) (*Permission, error) {
	type asked struct{ action string }
	all, err := together(ctx, f, asked{action}, func(ctx context.Context, members []V) (map[int64]*Permission, error) {
		things := make([]int64, len(members))
		for i, member := range members {
			things[i] = key(member)
		}
		return f.permissions(ctx, action, noun, things)
	})
	return all[key(of)], err
}

func (s *session) permissions(ctx context.Context, action string, noun id.Noun, things []int64) (map[int64]*Permission, error) {
	if s.rehearsal == nil {
		return nil, fault.New(fault.Unavailable, "nothing can be tried here")
	}
	found, err := s.rehearsal.May(ctx, s.who, action, noun, distinct(things))
	if err != nil {
		return nil, err
	}
	told := make(map[int64][]licensing.Violation, len(found))
	for thing, permission := range found {
		told[thing] = permission.Violations
	}
	violations, err := explain(ctx, s, told)
	all := make(map[int64]*Permission, len(found))
	for thing, permission := range found {
		all[thing] = &Permission{permission.Allowed, nonNil(violations[thing])}
	}
	return all, err
}

// ViewerCan tells whether the viewer may do something that is done to nothing that is there yet.
func (v *Viewer) ViewerCan(ctx context.Context, action string) (*Permission, error) {
	all, err := v.session.permissions(ctx, action, "", []int64{nothing})
	return all[nothing], err
}

// nothing is the key under which a permission is given that is about no thing.
const nothing = -1

// ViewerCan tells whether the viewer may do an action to the license.
func (l *License) ViewerCan(ctx context.Context, action string) (*Permission, error) {
	return may(ctx, l.family, l, id.License, func(l *License) int64 { return l.License.ID }, action)
}

// ViewerCan tells whether the viewer may do an action to the allotment.
func (a *Allotment) ViewerCan(ctx context.Context, action string) (*Permission, error) {
	return may(ctx, a.family, a, id.Allotment, func(a *Allotment) int64 { return a.Allotment.ID }, action)
}

// ViewerCan tells whether the viewer may do an action to the group license.
func (g *GroupLicense) ViewerCan(ctx context.Context, action string) (*Permission, error) {
	return may(ctx, g.family, g, id.GroupLicense, func(g *GroupLicense) int64 { return g.GroupLicense.ID }, action)
}

// ViewerCan tells whether the viewer may do an action to the group.
func (g *Group) ViewerCan(ctx context.Context, action string) (*Permission, error) {
	return may(ctx, g.family, g, id.Group, func(g *Group) int64 { return g.Group.ID }, action)
}

// ViewerCan tells whether the viewer may do an action to the user.
func (u *User) ViewerCan(ctx context.Context, action string) (*Permission, error) {
	return may(ctx, u.family, u, id.User, func(u *User) int64 { return u.User.ID }, action)
}

// ViewerCan tells whether the viewer may do an action to the contract.
func (c *Contract) ViewerCan(ctx context.Context, action string) (*Permission, error) {
	return may(ctx, c.family, c, id.Contract, func(c *Contract) int64 { return c.Contract.ID }, action)
}

// ViewerCan tells whether the viewer may do an action to the product.
func (p *Product) ViewerCan(ctx context.Context, action string) (*Permission, error) {
	return may(ctx, p.family, p, id.Product, func(p *Product) int64 { return p.Product.ID }, action)
}

// ViewerCan tells whether the viewer may do an action to the vendor.
func (v *Vendor) ViewerCan(ctx context.Context, action string) (*Permission, error) {
	return may(ctx, v.family, v, id.Vendor, func(v *Vendor) int64 { return v.Vendor.ID }, action)
}

// ViewerCan tells whether the viewer may do an action to the allocation.
func (a *Allocation) ViewerCan(ctx context.Context, action string) (*Permission, error) {
	return may(ctx, a.family, a, id.Allocation, func(a *Allocation) int64 { return a.Allocation.ID }, action)
}

// ViewerCan tells whether the viewer may do an action to the purchase reservation.
func (p *PurchaseReservation) ViewerCan(ctx context.Context, action string) (*Permission, error) {
	return may(ctx, p.family, p, id.Purchase, func(p *PurchaseReservation) int64 { return p.PurchaseReservation.ID }, action)
}
