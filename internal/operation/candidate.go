package operation

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/replay"
	"github.com/ringfence/ringfence/internal/store"
)

// Bounds of what is published over the API, before the gate looks at it.
const (
	maxPolicyFiles = 500
	maxPolicyPath  = 200     // bytes
	maxPolicyText  = 1 << 20 // bytes, all files together
)

// Validator examines policies that are not in use.
type Validator struct {
	Store  *store.Store
	Policy *policy.Engine
}

// Validation is what there is to know about a policy before it is published.
type Validation struct {
	Revision string
	Problems []policy.Problem // why it would be refused; empty: it would not
	Tests    []policy.Test
	Coverage *policy.Coverage // of its tests; nil if it does not compile
	Warnings []string         // what does not refuse it
	Replay   *replay.Report   // what it would have answered otherwise; nil unless it is sound, or was not asked for
	// Flips says in one word what would change and where that was looked for; empty if it was not looked for.
	Flips string
}

// Sound tells whether the policy may answer.
func (v *Validation) Sound() bool { return len(v.Problems) == 0 }

// Candidate is a policy on its way to be published.
type Candidate struct {
	Validation
	files  policy.Files
	policy *policy.Policy // nil unless it is sound
	newest publication    // at the time; its id is 0 if there was none

	published int64 // the publication, once it is written
}

// PolicyFiles makes a policy of files as they came in. Its errors name the field files.
func PolicyFiles(list []PolicyFile) (policy.Files, error) {
	if len(list) == 0 || len(list) > maxPolicyFiles {
		return nil, fault.Invalid("files", "a policy has 1 to %d files", maxPolicyFiles)
	}
	files, total := make(policy.Files, len(list)), 0
	for _, f := range list {
		if err := checkPolicyFile(f); err != nil {
			return nil, err
		}
		if _, twice := files[f.Path]; twice {
			return nil, fault.Invalid("files", "the path %q is there twice", f.Path)
		}
		if total += len(f.Text); total > maxPolicyText {
			return nil, fault.Invalid("files", "the files have more than %d bytes together", maxPolicyText)
		}
		files[f.Path] = f.Text
	}
	return files, nil
}

// checkPolicyFile refuses what a directory of a policy could not hold, or what would be passed over there: it would not be what its author
// takes it for.
func checkPolicyFile(f PolicyFile) error {
	name := f.Path
	part := path.Ext(name) == ".rego" || path.Ext(name) == ".json" && path.Dir(name) == "."
	switch {
	case len(name) > maxPolicyPath || !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' || r == ':' }):
		return fault.Invalid("files", "a path has at most %d bytes, and no characters that cannot be shown, backslashes or colons", maxPolicyPath)
	case !fs.ValidPath(name) || name == "." || strings.HasPrefix(name, ".") || strings.Contains(name, "/."):
		return fault.Invalid("files", "the path %q is not one of a file below the policy; hidden files are no part of one", name)
	case !part:
		return fault.Invalid("files", "%q is no part of a policy: that are Rego files, and JSON files at the top", name)
	case !utf8.ValidString(f.Text) || strings.ContainsRune(f.Text, 0):
		return fault.Invalid("files", "%q is not text in UTF-8", name)
	}
	return nil
}

// Examine takes files through the gate and, if a window is given, puts the decisions recorded in it to the policy. Errors: the end of the
// context, a database that does not answer.
func (v *Validator) Examine(ctx context.Context, files policy.Files, w *Window) (*Candidate, error) {
	built, report := policy.Check(ctx, files, v.Policy.Limits(), policy.Look{Coverage: true, Deadline: gateWithin})
	if err := ctx.Err(); err != nil { // what was refused then was not refused for what it says
		return nil, err
	}
	c := &Candidate{files: files, Validation: Validation{
		Revision: files.Revision(), Problems: report.Problems, Tests: report.Tests, Coverage: report.Coverage,
	}}
	if c.Sound() {
		c.Problems = built.LocksOut(ctx)
	}
	if c.Sound() && w != nil {
		if err := v.replay(ctx, c, built, *w); err != nil {
			return nil, err
		}
	}
	if c.Sound() {
		c.policy = built
		c.warn(built.Dearer(ctx, v.Policy.Current()))
	}
	return c, nil
}

// How long the parts of an examination may take: together less than a request has.
const (
	gateWithin   = 5 * time.Second
	replayWithin = 4 * time.Second
)

// replay puts recorded decisions to the candidate. A candidate that is too slow for that is not sound.
func (v *Validator) replay(ctx context.Context, c *Candidate, built *policy.Policy, w Window) error {
	report, err := replay.Run(ctx, replay.Config{
		Store: v.Store, Candidate: built, Known: []*policy.Policy{v.Policy.Current()}, Since: w.Since, Until: w.Until, Last: w.Last, Within: replayWithin,
	})
	if known := asFault(err); known != nil && known.Code == fault.InvalidInput {
		c.Problems = []policy.Problem{{Message: known.Message}}
		return nil
	}
	if err != nil {
		return err
	}
	c.Replay, c.Flips = report, w.word(report)
	if !report.Complete {
		c.warn(fmt.Sprintf("only the newest %d of %d recorded decisions could be looked at in time", report.Examined, report.Total))
	}
	return nil
}

func (v *Validation) warn(texts ...string) {
	for _, text := range texts {
		if text != "" {
			v.Warnings = append(v.Warnings, text)
		}
	}
}

// kept gives the text of a policy that answered or was published before; nil if there is none of this revision.
func (v *Validator) kept(ctx context.Context, revision string) (policy.Files, error) {
	var files policy.Files
	err := v.Store.View(ctx, func(ctx context.Context, r *store.Reader) (err error) {
		var source string
		if files, source, err = readRevision(ctx, r, revision); err != nil || source != SourceTrial {
			return err
		}
		published := false // what was only tried beside the policy that answered has answered to nobody
		err = r.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM policy_publications WHERE revision = $1)`, revision).Scan(&published)
		if !published {
			files = nil
		}
		return err
	})
	if errors.Is(err, errRevision) {
		return nil, nil
	}
	return files, err
}

// SourceTrial is the source of policies that are kept because they were tried beside the one that answers.
const SourceTrial = "trial"

// refused is the error that tells the first problems of a policy that does not pass the gate.
func refused(problems []policy.Problem) error {
	const most = 3
	lines := make([]string, 0, most+1)
	for i, p := range problems {
		if i == most {
			lines = append(lines, fmt.Sprintf("and %d more", len(problems)-most))
			break
		}
		lines = append(lines, strings.TrimPrefix(p.String(), ": "))
	}
	return fault.Invalid("files", "the policy is refused: %s", strings.Join(lines, "; "))
}

// examineFor examines what a command is to publish, if its caller may publish at all. It is done before the transaction, which would keep
// others waiting; nil, if they may not: the transaction tells them so.
func examineFor[P any](ctx context.Context, r *Runner, cmd Command[P], w *Window, find func(ctx context.Context, v *Validator) (policy.Files, error)) (*Candidate, error) {
	if r.Policy.ReadOnly() {
		return nil, nil
	}
	if err := r.follow(ctx); err != nil {
		return nil, translate(err)
	}
	may, err := May(ctx, r, cmd)
	if !may || err != nil {
		return nil, err
	}
	v := &Validator{Store: r.Store, Policy: r.Policy}
	var newest publication
	err = r.Store.View(ctx, func(ctx context.Context, rd *store.Reader) (err error) {
		newest, err = newestPublication(ctx, rd)
		return err
	})
	if err != nil {
		return nil, translate(err)
	}
	files, err := find(ctx, v)
	if files == nil || err != nil {
		return nil, translate(err)
	}
	c, err := v.Examine(ctx, files, w)
	if err != nil {
		return nil, translate(err)
	}
	c.newest = newest
	return c, nil
}

// adoptWithin bounds how long a policy that was published may take to be found when the caller has gone.
const adoptWithin = 10 * time.Second
