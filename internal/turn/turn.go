// Package turn bounds how many requests use the processor at once. Requests that wait for something else give their turn up
// meanwhile, so a goroutine many wait for (the one that writes) finds the processor free when its answer comes.
package turn

import (
	"context"
	"net/http"
)

// Turns are what requests take before they work. A nil Turns bounds nothing.
type Turns chan struct{}

// New makes turns for n requests at once.
func New(n int) Turns { return make(Turns, n) }

type key struct{}

// Middleware has each request take a turn first, and give it back at its end.
func (t Turns) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t <- struct{}{}
		defer func() { <-t }()
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, t)))
	})
}

// Yield gives the turn of the context up; the function it returns takes one again. Without a turn it does nothing.
func Yield(ctx context.Context) (resume func()) {
	t, _ := ctx.Value(key{}).(Turns)
	if t == nil {
		return func() {}
	}
	<-t
	return func() { t <- struct{}{} }
}
