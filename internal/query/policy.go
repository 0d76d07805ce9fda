package query

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/ent/policyrevision"
	"github.com/ringfence/ringfence/ent/replica"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/policy"
)

// Policy is the policy that answers now, as the API shows it.
type Policy struct {
	Revision string
	Source   string
	Problems []*PolicyProblem
	LoadedAt time.Time

	session *session
	policy  *policy.Policy
}

// PolicyProblem is one thing that is wrong with a policy that was refused.
type PolicyProblem struct {
	File    string
	Row     *int
	Column  *int
	Message string
}

// policySight gives the facts of somebody who may see policies; POLICY_DENIED for others.
func (s *session) policySight(ctx context.Context) (*facts, error) {
	f, err := s.sight(ctx)
	if err != nil {
		return nil, err
	}
	if !f.view.All(kindPolicy) {
		return nil, fault.New(fault.PolicyDenied, "you may not see the policy")
	}
	return f, nil
}

// Policy gives the policy that answers now; POLICY_DENIED for those who may not see it.
func (r *Reader) Policy(ctx context.Context) (*Policy, error) {
	s := r.session(ctx)
	if _, err := s.policySight(ctx); err != nil {
		return nil, err
	}
	return &Policy{
		Revision: s.policy.Revision(), Source: r.policy.Kind(), LoadedAt: r.policy.LoadedAt(), Problems: showProblems(r.policy.Problems()), session: s, policy: s.policy,
	}, nil
}

func showProblems(problems []policy.Problem) []*PolicyProblem {
	shown := make([]*PolicyProblem, len(problems))
	for i, problem := range problems {
		shown[i] = &PolicyProblem{File: problem.File, Message: problem.Message}
		if problem.Row > 0 {
			shown[i].Row, shown[i].Column = &problem.Row, &problem.Column
		}
	}
	return shown
}

// Files gives its files, by path.
func (p *Policy) Files() []*operation.PolicyFile { return showFiles(p.policy.Files()) }

func showFiles(files policy.Files) []*operation.PolicyFile {
	shown := make([]*operation.PolicyFile, 0, len(files))
	for _, path := range slices.Sorted(maps.Keys(files)) {
		shown = append(shown, &operation.PolicyFile{Path: path, Text: files[path]})
	}
	return shown
}

// Tests gives its own tests, and whether they pass.
func (p *Policy) Tests(ctx context.Context) ([]*PolicyTest, error) {
	report, err := p.session.gate.report(ctx, p.policy, p.session.Reader.policy.Limits())
	if err != nil {
		return nil, err
	}
	return showTests(report.Tests), nil
}

// Coverage gives how much of it its tests run; nil if it has none.
func (p *Policy) Coverage(ctx context.Context) (*PolicyCoverage, error) {
	report, err := p.session.gate.report(ctx, p.policy, p.session.Reader.policy.Limits())
	if err != nil || len(report.Tests) == 0 {
		return nil, err
	}
	return showCoverage(report.Coverage), nil
}

// Publication gives how it was published; nil if it was not.
func (p *Policy) Publication(ctx context.Context) (*PolicyPublication, error) {
	if p.Source != policy.SourcePublished {
		return nil, nil
	}
	return newestOf(ctx, p.session, p.Revision)
}

// PublishedBy gives who published it; nil if nobody did, empty when masked.
func (p *Policy) PublishedBy(ctx context.Context) (*string, error) {
	publication, err := p.Publication(ctx)
	if publication == nil || err != nil {
		return nil, err
	}
	author := publication.Author()
	return &author, nil
}

// Note gives why it was published; nil if it was not, empty when masked.
func (p *Policy) Note(ctx context.Context) (*string, error) {
	publication, err := p.Publication(ctx)
	if publication == nil || err != nil {
		return nil, err
	}
	note := publication.Note()
	return &note, nil
}

// mostReplicas bounds the list of replicas.
const mostReplicas = 100

// Replicas gives the processes that have said within the last minute that they are there.
func (p *Policy) Replicas(ctx context.Context) ([]*Replica, error) {
	rows, err := p.session.client.Replica.Query().Where(replica.SeenAtGT(p.session.now.Add(-operation.ReplicaIsGone))).
		Order(ent.Asc(replica.FieldName)).Limit(mostReplicas).All(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	shown := make([]*Replica, len(rows))
	for i, row := range rows {
		shown[i] = &Replica{row}
	}
	return shown, nil
}

// History gives what was published, newest first.
func (p *Policy) History(ctx context.Context, first *int, after *string, last *int, before *string) (*PolicyPublicationConnection, error) {
	return root(ctx, p.session, policyPublications, list{order: newestFirst}, Page{first, after, last, before})
}

// Replica is a process that serves from this database, as the API shows it.
type Replica struct{ *ent.Replica }

// StartedAt gives when it started.
func (r *Replica) StartedAt() time.Time { return r.CreatedAt }

// Problems gives why the last policy it was to load was refused.
func (r *Replica) Problems() []*PolicyProblem {
	var problems []policy.Problem
	if r.Replica.Problems != "" && json.Unmarshal([]byte(r.Replica.Problems), &problems) != nil {
		return []*PolicyProblem{{Message: "what it said cannot be read"}} // of another version of the program, then
	}
	return showProblems(problems)
}

// PolicyRevision is a policy that answered, or was published or tried, as the API shows it.
type PolicyRevision struct {
	*ent.PolicyRevision
	session *session
	files   policy.Files
}

// PolicyRevision gives a policy by its revision, nil if there is none; POLICY_DENIED for those who may not see policies.
func (r *Reader) PolicyRevision(ctx context.Context, revision string) (*PolicyRevision, error) {
	s := r.session(ctx)
	if _, err := s.policySight(ctx); err != nil {
		return nil, err
	}
	return s.policyRevision(ctx, revision)
}

func (s *session) policyRevision(ctx context.Context, revision string) (*PolicyRevision, error) {
	row, err := s.client.PolicyRevision.Query().Where(policyrevision.Revision(revision)).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, unavailable(err)
	}
	shown := &PolicyRevision{PolicyRevision: row, session: s}
	return shown, json.Unmarshal([]byte(row.Files), &shown.files)
}

// Files gives its files, by path.
func (p *PolicyRevision) Files() []*operation.PolicyFile { return showFiles(p.files) }

// PolicyFileChange is a file in which two policies differ: Before is nil if it was added, After if it was removed.
type PolicyFileChange struct {
	Path          string
	Before, After *string
}

// Changes gives the files in which it differs from another revision; nil: from the policy that answers now.
func (p *PolicyRevision) Changes(ctx context.Context, from *string) ([]*PolicyFileChange, error) {
	was := p.session.policy.Files()
	if from != nil {
		other, err := p.session.policyRevision(ctx, *from)
		if err != nil {
			return nil, err
		}
		if other == nil {
			return nil, fault.Invalid("from", "there is no such revision")
		}
		was = other.files
	}
	return changes(was, p.files), nil
}

func changes(was, is policy.Files) []*PolicyFileChange {
	all := maps.Clone(was)
	maps.Copy(all, is)
	list := []*PolicyFileChange{}
	for _, path := range slices.Sorted(maps.Keys(all)) {
		before, old := was[path]
		after, present := is[path]
		if old == present && before == after {
			continue
		}
		change := &PolicyFileChange{Path: path}
		if old {
			change.Before = &before
		}
		if present {
			change.After = &after
		}
		list = append(list, change)
	}
	return list
}
