package policy

import (
	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ringfence/ringfence/internal/licensing"
)

// Answer is what the policy answered to one request.
type Answer struct {
	// Allow is true when at least one rule granted the request, no finding refused it as a whole, and the evaluation
	// was sound. A subject may still be refused on its own.
	Allow      bool
	Grants     []string              // names of the rules that granted
	Violations []licensing.Violation // why the request is refused as a whole; empty exactly if Allow
	Warnings   []licensing.Violation // what the caller should know; never refuses
	DryRuns    []licensing.Violation // findings that are only tried: recorded, without any effect on the caller
	Subjects   []SubjectAnswer       // as many as Input.Subjects, in the same order
	// Ceilings says how high used + reserved of a pool may go by this request, in whole units, never below the limit.
	// A pool that is absent stops at its limit.
	Ceilings map[licensing.PoolKey]int64
	Revision string // content hash of the policies that answered
}

// SubjectAnswer is what the policy answered about one subject.
type SubjectAnswer struct {
	Denials  []licensing.Violation // the subject is not served
	Errors   []licensing.Violation // the seat is recorded in state ERROR
	Warnings []licensing.Violation
	DryRuns  []licensing.Violation // findings that are only tried
	Priority float64               // place in the queue, higher first
}

// Unenforced gives the findings that are only tried, of the request and of its subjects: one for each code, pool and field, with the
// number of subjects it is about.
func (a *Answer) Unenforced() []licensing.Violation {
	list := a.DryRuns
	at := map[unenforcedKey]int{}
	for i := range a.Subjects {
		for _, v := range a.Subjects[i].DryRuns {
			key := unenforcedKey{code: v.Code, field: v.Field}
			if v.Pool != nil {
				key.pool = *v.Pool
			}
			place, known := at[key]
			if !known {
				place = len(list)
				at[key] = place
				list = append(list[:place:place], v)
			}
			list[place].Subjects++
		}
	}
	return list
}

type unenforcedKey struct {
	code, field string
	pool        licensing.PoolKey
}

// Recordable is an answer with the very document it answers.
type Recordable struct {
	Answer
	asked *ast.Term // nil if none was evaluated
}

// Asked gives the document that was evaluated, as Input.JSON does, without building it again. It is nil when the input was refused
// before it came to an evaluation.
func (r *Recordable) Asked() []byte {
	if r.asked == nil {
		return nil
	}
	return appendJSON(make([]byte, 0, 1024), r.asked)
}

// Failed tells whether the policy gave no usable answer, as against an answer that denies.
func (a *Answer) Failed() bool {
	return len(a.Violations) == 1 && a.Violations[0].Code == licensing.PolicyError && len(a.Grants) == 0
}

// refusal is the answer to a request that could not be decided. The cause goes to the log, never to the caller.
func refusal(revision, message string, subjects int) Answer {
	return Answer{
		Violations: []licensing.Violation{{Code: licensing.PolicyError, Message: message}},
		Subjects:   make([]SubjectAnswer, subjects),
		Revision:   revision,
	}
}
