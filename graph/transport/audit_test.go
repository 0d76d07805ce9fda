package transport

import (
	"net/http/httptest"
	"testing"

	"github.com/ringfence/ringfence/graph/transport/audit"
)

// TestAudits runs all server audits of graphql-http.
func TestAudits(t *testing.T) {
	e := newEndpoint(t)
	server := httptest.NewServer(e)
	defer server.Close()
	audit.Run(t, server.URL+"/graphql", e.token)
}
