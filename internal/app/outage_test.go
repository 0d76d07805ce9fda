package app_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"entgo.io/ent/dialect"

	"github.com/ringfence/ringfence/internal/app"
	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

// wire stands between the service and PostgreSQL: it counts the statements that are executed, and can be cut.
type wire struct {
	target     string
	statements atomic.Int64
	down       atomic.Bool

	mu    sync.Mutex
	conns []net.Conn
}

// newWire starts a wire and gives the address of the database through it.
func newWire(t *testing.T, address string) (*wire, string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{target: u.Host}
	u.Host = listener.Addr().String()
	go w.accept(listener)
	t.Cleanup(func() {
		_ = listener.Close()
		w.cut()
	})
	return w, u.String()
}

func (w *wire) accept(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", w.target)
		if err != nil || w.down.Load() {
			_ = client.Close()
			continue
		}
		w.mu.Lock()
		w.conns = append(w.conns, client, server)
		w.mu.Unlock()
		go func() { _, _ = io.Copy(client, server); _ = client.Close() }()
		go func() { _, _ = io.Copy(server, io.TeeReader(client, &counting{wire: w})); _ = server.Close() }()
	}
}

// cut ends all connections and lets no new one through until mend.
func (w *wire) cut() {
	w.down.Store(true)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, conn := range w.conns {
		_ = conn.Close()
	}
	w.conns = nil
}

func (w *wire) mend() { w.down.Store(false) }

// counting reads what a client says to PostgreSQL: after the first message, which has no type, each is a letter, a length and a
// content. E executes a prepared statement, Q a text.
type counting struct {
	wire    *wire
	started bool
	pending bytes.Buffer
}

// Write takes a piece of what is said.
func (c *counting) Write(piece []byte) (int, error) {
	c.pending.Write(piece)
	for {
		head := 5
		if !c.started {
			head = 4
		}
		if c.pending.Len() < head {
			return len(piece), nil
		}
		begin := c.pending.Bytes()
		whole := head - 4 + int(binary.BigEndian.Uint32(begin[head-4:head]))
		if c.pending.Len() < whole {
			return len(piece), nil
		}
		if c.started && (begin[0] == 'E' || begin[0] == 'Q') && !bytes.HasPrefix(begin[5:], []byte(";")) {
			c.wire.statements.Add(1)
		}
		c.started = true
		c.pending.Next(whole)
	}
}

// Without the database every request is UNAVAILABLE, and says nothing of why; when it is back, all is well.
func TestDatabaseGone(t *testing.T) {
	t.Parallel() // it waits for what does not come
	w, address := newWire(t, storetest.URL(t, dialect.Postgres))
	s := &stage{Service: apptest.StartOn(t, address, quiet), T: t, ids: map[string]string{}}
	s.make("vendor", "createVendor", in{"name": "Microsoft"})
	w.cut()
	s.unavailable()
	if status, body := get(t, s.URL+"/readyz"); status != http.StatusServiceUnavailable || apptest.Leak(body) != "" {
		t.Errorf("readyz: %d %s", status, body)
	}
	if status, _ := get(t, s.URL+"/livez"); status != http.StatusOK {
		t.Errorf("livez: %d", status)
	}
	w.mend()
	if got := s.ask(s.Admin(), `{ vendors { totalCount } }`, nil).at("vendors", "totalCount"); got != 1.0 {
		t.Errorf("afterwards there are %v vendors", got)
	}
	s.make("other", "createVendor", in{"name": "Oracle"})
}

// A service whose store is closed answers until it is gone.
func TestStoreClosed(t *testing.T) {
	each(t, func(_ *testing.T, s *stage) {
		if err := s.Store.Close(); err != nil {
			s.Fatal(err)
		}
		s.unavailable()
	}, quiet)
}

// unavailable fails unless every kind of request is UNAVAILABLE.
func (s *stage) unavailable() {
	s.Helper()
	requests := map[string]in{
		`{ vendors { totalCount } }`: nil, `{ viewer { userName user { id } } }`: nil, `{ node(id: "ven_1") { id } }`: nil, `{ decisions { totalCount } }`: nil,
		s.mutation("createVendor"):  {"input": in{"name": "Another"}},
		s.mutation("assignSeats"):   {"input": in{"licenseId": "lic_1", "userIds": []string{"usr_1"}}},
		s.mutation("licenseGroup"):  {"input": in{"licenseId": "lic_1", "groupId": "grp_1", "dryRun": true}},
		s.mutation("unassignSeats"): {"input": in{"licenseId": "lic_1", "userIds": []string{"usr_1"}, "idempotencyKey": "a"}},
	}
	var all sync.WaitGroup
	for document, variables := range requests {
		all.Go(func() {
			answer, err := s.Admin().Try(s.Context(), document, variables)
			if err != nil || len(answer.Errors) == 0 || answer.Errors[0].Extensions.Code != "UNAVAILABLE" {
				s.Errorf("%.60s: %v %v", document, answer, err)
			}
		})
	}
	all.Wait()
}

// quiet has the service log nothing, because it has much to complain of.
func quiet(c *app.Config) { c.Log = slog.New(slog.DiscardHandler) }

func get(t *testing.T, address string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// Whoever asks too often is told so, with the time to wait, and nobody else.
func TestRateLimit(t *testing.T) {
	s := apptest.Start(t, "sqlite", func(c *app.Config) { c.Rate = 3 })
	limited := 0
	for range 12 {
		status, raw := post(t, s.URL, s.Token("pat"), `{"query":"{ viewer { userName } }"}`, nil)
		if status == http.StatusTooManyRequests && strings.Contains(raw, `"RATE_LIMITED"`) {
			limited++
		} else if status != http.StatusOK {
			t.Errorf("status %d: %s", status, raw)
		}
	}
	if limited < 3 || limited > 9 {
		t.Errorf("%d of 12 requests were limited, at 3 a second", limited)
	}
	if status, raw := post(t, s.URL, s.Token("hal"), `{"query":"{ viewer { userName } }"}`, nil); status != http.StatusOK {
		t.Errorf("somebody else: %d %s", status, raw)
	}
	for range 12 { // an address without a token is limited, too
		if status, _ := post(t, s.URL, "", `{"query":"{ __typename }"}`, nil); status == http.StatusTooManyRequests {
			return
		}
	}
	t.Error("nobody limits who is anonymous")
}
