package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/policy/policytest"
)

// until reads what the program prints until a line has the text.
func (p *process) until(text string) {
	p.Helper()
	late := time.AfterFunc(time.Minute, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	for {
		line, err := p.stdout.ReadString('\n')
		p.told += line
		if strings.Contains(line, text) {
			return
		}
		if err != nil {
			p.Fatalf("never printed %q: %v\n%s%s", text, err, p.told, p.stderr.String())
		}
	}
}

// An author saves, and reads at once what is wrong, and that it is right again.
func TestPolicyWatchAndTestFollowTheSaves(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		fine string
	}{
		"watch":        {[]string{"policy", "watch"}, "dearest rules"},
		"test --watch": {[]string{"policy", "test", "--watch", "--run", "reasons_of_refusals"}, "1 tests pass"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := policytest.Dir(t)
			grants, err := os.ReadFile(filepath.Join(dir, "grants.rego"))
			if err != nil {
				t.Fatal(err)
			}
			p := start(t, nil, append(c.args, dir)...)
			p.until(c.fine)
			policytest.Write(t, dir, "grants.rego", strings.Replace(string(grants), `"AUDITOR", "ANALYST"`, `"AUDITOR", "ANALIST"`, 1))
			p.until(`tier is never "ANALIST"`)
			p.until("ringfence: ")
			policytest.Write(t, dir, "grants.rego", string(grants))
			p.until(c.fine)
			if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			if err := p.cmd.Wait(); err != nil {
				t.Errorf("interrupted: %v\n%s", err, p.stderr.String())
			}
		})
	}
}
