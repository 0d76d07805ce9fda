package operation

import (
	"time"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/internal/id"
)

// CreateServiceToken lets a service in: a provisioning client (purpose SCIM, which has the one role PROVISIONER) or a program
// that uses the API (purpose API, with roles of which none may exceed those of who makes the token).
type CreateServiceToken struct {
	Request
	Name      string
	Purpose   string
	Roles     []string
	ExpiresAt *time.Time // nil: it does not expire
}

// CreateServiceTokenPayload answers CreateServiceToken. The secret is told once: a retry, and a dry run, have none.
type CreateServiceTokenPayload struct {
	Reply
	ServiceToken *ent.ServiceToken
	Secret       *string `json:"-"` // never stored with the answer that a retry finds
}

// RevokeServiceToken ends a service token at once. Doing it again changes nothing.
type RevokeServiceToken struct {
	Request
	ServiceTokenID id.ID
}

// RevokeServiceTokenPayload answers RevokeServiceToken.
type RevokeServiceTokenPayload struct {
	Reply
	ServiceToken *ent.ServiceToken
}
