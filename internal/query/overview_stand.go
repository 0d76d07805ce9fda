package query

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/ringfence/ringfence/internal/licensing"
)

// standing is a position as it was read, with what the principal may see of it. It does not change.
type standing struct {
	*licensing.Position
	moment  moment
	owned   []int32 // the licenses that may be seen
	shown   []bool  // by share: whether it may be seen, with its license and its deployment
	estate  []int32 // the deployments that may be seen
	sellers []int64 // by license: the vendor of its contract
	ends    []int64 // by license: its last day or that of its contract, YYYYMMDD; no day is later than all
	makers  []int64 // by deployment: its vendor
}

// standing makes the position of what was read.
func (l *reading) standing(m moment) *standing {
	s := &standing{moment: m}
	columns := arranged(l.parts[0])
	licenses := make([]licensing.Entitlement, len(columns[0]))
	for i := range licenses {
		flags := columns[3][i]
		licenses[i] = licensing.Entitlement{
			License: columns[0][i], Contract: columns[1][i], Metric: metricOf(flags), Unlimited: flags&flagUnlimited != 0, Limit: columns[4][i],
			Quantity: columns[5][i], Committed: columns[6][i], Used: columns[7][i], Reserved: columns[8][i],
		}
		if flags&flagSeen != 0 {
			s.owned = append(s.owned, int32(i))
		}
	}
	s.sellers, s.ends = columns[2], columns[9]
	columns = arranged(l.parts[1])
	deployments := make([]licensing.Discovery, len(columns[0]))
	for i := range deployments {
		deployments[i] = licensing.Discovery{Deployment: columns[0][i], Units: [...]int64{columns[2][i], columns[3][i]}}
		if columns[4][i] != 0 {
			s.estate = append(s.estate, int32(i))
		}
	}
	s.makers = columns[1]
	s.Position = licensing.NewPosition(licenses, deployments, l.shares(s))
	s.hide()
	return s
}

func metricOf(flags int64) licensing.Metric {
	if flags&flagInstalls != 0 {
		return licensing.Installs
	}
	return licensing.Users
}

// shares gives the allocations, and notes which of them may be seen.
func (l *reading) shares(s *standing) []licensing.Share {
	columns := l.parts[2]
	for _, more := range l.parts[3:] {
		for i := range columns {
			columns[i] = append(columns[i], more[i]...)
		}
	}
	columns = arranged(columns)
	shares := make([]licensing.Share, len(columns[0]))
	s.shown = make([]bool, len(shares))
	for i := range shares {
		flags := columns[4][i]
		shares[i] = licensing.Share{
			Allocation: columns[0][i], License: columns[1][i], Deployment: columns[2][i], Metric: metricOf(flags), Unlimited: flags&flagUnlimited != 0,
			Quantity: columns[3][i],
		}
		s.shown[i] = flags&flagSeen != 0
	}
	return shares
}

// hide leaves out the allocations of licenses, and to deployments, that may not be seen.
func (s *standing) hide() {
	if len(s.owned) == len(s.Licenses) && len(s.estate) == len(s.Deployments) {
		return
	}
	licenses, deployments := map[int64]bool{0: false}, map[int64]bool{0: true}
	for _, at := range s.owned {
		licenses[s.Licenses[at].License] = true
	}
	for _, at := range s.estate {
		deployments[s.Deployments[at].Deployment] = true
	}
	for i := range s.Shares {
		s.shown[i] = s.shown[i] && licenses[s.Shares[i].License] && deployments[s.Shares[i].Deployment]
	}
}

// arranged puts columns in the order of the first.
func arranged(columns [][]int64) [][]int64 {
	if slices.IsSorted(columns[0]) {
		return columns
	}
	places := make([]int, len(columns[0]))
	for i := range places {
		places[i] = i
	}
	slices.SortFunc(places, func(a, b int) int { return cmp.Compare(columns[0][a], columns[0][b]) })
	out := make([][]int64, len(columns))
	for i, column := range columns {
		out[i] = make([]int64, len(column))
		for to, from := range places {
			out[i][to] = column[from]
		}
	}
	return out
}

// numbers reads a list of whole numbers, whatever stands between them.
func numbers(text []byte) []int64 {
	if len(text) == 0 {
		return nil
	}
	out := make([]int64, 0, bytes.Count(text, []byte{','})+1)
	var n int64
	var within, negative bool
	for _, c := range text {
		switch {
		case c >= '0' && c <= '9':
			n, within = n*10+int64(c-'0'), true
		case c == '-':
			negative = true
		case within:
			out = append(out, signed(n, negative))
			n, within, negative = 0, false, false
		}
	}
	if within {
		out = append(out, signed(n, negative))
	}
	return out
}

func signed(n int64, negative bool) int64 {
	if negative {
		return -n
	}
	return n
}
