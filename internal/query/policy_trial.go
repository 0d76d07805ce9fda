package query

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"time"

	"entgo.io/ent/dialect/sql"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/ent/predicate"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/replay"
)

// PolicyTrial is a candidate that is or was asked beside the live policy, as the API shows it. Whoever may see policies may see all.
type PolicyTrial struct {
	*ent.PolicyTrial
	family *family[*PolicyTrial]
}

// PolicyDifference is one request that the candidate of a trial would have answered otherwise, as the API shows it.
type PolicyDifference struct {
	*ent.PolicyDifference
	family *family[*PolicyDifference]
}

// PolicyTrialGroup are the kept differences that one rule makes in one action, as the API shows them.
type PolicyTrialGroup struct {
	Direction, Rule, Action string
	Count                   int64
	Example                 *PolicyDifference
}

// Pages of trials and differences.
type (
	PolicyTrialConnection      = Connection[*PolicyTrial]
	PolicyTrialEdge            = Edge[*PolicyTrial]
	PolicyDifferenceConnection = Connection[*PolicyDifference]
	PolicyDifferenceEdge       = Edge[*PolicyDifference]
)

var policyTrials = &noun[*ent.PolicyTrial, *PolicyTrial]{
	kind: kindPolicy, table: "policy_trials",
	find: func(ctx context.Context, c *ent.Client, where func(*sql.Selector)) ([]*ent.PolicyTrial, error) {
		return c.PolicyTrial.Query().Where(predicate.PolicyTrial(where)).All(ctx)
	},
	key:  func(row *ent.PolicyTrial) int64 { return row.ID },
	view: func(row *ent.PolicyTrial, f *family[*PolicyTrial]) *PolicyTrial { return &PolicyTrial{row, f} },
}

var policyDifferences = &noun[*ent.PolicyDifference, *PolicyDifference]{
	kind: kindDecision, table: "policy_differences",
	find: func(ctx context.Context, c *ent.Client, where func(*sql.Selector)) ([]*ent.PolicyDifference, error) {
		return c.PolicyDifference.Query().Where(predicate.PolicyDifference(where)).All(ctx)
	},
	key: func(row *ent.PolicyDifference) int64 { return row.ID },
	view: func(row *ent.PolicyDifference, f *family[*PolicyDifference]) *PolicyDifference {
		return &PolicyDifference{row, f}
	},
}

// ID gives the opaque id.
func (t *PolicyTrial) ID() id.ID { return id.Of(id.PolicyTrial, t.PolicyTrial.ID) }

// Share gives the share of the requests the candidate is asked about.
func (t *PolicyTrial) Share() float64 { return float64(t.PolicyTrial.Share) / 1000 }

// Author gives who started it; empty when masked.
func (t *PolicyTrial) Author() string { return t.named(t.PolicyTrial.Author) }

// Note gives why; empty for those from whom the names of people are kept, which may stand in it.
func (t *PolicyTrial) Note() string {
	if t.family.facts.anonymous() {
		return ""
	}
	return t.named(t.PolicyTrial.Note)
}

// StartedAt gives when it began.
func (t *PolicyTrial) StartedAt() time.Time { return t.CreatedAt }

// EndedBy gives who ended it, nil while it runs; empty when masked.
func (t *PolicyTrial) EndedBy() *string {
	if t.EndedAt == nil {
		return nil
	}
	name := t.named(t.PolicyTrial.EndedBy)
	return &name
}

func (t *PolicyTrial) named(text string) string {
	if t.family.facts.view.Masks(kindPolicy, "author") {
		return ""
	}
	return text
}

// Differences gives those of its differences that are kept, the first first; none to those who may not see all decisions.
func (t *PolicyTrial) Differences(ctx context.Context, first *int, after *string, last *int, before *string, direction *string) (*PolicyDifferenceConnection, error) {
	only, name := sqlf("true"), ""
	if direction != nil {
		only, name = sqlf("t.direction = ?", *direction), *direction
	}
	return below(ctx, t.family, t, policyDifferences, nested[*PolicyTrial]{
		field: keyed("differences", name), parent: "t.trial_id", owner: func(t *PolicyTrial) int64 { return t.PolicyTrial.ID },
		where: and(only, t.family.allDecisions()), order: byKey, all: true,
	}, Page{first, after, last, before})
}

// allDecisions holds for those who may see all decisions, and for nobody else.
func (f *family[V]) allDecisions() condition {
	if f.facts.view.All(kindDecision) {
		return nil
	}
	return sqlf("false")
}

// Groups gives the kept differences by what makes them, the dangerous direction first, then by number; at most 100.
func (t *PolicyTrial) Groups(ctx context.Context) ([]*PolicyTrialGroup, error) {
	all, err := together(ctx, t.family, "groups", t.family.trialGroups)
	return nonNil(all[t.PolicyTrial.ID]), err
}

func (s *session) trialGroups(ctx context.Context, members []*PolicyTrial) (map[int64][]*PolicyTrialGroup, error) {
	keys := make([]int64, len(members))
	for i, member := range members {
		keys[i] = member.PolicyTrial.ID
	}
	groups := map[int64][]*PolicyTrialGroup{}
	examples := map[*PolicyTrialGroup]int64{}
	var wanted []int64
	statement := sqlf(`SELECT t.trial_id, t.direction, t.rule, t.action, COUNT(*), MIN(t.id) FROM policy_differences t WHERE ?
		GROUP BY t.trial_id, t.direction, t.rule, t.action
		ORDER BY CASE t.direction WHEN 'LOOSER' THEN 0 WHEN 'STRICTER' THEN 1 ELSE 2 END, COUNT(*) DESC, t.rule, t.action`, and(in("t.trial_id", keys)))
	err := s.rows(ctx, statement, func(rows *stdsql.Rows) error {
		var trial, example int64
		g := &PolicyTrialGroup{}
		if err := rows.Scan(&trial, &g.Direction, &g.Rule, &g.Action, &g.Count, &example); err != nil {
			return err
		}
		if len(groups[trial]) < mostGroups {
			groups[trial] = append(groups[trial], g)
			examples[g] = example
			wanted = append(wanted, example)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	found, err := policyDifferences.byKey(ctx, s, wanted)
	if err != nil {
		return nil, err
	}
	f, err := s.glance(ctx)
	if err != nil {
		return nil, err
	}
	for g, example := range examples {
		if f.view.All(kindDecision) {
			g.Example = found[example]
		}
	}
	return groups, nil
}

// Principal gives who asked; empty when masked.
func (d *PolicyDifference) Principal() string {
	return d.family.facts.nameOf(d.PolicyDifference.Principal)
}

// Direction gives which way it would change.
func (d *PolicyDifference) Direction() string { return string(d.PolicyDifference.Direction) }

// Input gives the document that was evaluated; an empty object when masked.
func (d *PolicyDifference) Input() json.RawMessage {
	if d.family.facts.view.Masks(kindDecision, "input") || !json.Valid([]byte(d.PolicyDifference.Input)) {
		return json.RawMessage("{}")
	}
	return json.RawMessage(d.PolicyDifference.Input)
}

// Live gives what was answered.
func (d *PolicyDifference) Live(ctx context.Context) (*PolicyOutcome, error) {
	return d.outcome(ctx, 0)
}

// Candidate gives what the candidate would have answered.
func (d *PolicyDifference) Candidate(ctx context.Context) (*PolicyOutcome, error) {
	return d.outcome(ctx, 1)
}

// outcome gives one of the two answers of a difference, 0 the live one; all of a family are read together.
func (d *PolicyDifference) outcome(ctx context.Context, which int) (*PolicyOutcome, error) {
	all, err := together(ctx, d.family, "outcomes", func(ctx context.Context, members []*PolicyDifference) (map[int64][2]*PolicyOutcome, error) {
		outcomes := make([]replay.Outcome, 2*len(members))
		for i, member := range members {
			for j, text := range []string{member.PolicyDifference.Live, member.PolicyDifference.Candidate} {
				_ = json.Unmarshal([]byte(text), &outcomes[2*i+j]) // it was written by this program
			}
		}
		views, err := showOutcomes(ctx, d.family.session, outcomes)
		if err != nil {
			return nil, err
		}
		shown := map[int64][2]*PolicyOutcome{}
		for i, member := range members {
			shown[member.ID] = [2]*PolicyOutcome{views[2*i], views[2*i+1]}
		}
		return shown, nil
	})
	return all[d.ID][which], err
}

// License gives the license it was about, if it may be seen.
func (d *PolicyDifference) License(ctx context.Context) (*License, error) {
	return optional(ctx, d.family, d, licenses, link[*PolicyDifference, *ent.License]{
		field: "license", key: func(d *PolicyDifference) int64 { return d.LicenseID },
	})
}

// Allotment gives the allotment it was about, if it may be seen.
func (d *PolicyDifference) Allotment(ctx context.Context) (*Allotment, error) {
	return optional(ctx, d.family, d, allotments, link[*PolicyDifference, *ent.Allotment]{
		field: "allotment", key: func(d *PolicyDifference) int64 { return d.AllotmentID },
	})
}

// PolicyTrialWhere are conditions on trials.
type PolicyTrialWhere struct {
	IDIn     []id.ID
	Revision *string
	Running  *bool
}

// PolicyTrials lists the trials, the newest first; none to those who may not see the policy.
func (r *Reader) PolicyTrials(ctx context.Context, p Page, w *PolicyTrialWhere) (*PolicyTrialConnection, error) {
	l := list{order: newestFirst}
	if w != nil {
		l.where = and(named("t.id", id.PolicyTrial, w.IDIn), equals("t.revision", w.Revision), whether(w.Running, sqlf("t.ended_at IS NULL")))
	}
	return root(ctx, r.session(ctx), policyTrials, l, p)
}

// ShowPolicyTrial makes the view of a trial out of a mutation's answer.
func (r *Reader) ShowPolicyTrial(ctx context.Context, row *ent.PolicyTrial) (*PolicyTrial, error) {
	return showOne(ctx, r.session(ctx), policyTrials, row)
}
