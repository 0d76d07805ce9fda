package export

import (
	"context"

	"github.com/ringfence/ringfence/internal/query"
)

// recordKinds are who may come in, what was read, what was decided and what happened, newest first.
var recordKinds = []*kind{
	{
		name: "service-tokens", about: "what lets services in, without the secrets", input: "ServiceTokenWhere",
		columns: []string{"ringfence id", "name", "purpose", "roles", "live", "created by", "created at", "expires at", "revoked at", "used at"},
		write: func(ctx context.Context, j *job) error {
			return walk(ctx, j, j.reader.ServiceTokens, func(_ context.Context, t *query.ServiceToken) error {
				return j.row(named(t.ID()), word(t.Name), plain(t.Purpose), list(t.Roles()), boolean(t.Live()), word(t.CreatedBy), instant(t.CreatedAt),
					maybeInstant(t.ExpiresAt), maybeInstant(t.RevokedAt), maybeInstant(t.UsedAt))
			})
		},
	},
	{
		name: "feeds", about: "what files were read, newest first", input: "FeedWhere",
		columns: []string{"ringfence id", "kind", "name", "digest", "actor", "state", "pages", "rows", "summary", "created at", "ended at"},
		write: func(ctx context.Context, j *job) error {
			return walk(ctx, j, j.reader.Feeds, func(_ context.Context, f *query.Feed) error {
				return j.row(named(f.ID()), plain(f.Kind), word(f.Name), plain(f.Digest), word(f.Actor()), plain(f.State), number(f.Pages), number(f.Rows),
					document(f.Summary()), instant(f.CreatedAt), maybeInstant(f.EndedAt))
			})
		},
	},
	{
		name: "policy-trials", about: "candidates tried beside the live policy, and what they would have answered, newest first", input: "PolicyTrialWhere",
		columns: []string{"ringfence id", "revision", "share", "author", "note", "started at", "ended at", "ended by", "asked", "looser", "stricter", "otherwise", "failed", "dropped"},
		write: func(ctx context.Context, j *job) error {
			return walk(ctx, j, j.reader.PolicyTrials, func(_ context.Context, t *query.PolicyTrial) error {
				return j.row(named(t.ID()), plain(t.Revision), fraction(t.Share()), word(t.Author()), word(t.Note()), instant(t.StartedAt()), maybeInstant(t.EndedAt),
					maybe(t.EndedBy()), number(t.Asked), number(t.Looser), number(t.Stricter), number(t.Otherwise), number(t.Failed), number(t.Dropped))
			})
		},
	},
	{
		name: "decisions", about: "what the policy answered to requests, newest first", input: "DecisionWhere",
		columns: []string{"ringfence id", "at", "principal", "action", "allow", "dry run", "violations", "warnings", "revision", "license", "allotment", "input"},
		write:   func(ctx context.Context, j *job) error { return walk(ctx, j, j.reader.Decisions, j.decision) },
	},
	{
		name: "events", about: "what happened, newest first", input: "EventWhere",
		columns: []string{"ringfence id", "at", "actor", "type", "license", "allotment", "user", "group", "decision", "data"},
		write:   func(ctx context.Context, j *job) error { return walk(ctx, j, j.reader.Events, j.event) },
	},
}

func codesOf(violations []*query.Violation) cell {
	codes := make([]string, len(violations))
	for i, v := range violations {
		codes[i] = v.Code
	}
	return list(codes)
}

func (j *job) decision(ctx context.Context, d *query.Decision) error {
	violations, err := d.Violations(ctx)
	if err != nil {
		return err
	}
	warnings, err := d.Warnings(ctx)
	if err != nil {
		return err
	}
	license, err := d.License(ctx)
	if err != nil {
		return err
	}
	allotment, err := d.Allotment(ctx)
	if err != nil {
		return err
	}
	return j.row(named(d.ID()), instant(d.At), word(d.Principal()), plain(d.Action), boolean(d.Allow), boolean(d.DryRun), codesOf(violations), codesOf(warnings),
		plain(d.Revision), entitlement(license), share(allotment), document(d.Input()))
}

// entitlement names a license that may be seen; nothing if there is none.
func entitlement(l *query.License) cell {
	if l == nil {
		return cell{}
	}
	return named(l.ID())
}

func (j *job) event(ctx context.Context, e *query.Event) error {
	license, err := e.License(ctx)
	if err != nil {
		return err
	}
	allotment, err := e.Allotment(ctx)
	if err != nil {
		return err
	}
	user, err := e.User(ctx)
	if err != nil {
		return err
	}
	group, err := e.Group(ctx)
	if err != nil {
		return err
	}
	decision, err := e.Decision(ctx)
	if err != nil {
		return err
	}
	var who, where, why cell
	if user != nil {
		who = named(user.ID())
	}
	if group != nil {
		where = named(group.ID())
	}
	if decision != nil {
		why = named(decision.ID())
	}
	return j.row(named(e.ID()), instant(e.At), word(e.Actor()), plain(e.Type), entitlement(license), share(allotment), who, where, why, document(e.Data()))
}
