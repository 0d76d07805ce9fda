package store_test

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy stands between a Store and PostgreSQL and can misbehave.
type proxy struct {
	listener net.Listener
	target   string
	silent   atomic.Bool // swallow everything, say nothing, keep the connections open

	mu    sync.Mutex
	conns []net.Conn
	// onCommit, if set, is asked once, when a client says COMMIT: forward it or not; the answer never reaches the client.
	onCommit func() (forward bool)
}

// newProxy starts a proxy and gives the address of the database through it.
func newProxy(t *testing.T, address string) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: u.Host}
	u.Host = l.Addr().String()
	go p.accept()
	t.Cleanup(func() {
		_ = l.Close()
		p.cut()
	})
	return p, u.String()
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, server)
		p.mu.Unlock()
		var deaf atomic.Bool // the answers of this connection are lost
		go p.copy(server, client, func(b []byte) bool { return p.commit(b, &deaf) })
		go p.copy(client, server, func([]byte) bool { return !deaf.Load() })
	}
}

// copy passes on what forward lets through.
func (p *proxy) copy(to io.WriteCloser, from io.ReadCloser, forward func([]byte) bool) {
	defer func() { _ = to.Close(); _ = from.Close() }()
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if p.silent.Load() {
			continue
		}
		if !forward(b[:n]) {
			return
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

// commit tells whether bytes from the client go on to the server.
func (p *proxy) commit(b []byte, deaf *atomic.Bool) bool {
	if !bytes.Contains(b, []byte("COMMIT\x00")) {
		return true
	}
	p.mu.Lock()
	ask := p.onCommit
	p.onCommit = nil
	p.mu.Unlock()
	if ask == nil {
		return true
	}
	deaf.Store(true)
	return ask()
}

// cut breaks all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}
