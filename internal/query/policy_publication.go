package query

import (
	"context"
	"encoding/json"

	"entgo.io/ent/dialect/sql"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/ent/policypublication"
	"github.com/ringfence/ringfence/ent/predicate"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/operation"
)

// PolicyPublication is one time a policy was published, as the API shows it. Whoever may see policies may see all of them.
type PolicyPublication struct {
	*ent.PolicyPublication
	family *family[*PolicyPublication]
}

// Pages of publications.
type (
	PolicyPublicationConnection = Connection[*PolicyPublication]
	PolicyPublicationEdge       = Edge[*PolicyPublication]
)

var policyPublications = &noun[*ent.PolicyPublication, *PolicyPublication]{
	kind: kindPolicy, table: "policy_publications",
	find: func(ctx context.Context, c *ent.Client, where func(*sql.Selector)) ([]*ent.PolicyPublication, error) {
		return c.PolicyPublication.Query().Where(predicate.PolicyPublication(where)).All(ctx)
	},
	key: func(row *ent.PolicyPublication) int64 { return row.ID },
	view: func(row *ent.PolicyPublication, f *family[*PolicyPublication]) *PolicyPublication {
		return &PolicyPublication{row, f}
	},
}

// ID gives the opaque id.
func (p *PolicyPublication) ID() id.ID { return id.Of(id.PolicyPublication, p.PolicyPublication.ID) }

// Author gives who published it; empty when masked.
func (p *PolicyPublication) Author() string {
	if p.family.facts.view.Masks(kindPolicy, "author") {
		return ""
	}
	return p.PolicyPublication.Author
}

// Note gives why; empty for those from whom the names of people are kept, which may stand in it.
func (p *PolicyPublication) Note() string {
	if p.family.facts.anonymous() || p.family.facts.view.Masks(kindPolicy, "author") {
		return ""
	}
	return p.PolicyPublication.Note
}

// Flips gives what its author was shown would change, in numbers; nil if nobody looked.
func (p *PolicyPublication) Flips() *PolicyFlips {
	var kept operation.Flips
	if p.PolicyPublication.Flips == "" || json.Unmarshal([]byte(p.PolicyPublication.Flips), &kept) != nil {
		return nil
	}
	return &PolicyFlips{Examined: kept.Examined, Looser: kept.Looser, Stricter: kept.Stricter, Failed: kept.Failed, Otherwise: kept.Other}
}

// Policy gives the text of the policy that was published.
func (p *PolicyPublication) Policy(ctx context.Context) (*PolicyRevision, error) {
	return p.family.policyRevision(ctx, p.Revision)
}

// newestOf gives the newest publication of a revision, nil if there is none.
func newestOf(ctx context.Context, s *session, revision string) (*PolicyPublication, error) {
	row, err := s.client.PolicyPublication.Query().Where(policypublication.Revision(revision)).Order(ent.Desc(policypublication.FieldID)).First(ctx)
	if ent.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, unavailable(err)
	}
	return showOne(ctx, s, policyPublications, row)
}

// ShowPolicyPublication makes the view of a publication out of a mutation's answer.
func (r *Reader) ShowPolicyPublication(ctx context.Context, row *ent.PolicyPublication) (*PolicyPublication, error) {
	return showOne(ctx, r.session(ctx), policyPublications, row)
}
