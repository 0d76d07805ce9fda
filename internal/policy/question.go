package policy

import (
	"context"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ringfence/ringfence/internal/licensing"
)

// Question is a recorded input, read once to be put to several policies. It must not be changed and is safe for concurrent use.
type Question struct {
	term  *ast.Term
	frame frame
}

// ReadQuestion reads a recorded input. The error tells that the record is none.
func ReadQuestion(recorded []byte) (*Question, error) {
	term, f, err := parseInput(recorded)
	if err != nil {
		return nil, err
	}
	return &Question{term: term, frame: f}, nil
}

// Answer answers a recorded question again. Like Decide, it never fails.
func (p *Policy) Answer(ctx context.Context, q *Question) Answer {
	return p.answer(ctx, q.term, &q.frame)
}

// Action is what was asked: the root field of a mutation, or one of the Action constants.
func (q *Question) Action() string {
	action, _ := textOf(q.document().Get(kAction))
	return action
}

// Principal is who asked, as far as the policy's view depends on it: roles, the service itself, a delegate of anything.
func (q *Question) Principal() Principal {
	who, ok := objectOf(q.document().Get(kPrincipal))
	if !ok {
		return Principal{}
	}
	name, _ := textOf(who.Get(kName))
	p := Principal{Name: name, System: isTrue(who.Get(kSystem)), DelegateOf: isTrue(who.Get(kDelegateOf))}
	if roles, ok := array(who, kRoles); ok {
		roles.Foreach(func(role *ast.Term) {
			text, _ := textOf(role)
			p.Roles = append(p.Roles, text)
		})
	}
	return p
}

// Fits tells whether what was asked for stays within the limits of its pools, raised as the ceilings of an answer say: the arithmetic
// by which the ledger refuses, on the figures that were recorded.
func (q *Question) Fits(ceilings map[licensing.PoolKey]int64) bool {
	chain, _ := array(q.document(), kPools)
	for i, pool := range q.frame.pools {
		if pool.limit == nil {
			continue
		}
		upTo := max(*pool.limit, ceilings[pool.key])
		asked, ok := objectOf(chain.Elem(i))
		if !ok {
			return false
		}
		used, reserved, requested := wholeOf(asked.Get(kUsed)), wholeOf(asked.Get(kReserved)), wholeOf(asked.Get(kRequested))
		if used == nil || reserved == nil || requested == nil {
			continue
		}
		if *requested > 0 && *used+*reserved+*requested > upTo {
			return false
		}
	}
	return true
}

// Pools are the keys of the pools the question was about, the target first.
func (q *Question) Pools() []licensing.PoolKey {
	keys := make([]licensing.PoolKey, len(q.frame.pools))
	for i := range q.frame.pools {
		keys[i] = q.frame.pools[i].key
	}
	return keys
}

func (q *Question) document() ast.Object { return q.term.Value.(ast.Object) } // frameOf has seen that it is one

func isTrue(term *ast.Term) bool {
	if term == nil {
		return false
	}
	b, ok := term.Value.(ast.Boolean)
	return ok && bool(b)
}
