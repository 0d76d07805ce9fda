package licensing

import "slices"

// RemedyKind says what can be done about a row of an overview.
type RemedyKind string

// The kinds of remedies.
const (
	CreateAllocation RemedyKind = "CREATE_ALLOCATION"
	ReduceAllocation RemedyKind = "REDUCE_ALLOCATION"
	RemoveOverage    RemedyKind = "REMOVE_OVERAGE"
	Buy              RemedyKind = "BUY"
)

// Remedy is one thing that can be done, and with how many units.
type Remedy struct {
	Kind    RemedyKind
	Metric  Metric
	Units   int64
	License int32 // place in Licenses of the one it is about; −1 if that is to be chosen
	Share   int32 // place in Shares of the allocation it is about; −1 for none
	Whole   bool  // REDUCE_ALLOCATION: that is all of it
}

// Remedies gives what can be done about one row, each row looked at on its own: what is uncovered is allocated from the licenses
// given, as far as they have units that nothing needs, and the rest is bought; what is allocated beyond what is deployed is
// taken back from the youngest of its fixed allocations; overage that nobody uses is removed.
func (s *Sheet) Remedies(row *Row, shares, candidates []int32) []Remedy {
	var all []Remedy
	rest := row.Uncovered
	for _, license := range candidates {
		if n := min(rest, s.left[license]); n > 0 {
			all = append(all, Remedy{Kind: CreateAllocation, Metric: row.Metric, Units: n, License: license, Share: -1})
			rest -= n
		}
	}
	if rest > 0 {
		buy := Remedy{Kind: Buy, Metric: row.Metric, Units: rest, License: -1, Share: -1}
		if len(candidates) == 1 {
			buy.License = candidates[0]
		}
		all = append(all, buy)
	}
	all = append(all, s.reductions(row, shares)...)
	for _, license := range s.LicensesOf(shares) {
		if n := s.Licenses[license].UnusedOverage(); n > 0 {
			all = append(all, Remedy{Kind: RemoveOverage, Metric: s.Licenses[license].Metric, Units: n, License: license, Share: -1})
		}
	}
	return all
}

// reductions takes back what is allocated and not in use, from the youngest fixed allocations first.
func (s *Sheet) reductions(row *Row, shares []int32) []Remedy {
	if row.Deployment < 0 {
		return nil
	}
	var all []Remedy
	rest := s.total[row.Deployment][row.Metric] - row.Deployed
	for _, at := range slices.Backward(shares) {
		share := &s.Shares[at]
		if share.Unlimited || rest <= 0 {
			continue
		}
		if n := min(rest, share.Quantity); n > 0 {
			all = append(all, Remedy{Kind: ReduceAllocation, Metric: row.Metric, Units: n, License: s.license[at], Share: at, Whole: n == share.Quantity})
			rest -= n
		}
	}
	return all
}

// LicensesOf gives the licenses of shares, each once, in the order of the shares.
func (s *Sheet) LicensesOf(shares []int32) []int32 {
	var all []int32
	for _, at := range shares {
		if owner := s.license[at]; owner >= 0 && !slices.Contains(all, owner) {
			all = append(all, owner)
		}
	}
	return all
}

// Members gives the shown allocations of some licenses that are summed in each row, by its place among the rows.
func (s *Sheet) Members(licenses []int32, rows []Row) [][]int32 {
	members := make([][]int32, len(rows))
	summed := map[slot]int{}
	for i, row := range rows {
		if row.Share >= 0 {
			members[i] = []int32{row.Share}
		} else {
			summed[slot{row.Deployment, row.Metric}] = i
		}
	}
	if len(summed) == 0 {
		return members
	}
	for _, license := range licenses {
		for _, at := range s.sharesOf(int(license)) {
			if s.tracks[at] < 0 || !s.shows(at) {
				continue
			}
			if i, wanted := summed[slot{s.tracks[at], s.Shares[at].Metric}]; wanted {
				members[i] = append(members[i], at)
			}
		}
	}
	for i := range members {
		slices.Sort(members[i])
	}
	return members
}

// Suggestions gives what can be done about everything an overview is about, by metric and kind. Units of a license that nothing
// needs are suggested once; match gives the licenses that may cover a deployment that none of the licenses tracks yet.
func (s *Sheet) Suggestions(of Selection, match func(deployment int32, m Metric) []int32) []Remedy {
	var units [metrics][4]int64
	kinds := [...]RemedyKind{CreateAllocation, ReduceAllocation, RemoveOverage, Buy}
	rows := s.Rows(of)
	members := s.Members(of.Licenses, rows)
	left := slices.Clone(s.left)
	for i := range rows {
		row := &rows[i]
		sum := &units[row.Metric]
		candidates := s.LicensesOf(members[i])
		if len(candidates) == 0 && row.Uncovered > 0 {
			candidates = match(row.Deployment, row.Metric)
		}
		rest := row.Uncovered
		for _, license := range candidates {
			n := min(rest, left[license])
			rest -= n
			sum[0] += n
			if left[license] != endless {
				left[license] -= n
			}
		}
		sum[3] += rest
		for _, less := range s.reductions(row, members[i]) {
			sum[1] += less.Units
		}
	}
	for _, at := range of.Licenses {
		if of.OnlyUncovered && !s.lacks(at, of.Metric) {
			continue
		}
		e := &s.Licenses[at]
		units[e.Metric][2] += e.UnusedOverage()
		units[e.Metric][3] += e.Unbought()
	}
	var all []Remedy
	for m := range units {
		for i, n := range units[m] {
			if n > 0 {
				all = append(all, Remedy{Kind: kinds[i], Metric: Metric(m), Units: n, License: -1, Share: -1})
			}
		}
	}
	return all
}
