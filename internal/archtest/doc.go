// Package archtest keeps the house in order: who may import whom, what only one room may touch, how much is generated, how
// long a file may be, and that names are explained. It holds tests only; design.md §1 says why each rule is there.
package archtest
