// Package stress shows that the ledger holds while many clients write at once, callers go away, connections break and the
// process is killed. It holds tests only: all of them go through HTTP, and end with operation.Verify.
package stress
