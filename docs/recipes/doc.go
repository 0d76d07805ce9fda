// Package recipes holds policies that people ask for, each a directory of files to put beside the default policy. The service never
// loads them; tests try each one, and docs/policy.md says what they do.
package recipes

import "embed"

// FS holds the recipes, each in a directory of its name.
//
//go:embed */*.rego */*.json
var FS embed.FS
