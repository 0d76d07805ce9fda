package app

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/ringfence/ringfence/internal/policy"
)

// policyCommands are what an author does with a policy, all on a plain directory; one file per verb.
type policyCommands struct {
	Check policyCheck `cmd:"" help:"Take a policy through the gate: what would be refused, by file, row and column."`

	Replay policyReplay `cmd:"" help:"Put recorded decisions to a policy and tell what it would have answered otherwise; exit code 3 if anything."`
	Diff   policyDiff   `cmd:"" help:"Tell in what two policies differ: rules, settings, typical requests and recorded decisions; exit code 3 if they answer otherwise."`
	Reset  policyReset  `cmd:"" help:"Have all replicas answer by the policy that is built in: the way out if a published one keeps everybody out."`
}

// policyDir is the directory a verb works on.
type policyDir struct {
	Dir string `arg:"" optional:"" help:"Directory of the policy." env:"RINGFENCE_POLICIES" default:"policies" placeholder:"DIR"`
}

// files reads the directory.
func (d policyDir) files() (policy.Files, error) {
	if info, err := os.Stat(d.Dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("%s is not a directory; `ringfence policy init %[1]s` makes one", d.Dir)
	}
	return policy.ReadFiles(os.DirFS(d.Dir))
}

// place is where something stands, as a person at a terminal can open it.
func (d policyDir) place(file string, row, column int) string {
	if file == "" {
		return d.Dir
	}
	if row == 0 {
		return filepath.Join(d.Dir, file)
	}
	return fmt.Sprintf("%s:%d:%d", filepath.Join(d.Dir, file), row, column)
}
