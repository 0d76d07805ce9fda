package filter

import (
	"math/rand/v2"
)

// Samples makes rows of a table by which a filter can be held against what it is a translation of: made of the values that the filter
// compares and those beside them, with columns missing and related rows there or not. The same filter has the same samples.
func Samples(t *Table, f Filter, n int) []Row {
	s := &sampler{rand: rand.New(rand.NewPCG(uint64(len(Describe(f))), uint64(n))), texts: []string{"", "a", "Sales"}, counts: []int64{0, 1, 7}, related: map[string]bool{}} //nolint:gosec // rows to try, no secret
	s.collect(f)
	rows := make([]Row, n)
	for i := range rows {
		rows[i] = s.row(t, 0)
	}
	return rows
}

type sampler struct {
	rand    *rand.Rand
	texts   []string
	counts  []int64
	related map[string]bool // relations that the filter follows
}

// collect takes the values of a filter; of a long list a few.
func (s *sampler) collect(f Filter) {
	switch f := f.(type) {
	case all:
		for _, one := range f {
			s.collect(one)
		}
	case anyOf:
		for _, one := range f {
			s.collect(one)
		}
	case not:
		s.collect(f.of)
	case some:
		s.related[f.relation.Name] = true
		s.collect(f.where)
	case compare:
		if n, ok := f.value.(int64); ok {
			s.counts = append(s.counts, n-1, n, n, n+1)
		}
		if text, ok := f.value.(string); ok {
			s.texts = append(s.texts, text, text, text+"a")
		}
	case oneOf:
		s.texts, s.counts = append(s.texts, f.texts[:min(len(f.texts), 8)]...), append(s.counts, f.counts[:min(len(f.counts), 8)]...)
	case part:
		s.texts = append(s.texts, f.text, "x"+f.text, f.text+"x")
	case folded:
		s.texts = append(s.texts, f.text, f.text)
	}
}

const deepest = 3

func (s *sampler) row(t *Table, depth int) Row {
	row := Row{Values: map[string]any{}, Related: map[string][]Row{}}
	for _, name := range t.Columns() {
		column, _ := t.Column(name)
		if column.Nullable && s.rand.IntN(3) == 0 {
			continue
		}
		row.Values[name] = s.value(column)
	}
	for _, name := range t.Relations() {
		relation, _ := t.Relation(name)
		if depth == deepest || !s.related[name] {
			continue
		}
		for range s.rand.IntN(3) {
			row.Related[name] = append(row.Related[name], s.row(relation.To, depth+1))
			if !relation.Many {
				break
			}
		}
	}
	return row
}

func (s *sampler) value(c *Column) any {
	switch {
	case c.Type == Bool:
		return s.rand.IntN(2) == 0
	case c.Type == Count:
		return s.counts[s.rand.IntN(len(s.counts))]
	case c.Words != nil && s.rand.IntN(2) == 0:
		return c.Words[s.rand.IntN(len(c.Words))]
	}
	return s.texts[s.rand.IntN(len(s.texts))]
}
