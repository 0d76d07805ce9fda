package app

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ringfence/ringfence/policies"
)

type policyInit struct {
	Dir string `arg:"" help:"Directory to make; it must be empty or not there yet." placeholder:"DIR"`
}

// Run writes the default policy as a directory of the author's own.
func (c *policyInit) Run(out outputs) error {
	if entries, err := os.ReadDir(c.Dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty, and nothing is written over", c.Dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, tree := range []embed.FS{policies.FS, policies.Beside} {
		if err := copyTree(c.Dir, tree); err != nil {
			return err
		}
	}
	fmt.Fprintf(out.stdout, `%[1]s holds the default policy now. Try it:

    ringfence policy check %[1]s
    ringfence policy test %[1]s --coverage
    ringfence policy watch %[1]s
    opa check --strict -s %[1]s/schemas/input.json %[1]s
    opa test %[1]s

and serve with it: ringfence serve --policies %[1]s
`, c.Dir)
	return nil
}

// copyTree is os.CopyFS for files that their owner may write; those that are embedded may not be written.
func copyTree(dir string, tree fs.FS) error {
	return fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(dir, filepath.FromSlash(name))
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755) //nolint:gosec // a policy is no secret; the service may run as another user
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		return os.WriteFile(target, text, 0o644) //nolint:gosec // a policy is no secret; the service may run as another user
	})
}
