package operation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/policy"
)

// A policy may want a second person for some requests. It refuses the first one's; the second makes the same request and names the
// decision that refused it. Whether that will do is for the policy: the service tells it who was refused, when, why, and whether
// it was this very request.

// asked are the arguments of a request that can be confirmed: a hash of all it asks for, but not of how.
func asked(action string, cmd any) (map[string]any, error) {
	text, err := json.Marshal(cmd)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append([]byte(action+"\n"), text...))
	return map[string]any{"request": hex.EncodeToString(sum[:])}, nil
}

func checkConfirms(confirms *id.ID) error {
	if confirms != nil && confirms.Noun != id.Decision {
		return fault.Invalid("confirms", "this is not the id of a decision")
	}
	return nil
}

// confirmed gives what the policy is told of the decision that a request names; nil if it names none. A decision that is not there,
// or is no refusal of the same request, tells nothing but that.
func (r *reading) confirmed(ctx context.Context, ask *policy.Input, confirms *id.ID) (*policy.Confirmation, error) {
	if confirms == nil {
		return nil, nil
	}
	first, err := r.Client().Decision.Get(ctx, confirms.N)
	if ent.IsNotFound(err) {
		return &policy.Confirmation{}, nil
	}
	if err != nil {
		return nil, err
	}
	var input struct{ Args struct{ Request string } }
	args, _ := ask.Args.(map[string]any)
	if unmarshal([]byte(first.Input), &input) != nil || first.Allow || first.DryRun || first.Action != ask.Action || input.Args.Request != args["request"] {
		return &policy.Confirmation{}, nil //nolint:nilerr // a record that cannot be read confirms nothing
	}
	told := &policy.Confirmation{Same: true, Principal: first.Principal, At: first.At}
	for _, violation := range first.Violations {
		told.Codes = append(told.Codes, violation.Code)
	}
	return told, nil
}

// confirmable puts into the question what is asked for, without how it is asked, and what is known of the decision that it confirms.
func (r *reading) confirmable(ctx context.Context, ask *policy.Input, cmd any, confirms *id.ID) (err error) {
	if ask.Args, err = asked(ask.Action, cmd); err == nil {
		ask.Confirms, err = r.confirmed(ctx, ask, confirms)
	}
	return err
}
