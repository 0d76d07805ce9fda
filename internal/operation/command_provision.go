package operation

import (
	"github.com/99designs/gqlgen/graphql"

	"github.com/ringfence/ringfence/internal/id"
)

// The commands of a provisioning client (SCIM). They differ from UpsertUsers and UpsertGroups in that they name what they change by
// its id, and refuse to make what exists already. To the policy and in the journal they are the same.

// ProvisionUser makes a user, or changes the one that UserID names. Answers: CONFLICT that names userName or externalId if another
// user has it, CONFLICT that names VersionField if the user has another version than the one given.
type ProvisionUser struct {
	Request
	UserID  *id.ID // nil: a new user
	Version *int64 // the version the user must still have; nil: any
	User    UserInput
}

// ProvisionGroup makes a group, or changes the one that GroupID names, with all its members in one step. What leaves and what
// comes is brought in line together. Members to add must exist; members to remove who are none are passed over.
type ProvisionGroup struct {
	Request
	GroupID    *id.ID // nil: a new group
	Version    *int64 // the version the group must still have; nil: any
	Name       *string
	ExternalID graphql.Omittable[*string] `json:",omitzero"`

	Replace        bool // those to add are all members there are from now on
	AddUserIDs     []id.ID
	AddGroupIDs    []id.ID
	RemoveUserIDs  []id.ID
	RemoveGroupIDs []id.ID
}
