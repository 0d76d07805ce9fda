// Package policies embeds Ringfence's default policy: Rego by family, the settings it reads and the schema of its input.
// A directory given to the service replaces it entirely; copying this one is the way to begin.
package policies

import "embed"

// FS holds the default policy as it stands in this directory, tests included.
//
//go:embed *.rego data.json
var FS embed.FS

// InputSchema is the JSON schema of the document that a policy is asked. Every policy is compiled against it.
//
//go:embed schemas/input.json
var InputSchema []byte

// Beside holds what an author finds beside the policy in a directory of their own: what the files are, the schema of the input, and
// settings for opa, regal and editors.
//
//go:embed README.md schemas .regal .vscode
var Beside embed.FS
