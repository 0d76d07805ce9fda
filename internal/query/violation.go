package query

import (
	"context"

	"github.com/ringfence/ringfence/internal/licensing"
)

// Violation says why something was refused, as the API shows it.
type Violation struct {
	licensing.Violation
	family *family[*Violation]
}

// explain makes views of violations, as one family, under the keys they came with.
func explain[K comparable](ctx context.Context, s *session, told map[K][]licensing.Violation) (map[K][]*Violation, error) {
	f, err := s.glance(ctx)
	if err != nil {
		return nil, err
	}
	kin := &family[*Violation]{session: s, facts: f}
	out := make(map[K][]*Violation, len(told))
	for key, violations := range told {
		out[key] = make([]*Violation, len(violations))
		for i, v := range violations {
			out[key][i] = &Violation{v, kin}
		}
		kin.members = append(kin.members, out[key]...)
	}
	return out, nil
}

// Message gives the sentence for people. It may name some, so those who may not see names read the code in its place.
func (v *Violation) Message() string {
	if v.family.facts.anonymous() {
		return v.Code
	}
	return v.Violation.Message
}

// Field gives the input field it is about.
func (v *Violation) Field() *string {
	if v.Violation.Field == "" {
		return nil
	}
	return &v.Violation.Field
}

// Pool gives the pool that bound, if it may be seen.
func (v *Violation) Pool(ctx context.Context) (Pool, error) {
	if v.Violation.Pool == nil {
		return nil, nil
	}
	found, err := together(ctx, v.family, "pool", v.family.boundPools)
	if err != nil {
		return nil, err
	}
	return found[*v.Violation.Pool], nil
}

// SeesPool tells whether the principal may see the license or the allotment that is a pool.
func (r *Reader) SeesPool(ctx context.Context, key licensing.PoolKey) bool {
	s := r.session(ctx)
	f, err := s.glance(ctx)
	if err != nil {
		return false
	}
	if kind := kindOf(key); f.view.All(kind) {
		return true
	}
	s.mu.Lock()
	seen, known := s.pooled[key]
	s.mu.Unlock()
	if known {
		return seen
	}
	found, err := s.boundPools(ctx, []*Violation{{Violation: licensing.Violation{Pool: &key}}})
	seen = err == nil && found[key] != nil
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pooled == nil {
		s.pooled = map[licensing.PoolKey]bool{}
	}
	s.pooled[key] = seen
	return seen
}

func kindOf(key licensing.PoolKey) string {
	if key.IsLicense() {
		return kindLicense
	}
	return kindAllotment
}

func (s *session) boundPools(ctx context.Context, members []*Violation) (map[licensing.PoolKey]Pool, error) {
	var toLicenses, toAllotments []int64
	for _, member := range members {
		switch pool := member.Violation.Pool; {
		case pool == nil:
		case pool.IsLicense():
			toLicenses = append(toLicenses, pool.License)
		default:
			toAllotments = append(toAllotments, pool.Allotment)
		}
	}
	found := map[licensing.PoolKey]Pool{}
	byLicense, err := licenses.visibleByKey(ctx, s, toLicenses)
	if err != nil {
		return nil, err
	}
	for key, view := range byLicense {
		found[licensing.PoolKey{License: key}] = view
	}
	byAllotment, err := allotments.visibleByKey(ctx, s, toAllotments)
	for key, view := range byAllotment {
		found[licensing.PoolKey{License: view.LicenseID, Allotment: key}] = view
	}
	return found, err
}
