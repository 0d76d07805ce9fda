package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// PolicyRevision is the text of a policy that answered or was published, so that every decision can be explained by the very policy
// that took it.
type PolicyRevision struct{ ent.Schema }

// Mixin gives the key and the time at which the revision was first seen.
func (PolicyRevision) Mixin() []ent.Mixin { return []ent.Mixin{identified{}, created{}} }

// Fields of a revision. files is a JSON object from path to text; source is where it was first read.
func (PolicyRevision) Fields() []ent.Field {
	return []ent.Field{
		field.String("revision").Unique().Immutable().MaxLen(100),
		field.String("source").Immutable().MaxLen(20),
		field.Text("files").Immutable(),
	}
}

// PolicyPublication is one time a policy was published, or an earlier one brought back. The newest one is what all replicas answer by.
type PolicyPublication struct{ ent.Schema }

// Mixin gives the key and the time of publication.
func (PolicyPublication) Mixin() []ent.Mixin { return []ent.Mixin{identified{}, created{}} }

// Fields of a publication: what, instead of what, by whom and why. flips is what the author saw would change, as JSON.
func (PolicyPublication) Fields() []ent.Field {
	return []ent.Field{
		field.Enum("kind").Values("PUBLISH", "ROLLBACK").Immutable(),
		field.String("revision").Immutable().MaxLen(100),
		field.String("previous").Immutable().MaxLen(100),
		field.String("author").Immutable().MaxLen(300),
		field.Text("note").Default("").Immutable(),
		field.Text("flips").Default("").Immutable(),
	}
}

// Replica is one running process of the service, with the policy it answers by.
type Replica struct{ ent.Schema }

// Mixin gives the key and the time at which it started.
func (Replica) Mixin() []ent.Mixin { return []ent.Mixin{identified{}, created{}} }

// Fields of a replica. name is unique to the process; problems is why its last attempt to load was refused, as JSON.
func (Replica) Fields() []ent.Field {
	return []ent.Field{
		field.String("name").Unique().Immutable().MaxLen(200),
		field.String("source").MaxLen(20),
		field.String("revision").MaxLen(100),
		field.Time("loaded_at"),
		field.Time("seen_at"),
		field.Text("problems").Default(""),
	}
}

// PolicyTrial is a candidate that is asked beside the live policy for a share of the requests, without any effect.
type PolicyTrial struct{ ent.Schema }

// Mixin gives the key and the time at which it began.
func (PolicyTrial) Mixin() []ent.Mixin { return []ent.Mixin{identified{}, created{}} }

// Fields of a trial. share is in thousandths. asked counts the requests that both answered; of these, looser allowed what the live
// policy denied, stricter denied what it allowed, and otherwise answered differently in something else. failed had no usable answer.
func (PolicyTrial) Fields() []ent.Field {
	return []ent.Field{
		field.String("revision").Immutable().MaxLen(100),
		field.Int("share").Immutable(),
		field.String("author").Immutable().MaxLen(300),
		field.Text("note").Default("").Immutable(),
		field.Time("ended_at").Optional().Nillable(),
		field.String("ended_by").Default("").MaxLen(300),
		field.Int64("asked").Default(0),
		field.Int64("looser").Default(0),
		field.Int64("stricter").Default(0),
		field.Int64("otherwise").Default(0),
		field.Int64("failed").Default(0),
		field.Int64("dropped").Default(0).Comment("Requests that were to be compared and were not, because the service had more to do."),
	}
}

// Annotations of a trial.
func (PolicyTrial) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Checks(map[string]string{"trial_share": "(share >= 1 AND share <= 1000)"})}
}

// PolicyDifference is one request that the candidate of a trial would have answered otherwise.
type PolicyDifference struct{ ent.Schema }

// Mixin gives the key.
func (PolicyDifference) Mixin() []ent.Mixin { return []ent.Mixin{identified{}} }

// Fields of a difference. rule names what made it: a grant or a code. live and candidate are the two answers, as JSON.
func (PolicyDifference) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("trial_id").Immutable(),
		field.Time("at").Immutable(),
		field.String("principal").Immutable().MaxLen(300),
		field.String("action").Immutable().MaxLen(100),
		field.Enum("direction").Values("LOOSER", "STRICTER", "OTHER").Immutable(),
		field.String("rule").Immutable().MaxLen(300),
		field.Text("live").Immutable(),
		field.Text("candidate").Immutable(),
		field.Text("input").Immutable(),
		field.Int64("license_id").Default(0).Immutable(),
		field.Int64("allotment_id").Default(0).Immutable(),
	}
}

// Indexes of a difference.
func (PolicyDifference) Indexes() []ent.Index { return []ent.Index{index.Fields("trial_id")} }
