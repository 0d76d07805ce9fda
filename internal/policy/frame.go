package policy

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ringfence/ringfence/internal/licensing"
)

// maxSubjects bounds the work of one evaluation. Larger groups are decided in chunks.
const maxSubjects = 10_000

// frame is what an answer may refer to: the subjects by index, the pools by id.
type frame struct {
	subjects int
	pools    []framePool
}

type framePool struct {
	id    string
	key   licensing.PoolKey
	limit *int64
}

func (in *Input) frame() frame {
	pools := make([]framePool, len(in.Pools))
	for i := range in.Pools {
		p := &in.Pools[i]
		pools[i] = framePool{id: PoolID(p.Key), key: p.Key, limit: p.Limit}
	}
	return frame{subjects: len(in.Subjects), pools: pools}
}

func (f *frame) pool(id string) *framePool {
	for i := range f.pools {
		if f.pools[i].id == id {
			return &f.pools[i]
		}
	}
	return nil
}

// frameOf reads the frame from a recorded document. The last pool of a chain is the license, which names the license of
// the allotments before it.
func frameOf(input *ast.Term) (frame, error) {
	document, ok := input.Value.(ast.Object)
	if !ok {
		return frame{}, errInput
	}
	subjects, ok := array(document, kSubjects)
	if !ok || subjects.Len() > maxSubjects {
		return frame{}, fmt.Errorf("%w: subjects", errInput)
	}
	chain, ok := array(document, kPools)
	if !ok {
		return frame{}, fmt.Errorf("%w: pools", errInput)
	}
	f := frame{subjects: subjects.Len(), pools: make([]framePool, chain.Len())}
	var license int64
	for i := chain.Len() - 1; i >= 0; i-- {
		pool, err := framePoolOf(chain.Elem(i), license)
		if err != nil {
			return frame{}, err
		}
		license = pool.key.License
		f.pools[i] = pool
	}
	return f, nil
}

func framePoolOf(term *ast.Term, license int64) (framePool, error) {
	pool, ok := term.Value.(ast.Object)
	if !ok {
		return framePool{}, fmt.Errorf("%w: pools", errInput)
	}
	id, _ := textOf(pool.Get(kID))
	kind, digits, _ := strings.Cut(id, ":")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return framePool{}, fmt.Errorf("%w: the id of a pool", errInput)
	}
	p := framePool{id: id}
	switch kind {
	case "license":
		p.key = licensing.PoolKey{License: n}
	case "allotment":
		p.key = licensing.PoolKey{License: license, Allotment: n}
	default:
		return framePool{}, fmt.Errorf("%w: the id of a pool", errInput)
	}
	if limit := pool.Get(kLimit); limit != nil {
		if p.limit = wholeOf(limit); p.limit == nil {
			return framePool{}, fmt.Errorf("%w: the limit of a pool", errInput)
		}
	}
	return p, nil
}

func array(object ast.Object, key *ast.Term) (*ast.Array, bool) {
	term := object.Get(key)
	if term == nil {
		return nil, false
	}
	a, ok := term.Value.(*ast.Array)
	return a, ok
}

func textOf(term *ast.Term) (string, bool) {
	if term == nil {
		return "", false
	}
	s, ok := term.Value.(ast.String)
	return string(s), ok
}

// wholeOf gives a whole number, or nil for anything else, fractions included.
func wholeOf(term *ast.Term) *int64 {
	if term == nil {
		return nil
	}
	n, ok := term.Value.(ast.Number)
	if !ok {
		return nil
	}
	if whole, ok := n.Int64(); ok {
		return &whole
	}
	return nil
}
