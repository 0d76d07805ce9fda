// Package policies embeds Ringfence's default policy: Rego by family, the settings it reads and the schema of its input.
// A directory given to the service replaces it entirely; copying this one is the way to begin.
package policies

import "embed"

// FS holds the default policy as it stands in this directory, tests included.
//
//go:embed *.rego data.json schemas
var FS embed.FS
