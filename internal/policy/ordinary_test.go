package policy

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/ringfence/ringfence/internal/licensing"
)

// What the input says of all subjects together is only a short cut: the answer is the same without it.
func TestOrdinaryIsAShortCut(t *testing.T) {
	e := newEngine(t, Config{})
	p := pick{rand.New(rand.NewPCG(7, 7))}
	found := map[bool]int{}
	for range 2000 {
		in := assignInput()
		in.Subjects = nil
		for range 1 + p.IntN(3) {
			s := Subject{UserID: 1, Enabled: p.IntN(4) > 0, Type: []string{"MEMBER", "MEMBER", "GUEST"}[p.IntN(3)], Via: []string{ViaDirect, ViaGroup}[p.IntN(2)]}
			s.Department, s.UsageLocation = []string{"", "Sales", "Legal"}[p.IntN(3)], []string{"", "GB", "FR"}[p.IntN(3)]
			s.Groups = [][]int64{nil, {5}, {6}}[p.IntN(3)]
			in.Subjects = append(in.Subjects, s)
		}
		for i := range in.Pools[:2] {
			in.Pools[i].Scope = []Scope{{}, {Departments: []string{"Sales"}}, {Countries: []string{"GB"}, Groups: []int64{6}}}[p.IntN(3)]
		}
		with := e.Decide(t.Context(), in)
		var document map[string]any
		if err := json.Unmarshal(in.JSON(), &document); err != nil {
			t.Fatal(err)
		}
		if _, told := document["ordinary"].(bool); !told {
			t.Fatal("the input does not say whether its subjects are ordinary")
		}
		delete(document, "ordinary")
		text, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		without, err := e.Current().DecideRecorded(t.Context(), text)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(codesBySubject(with), codesBySubject(without)) {
			t.Fatalf("with %+v\nwithout %+v\nof %s", with, without, in.JSON())
		}
		found[slices.ContainsFunc(with.Subjects, func(s SubjectAnswer) bool { return len(s.Denials) > 0 })]++
	}
	if found[true] < 100 || found[false] < 100 {
		t.Errorf("only one sort of input was tried: %v", found)
	}
}

func codesBySubject(a Answer) [][]string {
	var all [][]string
	for _, s := range a.Subjects {
		var codes []string
		for _, list := range [][]licensing.Violation{s.Denials, s.Errors} {
			for _, v := range list {
				codes = append(codes, v.Code+" "+v.Message)
			}
		}
		slices.Sort(codes)
		all = append(all, codes)
	}
	return all
}
