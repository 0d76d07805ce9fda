package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/replay"
	"github.com/ringfence/ringfence/policies"
)

// exitFlips is the exit code of a comparison that worked and found a difference, as against 1 for one that did not work.
const exitFlips = 3

// errFlips says that policies answer otherwise. It was told already.
var errFlips = errors.New("the policy answers otherwise")

// replaying are the flags of the verbs that look at recorded decisions.
type replaying struct {
	storage
	Since *time.Time `help:"Only decisions from then on (2026-03-31T12:00:00Z)." env:"RINGFENCE_REPLAY_SINCE" placeholder:"TIME"`
	Until *time.Time `help:"Only decisions before then." env:"RINGFENCE_REPLAY_UNTIL" placeholder:"TIME"`
	Last  int64      `help:"Only so many of the newest; 0 is all." env:"RINGFENCE_REPLAY_LAST" default:"0" placeholder:"N"`
	JSON  bool       `help:"Write one JSON document." env:"RINGFENCE_REPLAY_JSON"`
}

// Validate refuses a period that holds nothing; kong asks it.
func (c *replaying) Validate() error {
	if c.Last < 0 {
		return errors.New("--last is a number of decisions")
	}
	if c.Since != nil && c.Until != nil && !c.Until.After(*c.Since) {
		return errors.New("--until is not after --since")
	}
	return nil
}

// run replays under a candidate, telling on stderr how far it is. It changes nothing, not even the version of the tables.
func (c *replaying) run(ctx context.Context, out outputs, candidate, against *policy.Policy) (report *replay.Report, err error) {
	s, err := openCurrent(ctx, c.config())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	work := startProgress(out.stderr, "replay", tellWorkEvery)
	defer work.end()
	return replay.Run(ctx, replay.Config{
		Store: s, Candidate: candidate, Known: builtIn(ctx), Against: against, Since: c.Since, Until: c.Until, Last: c.Last,
		Progress: func(done, total int64) {
			work.at(func() string { return fmt.Sprintf("%d of %d decisions", done, total) })
		},
	})
}

// builtIn is the default policy, by which decisions may have been taken before the texts of policies were kept.
func builtIn(ctx context.Context) []*policy.Policy {
	files, err := policy.ReadFiles(policies.FS)
	if err != nil {
		return nil
	}
	p, err := policy.Recall(ctx, files, policy.Limits{Timeout: time.Second, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil
	}
	return []*policy.Policy{p}
}

type policyReplay struct {
	policyDir
	replaying
}

// Run puts the recorded decisions to the policy of the directory.
func (c *policyReplay) Run(ctx context.Context, out outputs) error {
	defer collectRarely()()
	candidate, err := c.sound(ctx, out.stderr)
	if err != nil {
		return err
	}
	report, err := c.run(ctx, out, candidate, nil)
	if err != nil {
		return err
	}
	if c.JSON {
		err = writeJSON(out.stdout, shownReport(report))
	} else {
		err = tellReport(out.stdout, report)
	}
	if err == nil && report.Flips() > 0 {
		err = errFlips
	}
	return err
}

// tellReport writes a report for people.
func tellReport(to io.Writer, r *replay.Report) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d decisions", r.Examined, r.Total)
	if r.Examined > 0 {
		fmt.Fprintf(&b, ", %s to %s", r.From.UTC().Format(time.RFC3339), r.To.UTC().Format(time.RFC3339))
	}
	fmt.Fprintf(&b, "\n%d looser, %d failed, %d stricter, %d otherwise, %d unchanged, %d not told by their records; %s\n",
		r.Looser, r.Failed, r.Stricter, r.Other, r.Unchanged, r.Skipped, r.Digest)
	for _, g := range r.Groups {
		was, is := verdicts(g.Direction, g.Rule, &g.Example.Before, &g.Example.After)
		fmt.Fprintf(&b, "%-8s  %s  %s  %d  e.g. %s: %s, then %s, now %s\n", g.Direction, ruleAt(g.Rule, g.Place), g.Action, g.Count,
			id.Of(id.Decision, g.Example.Decision), g.Example.Principal, was, is)
	}
	_, err := io.WriteString(to, b.String())
	return err
}

func ruleAt(rule, place string) string {
	if place == "" {
		return rule
	}
	return rule + " (" + place + ")"
}

// verdicts tell two answers that differ in a few words.
func verdicts(direction replay.Direction, rule string, before, after *replay.Outcome) (was, is string) {
	if rule != replay.RuleCeiling {
		return verdict(before), verdict(after)
	}
	switch direction { //nolint:exhaustive // a ceiling alone fails nothing
	case replay.Looser:
		return "no room for it", "room"
	case replay.Stricter:
		return "room for it", "none"
	}
	return "up to one ceiling", "to another"
}

// verdict tells an answer in a few words.
func verdict(o *replay.Outcome) string {
	text := "allowed"
	switch {
	case !o.Allow:
		text = "denied" + codesOf(o.Violations)
	case o.Subject != nil && len(o.Subject.Denials) > 0:
		text += fmt.Sprintf(", subject %d denied%s", o.Subject.Index, codesOf(o.Subject.Denials))
	case o.Subject != nil && len(o.Subject.Errors) > 0:
		text += fmt.Sprintf(", subject %d in error%s", o.Subject.Index, codesOf(o.Subject.Errors))
	}
	return text
}

func codesOf(list []licensing.Violation) string {
	var text strings.Builder
	for _, v := range list {
		text.WriteString(" " + v.Code)
	}
	return text.String()
}

// replayReport is a report as JSON.
type replayReport struct {
	Revision  string        `json:"revision"`
	Total     int64         `json:"total"`
	Examined  int64         `json:"examined"`
	Unchanged int64         `json:"unchanged"`
	Skipped   int64         `json:"skipped"`
	Failed    int64         `json:"failed"`
	Looser    int64         `json:"looser"`
	Stricter  int64         `json:"stricter"`
	Otherwise int64         `json:"otherwise"`
	Digest    string        `json:"digest"`
	Groups    []replayGroup `json:"groups"`
}

type replayGroup struct {
	Direction replay.Direction `json:"direction"`
	Rule      string           `json:"rule"`
	Place     string           `json:"place,omitempty"`
	Action    string           `json:"action"`
	Count     int64            `json:"count"`
	Decision  id.ID            `json:"decision"`
	At        time.Time        `json:"at"`
	Principal string           `json:"principal"`
	Before    replay.Outcome   `json:"before"`
	After     replay.Outcome   `json:"after"`
}

func shownReport(r *replay.Report) *replayReport {
	shown := &replayReport{
		Revision: r.Revision, Total: r.Total, Examined: r.Examined, Unchanged: r.Unchanged, Skipped: r.Skipped, Failed: r.Failed, Looser: r.Looser,
		Stricter: r.Stricter, Otherwise: r.Other, Digest: r.Digest, Groups: make([]replayGroup, len(r.Groups)),
	}
	for i, g := range r.Groups {
		shown.Groups[i] = replayGroup{
			Direction: g.Direction, Rule: g.Rule, Place: g.Place, Action: g.Action, Count: g.Count, Decision: id.Of(id.Decision, g.Example.Decision),
			At: g.Example.At, Principal: g.Example.Principal, Before: g.Example.Before, After: g.Example.After,
		}
	}
	return shown
}
