// Package replay asks a candidate policy what was asked before, and tells what it would have answered otherwise. It changes nothing:
// a recorded decision is put again to the policy that took it and to the candidate, and the two answers are compared.
package replay
