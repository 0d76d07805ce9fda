package policy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/policy/policytest"
)

// BenchmarkSaveToLive saves the default policy with its tests, changed in a comment, and waits until the engine answers by it.
func BenchmarkSaveToLive(b *testing.B) {
	benchSave(b, "\n# %d\n", true)
}

// BenchmarkSaveToRefused saves a rule that names a fact which the input does not have, and waits until that is told.
func BenchmarkSaveToRefused(b *testing.B) {
	benchSave(b, "\nx := input.subjcts\n\n# %d\n", false)
}

func benchSave(b *testing.B, change string, sound bool) {
	defer debug.SetGCPercent(debug.SetGCPercent(1000)) // as the service runs
	dir := policytest.Dir(b)
	e := engineFrom(b, dir)
	if err := e.Watch(b.Context()); err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	text, err := os.ReadFile(filepath.Join(dir, "grants.rego"))
	if err != nil {
		b.Fatal(err)
	}
	var times []time.Duration
	for n := 0; b.Loop(); n++ {
		b.StopTimer()
		if !sound {
			policytest.Write(b, dir, "grants.rego", string(text))
		}
		time.Sleep(300 * time.Millisecond) // what was saved before is through the gate, and the directory has no more to say
		if len(e.Problems()) > 0 {
			b.Fatal(e.Problems())
		}
		before := e.Revision()
		b.StartTimer()
		start := time.Now()
		policytest.Write(b, dir, "grants.rego", string(text)+fmt.Sprintf(change, n))
		for sound && e.Revision() == before || !sound && len(e.Problems()) == 0 {
			time.Sleep(200 * time.Microsecond)
		}
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(times[0].Microseconds())/1000, "best-ms")
}
