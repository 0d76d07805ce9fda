package operation

import (
	"github.com/99designs/gqlgen/graphql"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/internal/id"
)

// UserInput is one user as a directory knows it. It matches an existing user by ExternalID, else by UserName without case.
type UserInput struct {
	ExternalID    graphql.Omittable[*string] `json:",omitzero"`
	UserName      string
	DisplayName   *string
	Email         *string
	Type          *string                    // MEMBER by default
	Department    graphql.Omittable[*string] `json:",omitzero"`
	CostCenter    graphql.Omittable[*string] `json:",omitzero"`
	UsageLocation graphql.Omittable[*string] `json:",omitzero"` // ISO 3166-1 alpha-2
	Enabled       *bool
	Roles         []string
	// Attributes is what a provisioning client knows beyond these fields, as a JSON object; nil leaves it as it is. The API does
	// not have it.
	Attributes *string `json:",omitempty"`
}

// UpsertUsers creates or changes users, at most 10,000 at once, all or none. Disabling a user releases their seats; what a
// change makes possible (enabling, another country) is tried again in the same transaction.
type UpsertUsers struct {
	Request
	Users []UserInput
}

// UsersPayload answers UpsertUsers, users in the order of the input.
type UsersPayload struct {
	Reply
	Users []*ent.User
}

// DeleteUsers removes users and releases everything they hold.
type DeleteUsers struct {
	Request
	UserIDs []id.ID
	// Version is the version (Version) that each of the users must still have, if it is given. The API does not have it.
	Version *int64 `json:",omitempty"`
}

// DeleteUsersPayload answers DeleteUsers.
type DeleteUsersPayload struct {
	Reply
	DeletedIDs []id.ID
}

// GroupInput is one group as a directory knows it. It matches by ExternalID, else by Name.
type GroupInput struct {
	ExternalID graphql.Omittable[*string] `json:",omitzero"`
	Name       string
}

// UpsertGroups creates or renames groups, at most 10,000 at once, all or none.
type UpsertGroups struct {
	Request
	Groups []GroupInput
}

// GroupsPayload answers UpsertGroups, groups in the order of the input.
type GroupsPayload struct {
	Reply
	Groups []*ent.Group
}

// DeleteGroup removes a group that has no group licenses.
type DeleteGroup struct {
	Request
	GroupID id.ID
	// Version is the version (Version) that the group must still have, if it is given. The API does not have it.
	Version *int64 `json:",omitempty"`
}

// GroupMembers names direct members of a group: users, and groups nested in it. At most 50,000 at once.
type GroupMembers struct {
	Request
	GroupID        id.ID
	UserIDs        []id.ID
	MemberGroupIDs []id.ID
}

// AddGroupMembers adds members; they get what the group grants in the same transaction.
type AddGroupMembers struct{ GroupMembers }

// RemoveGroupMembers removes members; they lose what only the group granted, and the queues move.
type RemoveGroupMembers struct{ GroupMembers }

// GroupPayload answers a change of members. Changed counts memberships that were really added or removed.
type GroupPayload struct {
	Reply
	Group   *ent.Group
	Changed int64
}
