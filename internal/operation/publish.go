package operation

import (
	"context"
	"errors"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/ent/policypublication"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/policy"
)

// maxNote bounds why something was published, in characters.
const maxNote = 2000

// readied is a command with something to do before its transaction that would keep others waiting within it.
type readied interface {
	ready(ctx context.Context, r *Runner) error
}

// committed is a command with something to do once its transaction is committed; it is not done for a dry run.
type committed interface {
	committed(ctx context.Context, r *Runner)
}

func (c *PublishPolicy) action() string { return policy.ActionPublishPolicy }

func (c *PublishPolicy) check() error {
	if _, err := PolicyFiles(c.Files); err != nil {
		return err
	}
	if c.ExpectedFlips == nil && !c.dry() {
		return fault.Invalid("expectedFlips", "give what validatePolicy said would change")
	}
	return checkReplacement(c.Note, c.ExpectedFlips, c.ExpectedRevision)
}

func (c *PublishPolicy) ready(ctx context.Context, r *Runner) (err error) {
	c.candidate, err = examineFor(ctx, r, c, lookedAt(c.ExpectedFlips, c.dry()), func(context.Context, *Validator) (policy.Files, error) { return PolicyFiles(c.Files) })
	return err
}

func (c *PublishPolicy) prepare(ctx context.Context, r *reading) (*plan[PolicyPayload], error) {
	return r.replacePolicy(ctx, &replacement{
		action: c.action(), kind: policypublication.KindPUBLISH, event: "POLICY_PUBLISHED", note: c.Note, dry: c.dry(),
		expectedFlips: c.ExpectedFlips, expectedRevision: c.ExpectedRevision, candidate: c.candidate,
	})
}

func (c *PublishPolicy) committed(ctx context.Context, r *Runner) { r.adopt(ctx, c.candidate) }

func (c *RollbackPolicy) action() string { return policy.ActionRollbackPolicy }

func (c *RollbackPolicy) check() error {
	return firstError(checkText("revision", c.Revision, 100), checkReplacement(c.Note, c.ExpectedFlips, c.ExpectedRevision))
}

func (c *RollbackPolicy) ready(ctx context.Context, r *Runner) (err error) {
	c.candidate, err = examineFor(ctx, r, c, lookedAt(c.ExpectedFlips, c.dry()), func(ctx context.Context, v *Validator) (policy.Files, error) { return v.kept(ctx, c.Revision) })
	return err
}

func (c *RollbackPolicy) prepare(ctx context.Context, r *reading) (*plan[PolicyPayload], error) {
	if c.candidate == nil && !r.runner.Policy.ReadOnly() {
		return nil, fault.Missing("revision", "revision that answered before")
	}
	return r.replacePolicy(ctx, &replacement{
		action: c.action(), kind: policypublication.KindROLLBACK, event: "POLICY_ROLLED_BACK", note: c.Note, dry: c.dry(),
		expectedFlips: c.ExpectedFlips, expectedRevision: c.ExpectedRevision, candidate: c.candidate,
	})
}

func (c *RollbackPolicy) committed(ctx context.Context, r *Runner) { r.adopt(ctx, c.candidate) }

// lookedAt is which recorded decisions an author looked at. A dry run without a word of that looks at the newest; nil: none.
func lookedAt(flips *string, dry bool) *Window {
	if flips == nil {
		if dry {
			return &Window{Last: mostReplayed}
		}
		return nil
	}
	w, err := windowOf(*flips)
	if err != nil { // check has refused it
		return nil
	}
	return &w
}

// mostReplayed is how many of the newest recorded decisions are looked at unless a window is given.
const mostReplayed = 20_000

func checkReplacement(note string, flips, revision *string) error {
	if flips != nil {
		if _, err := windowOf(*flips); err != nil {
			return err
		}
	}
	return firstError(checkText("note", note, maxNote), checkOptional("expectedFlips", flips, 200), checkOptional("expectedRevision", revision, 100))
}

// replacement is the policy that answers being replaced by another.
type replacement struct {
	action, event, note             string
	kind                            policypublication.Kind
	dry                             bool
	expectedFlips, expectedRevision *string
	candidate                       *Candidate
}

// replacePolicy puts the question whether the policy may be replaced. Whoever publishes at the same time waits for the lock, and is told
// CONFLICT then: what they saw was the effect on another policy.
func (r *reading) replacePolicy(ctx context.Context, c *replacement) (*plan[PolicyPayload], error) {
	if r.runner.Policy.ReadOnly() {
		return nil, fault.New(fault.Conflict, "the policy of this service is deployed as a %s: change it there; nothing is published over it", r.runner.Policy.Kind())
	}
	if c.candidate == nil {
		return nil, fault.New(fault.Conflict, "what you may do has just changed; try again")
	}
	live, err := r.lockPolicy(ctx, c.candidate)
	if err != nil {
		return nil, err
	}
	if err := c.expected(live); err != nil {
		return nil, err
	}
	if !c.dry && !c.candidate.Sound() {
		return nil, refused(c.candidate.Problems)
	}
	ask := r.question(c.action, map[string]any{"revision": c.candidate.Revision, "replaces": live, "note": c.note})
	return &plan[PolicyPayload]{ask: ask, write: func(ctx context.Context, w *writing) (*PolicyPayload, error) {
		payload := &PolicyPayload{Validation: &c.candidate.Validation}
		if c.dry {
			return payload, nil
		}
		payload.Publication, err = w.publish(ctx, c, live)
		return payload, err
	}}, nil
}

// lockPolicy has whoever else publishes wait, and gives the revision that all replicas are to answer by now. The oldest revision that is
// kept is the lock: it is there, because the policy that decides is kept, and it is the same for all.
func (r *reading) lockPolicy(ctx context.Context, c *Candidate) (live string, err error) {
	if _, err := r.ids(ctx, `SELECT id FROM policy_revisions ORDER BY id LIMIT 1`+r.tx.ForUpdate()); err != nil {
		return "", err
	}
	newest, err := newestPublication(ctx, r.Reader)
	switch {
	case err != nil:
		return "", err
	case newest.id != c.newest.id:
		return "", fault.New(fault.Conflict, "another policy was published at the same time; look again at what yours would change")
	case newest.id == 0:
		return r.policy.Revision(), nil
	}
	return newest.revision, nil
}

// expected compares what is with what the author saw.
func (c *replacement) expected(live string) error {
	switch {
	case c.expectedRevision != nil && *c.expectedRevision != live:
		return conflict("expectedRevision", "the policy that answers is %s", live)
	case c.candidate.Revision == live:
		return fault.New(fault.Conflict, "this is the policy that answers already")
	case c.dry:
		return nil
	}
	return c.flipsAsExpected()
}

func conflict(field, format string, args ...any) error {
	e := fault.New(fault.Conflict, format, args...)
	e.Field = field
	return e
}

// publish writes what all replicas are to answer by.
func (w *writing) publish(ctx context.Context, c *replacement, live string) (*ent.PolicyPublication, error) {
	if err := keepRevision(ctx, w.tx, c.candidate.files, policy.SourcePublished); err != nil {
		return nil, err
	}
	row, err := w.tx.Client().PolicyPublication.Create().SetKind(c.kind).SetRevision(c.candidate.Revision).SetPrevious(live).SetAuthor(w.who.name()).
		SetNote(c.note).SetFlips(c.candidate.flips()).SetCreatedAt(w.Now()).Save(ctx)
	if err != nil {
		return nil, err
	}
	w.happened(c.event, "policyPublication", row.ID, map[string]any{"revision": row.Revision, "previous": row.Previous, "note": row.Note})
	c.candidate.published = row.ID
	return row, nil
}

// adopt has this replica answer by what was just published, before its author hears that it was.
func (r *Runner) adopt(ctx context.Context, c *Candidate) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), adoptWithin)
	defer cancel()
	if c != nil && c.published != 0 && c.policy != nil {
		r.publications.adopt(ctx, c.published, c.policy)
		return
	}
	if err := r.follow(ctx); err != nil { // the same word was used before: what it published may answer already
		r.Logger.WarnContext(ctx, "the policy that was published was not looked for", "error", err)
	}
}

// follow has this replica answer by what was published last.
func (r *Runner) follow(ctx context.Context) error {
	if r.Apart {
		return nil
	}
	return r.publications.Follow(ctx)
}

// FollowPolicy has the runner's engine answer by the policy that was published last, and keeps the text of the policy that answers. See
// Publications.Follow.
func (r *Runner) FollowPolicy(ctx context.Context) error {
	_, err := r.policyInUse(ctx)
	return translate(errors.Join(r.follow(ctx), err))
}
