package app

import (
	"os"
	"runtime/debug"
)

// collectRarely has garbage collected when there is eleven times of what is in use, and gives what undoes it. Decisions are short-lived garbage:
// their slowest hundredth takes half as long, and 100,000 of them two thirds. A heap of a gigabyte is collected as usual. Whoever set GOGC or GOMEMLIMIT
// has what they set.
func collectRarely() (undo func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	percent, limit := debug.SetGCPercent(1000), debug.SetMemoryLimit(-1)
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(1 << 30)
	}
	return func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}
