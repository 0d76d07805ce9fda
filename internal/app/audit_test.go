package app_test

import (
	"testing"

	"github.com/ringfence/ringfence/graph/transport/audit"
	"github.com/ringfence/ringfence/internal/app/apptest"
)

// The whole service speaks GraphQL over HTTP by the book.
func TestAudits(t *testing.T) {
	s := apptest.Start(t, "sqlite")
	audit.Run(t, s.URL+"/graphql", s.Token("root", "GLOBAL_ADMIN"))
}
