package policy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/ringfence/ringfence/policies"
)

// opaProgram is OPA in the version the service embeds, as `make bench` builds it.
const opaProgram = "../../bin/opa-v1.22.2"

// BenchmarkDecideServer asks the same question of the service's own engine and of `opa run --server` over the loopback, in turn. It is
// skipped where OPA has not been built.
func BenchmarkDecideServer(b *testing.B) {
	program, err := filepath.Abs(opaProgram)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		b.Skipf("%s is not there; `make %s` builds it", opaProgram, opaProgram[len("../../"):])
	}
	url := startOPA(b, program)
	e := newEngine(b, Config{})
	in := assignInput()
	body := fmt.Appendf(nil, `{"input": %s}`, in.JSON())
	client := &http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	var ours, theirs []time.Duration
	for b.Loop() {
		start := time.Now()
		e.Decide(b.Context(), in)
		ours = append(ours, time.Since(start))
		start = time.Now()
		grants := askOPA(b, client, url, body)
		theirs = append(theirs, time.Since(start))
		if !slices.Equal(grants, []string{"delegate"}) {
			b.Fatalf("OPA grants %v", grants)
		}
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	our, their := float64(ours[len(ours)/2].Nanoseconds()), float64(theirs[len(theirs)/2].Nanoseconds())
	b.ReportMetric(our, "ours-p50-ns")
	b.ReportMetric(their, "opa-p50-ns")
	b.ReportMetric(their/our, "ratio")
}

func askOPA(b *testing.B, client *http.Client, url string, body []byte) []string {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url+"/v1/data/ringfence/decision", bytes.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	response, err := client.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	text, err := io.ReadAll(response.Body)
	err = errors.Join(err, response.Body.Close())
	if err != nil || response.StatusCode != http.StatusOK {
		b.Fatal(response.Status, err)
	}
	var answer struct{ Result struct{ Grants []string } }
	if err := json.Unmarshal(text, &answer); err != nil {
		b.Fatal(err)
	}
	return answer.Result.Grants
}

// startOPA runs OPA with the default policy on a free port of the loopback until the benchmark ends.
func startOPA(b *testing.B, program string) string {
	b.Helper()
	dir := b.TempDir()
	files, err := ReadFiles(policies.FS)
	if err != nil {
		b.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	opa := exec.CommandContext(ctx, program, "run", "--server", "--addr", address, "--log-level", "error", "--disable-telemetry", dir)
	if err := opa.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		cancel()
		_ = opa.Wait() // it was told to end
	})
	for range 200 {
		if response, err := http.Get("http://" + address + "/health"); err == nil {
			if err := response.Body.Close(); err == nil && response.StatusCode == http.StatusOK {
				return "http://" + address
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	b.Fatal("opa does not answer")
	return ""
}
