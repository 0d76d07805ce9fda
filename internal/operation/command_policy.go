package operation

import (
	"github.com/ringfence/ringfence/ent"
)

// PolicyFile is one file of a policy. Path is relative to the policy: Rego files anywhere, JSON files at its top.
type PolicyFile struct {
	Path string
	Text string
}

// PublishPolicy has all replicas answer by a policy that its author has seen the effect of. Global administrators and policy authors may
// (semantics.md §7). It is refused where the policy is deployed, as a directory or a bundle (CONFLICT), if it does not pass the gate
// (INVALID_INPUT, field files), if it would change other recorded decisions than the author saw, and if another was published meanwhile
// (both CONFLICT).
type PublishPolicy struct {
	Request
	Files []PolicyFile
	Note  string
	// ExpectedFlips is what validatePolicy said would change, in one word. Only a dry run may leave it out.
	ExpectedFlips *string
	// ExpectedRevision is the policy that is to be replaced; nil: whichever answers.
	ExpectedRevision *string

	candidate *Candidate
}

// PolicyPayload answers PublishPolicy and RollbackPolicy. A dry run has no publication.
type PolicyPayload struct {
	Reply
	Publication *ent.PolicyPublication
	Validation  *Validation
}

// RollbackPolicy has all replicas answer by a policy again that answered before. Who may, and what refuses it, is as for PublishPolicy;
// what would change need not be known, so that the way back is short.
type RollbackPolicy struct {
	Request
	Revision         string
	Note             string
	ExpectedFlips    *string
	ExpectedRevision *string

	candidate *Candidate
}
