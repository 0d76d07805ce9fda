package store

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// A wire gives up reading after its silence even when no context ends, keeps to the deadline that lib/pq sets while it
// connects, and the end of one statement's context does not touch the next statement.
func TestWire(t *testing.T) {
	here, there := net.Pipe()
	defer func() { _ = here.Close(); _ = there.Close() }()
	w := &wire{Conn: here, silence: 80 * time.Millisecond, grace: 20 * time.Millisecond}
	read := func() (took time.Duration, err error) {
		start := time.Now()
		_, err = w.Read(make([]byte, 1))
		return time.Since(start), err
	}
	if took, err := read(); !errors.Is(err, os.ErrDeadlineExceeded) || took < 60*time.Millisecond || took > time.Second {
		t.Errorf("silence: %v after %v", err, took)
	}
	if err := w.SetDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if took, err := read(); !errors.Is(err, os.ErrDeadlineExceeded) || took > 60*time.Millisecond {
		t.Errorf("connecting: %v after %v", err, took)
	}
	if err := w.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	release := w.watch(ctx)
	if took, err := read(); !errors.Is(err, os.ErrDeadlineExceeded) || took > 60*time.Millisecond {
		t.Errorf("canceled: %v after %v", err, took)
	}
	release()
	if took, err := read(); !errors.Is(err, os.ErrDeadlineExceeded) || took < 60*time.Millisecond {
		t.Errorf("next statement: %v after %v", err, took)
	}
}

// Addresses with several hosts reach lib/pq in the form it reads.
func TestSeveralHostsAddress(t *testing.T) {
	for address, want := range map[string]string{
		"postgres://u@one:5433,two/db?sslmode=disable": "postgres://u@/db?host=one%2Ctwo&port=5433%2C5432&sslmode=disable",
		"postgres://u@one:5433/db":                     "postgres://u@one:5433/db",
		"host=one,two port=1,2":                        "host=one,two port=1,2",
	} {
		if got := severalHosts(address); got != want {
			t.Errorf("%s: got %s, want %s", address, got, want)
		}
	}
}
