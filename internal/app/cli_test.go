package app_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/app"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

// asProgram has the test binary be the program, so that tests can start it as a process of its own.
const asProgram = "RINGFENCE_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(app.Main(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// ran is what a command left.
type ran struct {
	code           int
	stdout, stderr string
}

// cli runs the program in this process.
func cli(t *testing.T, args ...string) ran {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := app.Main(t.Context(), args, &stdout, &stderr)
	return ran{code, stdout.String(), stderr.String()}
}

// ok fails the test unless the command went well.
func (r ran) ok(t *testing.T) ran {
	t.Helper()
	if r.code != 0 {
		t.Fatalf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	return r
}

// says fails the test unless the text has all of the parts.
func says(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("there is no %q in\n%s", part, text)
		}
	}
}

// process is the program running on its own.
type process struct {
	*testing.T
	cmd    *exec.Cmd
	stdout *bufio.Reader
	stderr bytes.Buffer
	url    string // once it serves
	told   string // what it said before
}

// start starts the program; env are variables it gets beside a clean environment.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{T: t, cmd: exec.Command(self, args...)}
	p.cmd.Env = append([]string{asProgram + "=1", "HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}, env...)
	p.cmd.Dir = t.TempDir()
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdout = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p
}

var listens = regexp.MustCompile(`listens on (http://[^ ]+)`)

// serves waits until the program says where it listens.
func (p *process) serves() *process {
	p.Helper()
	for {
		line, err := p.stdout.ReadString('\n')
		p.told += line
		if found := listens.FindStringSubmatch(line); found != nil {
			p.url = found[1]
			return p
		}
		if err != nil {
			p.Fatalf("it does not serve: %v\n%s%s", err, p.told, p.ends(0).stderr)
		}
	}
}

// terminate asks it to stop.
func (p *process) terminate() {
	p.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.Fatal(err)
	}
}

// ends waits for the end, at most so long (0: a minute).
func (p *process) ends(within time.Duration) ran {
	p.Helper()
	if within == 0 {
		within = time.Minute
	}
	slow := time.AfterFunc(within, func() { _ = p.cmd.Process.Kill() })
	defer slow.Stop()
	rest, _ := io.ReadAll(p.stdout)
	err := p.cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() < 0 {
		p.Fatalf("it did not end by itself: %v\n%s", err, p.stderr.String())
	}
	return ran{p.cmd.ProcessState.ExitCode(), p.told + string(rest), p.stderr.String()}
}

func TestHelp(t *testing.T) {
	says(t, cli(t, "--help").ok(t).stdout, "serve", "migrate", "token", "import products", "version")
	says(t, cli(t, "serve", "--help").ok(t).stdout, "--listen", "--database", "--data-dir", "--dev", "--demo", "--policies", "$RINGFENCE_LISTEN", "$DATABASE_URL")
	if got := cli(t, "serve", "--no-such-flag"); got.code != 2 {
		t.Errorf("an unknown flag: exit code %d", got.code)
	}
	if got := cli(t); got.code != 2 {
		t.Errorf("no command: exit code %d", got.code)
	}
}

func TestVersion(t *testing.T) {
	if got := cli(t, "version").ok(t); !strings.HasPrefix(got.stdout, "ringfence ") || strings.Count(got.stdout, "\n") != 1 {
		t.Errorf("version says %q", got.stdout)
	}
}

// The token stands alone on stdout, says who and with which roles, and is accepted by a server with the same data directory.
func TestToken(t *testing.T) {
	dir := t.TempDir()
	got := cli(t, "token", "--data-dir", dir, "--user", "ann", "--role", "AUDITOR", "--role", "ANALYST", "--ttl", "1h").ok(t)
	text := strings.TrimSuffix(got.stdout, "\n")
	parts := strings.Split(text, ".")
	if len(parts) != 3 || strings.ContainsAny(text, " \n") {
		t.Fatalf("stdout is %q", got.stdout)
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Sub      string
		Roles    []string
		Exp, Iat int64
	}
	if err := json.Unmarshal(body, &claims); err != nil {
		t.Fatal(err)
	}
	if claims.Sub != "ann" || strings.Join(claims.Roles, " ") != "AUDITOR ANALYST" && strings.Join(claims.Roles, " ") != "ANALYST AUDITOR" || claims.Exp-claims.Iat != 3600 {
		t.Errorf("claims %+v", claims)
	}
	if got := cli(t, "token", "--data-dir", dir); got.code != 2 || got.stdout != "" {
		t.Errorf("without a user: exit code %d, stdout %q", got.code, got.stdout)
	}
}

// What a flag says can be said by the environment; the flag wins. RINGFENCE_DATABASE wins over DATABASE_URL.
func TestEnvironment(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("RINGFENCE_DATA_DIR", dir)
	t.Setenv("RINGFENCE_USER", "bob")
	t.Setenv("RINGFENCE_ROLE", "AUDITOR,ANALYST")
	if got := cli(t, "token").ok(t); strings.Count(got.stdout, ".") != 2 {
		t.Errorf("stdout is %q", got.stdout)
	}
	if _, err := os.Stat(filepath.Join(dir, "ringfence.db")); err == nil {
		t.Error("a token needs no database")
	}
	first, second, third := filepath.Join(dir, "1.db"), filepath.Join(dir, "2.db"), filepath.Join(dir, "3.db")
	exists := func(path string) bool { _, err := os.Stat(path); return err == nil }
	t.Setenv("DATABASE_URL", first)
	if cli(t, "migrate").ok(t); !exists(first) {
		t.Error("DATABASE_URL is not heeded")
	}
	t.Setenv("RINGFENCE_DATABASE", second)
	if cli(t, "migrate").ok(t); !exists(second) {
		t.Error("RINGFENCE_DATABASE is not heeded")
	}
	if cli(t, "migrate", "--database", third).ok(t); !exists(third) {
		t.Error("--database does not win over the environment")
	}
}

// Migrate makes the tables of an empty database, and does nothing when they are there.
func TestMigrate(t *testing.T) {
	for _, d := range storetest.Dialects {
		t.Run(d, func(t *testing.T) {
			url := storetest.Empty(t, d)
			if got := cli(t, "verify", "--database", url); got.code != 1 {
				t.Errorf("verify of an empty database: exit code %d, %s", got.code, got.stderr)
			}
			cli(t, "migrate", "--database", url).ok(t)
			if n := rows(t, url, `SELECT COUNT(*) FROM licenses`); n != 0 {
				t.Errorf("%d licenses", n)
			}
			cli(t, "migrate", "--database", url).ok(t)
			says(t, cli(t, "verify", "--database", url).ok(t).stdout, "clean")
		})
	}
	if got := cli(t, "migrate", "--database", "postgres://nobody@127.0.0.1:1/none?sslmode=disable&connect_timeout=1"); got.code != 1 || got.stderr == "" {
		t.Errorf("a server that is not there: exit code %d, %q", got.code, got.stderr)
	}
}
