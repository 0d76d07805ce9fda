// Package identity answers who asks: it turns a bearer token into a Principal.
package identity

import "context"

// Role names of the default policy (semantics.md §7). A token may carry others; the policy gives them no rights unless
// an author does.
const (
	RoleGlobalAdmin     = "GLOBAL_ADMIN"
	RoleLicenseAdmin    = "LICENSE_ADMIN"
	RoleContractManager = "CONTRACT_MANAGER"
	RoleAuditor         = "AUDITOR"
	RoleAnalyst         = "ANALYST"
	RolePolicyAuthor    = "POLICY_AUTHOR"
)

// SystemName is the name under which the service records what it does by itself. Nobody can sign in with it.
const SystemName = "system"

// Principal is who asks, as the token says: a user name (the claim sub) and roles (the claim roles). The user behind the
// name, group memberships and delegations are facts, read from the database where they are needed.
type Principal struct {
	UserName string
	Roles    []string // sorted, without duplicates
	// Purpose is what a service token opens (PurposeSCIM or PurposeAPI); empty for people. A service is no user of the directory,
	// also if a user has its name.
	Purpose string
	// System is true only for the service itself (promotion, repair, imports on the command line). No token sets it.
	System bool
}

type contextKey struct{}

// WithPrincipal puts the principal of a request into its context.
func WithPrincipal(ctx context.Context, p *Principal) context.Context {
	return context.WithValue(ctx, contextKey{}, p)
}

// FromContext gives the principal of the request, or nil for an anonymous one.
func FromContext(ctx context.Context) *Principal {
	p, _ := ctx.Value(contextKey{}).(*Principal)
	return p
}
