package licensing

import "slices"

// Totals are the figures of an overview in one metric (semantics.md §5). Licenses count with their own metric, allocations and
// deployments with that of the allocation.
type Totals struct {
	Metric   Metric
	Occurs   bool // whether a license or a row has the metric
	Endless  bool // whether a license of the metric is unlimited: then Entitled and Available mean nothing
	Licenses int64

	Entitled          int64 // bought, and committed by purchase reservations that have started
	Available         int64 // neither used nor reserved
	OverBy            int64 // given out beyond the limits
	Allocated         int64
	Deployed          int64 // each deployment once
	Uncovered         int64 // each deployment once, after the allocations of all licenses
	AllocatedNotInUse int64 // what these licenses allocate to deployments beyond what is deployed
	InUseNotAllocated int64 // what is deployed beyond what these licenses allocate
}

// Headroom gives what could be deployed beyond what is, never negative; nil with an unlimited license.
func (t *Totals) Headroom() *int64 {
	if t.Endless {
		return nil
	}
	room := max(0, t.Entitled-t.Deployed)
	return &room
}

// Utilization gives deployed / entitled; nil with an unlimited license, or when nothing is entitled.
func (t *Totals) Utilization() *float64 {
	if t.Endless || t.Entitled == 0 {
		return nil
	}
	share := float64(t.Deployed) / float64(t.Entitled)
	return &share
}

// Row is one line of an overview: an allocation, or a deployment in one metric with its allocations summed.
type Row struct {
	Share      int32 // place in Shares; −1 for a deployment with its allocations summed
	Deployment int32 // place in Deployments; −1 for a custom reservation, for which Deployed and Uncovered mean nothing
	Metric     Metric
	Deployed   int64
	Allocated  int64 // by the licenses the overview is about
	Uncovered  int64 // after the allocations of all licenses
}

// Selection says what an overview is about.
type Selection struct {
	Licenses      []int32 // places in Position.Licenses
	Estate        []int32 // places of deployments that are shown although none of the licenses may track them
	Metric        *Metric // only rows of this metric
	OnlyUncovered bool    // only rows with uncovered units, and only licenses that have one
}

// Sheet makes overviews of a position for somebody who may not see every allocation. It is for one goroutine: it reuses its memory.
type Sheet struct {
	*Position
	shown []bool // by share; nil for all

	turn      int32
	seen      [][metrics]int32 // by deployment: the turn in which it was last met
	allocated [][metrics]int64 // by deployment: what was allocated in that turn
	met       []slot
	customs   []int32 // custom reservations of the turn
}

// slot is a deployment in one metric.
type slot struct {
	deployment int32
	metric     Metric
}

// NewSheet makes a sheet that counts only the allocations that are shown, each by its place; nil shows all.
func (p *Position) NewSheet(shown []bool) *Sheet {
	return &Sheet{Position: p, shown: shown, seen: make([][metrics]int32, len(p.Deployments)), allocated: make([][metrics]int64, len(p.Deployments))}
}

// Totals gives the figures in each metric.
func (s *Sheet) Totals(of Selection) [metrics]Totals {
	var all [metrics]Totals
	for m := range all {
		all[m].Metric = Metric(m)
	}
	s.gather(of)
	for _, at := range of.Licenses {
		if !of.OnlyUncovered || s.lacks(at, of.Metric) {
			all[s.Licenses[at].Metric].license(&s.Licenses[at])
		}
	}
	for _, at := range s.met {
		row := s.summed(at)
		all[at.metric].row(&row)
	}
	for _, at := range s.customs {
		t := &all[s.Shares[at].Metric]
		t.Occurs = true
		t.Allocated += s.covers[at]
	}
	return all
}

func (t *Totals) license(e *Entitlement) {
	t.Occurs = true
	t.Licenses++
	if e.Unlimited {
		t.Endless = true
		return
	}
	t.Entitled += e.Quantity + e.Committed
	t.Available += e.Available()
	t.OverBy += e.OverBy()
}

func (t *Totals) row(r *Row) {
	t.Occurs = true
	t.Allocated += r.Allocated
	t.Deployed += r.Deployed
	t.Uncovered += r.Uncovered
	t.AllocatedNotInUse += max(0, r.Allocated-r.Deployed)
	t.InUseNotAllocated += max(0, r.Deployed-r.Allocated)
}

// Rows gives one row for each deployment and metric, by deployment, and then one for each custom reservation, in the order of
// creation.
func (s *Sheet) Rows(of Selection) []Row {
	s.gather(of)
	slices.SortFunc(s.met, func(a, b slot) int {
		if a.deployment != b.deployment {
			return int(a.deployment - b.deployment)
		}
		return int(a.metric - b.metric)
	})
	slices.Sort(s.customs)
	rows := make([]Row, 0, len(s.met)+len(s.customs))
	for _, at := range s.met {
		rows = append(rows, s.summed(at))
	}
	for _, at := range s.customs {
		rows = append(rows, s.single(at))
	}
	return rows
}

// Lines gives one row for each allocation of the licenses, in the order of creation.
func (s *Sheet) Lines(of Selection) []Row {
	var places []int32
	for _, license := range of.Licenses {
		for _, at := range s.sharesOf(int(license)) {
			if s.shows(at) {
				places = append(places, at)
			}
		}
	}
	slices.Sort(places)
	rows := make([]Row, len(places))
	for i, at := range places {
		rows[i] = s.single(at)
	}
	return rows
}

func (s *Sheet) shows(share int32) bool { return s.shown == nil || s.shown[share] }

// gather meets the deployments and the custom reservations of a selection, each once, and sums what is allocated.
func (s *Sheet) gather(of Selection) {
	s.turn++
	s.met, s.customs = s.met[:0], s.customs[:0]
	for _, license := range of.Licenses {
		for _, at := range s.sharesOf(int(license)) {
			share := &s.Shares[at]
			if !s.shows(at) || of.Metric != nil && *of.Metric != share.Metric {
				continue
			}
			if s.tracks[at] >= 0 {
				s.meet(slot{s.tracks[at], share.Metric}, s.covers[at], of.OnlyUncovered)
			} else if share.Deployment == 0 && !of.OnlyUncovered {
				s.customs = append(s.customs, at)
			}
		}
	}
	for _, deployment := range of.Estate {
		for _, m := range Metrics {
			if (of.Metric == nil || *of.Metric == m) && s.counts(deployment, m) {
				s.meet(slot{deployment, m}, 0, of.OnlyUncovered)
			}
		}
	}
}

// counts tells whether a deployment has a place in the estate in a metric: any in which an allocation tracks it or, if none
// does, any in which it is in use.
func (s *Sheet) counts(deployment int32, m Metric) bool {
	tracked := &s.tracked[deployment]
	for _, any := range tracked {
		if any {
			return tracked[m]
		}
	}
	return s.Deployments[deployment].Units[m] > 0
}

func (s *Sheet) meet(at slot, allocated int64, onlyUncovered bool) {
	if onlyUncovered && s.uncovered(at.deployment, at.metric) == 0 {
		return
	}
	if seen := &s.seen[at.deployment][at.metric]; *seen != s.turn {
		*seen = s.turn
		s.allocated[at.deployment][at.metric] = 0
		s.met = append(s.met, at)
	}
	s.allocated[at.deployment][at.metric] += allocated
}

// summed is the row of a deployment that was met in this turn.
func (s *Sheet) summed(at slot) Row {
	return Row{
		Share: -1, Deployment: at.deployment, Metric: at.metric, Deployed: s.Deployments[at.deployment].Units[at.metric],
		Allocated: s.allocated[at.deployment][at.metric], Uncovered: s.uncovered(at.deployment, at.metric),
	}
}

// single is the row of one allocation.
func (s *Sheet) single(share int32) Row {
	row := Row{Share: share, Deployment: s.tracks[share], Metric: s.Shares[share].Metric, Allocated: s.covers[share]}
	if row.Deployment >= 0 {
		row.Deployed = s.Deployments[row.Deployment].Units[row.Metric]
		row.Uncovered = s.uncovered(row.Deployment, row.Metric)
	}
	return row
}

// lacks tells whether a license has a shown allocation to a deployment that is not all covered.
func (s *Sheet) lacks(license int32, m *Metric) bool {
	return slices.ContainsFunc(s.sharesOf(int(license)), func(at int32) bool {
		share := &s.Shares[at]
		return s.shows(at) && s.tracks[at] >= 0 && (m == nil || *m == share.Metric) && s.uncovered(s.tracks[at], share.Metric) > 0
	})
}

// Lacks tells whether a license tracks a deployment, in an allocation that is shown, that is not all covered.
func (s *Sheet) Lacks(license int32) bool { return s.lacks(license, nil) }
