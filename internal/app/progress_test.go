package app

import (
	"bufio"
	"io"
	"strings"
	"testing"
	"time"
)

// Long work tells what it is at now; short work tells nothing; after its end nothing is told.
func TestProgress(t *testing.T) {
	read, write := io.Pipe()
	p := startProgress(write, "import", time.Millisecond)
	p.at(func() string { return "reading" })
	lines := bufio.NewScanner(read)
	if !lines.Scan() || !strings.HasPrefix(lines.Text(), "import: reading (") {
		t.Errorf("it tells %q", lines.Text())
	}
	p.at(func() string { return "writing" })
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "import: writing (") {
		if !strings.HasPrefix(lines.Text(), "import: reading (") {
			t.Fatalf("it tells %q", lines.Text())
		}
	}
	go func() { _, _ = io.Copy(io.Discard, read) }() // it may be telling a line just now
	p.end()

	var b strings.Builder
	short := startProgress(&b, "import", time.Hour)
	short.at(func() string { return "reading" })
	short.end()
	if b.Len() > 0 {
		t.Errorf("short work told %q", b.String())
	}
}
