package policy

import (
	"runtime/debug"
	"slices"
	"testing"
	"time"
)

func BenchmarkDecideDelegate(b *testing.B) { benchDecide(b, assignInput()) }

func BenchmarkDecideAdmin(b *testing.B) { benchDecide(b, adminInput()) }

func BenchmarkDecideBatch100(b *testing.B) {
	in := assignInput()
	for i := range 99 {
		s := in.Subjects[0]
		s.UserID += int64(i) + 1
		in.Subjects = append(in.Subjects, s)
	}
	benchDecide(b, in)
}

func BenchmarkInputTerm(b *testing.B) {
	in := assignInput()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := in.term(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkInputJSON(b *testing.B) {
	in := assignInput()
	b.ReportAllocs()
	for b.Loop() {
		in.JSON()
	}
}

// benchDecide reports the median too, because the promise (p50 ≤ 30 µs for a delegate, 25 µs for an administrator) is about the median.
func benchDecide(b *testing.B, in *Input) {
	e := newEngine(b, Config{})
	if a := e.Decide(b.Context(), in); !a.Allow {
		b.Fatalf("%+v", a)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as the service runs, see the package comment
	times := make([]time.Duration, 0, 1<<20)
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		e.Decide(b.Context(), in)
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	median := float64(times[len(times)/2].Nanoseconds())
	b.ReportMetric(median, "p50-ns")
	b.ReportMetric(median/float64(len(in.Subjects)), "p50-ns/subject")
	b.ReportMetric(float64(times[len(times)*99/100].Nanoseconds()), "p99-ns")
}

func BenchmarkReadQuestion(b *testing.B) {
	recorded := assignInput().JSON()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadQuestion(recorded); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkExplain takes a recorded decision again and watches it.
func BenchmarkExplain(b *testing.B) {
	e, err := NewExplainer(b.Context(), newEngine(b, Config{}).Current().Files())
	if err != nil {
		b.Fatal(err)
	}
	recorded := assignInput().JSON()
	for b.Loop() {
		if _, err := e.Explain(b.Context(), recorded); err != nil {
			b.Fatal(err)
		}
	}
}
