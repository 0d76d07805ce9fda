package licensing

// Stock is what the limit of a license is made of (semantics.md §6), in units.
type Stock struct {
	Quantity  int64 // bought
	Committed int64 // by purchase reservations that have started and are not fulfilled
	Overage   int64 // handed out without having been bought
	Unlimited bool
	// Shrinks tells that every release takes the overage down, until there is none.
	Shrinks bool
}

// Limit gives the units there are; nil is unlimited.
func (s Stock) Limit() *int64 {
	if s.Unlimited {
		return nil
	}
	sum := s.Quantity + s.Committed + s.Overage
	return &sum
}

// Unused gives how much of the overage nothing that is held needs.
func (s Stock) Unused(held int64) int64 {
	if s.Unlimited {
		return s.Overage
	}
	return max(0, s.Overage-max(0, held-s.Quantity-s.Committed))
}

// WithoutUnused gives the stock without the overage that nothing needs; what is left of it goes with every release.
func (s Stock) WithoutUnused(held int64) Stock {
	s.Overage -= s.Unused(held)
	s.Shrinks = s.Overage > 0
	return s
}

// Restock changes what the limit of a license is made of. Nothing that is held is taken away.
func (p *Pool) Restock(s Stock) {
	p.Stock = &s
	p.SetLimit(s.Limit())
}

// shrink takes the overage of a license down to what is held beyond what was bought, if releases are to do so. It is called
// when a seat was released and before anybody else is served, so that nobody gets the unit.
func (p *Pool) shrink() {
	if s := p.Stock; s != nil && s.Shrinks && s.Unused(p.Held()) > 0 {
		p.Restock(s.WithoutUnused(p.Held()))
	}
}

// root gives the license at the top of the line.
func (p *Pool) root() *Pool {
	for p.Parent != nil {
		p = p.Parent
	}
	return p
}
