// Package cluster starts a throw-away PostgreSQL server from the programs installed on this machine, for tests and for the
// generation of migrations. It keeps nothing: fsync is off and the files are gone after Stop.
package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// Cluster is a running server. It ends, and its files go, when Stop is called or this process ends, however it ends.
type Cluster struct {
	dir     string
	port    int
	out     *bytes.Buffer
	cleaner *exec.Cmd
	alive   io.Closer // the cleaner waits for the end of this pipe
}

// settings make a server for tests: nothing survives a crash, deadlocks are found soon, many may connect.
var settings = map[string]string{
	"fsync":                         "off",
	"synchronous_commit":            "off",
	"full_page_writes":              "off",
	"max_connections":               "200",
	"shared_buffers":                "256MB",
	"deadlock_timeout":              "100ms",
	"listen_addresses":              "127.0.0.1",
	"timezone":                      "Europe/Berlin", // so that code that forgets UTC shows
	"max_wal_size":                  "2GB",
	"track_io_timing":               "off",
	"autovacuum_naptime":            "10s",
	"log_min_messages":              "fatal",
	"client_min_messages":           "warning",
	"max_prepared_transactions":     "0",
	"default_transaction_isolation": "repeatable read", // so that code that relies on the server's default shows
}

// durable is what a benchmark changes of the settings: a commit is on the disk when it returns, and a transaction is what the
// server makes of it by default.
var durable = map[string]string{
	"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "default_transaction_isolation": "read committed",
	"shared_buffers": "1GB", "max_wal_size": "8GB",
}

// StartDurable is Start for benchmarks: the server waits for the disk as one in production does.
func StartDurable(ctx context.Context) (*Cluster, error) { return startWith(ctx, durable) }

// Start makes a server on a free port of the loopback interface. When the caller is root, the server runs as the user
// postgres, or nobody, because PostgreSQL refuses root. The caller must call Stop.
func Start(ctx context.Context) (*Cluster, error) { return startWith(ctx, nil) }

func startWith(ctx context.Context, changed map[string]string) (*Cluster, error) {
	bin, err := programs(ctx)
	if err != nil {
		return nil, err
	}
	owner, err := serverUser()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "ringfence-pg-")
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir, out: &bytes.Buffer{}}
	if err := c.start(ctx, bin, owner, changed); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

// URL is the address of one of the server's databases, as its superuser.
func (c *Cluster) URL(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", c.port, database)
}

// Stop ends the server at once and removes its files.
func (c *Cluster) Stop() error {
	if c.cleaner == nil {
		return os.RemoveAll(c.dir)
	}
	return errors.Join(c.alive.Close(), c.cleaner.Wait())
}

// clean waits for the end of its input, ends the server ($1, immediate shutdown) and removes its files ($2).
const clean = `cat >/dev/null; kill -QUIT "$1"; while kill -0 "$1"; do sleep 0.02; done; rm -rf "$2"`

// watch starts the process that cleans up after this one.
func (c *Cluster) watch(server *os.Process) error {
	c.cleaner = exec.Command("sh", "-c", clean, "sh", strconv.Itoa(server.Pid), c.dir) //nolint:gosec,noctx // outlives every context
	c.cleaner.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}                        // an interrupt from the keyboard is not for it
	in, err := c.cleaner.StdinPipe()
	if err != nil {
		return err
	}
	c.alive = in
	return c.cleaner.Start()
}

func (c *Cluster) start(ctx context.Context, bin string, owner *syscall.Credential, changed map[string]string) error {
	data := filepath.Join(c.dir, "data")
	if owner != nil {
		if err := os.Chown(c.dir, int(owner.Uid), int(owner.Gid)); err != nil {
			return err
		}
	}
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), //nolint:gosec // a program of PostgreSQL
		"-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	c.run(initdb, owner)
	if err := initdb.Run(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, c.out)
	}
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	c.port = port
	args := []string{"-D", data, "-p", strconv.Itoa(port), "-k", c.dir}
	chosen := maps.Clone(settings)
	maps.Copy(chosen, changed)
	for name, value := range chosen {
		args = append(args, "-c", name+"="+value)
	}
	// Not CommandContext: the server outlives the context it was started under.
	server := exec.Command(filepath.Join(bin, "postgres"), args...) //nolint:gosec,noctx // a program of PostgreSQL
	c.run(server, owner)
	if err := server.Start(); err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	go func() { _ = server.Wait() }() // the cleaner sees it gone only when somebody has taken note of its end
	if err := c.watch(server.Process); err != nil {
		return errors.Join(err, server.Process.Kill())
	}
	return c.wait(ctx)
}

// run prepares a command: it runs as owner, and an interrupt from the keyboard does not reach it.
func (c *Cluster) run(cmd *exec.Cmd, owner *syscall.Credential) {
	cmd.Dir = c.dir
	cmd.Stdout, cmd.Stderr = c.out, c.out
	cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner, Setpgid: true}
}

// wait waits until the server accepts connections on its socket.
func (c *Cluster) wait(ctx context.Context) error {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port))
	ready := filepath.Join(c.dir, "data", "postmaster.pid")
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if err := ctx.Err(); err != nil {
			return err
		}
		content, err := os.ReadFile(ready)
		if err != nil || !bytes.Contains(content, []byte("\nready")) {
			continue
		}
		if conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address); err == nil {
			return conn.Close()
		}
	}
	return fmt.Errorf("the server does not start: %s", c.out)
}

func freePort(ctx context.Context) (int, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}

// serverUser is who the server runs as: nil for the caller itself.
func serverUser() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody")
}

// programs finds the folder with initdb and postgres; on Debian, as root, it installs them if they are missing.
func programs(ctx context.Context) (string, error) {
	if bin, ok := find(); ok {
		return bin, nil
	}
	apt, err := exec.LookPath("apt-get")
	if err != nil || os.Geteuid() != 0 {
		return "", errors.New("tests need PostgreSQL: install it (initdb and postgres must be in PATH or /usr/lib/postgresql), or set TEST_DATABASE_URL")
	}
	for _, args := range [][]string{{"update", "-q"}, {"install", "-y", "-q", "--no-install-recommends", "postgresql"}} {
		cmd := exec.CommandContext(ctx, apt, args...) //nolint:gosec // the package manager
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("install PostgreSQL: %w: %s", err, out)
		}
	}
	if bin, ok := find(); ok {
		return bin, nil
	}
	return "", errors.New("PostgreSQL was installed, but initdb is nowhere to be found")
}

func find() (string, bool) {
	candidates, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is right, so there is no error
	slices.SortFunc(candidates, func(a, b string) int { return major(b) - major(a) })
	if path, err := exec.LookPath("initdb"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			candidates = append(candidates, filepath.Dir(real))
		}
	}
	for _, dir := range candidates {
		if executable(filepath.Join(dir, "initdb")) && executable(filepath.Join(dir, "postgres")) {
			return dir, true
		}
	}
	return "", false
}

func major(bin string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(bin))) // anything else sorts last
	return n
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir() && info.Mode()&0o111 != 0
}
