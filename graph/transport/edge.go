package transport

import "net/http"

// Edge is what a request passes first, whatever it asks for: it gets a request id, the security headers and its principal, and
// each caller may ask only so often, counted over all handlers behind the same Edge. The zero Edge lets every caller through as
// anonymous.
type Edge struct {
	identity func(http.Handler) http.Handler
	throttle *throttle
}

// NewEdge makes an Edge. Identity puts the principal into the context; nil: every caller is anonymous. PerSecond is how many
// requests a principal may make on average, an anonymous address as well (0: no limit), and burst how many may come at once
// (0: one second's worth).
func NewEdge(identity func(http.Handler) http.Handler, perSecond float64, burst int) *Edge {
	e := &Edge{identity: identity}
	if perSecond > 0 {
		e.throttle = newThrottle(perSecond, burst)
	}
	return e
}

// Wrap puts the Edge before a handler.
func (e *Edge) Wrap(h http.Handler) http.Handler {
	if e.throttle != nil {
		h = e.throttle.middleware(h)
	}
	if e.identity != nil {
		h = e.identity(h)
	}
	return requestIDs(securityHeaders(h))
}

// Head gives requests to a handler that tells callers apart by itself a request id and the security headers, and nothing else.
func (e *Edge) Head(h http.Handler) http.Handler { return requestIDs(securityHeaders(h)) }

// Allow tells whether a user may ask now, and counts it, for a handler that tells callers apart by itself.
func (e *Edge) Allow(user string) bool { return e.throttle == nil || e.throttle.allow("user:"+user) }

// edge gives the Edge of an endpoint: the one it shares with others, or its own.
func (c *Config) edge() *Edge {
	if c.Edge != nil {
		return c.Edge
	}
	return NewEdge(c.Identity, c.Rate, c.Burst)
}
