package replay

import (
	"context"

	"github.com/ringfence/ringfence/internal/policy"
)

// TypicalDifference is a typical request that two policies answer otherwise.
type TypicalDifference struct {
	Case string // what it is, for people
	Difference
	Place string // file:row of the rule in the second policy; empty if it has none
}

// Typical puts the requests that are typical for the service, and that the gate asks, to two policies.
func Typical(ctx context.Context, was, is *policy.Policy) ([]TypicalDifference, error) {
	places := newPlaces(was.Files(), is.Files())
	var found []TypicalDifference
	for _, c := range policy.Typical() {
		question, err := policy.ReadQuestion(c.Input.JSON())
		if err != nil {
			return nil, err
		}
		before, after := ask(ctx, was, question), ask(ctx, is, question)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if difference, differs := Compare(question, &before, &after); differs {
			found = append(found, TypicalDifference{c.Name, difference, places.of(difference.Rule, difference.Grant)})
		}
	}
	return found, nil
}
