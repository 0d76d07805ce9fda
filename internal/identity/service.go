package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/ringfence/ringfence/internal/fault"
)

// RoleProvisioner is the role of a provisioning client: it keeps users, groups and memberships up to date, and does nothing else.
const RoleProvisioner = "PROVISIONER"

// Purposes of service tokens: what they open.
const (
	PurposeSCIM = "SCIM" // /scim/v2
	PurposeAPI  = "API"  // /graphql and what belongs to it
)

// secretPrefix begins every service token, so that one that leaked is found by those who look for such things.
const secretPrefix = "rf_"

// ServiceToken is what is known of a service token: not its secret, of which only the hash is kept.
type ServiceToken struct {
	Name    string
	Purpose string // PurposeSCIM or PurposeAPI
	Roles   []string
	Expires *time.Time // nil: never
	Revoked bool
}

// ServiceTokens finds service tokens by the hash of their secret, and notes that they were used. It gives nil for a hash that
// nobody has.
type ServiceTokens interface {
	FindServiceToken(ctx context.Context, hash string) (*ServiceToken, error)
}

// NewSecret makes the secret of a service token, 256 random bits, and the hash that is kept of it.
func NewSecret() (secret, hash string) {
	var bits [32]byte
	_, _ = rand.Read(bits[:]) // never fails (crypto/rand)
	secret = secretPrefix + base64.RawURLEncoding.EncodeToString(bits[:])
	return secret, hashOf(secret)
}

// hashOf is the SHA-256 of a secret in hexadecimal. The secret is random, so there is nothing that a slow hash would protect.
func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// service gives the principal of a service token. It is looked up each time, so that a token is refused from the moment it is
// revoked.
func (a *Authenticator) service(ctx context.Context, secret string, now time.Time) (*Principal, error) {
	if a.tokens == nil || len(secret) != len(secretPrefix)+base64.RawURLEncoding.EncodedLen(32) {
		return nil, rejected(nil, "the token is not valid")
	}
	token, err := a.tokens.FindServiceToken(ctx, hashOf(secret))
	switch {
	case err != nil:
		return nil, fault.Wrap(err, fault.Unavailable, "the token cannot be checked now; try again")
	case token == nil:
		return nil, rejected(nil, "the token is not valid")
	case token.Revoked:
		return nil, rejected(nil, "the token was revoked")
	case token.Expires != nil && !now.Before(*token.Expires):
		return nil, rejected(nil, "the token has expired")
	}
	roles := token.Roles
	if token.Purpose == PurposeSCIM {
		roles = []string{RoleProvisioner}
	}
	return &Principal{UserName: token.Name, Roles: roles, Purpose: token.Purpose}, nil
}

// Request gives the principal of a request by its Authorization header. Errors are *fault.Error: UNAUTHENTICATED without exactly
// one valid bearer token, UNAVAILABLE when that cannot be told now.
func (a *Authenticator) Request(r *http.Request) (*Principal, error) {
	headers := r.Header["Authorization"]
	if len(headers) == 0 {
		return nil, rejected(nil, "sign in with a bearer token")
	}
	who, err := a.fromHeaders(r, headers)
	if err != nil {
		a.record(r.Context(), err)
	}
	return who, err
}

// isSecret tells whether a token is a service token, or means to be.
func isSecret(token string) bool { return strings.HasPrefix(token, secretPrefix) }
