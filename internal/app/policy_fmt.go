package app

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/ringfence/ringfence/internal/policy"
)

type policyFmt struct {
	policyDir
	Write bool `help:"Write the files anew." env:"RINGFENCE_FMT_WRITE" xor:"how"`
	Diff  bool `help:"Show what would change." env:"RINGFENCE_FMT_DIFF" xor:"how"`
	List  bool `help:"Only name the files that would change (what is done without a flag)." env:"RINGFENCE_FMT_LIST" xor:"how"`
}

// Run compares each Rego file with its form by opa fmt. It fails if one differs, unless it was told to write.
func (c *policyFmt) Run(out outputs) error {
	files, err := c.files()
	if err != nil {
		return err
	}
	unread, differing := 0, 0
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if filepath.Ext(name) != ".rego" {
			continue
		}
		formatted, problems := policy.Format(name, files[name])
		c.tell(out.stdout, problems)
		if len(problems) > 0 {
			unread++
			continue
		}
		if formatted == files[name] {
			continue
		}
		differing++
		if err := c.differs(out, name, files[name], formatted); err != nil {
			return err
		}
	}
	switch {
	case unread > 0:
		return fmt.Errorf("%d files cannot be read", unread)
	case differing > 0 && !c.Write:
		return fmt.Errorf("%d files are not in the form of opa fmt; --write makes them so", differing)
	}
	return nil
}

func (c *policyFmt) differs(out outputs, name, text, formatted string) error {
	path := filepath.Join(c.Dir, filepath.FromSlash(name))
	if c.Diff {
		_, err := out.stdout.Write(diff.Diff(path, []byte(text), path+" (formatted)", []byte(formatted)))
		return err
	}
	fmt.Fprintln(out.stdout, path)
	if !c.Write {
		return nil
	}
	mode := os.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	draft := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	if err := os.WriteFile(draft, []byte(formatted), mode); err != nil {
		return err
	}
	return os.Rename(draft, path)
}
