package bench

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/store/storetest/cluster"
)

// BenchmarkFeedDeployments reads files of 100,000 and 1,000,000 deployments into an empty database, then the same again.
func BenchmarkFeedDeployments(b *testing.B) {
	benchmarkFeed(b, []int{100_000, 1_000_000}, "deployments", []string{"--source", "sccm"}, "vendor,product,installs,users\n", func(w *bufio.Writer, i int) {
		fmt.Fprintf(w, "Vendor %d,Product number %d Enterprise,%d,%d\n", i%300, i, i%1000, i%700)
	})
}

// BenchmarkFeedUsers reads files of 20,000 and 200,000 users into an empty database, then the same again.
func BenchmarkFeedUsers(b *testing.B) {
	benchmarkFeed(b, []int{20_000, 200_000}, "users", nil, "id,user name,display name,email,department,usage location,enabled\n", func(w *bufio.Writer, i int) {
		fmt.Fprintf(w, "%08x-0000-4000-8000-000000000000,user%d@contoso.example,User Number %d,user%d@contoso.example,Department %d,DE,true\n", i, i, i, i, i%50)
	})
}

// benchmarkFeed reads files of several sizes on both databases, with the program as a process of its own, and tells how fast it was and
// how much memory it took at most: its own (anonymous), without what it maps of files. Flat is how much more it takes for the
// largest file than for the smallest.
func benchmarkFeed(b *testing.B, sizes []int, kind string, flags []string, header string, row func(w *bufio.Writer, i int)) {
	b.Helper()
	program := filepath.Join(b.TempDir(), "ringfence")
	if out, err := exec.Command("go", "build", "-o", program, "../..").CombinedOutput(); err != nil {
		b.Fatalf("build: %v: %s", err, out)
	}
	for _, database := range []string{"sqlite", "postgres"} {
		b.Run(database, func(b *testing.B) {
			for range b.N {
				least := 0.0
				for _, n := range sizes {
					file := filepath.Join(b.TempDir(), kind+".csv")
					fill(b, file, n, header, row)
					url := filepath.Join(b.TempDir(), "ringfence.db")
					if database == "postgres" {
						c, err := cluster.StartDurable(context.Background())
						must(b, err)
						b.Cleanup(func() { _ = c.Stop() })
						url = c.URL("postgres")
					}
					args := append([]string{"import", kind, file, "--database", url}, flags...)
					first, own, all := measured(b, program, args)
					again, ownAgain, _ := measured(b, program, args)
					if least == 0 {
						least = own
					}
					size := fmt.Sprintf("%dk-", n/1000)
					b.ReportMetric(float64(n)/first.Seconds(), size+"rows/s")
					b.ReportMetric(float64(n)/again.Seconds(), size+"again-rows/s")
					b.ReportMetric(own, size+"MB")
					b.ReportMetric(ownAgain, size+"again-MB")
					b.ReportMetric(all, size+"RSS-MB")
					b.ReportMetric(own-least, "flat-MB")
				}
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}

func fill(b *testing.B, path string, n int, header string, row func(w *bufio.Writer, i int)) {
	b.Helper()
	file, err := os.Create(path)
	must(b, err)
	w := bufio.NewWriterSize(file, 1<<20)
	_, err = w.WriteString(header)
	must(b, err)
	for i := range n {
		row(w, i)
	}
	must(b, w.Flush())
	must(b, file.Close())
}

// measured runs the program and tells how long it took, the most memory of its own and the most there was at all, in MB.
func measured(b *testing.B, program string, args []string) (took time.Duration, own, all float64) {
	b.Helper()
	cmd := exec.Command(program, args...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	begin := time.Now()
	must(b, cmd.Start())
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			took = time.Since(begin)
			if err != nil {
				b.Fatalf("%v: %s", err, out.String())
			}
			usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
			if !ok {
				b.Fatal("the system tells no use of memory")
			}
			return took, own, float64(usage.Maxrss) / 1024
		case <-tick.C:
			own = max(own, anonymous(cmd.Process.Pid))
		}
	}
}

// anonymous is the memory a process has now that is not mapped from files, in MB; 0 once it has ended.
func anonymous(pid int) float64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if value, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kb, err := strconv.Atoi(strings.Fields(value)[0])
			if err == nil {
				return float64(kb) / 1024
			}
		}
	}
	return 0
}
