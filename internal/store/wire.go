package store

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// dialer makes the network connections of one PostgreSQL session: first the session's own, later those that carry a cancel
// request. lib/pq waits for ever on a peer that says nothing, whatever the context; the connections made here do not.
type dialer struct {
	silence     time.Duration
	grace       time.Duration
	wire        *wire
	established atomic.Bool
}

// keepAlive lets the kernel notice a dead network under a statement that runs long.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3}

// DialContext is what lib/pq calls.
func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	nd := net.Dialer{KeepAliveConfig: keepAlive}
	if d.established.Load() {
		deadline := time.Now().Add(d.grace)
		nd.Deadline = deadline
		c, err := nd.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return hasty{c}, c.SetDeadline(deadline)
	}
	c, err := nd.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	d.wire = &wire{Conn: c, silence: d.silence, grace: d.grace}
	return d.wire, nil
}

// Dial is part of pq.Dialer; lib/pq prefers DialContext.
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

// DialTimeout is part of pq.Dialer; lib/pq prefers DialContext.
func (d *dialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return d.DialContext(ctx, network, address)
}

// hasty is a connection for a cancel request: its deadline is set once, and lib/pq cannot put it off.
type hasty struct{ net.Conn }

// SetDeadline does nothing.
func (hasty) SetDeadline(time.Time) error { return nil }

// wire is the network connection of a session. No read or write on it waits longer than silence, nor, once the context of
// the statement has ended, longer than grace: that is time enough for the server's word that it canceled.
type wire struct {
	net.Conn
	silence time.Duration
	grace   time.Duration

	mu    sync.Mutex
	given time.Time // the deadline lib/pq set, while it connects
	cut   time.Time // set when the context of the statement ended
	turn  int       // counts statements, so that the end of a context cannot hit the next one
}

// Read bounds the wait for the server.
func (w *wire) Read(b []byte) (int, error) {
	w.mu.Lock()
	err := w.SetReadDeadline(w.deadline())
	w.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return w.Conn.Read(b)
}

// Write bounds the wait for room on the way to the server.
func (w *wire) Write(b []byte) (int, error) {
	w.mu.Lock()
	err := w.SetWriteDeadline(w.deadline())
	w.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return w.Conn.Write(b)
}

// SetDeadline remembers what lib/pq wants, to be honored together with the bounds above.
func (w *wire) SetDeadline(t time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.given = t
	return w.Conn.SetDeadline(w.deadline())
}

// deadline is the nearest of the bounds that apply; the zero time is none.
func (w *wire) deadline() time.Time {
	var d time.Time
	if w.silence > 0 {
		d = time.Now().Add(w.silence)
	}
	for _, t := range []time.Time{w.given, w.cut} {
		if !t.IsZero() && (d.IsZero() || t.Before(d)) {
			d = t
		}
	}
	return d
}

// watch starts the grace period when ctx ends; the returned function ends the watch and must be called. A nil wire watches
// nothing.
func (w *wire) watch(ctx context.Context) (release func()) {
	if w == nil || ctx.Done() == nil {
		return func() {}
	}
	w.mu.Lock()
	turn := w.turn
	w.mu.Unlock()
	stop := context.AfterFunc(ctx, func() { w.cutOff(turn, w.grace) })
	return func() {
		stop()
		w.mu.Lock()
		defer w.mu.Unlock()
		w.turn++
		w.cut = time.Time{}
	}
}

// cutOff lets the statement of a turn wait no longer than d from now.
func (w *wire) cutOff(turn int, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.turn == turn {
		w.cut = time.Now().Add(d)
		_ = w.Conn.SetDeadline(w.deadline())
	}
}
