package operation

import (
	"context"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/store"
)

// May tells whether the principal of the context may do what a command does at all, to something: whoever may not is to be refused
// before a file of theirs is read. What counts is the decision on the command.
func May[P any](ctx context.Context, r *Runner, cmd Command[P]) (may bool, err error) {
	who := identity.FromContext(ctx)
	if who == nil {
		return false, fault.New(fault.Unauthenticated, "sign in first")
	}
	err = r.Store.View(ctx, func(ctx context.Context, rd *store.Reader) error {
		read := &reading{Reader: rd}
		askers, err := read.askers(ctx, []*identity.Principal{who})
		if err != nil {
			return err
		}
		view, err := r.Policy.Current().Visibility(ctx, askers[0].facts())
		may = err == nil && view.Actions[cmd.action()]
		return nil
	})
	return may, translate(err)
}
