package licensing

import (
	"cmp"
	"math"
	"slices"
)

// Metric is what the units of an allocation count. Units of different metrics are never added together (semantics.md §5).
type Metric int8

// The metrics, in the order in which they are shown.
const (
	Users Metric = iota
	Installs
	metrics // how many there are
)

// Metrics lists all metrics, in the order in which they are shown.
var Metrics = []Metric{Users, Installs}

// String gives the metric's name in the API.
func (m Metric) String() string {
	if m == Installs {
		return "INSTALLS"
	}
	return "USERS"
}

// Entitlement is a license as an overview counts it. Without a limit, Quantity, Committed and Limit mean nothing.
type Entitlement struct {
	License, Contract int64
	Metric            Metric
	Unlimited         bool
	Limit             int64 // quantity, overage and what purchase reservations commit
	Quantity          int64
	Committed         int64
	Used, Reserved    int64
}

// Available gives the units that are neither used nor reserved, never negative. It means nothing for an unlimited license.
func (e *Entitlement) Available() int64 { return max(0, e.Limit-e.Used-e.Reserved) }

// OverBy gives the units given out beyond the limit.
func (e *Entitlement) OverBy() int64 {
	if e.Unlimited {
		return 0
	}
	return max(0, e.Used+e.Reserved-e.Limit)
}

// Unbought gives the units given out that no purchase stands for: beyond the limit, or as overage.
func (e *Entitlement) Unbought() int64 {
	if e.Unlimited {
		return 0
	}
	return max(0, e.Used+e.Reserved-e.Quantity-e.Committed)
}

// UnusedOverage gives the part of the limit that was not bought and that nobody uses (semantics.md §6).
func (e *Entitlement) UnusedOverage() int64 {
	if e.Unlimited {
		return 0
	}
	return min(max(0, e.Limit-e.Quantity-e.Committed), e.Available())
}

// Discovery is a deployment as an overview counts it: units in use, by metric.
type Discovery struct {
	Deployment int64
	Units      [metrics]int64
}

// Share is an allocation as an overview counts it. Without a deployment it is a custom reservation. An unlimited one has no
// quantity.
type Share struct {
	Allocation, License, Deployment int64
	Metric                          Metric
	Unlimited                       bool
	Quantity                        int64
}

// Position is a whole license position: what is owned, what is allocated and what is deployed, and what each allocation covers. It
// does not change, so many may read it at once.
type Position struct {
	Licenses    []Entitlement // by license
	Deployments []Discovery   // by deployment
	Shares      []Share       // by allocation, which is the order of creation

	covers  []int64          // by share: what it covers
	license []int32          // by share: its license, −1 if that is not part of the position
	tracks  []int32          // by share: its deployment, −1 for a custom reservation
	total   [][metrics]int64 // by deployment: what all its allocations cover
	tracked [][metrics]bool  // by deployment: whether there are any
	left    []int64          // by license: what its unlimited allocations have left of its ceiling
	first   []int32          // by license: where its shares begin in order
	order   []int32          // shares by license, in the order of creation
}

// endless is what an unlimited license has left.
const endless = math.MaxInt64

// NewPosition works out what each allocation covers (semantics.md §5). A fixed one covers its quantity. The unlimited ones come
// in the order of creation, whatever their license: each covers what is still uncovered of its deployment, as far as the ceiling
// of its license, limit − used − reserved, still goes. Allocations of licenses that are not given count only if they are fixed;
// those of deployments that are not given count for nothing.
func NewPosition(licenses []Entitlement, deployments []Discovery, shares []Share) *Position {
	ordered(licenses, func(e *Entitlement) int64 { return e.License })
	ordered(deployments, func(d *Discovery) int64 { return d.Deployment })
	ordered(shares, func(s *Share) int64 { return s.Allocation })
	p := &Position{
		Licenses: licenses, Deployments: deployments, Shares: shares,
		covers: make([]int64, len(shares)), license: make([]int32, len(shares)), tracks: make([]int32, len(shares)),
		total: make([][metrics]int64, len(deployments)), tracked: make([][metrics]bool, len(deployments)), left: make([]int64, len(licenses)),
	}
	owner := finder(licenses, func(e *Entitlement) int64 { return e.License })
	estate := finder(deployments, func(d *Discovery) int64 { return d.Deployment })
	for i := range licenses {
		p.left[i] = endless
		if !licenses[i].Unlimited {
			p.left[i] = licenses[i].Available()
		}
	}
	for i := range shares {
		p.license[i], p.tracks[i] = owner(shares[i].License), estate(shares[i].Deployment)
		p.fix(i)
	}
	for i := range shares {
		p.cover(i)
	}
	p.group()
	return p
}

// fix counts a share of a fixed quantity.
func (p *Position) fix(i int) {
	s, at := &p.Shares[i], p.tracks[i]
	if !s.Unlimited {
		p.covers[i] = s.Quantity
	}
	if at >= 0 {
		p.tracked[at][s.Metric] = true
		p.total[at][s.Metric] += p.covers[i]
	}
}

// cover counts an unlimited share, after all fixed ones and the unlimited ones before it.
func (p *Position) cover(i int) {
	s, at, owner := &p.Shares[i], p.tracks[i], p.license[i]
	if !s.Unlimited || at < 0 || owner < 0 {
		return
	}
	n := min(p.uncovered(at, s.Metric), p.left[owner])
	if p.left[owner] != endless {
		p.left[owner] -= n
	}
	p.covers[i] = n
	p.total[at][s.Metric] += n
}

func (p *Position) uncovered(deployment int32, m Metric) int64 {
	return max(0, p.Deployments[deployment].Units[m]-p.total[deployment][m])
}

// group lists the shares by license.
func (p *Position) group() {
	p.first = make([]int32, len(p.Licenses)+1)
	for _, owner := range p.license {
		if owner >= 0 {
			p.first[owner+1]++
		}
	}
	for i := range p.Licenses {
		p.first[i+1] += p.first[i]
	}
	next := slices.Clone(p.first)
	p.order = make([]int32, p.first[len(p.Licenses)])
	for i, owner := range p.license {
		if owner >= 0 {
			p.order[next[owner]] = int32(i)
			next[owner]++
		}
	}
}

// sharesOf gives the shares of a license, in the order of creation.
func (p *Position) sharesOf(license int) []int32 { return p.order[p.first[license]:p.first[license+1]] }

// Covers gives what an allocation covers, by its place in Shares.
func (p *Position) Covers(share int) int64 { return p.covers[share] }

// FindLicense gives the place of a license in Licenses.
func (p *Position) FindLicense(key int64) (int, bool) {
	return slices.BinarySearchFunc(p.Licenses, key, func(e Entitlement, key int64) int { return cmp.Compare(e.License, key) })
}

// FindDeployment gives the place of a deployment in Deployments.
func (p *Position) FindDeployment(key int64) (int, bool) {
	return slices.BinarySearchFunc(p.Deployments, key, func(d Discovery, key int64) int { return cmp.Compare(d.Deployment, key) })
}

// ordered sorts by key, unless it is sorted already.
func ordered[T any](list []T, key func(*T) int64) {
	compare := func(a, b T) int { return cmp.Compare(key(&a), key(&b)) }
	if !slices.IsSortedFunc(list, compare) {
		slices.SortFunc(list, compare)
	}
}

// finder gives the place of a key in a sorted list, −1 if it is not in it. Keys that leave few gaps are looked up in a table.
func finder[T any](list []T, key func(*T) int64) func(int64) int32 {
	if len(list) == 0 {
		return func(int64) int32 { return -1 }
	}
	low, high := key(&list[0]), key(&list[len(list)-1])
	if high-low < int64(8*len(list)+1024) {
		table := make([]int32, high-low+1)
		for i := range list {
			table[key(&list[i])-low] = int32(i) + 1
		}
		return func(k int64) int32 {
			if k < low || k > high {
				return -1
			}
			return table[k-low] - 1
		}
	}
	places := make(map[int64]int32, len(list))
	for i := range list {
		places[key(&list[i])] = int32(i)
	}
	return func(k int64) int32 {
		if at, ok := places[k]; ok {
			return at
		}
		return -1
	}
}
