// Package policy decides who may do what to whom, up to which number. It is the only importer of OPA: it loads, checks
// and swaps the Rego policies, evaluates one decision per request, and denies whenever the answer is anything but sound.
//
// The division of labor is "Rego says may, Go says fits": the policy grants, refuses and may raise a pool's ceiling; the
// ledger compares the running figures with that ceiling.
//
// A decision allocates about fifteen kilobytes of short-lived terms. Run the service with GOGC=400, or with GOMEMLIMIT
// set and GOGC=off, so that the collector does not dominate the tail (p99 118 µs against 71 µs, design.md §3).
package policy
