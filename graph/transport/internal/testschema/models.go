package testschema

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/licensing"
)

// Node is anything with an id.
type Node interface{ IsNode() }

// User is a user who manages others without end.
type User struct{ ID, Name string }

// IsNode marks a user as a node.
func (User) IsNode() {}

// UserEdge is an edge of a UserConnection.
type UserEdge struct {
	Node   *User
	Cursor string
}

// UserConnection is a page of users.
type UserConnection struct {
	Edges      []*UserEdge
	Nodes      []*User
	TotalCount int
}

// Scope is an input that nests.
type Scope struct {
	Countries []string
	Limit     *int
	And       []*Scope
}

// AssignInput is the input of the mutation.
type AssignInput struct {
	LicenseID string
	UserIds   []string
	Count     *int
	Share     *float64
	State     *State
	Code      *string
	Note      *string
	Scope     *Scope
	DryRun    *bool
}

// Result is the answer for one user.
type Result struct {
	User  *User
	State State
	Note  *string
}

// AssignPayload is the answer of the mutation.
type AssignPayload struct {
	Results  []*Result
	Decision string
}

// State is an enum.
type State string

// The values of State.
const (
	StateActive  State = "ACTIVE"
	StateWaiting State = "WAITING"
)

// UnmarshalGQL reads a state.
func (s *State) UnmarshalGQL(v any) error {
	text, ok := v.(string)
	if *s = State(text); !ok || *s != StateActive && *s != StateWaiting {
		return fmt.Errorf("%v is not a State", v)
	}
	return nil
}

// MarshalGQL writes a state.
func (s State) MarshalGQL(w io.Writer) { _, _ = io.WriteString(w, strconv.Quote(string(s))) }

// Resolver answers all fields.
type Resolver struct{}

// Query gives the resolver of queries.
func (r *Resolver) Query() QueryResolver { return r }

// Mutation gives the resolver of mutations.
func (r *Resolver) Mutation() MutationResolver { return r }

// User gives the resolver of users.
func (r *Resolver) User() UserResolver { return userResolver{} }

type userResolver struct{}

func (userResolver) Manager(context.Context, *User) (*User, error) { return ann(), nil }

func (userResolver) Users(_ context.Context, _ *User, first *int, _ *string, last *int, _ *string) (*UserConnection, error) {
	return page(first, last)
}

func ann() *User { return &User{ID: "u1", Name: "Ann"} }

func page(first, last *int) (*UserConnection, error) {
	n := 2
	for _, asked := range []*int{first, last} {
		if asked == nil {
			continue
		}
		if n = *asked; n < 0 || n > 100 {
			return nil, fault.Invalid("first", "a page has 0 to 100 elements")
		}
	}
	c := &UserConnection{TotalCount: n, Edges: []*UserEdge{}, Nodes: []*User{}}
	for range n {
		c.Edges = append(c.Edges, &UserEdge{Node: ann(), Cursor: "c"})
		c.Nodes = append(c.Nodes, ann())
	}
	return c, nil
}

// Viewer answers the field viewer.
func (r *Resolver) Viewer(context.Context) (*User, error) { return ann(), nil }

// Node answers the field node.
func (r *Resolver) Node(context.Context, string) (Node, error) { return ann(), nil }

// Nodes answers the field nodes.
func (r *Resolver) Nodes(_ context.Context, ids []string) ([]Node, error) {
	nodes := make([]Node, len(ids))
	for i := range nodes {
		nodes[i] = ann()
	}
	return nodes, nil
}

// Users answers the field users.
func (r *Resolver) Users(_ context.Context, first *int, _ *string, last *int, _ *string) (*UserConnection, error) {
	return page(first, last)
}

// Echo answers the field echo.
func (r *Resolver) Echo(_ context.Context, count *int, _ *float64, _ *string, _ *State, code *string, _ *Scope, _ *bool) (string, error) {
	if code != nil {
		return *code, nil
	}
	if count == nil {
		return "", nil
	}
	return strconv.Itoa(*count), nil
}

// Unregistered answers a field that the gate must not let through.
func (r *Resolver) Unregistered(context.Context) (*string, error) { return new(string), nil }

// Fail answers the field fail.
func (r *Resolver) Fail(ctx context.Context, how string) (*string, error) {
	switch how {
	case "plain":
		return nil, errors.New(`pq: relation "seats" does not exist`)
	case "wrapped":
		return nil, fmt.Errorf("assign: %w", fault.New(fault.Conflict, "somebody else was first"))
	case "panic":
		panic("/srv/ringfence/secret.go: nil map")
	case "slow":
		<-ctx.Done()
		return nil, ctx.Err()
	case string(fault.PolicyDenied):
		return nil, denial()
	case string(fault.InvalidInput):
		return nil, fault.Invalid("how", "this is not a way to fail")
	default:
		return nil, fault.Wrap(errors.New("dial tcp 10.0.0.1:5432"), fault.Code(how), "a sentence for people")
	}
}

func denial() error {
	n := func(i int64) *int64 { return &i }
	return &fault.Error{
		Code: fault.PolicyDenied, Message: "the pool has no room", Decision: 7, Revision: "r1",
		Violations: []licensing.Violation{{
			Code: licensing.InsufficientPool, Message: "126 requested, 125 available", Pool: &licensing.PoolKey{License: 1, Allotment: 2},
			Limit: n(275), Used: n(150), Requested: n(126), Available: n(125), ShortBy: n(1), Field: "limit",
		}},
	}
}

// Assign answers the mutation.
func (r *Resolver) Assign(_ context.Context, input AssignInput) (*AssignPayload, error) {
	payload := &AssignPayload{Decision: "d1", Results: []*Result{}}
	for range input.UserIds {
		payload.Results = append(payload.Results, &Result{User: ann(), State: StateActive, Note: input.Note})
	}
	return payload, nil
}
