package app

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/ringfence/ringfence/internal/replay"
)

type policyDiff struct {
	Was string `arg:"" help:"Directory of one policy." placeholder:"DIR1"`
	Is  string `arg:"" help:"Directory of the other." placeholder:"DIR2"`
	replaying
	NoDecisions bool `help:"Compare without a database: rules, settings and typical requests only." env:"RINGFENCE_DIFF_NO_DECISIONS"`
}

// policyDifferences is what two policies differ in, as JSON.
type policyDifferences struct {
	Changes   []policyChange  `json:"changes"`
	Typical   []typicalChange `json:"typical"`
	Decisions *replayReport   `json:"decisions,omitempty"`
}

type policyChange struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	Was  string `json:"was,omitempty"`
	Is   string `json:"is,omitempty"`
}

type typicalChange struct {
	Request   string           `json:"request"`
	Direction replay.Direction `json:"direction"`
	Rule      string           `json:"rule"`
	Place     string           `json:"place,omitempty"`
	Before    replay.Outcome   `json:"before"`
	After     replay.Outcome   `json:"after"`
}

// Run compares two directories: what is written otherwise, and what is answered otherwise.
func (c *policyDiff) Run(ctx context.Context, out outputs) error {
	defer collectRarely()()
	was, err := policyDir{c.Was}.sound(ctx, out.stderr)
	if err != nil {
		return err
	}
	is, err := policyDir{c.Is}.sound(ctx, out.stderr)
	if err != nil {
		return err
	}
	changes := replay.Changes(was.Files(), is.Files())
	typical, err := replay.Typical(ctx, was, is)
	if err != nil {
		return err
	}
	var report *replay.Report
	if !c.NoDecisions {
		if report, err = c.run(ctx, out, is, was); err != nil {
			return err
		}
	}
	if c.JSON {
		err = writeJSON(out.stdout, differences(changes, typical, report))
	} else {
		err = tellDiff(out.stdout, changes, typical, report)
	}
	if err == nil && (len(typical) > 0 || report != nil && report.Flips() > 0) {
		err = errFlips
	}
	return err
}

func differences(changes []replay.Change, typical []replay.TypicalDifference, report *replay.Report) *policyDifferences {
	shown := &policyDifferences{Changes: make([]policyChange, len(changes)), Typical: make([]typicalChange, len(typical))}
	for i, change := range changes {
		shown.Changes[i] = policyChange{change.Kind, change.Name, change.Was, change.Is}
	}
	for i, d := range typical {
		shown.Typical[i] = typicalChange{d.Case, d.Direction, d.Rule, d.Place, d.Before, d.After}
	}
	if report != nil {
		shown.Decisions = shownReport(report)
	}
	return shown
}

// tellDiff writes what two policies differ in for people.
func tellDiff(to io.Writer, changes []replay.Change, typical []replay.TypicalDifference, report *replay.Report) error {
	var b strings.Builder
	for _, c := range changes {
		switch c.Kind {
		case replay.Added:
			fmt.Fprintf(&b, "added    %s %s\n", c.Name, c.Is)
		case replay.Removed:
			fmt.Fprintf(&b, "removed  %s %s\n", c.Name, c.Was)
		default:
			fmt.Fprintf(&b, "changed  %s %s → %s\n", c.Name, c.Was, c.Is)
		}
	}
	if len(changes) == 0 {
		b.WriteString("the same rules and settings\n")
	}
	for _, d := range typical {
		was, is := verdicts(d.Direction, d.Rule, &d.Before, &d.After)
		fmt.Fprintf(&b, "%-8s  %s  %s: then %s, now %s\n", d.Direction, ruleAt(d.Rule, d.Place), d.Case, was, is)
	}
	if len(typical) == 0 {
		b.WriteString("typical requests are answered the same\n")
	}
	if _, err := io.WriteString(to, b.String()); err != nil || report == nil {
		return err
	}
	return tellReport(to, report)
}
