package stress_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/store"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

// kills is how often the server dies in the middle of its work.
const kills = 20

// program is the built server as a process of its own, always on the same address.
type program struct {
	t       *testing.T
	path    string
	args    []string
	address string
	client  *client
	process *exec.Cmd
}

// build builds the program and prepares it for a database; it is not started.
func build(t *testing.T, database string) *program {
	t.Helper()
	dir := t.TempDir()
	p := &program{t: t, path: filepath.Join(dir, "ringfence")}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-pgo=off", "-o", p.path, "../../..").CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.address = listener.Addr().String()
	_ = listener.Close()
	p.args = []string{"serve", "--dev", "--listen", p.address, "--database", database, "--data-dir", dir, "--log-level", "error"}
	token, err := exec.CommandContext(t.Context(), p.path, "token", "--data-dir", dir, "--user", "root@contoso.example", "--role", "GLOBAL_ADMIN").Output()
	if err != nil {
		t.Fatalf("token: %v", err)
	}
	p.client = &client{url: "http://" + p.address, token: strings.TrimSpace(string(token))}
	return p
}

// start starts the server and waits until it is ready.
func (p *program) start() error {
	p.process = exec.Command(p.path, p.args...)
	p.process.Stderr = os.Stderr
	if err := p.process.Start(); err != nil {
		return err
	}
	for range 600 {
		res, err := http.Get(p.client.url + "/readyz")
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("%s is not ready", p.address)
}

// kill ends the server as a power cut would.
func (p *program) kill() {
	_ = p.process.Process.Signal(syscall.SIGKILL)
	_ = p.process.Wait()
}

// A server that dies in the middle of its work, again and again: what was told is what is stored, requests that were not answered
// are answered under their keys by the next one, and nothing is left half done.
func TestKill(t *testing.T) {
	for _, dialect := range storetest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			url := storetest.URL(t, dialect)
			p := build(t, url)
			if err := p.start(); err != nil {
				t.Fatal(err)
			}
			defer p.kill()
			e := newEstate(t, p.client)
			pools := e.tree(60)
			users := e.users(3 * clients)
			callers := make([]*caller, clients)
			for i := range callers {
				callers[i] = newCaller(t, i, func() *client { return p.client }, users[3*i:3*i+3])
			}
			stop := e.movingGroup()
			var over atomic.Bool
			var all sync.WaitGroup
			for _, c := range callers {
				all.Go(func() {
					for !over.Load() && !t.Failed() {
						c.step(pools)
					}
				})
			}
			for range kills {
				time.Sleep(100*time.Millisecond + time.Duration(rand.IntN(300))*time.Millisecond)
				p.kill()
				if err := p.start(); err != nil {
					t.Error(err)
					break
				}
			}
			over.Store(true)
			all.Wait()
			stop()
			d := &deployment{store: storetest.Open(t, url, store.Config{}), clients: []*client{p.client}}
			verify(t, d.store)
			compare(t, d, pools[0], callers)
		})
	}
}

// movingGroup licenses a group from another license and has members come and go until it is told to stop, so that queues and group
// work are in the middle of something too.
func (e *estate) movingGroup() (stop func()) {
	e.t.Helper()
	other := e.license(20)
	members := e.users(40)
	group := e.group(members[:25]...)
	e.do("licenseGroup", in{"groupId": group, "licenseId": other})
	var over atomic.Bool
	var all sync.WaitGroup
	all.Go(func() {
		for !over.Load() {
			name := []string{"addGroupMembers", "removeGroupMembers"}[rand.IntN(2)]
			from := rand.IntN(len(members) - 10)
			_, _ = e.mutate(context.Background(), name, in{"groupId": group, "userIds": members[from : from+10]}) // the server may be dead
			time.Sleep(2 * time.Millisecond)
		}
	})
	return func() {
		over.Store(true)
		all.Wait()
	}
}
