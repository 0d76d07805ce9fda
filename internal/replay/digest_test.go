package replay_test

import (
	"math/rand/v2"
	"testing"

	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/replay"
)

// randomAnswer is an answer of few words, so that many are alike.
func randomAnswer(r *rand.Rand) *policy.Answer {
	number := func() *int64 {
		n := r.Int64N(3)
		if n == 2 {
			return nil
		}
		return &n
	}
	list := func() []licensing.Violation {
		var list []licensing.Violation
		for range max(0, r.IntN(4)-1) {
			v := licensing.Violation{Code: []string{"A", "B"}[r.IntN(2)], Field: []string{"", "limit"}[r.IntN(2)], Message: []string{"x", "y"}[r.IntN(2)], Limit: number()}
			if r.IntN(2) == 0 {
				v.Pool = &licensing.PoolKey{License: 12, Allotment: r.Int64N(2)}
			}
			list = append(list, v)
		}
		return list
	}
	a := &policy.Answer{Allow: r.IntN(3) > 0, Grants: []string{"g"}, Warnings: list(), DryRuns: list()}
	if !a.Allow {
		a.Violations = append(list(), licensing.Violation{Code: "C"})
	}
	for range 2 {
		s := policy.SubjectAnswer{Priority: float64(r.IntN(2))}
		switch r.IntN(5) {
		case 0:
			s.Denials = list()
		case 1:
			s.Errors = list()
		case 2:
			s.Warnings = list()
		case 3:
			s.DryRuns = list()
		}
		a.Subjects = append(a.Subjects, s)
	}
	if r.IntN(3) == 0 {
		a.Ceilings = map[licensing.PoolKey]int64{{License: 12}: r.Int64N(2)}
	}
	return a
}

// Answers with one digest are answers that a comparison finds alike: replaying may trust it.
func TestAnswersThatDifferHaveOtherDigests(t *testing.T) {
	q, err := policy.ReadQuestion(request(0).JSON())
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	alike, different, told := 0, 0, 0
	for range 300_000 {
		a, b := randomAnswer(r), randomAnswer(r)
		_, differs := replay.Compare(q, a, b)
		same := a.Digest() == b.Digest()
		switch {
		case differs && same:
			t.Fatalf("one digest, and otherwise:\n%+v\n%+v", a, b)
		case differs:
			different++
		case same:
			told++
		}
		if !differs {
			alike++
		}
	}
	if different < 1000 || told < alike/2 || told < 1000 {
		t.Errorf("%d pairs differ, %d are alike, of which the digest tells %d", different, alike, told)
	}
}

// A digest is kept with a decision and compared by another process, perhaps years later.
func TestTheDigestStaysTheSame(t *testing.T) {
	limit := int64(5)
	for _, c := range []struct {
		answer policy.Answer
		want   int64
	}{
		{policy.Answer{Allow: true, Subjects: make([]policy.SubjectAnswer, 1)}, 3},
		{policy.Answer{Violations: []licensing.Violation{{Code: licensing.InsufficientPool, Field: "limit", Pool: &licensing.PoolKey{License: 12}, Limit: &limit}}}, -3088760048122439793},
	} {
		if got := c.answer.Digest(); got != c.want {
			t.Errorf("the digest of %+v is %d, it was %d", c.answer, got, c.want)
		}
	}
}
