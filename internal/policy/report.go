package policy

import "time"

// Look says what the gate looks at beyond what it must.
type Look struct {
	Format   bool          // a file that is not in the form of `opa fmt` is a problem
	Coverage bool          // measure what the tests cover; it takes about three times as long
	Run      string        // run only the tests whose full name matches this expression; empty: all
	Deadline time.Duration // of the whole gate; 0: DefaultGate
}

// DefaultGate is how long a policy may take to pass the gate, its tests included, before it is refused.
const DefaultGate = 10 * time.Second

// Report is what the gate found.
type Report struct {
	Revision string
	Problems []Problem // by place; empty exactly if the policy may answer
	Tests    []Test    // by name
	Coverage *Coverage // nil unless it was asked for and the policy compiles
	Took     []Stage   // in the order in which the stages began; those after the compilation run side by side
}

// Stage is one step of the gate and its wall time.
type Stage struct {
	Name string
	Took time.Duration
}

// Test is one test of a policy and how it went.
type Test struct {
	Name    string // package and rule, data.ringfence_test.test_it
	At      Problem
	Passed  bool
	Skipped bool // its name begins with todo_
	Took    time.Duration
	Output  string // what the test printed
}

// Coverage is how much of a policy its tests run, tests themselves left out.
type Coverage struct {
	Percent float64
	Files   []FileCoverage // by name
}

// FileCoverage is the coverage of one file. Missed are the lines no test runs, from and to, in order.
type FileCoverage struct {
	File    string
	Percent float64
	Missed  []Range
}

// Range is a run of lines, both ends included.
type Range struct{ From, To int }
