package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/ringfence/ringfence/internal/policy"
)

// policyCommands are what an author does with a policy, all on a plain directory; one file per verb.
type policyCommands struct {
	Init    policyInit    `cmd:"" help:"Make a directory with the default policy, its tests, the schema of the input and settings for editors."`
	Check   policyCheck   `cmd:"" help:"Take a policy through the gate: what would be refused, by file, row and column."`
	Reset   policyReset   `cmd:"" help:"Have all replicas answer by the policy that is built in: the way out if a published one keeps everybody out."`
	Fmt     policyFmt     `cmd:"" help:"Tell which files are not in the form of opa fmt, or write them anew."`
	Test    policyTest    `cmd:"" help:"Run the tests of a policy."`
	Lint    policyLint    `cmd:"" help:"Tell what slows a policy down or endangers it, with the place and the price."`
	Bench   policyBench   `cmd:"" help:"Measure what typical decisions cost, and which rules are the dearest."`
	Watch   policyWatch   `cmd:"" help:"On each save: problems, tests, coverage, and what decisions cost."`
	Explain policyExplain `cmd:"" help:"Why a recorded decision was taken as it was, and what would have it allowed now."`

	Simulate policySimulate `cmd:"" help:"Run the recorded history again under another policy: who would hold a seat, who would wait, what it would cost."`
	Replay   policyReplay   `cmd:"" help:"Put recorded decisions to a policy and tell what it would have answered otherwise; exit code 3 if anything."`
	Diff     policyDiff     `cmd:"" help:"Tell in what two policies differ: rules, settings, typical requests and recorded decisions; exit code 3 if they answer otherwise."`
}

// policyDir is the directory a verb works on.
type policyDir struct {
	Dir string `arg:"" optional:"" help:"Directory of the policy." env:"RINGFENCE_POLICIES" default:"policies" placeholder:"DIR"`
}

// atLeisure is how long the gate may take when a person waits and nobody else does.
const atLeisure = 2 * time.Minute

// files reads the directory.
func (d policyDir) files() (policy.Files, error) {
	if info, err := os.Stat(d.Dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("%s is not a directory; `ringfence policy init %[1]s` makes one", d.Dir)
	}
	files, err := policy.ReadFiles(os.DirFS(d.Dir))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s holds no policy", d.Dir)
	}
	return files, err
}

// gate takes the directory through the gate. The error is about the directory, never about the policy.
func (d policyDir) gate(ctx context.Context, look policy.Look) (*policy.Policy, *policy.Report, error) {
	files, err := d.files()
	if err != nil {
		return nil, nil, err
	}
	look.Deadline = atLeisure
	p, report := policy.Check(ctx, files, policy.Limits{Logger: slog.Default()}, look)
	return p, report, nil
}

// sound gives the policy of a directory that would be taken into use, and tells the problems of one that would not.
func (d policyDir) sound(ctx context.Context, out io.Writer) (*policy.Policy, error) {
	p, report, err := d.gate(ctx, policy.Look{})
	if err != nil {
		return nil, err
	}
	d.tell(out, report.Problems)
	if p == nil {
		return nil, fmt.Errorf("%s would be refused", d.Dir)
	}
	return p, nil
}

// tell writes problems, one per line, with the place as a terminal and an editor can open it.
func (d policyDir) tell(out io.Writer, problems []policy.Problem) {
	for _, p := range problems {
		fmt.Fprintf(out, "%s: %s\n", d.place(p), p.Message)
	}
}

func (d policyDir) place(p policy.Problem) string {
	if p.File == "" {
		return d.Dir
	}
	path := filepath.Join(d.Dir, filepath.FromSlash(p.File))
	if p.Row == 0 {
		return path
	}
	return fmt.Sprintf("%s:%d:%d", path, p.Row, p.Column)
}

// problemJSON is a problem for machines.
type problemJSON struct {
	File    string `json:"file"`
	Row     int    `json:"row"`
	Column  int    `json:"column"`
	Message string `json:"message"`
}

func problemsJSON(problems []policy.Problem) []problemJSON {
	list := make([]problemJSON, 0, len(problems))
	for _, p := range problems {
		list = append(list, problemJSON(p))
	}
	return list
}

func writeJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
