package transport

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/graph/guard"
)

// assignment is the hot request: one seat for one user.
var assignment = document(
	"mutation Assign($input: AssignInput!) { assign(input: $input) { decision results { user { id } state } } }",
	`{"input":{"licenseId":"bGljZW5zZToxMjM0NTY3","userIds":["dXNlcjoxMjM0NTY3"],"dryRun":false}}`)

// discard is a ResponseWriter that keeps nothing.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

// BenchmarkRequest is what transport, identity, guard, gate and gqlgen's executor cost, without net/http's server.
func BenchmarkRequest(b *testing.B) {
	e := newEndpoint(b)
	body := []byte(assignment)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		r := httptest.NewRequest(http.MethodPost, "/graphql", nil)
		r.Header.Set("Authorization", "Bearer "+e.token)
		r.Header.Set("Content-Type", plainJSON)
		for pb.Next() {
			r.Body = io.NopCloser(bytes.NewReader(body))
			e.ServeHTTP(&discard{header: http.Header{}}, r)
		}
	})
}

// BenchmarkHTTP is the same over loopback with 64 clients, who share the processor with the server.
func BenchmarkHTTP(b *testing.B) {
	e := newEndpoint(b)
	server := httptest.NewServer(e)
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	b.SetParallelism(32) // times two processors
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r, err := http.NewRequest(http.MethodPost, server.URL+"/graphql", strings.NewReader(assignment))
			if err != nil {
				b.Error(err)
				return
			}
			r.Header.Set("Authorization", "Bearer "+e.token)
			r.Header.Set("Content-Type", plainJSON)
			response, err := client.Do(r)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
			if response.StatusCode != http.StatusOK {
				b.Errorf("status %d", response.StatusCode)
				return
			}
		}
	})
}

// BenchmarkNewDocument is a request whose document is not kept: parsed twice and validated.
func BenchmarkNewDocument(b *testing.B) {
	limits := guard.DefaultLimits()
	limits.CacheBytes = 1
	e := newEndpoint(b, func(c *Config) { c.Limits = limits })
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(assignment))
		r.Header.Set("Authorization", "Bearer "+e.token)
		r.Header.Set("Content-Type", plainJSON)
		e.ServeHTTP(&discard{header: http.Header{}}, r)
	}
}
