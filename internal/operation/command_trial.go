package operation

import (
	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/policy"
)

// StartPolicyTrial has a candidate asked beside the live policy for a share of the requests, without any effect. Global administrators
// and policy authors may (semantics.md §7). The candidate is given as files, or as a revision that is kept. It is refused if it does not
// pass the gate (INVALID_INPUT, field files), and while another trial runs (CONFLICT).
type StartPolicyTrial struct {
	Request
	Files    []PolicyFile
	Revision *string
	// Share is how much of the requests the candidate is asked about, from 0.001 to 1, which is all.
	Share float64
	Note  *string

	files    policy.Files
	problems []policy.Problem
}

// PolicyTrialPayload answers StartPolicyTrial and StopPolicyTrial.
type PolicyTrialPayload struct {
	Reply
	PolicyTrial *ent.PolicyTrial
}

// StopPolicyTrial ends a trial. What it counted stays. Doing it again changes nothing.
type StopPolicyTrial struct {
	Request
	PolicyTrialID id.ID
}
