package guard

import (
	"context"
	"math"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/vektah/gqlparser/v2/ast"
)

const (
	// bytesPerNode is what a node of a parsed document takes, with its position, comments and slices (measured: see
	// TestDocumentsWeighWhatTheyTake).
	bytesPerNode = 400
	// bytesPerDocument is what an entry takes beside its nodes and text.
	bytesPerDocument = 1024
	// largestShare of the cache is what one document may take; a larger one is parsed again each time.
	largestShare = 16
)

// Documents keeps validated documents, the least recently used go first. It is bounded by bytes: bounded by entries, a
// few megabytes-long documents would fill the memory. It is safe for concurrent use.
type Documents struct {
	mu     sync.Mutex
	kept   *simplelru.LRU[string, document]
	weight int
	limit  int
}

type document struct {
	doc    *ast.QueryDocument
	weight int
}

var _ graphql.Cache[*ast.QueryDocument] = (*Documents)(nil)

// NewDocuments makes a cache that holds about so many bytes.
func NewDocuments(bytes int) *Documents {
	d := &Documents{limit: bytes}
	kept, err := simplelru.NewLRU(math.MaxInt, func(_ string, entry document) { d.weight -= entry.weight })
	if err != nil {
		panic(err) // only for a size that is not positive
	}
	d.kept = kept
	return d
}

// Get gives the document of a text, if it is kept. It is shared: do not change it.
func (d *Documents) Get(_ context.Context, text string) (*ast.QueryDocument, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	entry, ok := d.kept.Get(text)
	return entry.doc, ok
}

// Add keeps a validated document, and lets go of old ones until all fit.
func (d *Documents) Add(_ context.Context, text string, doc *ast.QueryDocument) {
	entry := document{doc: doc, weight: weigh(text, doc)}
	if entry.weight > d.limit/largestShare {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.kept.Contains(text) {
		return
	}
	d.kept.Add(text, entry)
	d.weight += entry.weight
	for d.weight > d.limit {
		d.kept.RemoveOldest()
	}
}

// weigh estimates the memory of a parsed document. The text counts twice: as the key and as the source of positions.
func weigh(text string, doc *ast.QueryDocument) int {
	nodes := 0
	for _, op := range doc.Operations {
		nodes += 1 + nodesOfDirectives(op.Directives) + nodesOfSet(op.SelectionSet)
		for _, v := range op.VariableDefinitions {
			nodes += 2 + nodesOfValue(v.DefaultValue) + nodesOfDirectives(v.Directives)
		}
	}
	for _, f := range doc.Fragments {
		nodes += 1 + nodesOfDirectives(f.Directives) + nodesOfSet(f.SelectionSet)
	}
	return bytesPerDocument + 2*len(text) + bytesPerNode*nodes
}

func nodesOfSet(set ast.SelectionSet) int {
	nodes := 0
	for _, selection := range set {
		nodes++
		switch selection := selection.(type) {
		case *ast.Field:
			nodes += nodesOfArguments(selection.Arguments) + nodesOfDirectives(selection.Directives) + nodesOfSet(selection.SelectionSet)
		case *ast.InlineFragment:
			nodes += nodesOfDirectives(selection.Directives) + nodesOfSet(selection.SelectionSet)
		case *ast.FragmentSpread:
			nodes += nodesOfDirectives(selection.Directives)
		}
	}
	return nodes
}

func nodesOfDirectives(list ast.DirectiveList) int {
	nodes := len(list)
	for _, d := range list {
		nodes += nodesOfArguments(d.Arguments)
	}
	return nodes
}

func nodesOfArguments(list ast.ArgumentList) int {
	nodes := 0
	for _, a := range list {
		nodes += 1 + nodesOfValue(a.Value)
	}
	return nodes
}

func nodesOfValue(v *ast.Value) int {
	if v == nil {
		return 0
	}
	nodes := 1
	for _, child := range v.Children {
		nodes += nodesOfValue(child.Value)
	}
	return nodes
}
