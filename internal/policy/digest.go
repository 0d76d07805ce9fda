package policy

import (
	"encoding/binary"
	"hash/fnv"
	"math"

	"github.com/ringfence/ringfence/internal/licensing"
)

// Digest tells answers apart that have a different outcome: verdict, reasons, what is said of each subject, ceilings and warnings, with their
// figures. Sentences, grants and the order of reasons do not count. It is the same in every process, and never 0. Two answers with one digest are taken
// to be the same; two with different ones may still be.
func (a *Answer) Digest() int64 {
	d := digest(uint64(1))
	if !a.Allow {
		d.violations(1, a.Violations)
		return d.value()
	}
	d = 2 + digest(len(a.Subjects))
	d.violations(2, a.Warnings)
	for i := range a.Subjects {
		s, at := &a.Subjects[i], uint64(i)<<8
		d.violations(at|3, s.Denials)
		d.violations(at|4, s.Errors)
		d.violations(at|5, s.Warnings)
		if s.Priority != 0 {
			d.add(at|6, math.Float64bits(s.Priority))
		}
	}
	for key, upTo := range a.Ceilings {
		d.add(7, uint64(key.License), uint64(key.Allotment), uint64(upTo))
	}
	d.violations(8, a.Unenforced())
	return d.value()
}

// digest is a sum of hashes: the order of what is added does not matter.
type digest uint64

func (d digest) value() int64 {
	if d == 0 {
		return 1
	}
	return int64(d)
}

func (d *digest) violations(where uint64, list []licensing.Violation) {
	for i := range list {
		c := list[i].Claim()
		numbers := append(make([]uint64, 0, 8), where, uint64(c.Pool.License), uint64(c.Pool.Allotment))
		for _, figure := range c.Figures {
			numbers = append(numbers, uint64(figure))
		}
		d.hash(c.Code, c.Field, numbers)
	}
}

func (d *digest) add(numbers ...uint64) { d.hash("", "", numbers) }

func (d *digest) hash(code, field string, numbers []uint64) {
	text := make([]byte, 0, 128)
	text = append(append(append(append(text, code...), 0), field...), 0)
	for _, n := range numbers {
		text = binary.LittleEndian.AppendUint64(text, n)
	}
	h := fnv.New64a()
	_, _ = h.Write(text) // it never fails
	*d += digest(h.Sum64())
}
