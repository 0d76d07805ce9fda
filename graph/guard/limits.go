package guard

import (
	"time"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/ringfence/ringfence/internal/fault"
)

// Limits says how much a request may ask for. All are on by default; DefaultLimits gives the figures of design.md §2.
type Limits struct {
	Bytes         int // of a request's body, and of a document
	Tokens        int // of a document, comments included
	Depth         int // of nested fields through fragments; also of nested literals and list types
	Aliases       int // in a document
	RootFields    int // of an operation, through fragments
	Fields        int // of a document's operations after expanding fragments, and of its fragments
	Spreads       int // fragment spreads and inline fragments in one selection set
	Directives    int // in one place
	Name          int // bytes of a name: validation repeats the name of an operation in an error for each of its variables
	Cost          int // field values of an answer, lists multiplied by their page size
	VariableDepth int // of nested lists and objects in a variable
	Errors        int // in one answer

	Deadline   time.Duration // of a query or mutation
	CacheBytes int           // of validated documents kept
}

// DefaultLimits gives the limits of design.md §2. The cost is room for two nested pages of 100 with 15 fields each, and
// none for three.
func DefaultLimits() Limits {
	return Limits{
		Bytes: 1 << 20, Tokens: 15_000, Depth: 20, Aliases: 100, RootFields: 50, Fields: 5_000, Spreads: 60, Directives: 8, Name: 200,
		Cost: 200_000, VariableDepth: 32, Errors: 50, Deadline: 10 * time.Second, CacheBytes: 64 << 20,
	}
}

// saturated is where counts stop growing: doubling fragments would overflow any integer.
const saturated = 1 << 40

func add(a, b int) int { return min(a+b, saturated) }

// times multiplies two counts that are at most saturated.
func times(a, b int) int {
	if b != 0 && a > saturated/b {
		return saturated
	}
	return a * b
}

// exceeds is the TOO_COMPLEX error naming the limit and the figure, or nil when the figure is within the limit.
func exceeds(what string, figure, limit int) *fault.Error {
	switch {
	case figure <= limit:
		return nil
	case figure >= saturated:
		return fault.New(fault.TooComplex, "the request is too complex: %s more than %d, the limit is %d", what, saturated-1, limit)
	default:
		return fault.New(fault.TooComplex, "the request is too complex: %s %d, the limit is %d", what, figure, limit)
	}
}

// refusal carries a fault through gqlgen to the error presenter, which finds it with errors.As.
func refusal(err *fault.Error, at ...gqlerror.Location) *gqlerror.Error {
	return &gqlerror.Error{Err: err, Message: err.Message, Locations: at}
}
