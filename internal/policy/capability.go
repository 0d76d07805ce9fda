package policy

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// forbidden are builtins, by prefix, that reach outside the input or whose answer depends on when or where they run. OPA
// marks most of them as non-deterministic; those it does not mark verify certificates and tokens against the clock, or
// exist for tracing.
var forbidden = []string{"http.", "net.", "opa.", "rand.", "uuid.", "providers.", "crypto.x509.", "io.jwt.", "trace", "rego.parse_module", "time.now_ns"}

// capabilities are what a policy may use: nothing that could make a recorded input replay to another answer, and no
// network, not even for a schema.
func capabilities() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	c.Builtins = slices.DeleteFunc(c.Builtins, func(b *ast.Builtin) bool {
		return b.Nondeterministic || slices.ContainsFunc(forbidden, func(prefix string) bool {
			return strings.HasPrefix(b.Name, prefix)
		})
	})
	c.AllowNet = []string{}
	return c
}
