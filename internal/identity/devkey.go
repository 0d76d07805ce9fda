package identity

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	devIssuer   = "urn:ringfence:development"
	devAudience = "ringfence"
	devKeyFile  = "development.key"
	devType     = "JWT"
)

// DevelopmentKey signs and verifies the tokens of development mode: EdDSA over Ed25519, issuer
// urn:ringfence:development, audience ringfence. Who can read the key file can be anyone, so it stays in the data
// directory with mode 0600 and is only accepted where the server is told to.
type DevelopmentKey struct {
	private ed25519.PrivateKey
	public  ed25519.PublicKey
	id      string
}

// DevKey loads the development key of a data directory, and creates it when there is none. Processes that start at the same
// time agree on one key. It refuses a key file that others can read.
func DevKey(dataDir string) (*DevelopmentKey, error) {
	path := filepath.Join(dataDir, devKeyFile)
	key, err := loadDevKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return nil, fmt.Errorf("create the data directory: %w", err)
	}
	if err := createDevKey(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return loadDevKey(path)
}

func loadDevKey(path string) (*DevelopmentKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("development key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("development key %s can be read by others (mode %o); set it to 0600", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("development key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("development key %s is not PEM", path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("development key %s: %w", path, err)
	}
	private, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("development key %s is not an Ed25519 key", path)
	}
	public := private.Public().(ed25519.PublicKey)
	sum := sha256.Sum256(public)
	return &DevelopmentKey{private: private, public: public, id: base64.RawURLEncoding.EncodeToString(sum[:12])}, nil
}

// createDevKey writes the whole key to a temporary file and links it to its name, so that the name never shows half a
// key and of two creators one wins; the other gets fs.ErrExist.
func createDevKey(path string) error {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("create development key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return fmt.Errorf("create development key: %w", err)
	}
	// CreateTemp makes the file with mode 0600.
	temp, err := os.CreateTemp(filepath.Dir(path), "."+devKeyFile+"-*")
	if err != nil {
		return fmt.Errorf("create development key: %w", err)
	}
	defer func() { _ = os.Remove(temp.Name()) }()
	err = pem.Encode(temp, &pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return fmt.Errorf("create development key: %w", err)
	}
	if err := os.Link(temp.Name(), path); err != nil {
		return fmt.Errorf("create development key: %w", err)
	}
	return nil
}

// devClaims are the claims of a development token.
type devClaims struct {
	jwt.Claims
	Roles []string `json:"roles"`
}

// Mint signs a token for a user with roles, valid from now for ttl.
func (k *DevelopmentKey) Mint(userName string, roles []string, ttl time.Duration) (string, error) {
	if strings.TrimSpace(userName) == "" {
		return "", errors.New("a token needs a user name")
	}
	if ttl <= 0 {
		return "", errors.New("a token needs a lifetime above zero")
	}
	now := time.Now()
	return k.sign(devType, devClaims{
		Claims: jwt.Claims{
			Issuer: devIssuer, Subject: userName, Audience: jwt.Audience{devAudience},
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(ttl)),
		},
		Roles: append([]string{}, roles...),
	})
}

func (k *DevelopmentKey) sign(typ string, claims any) (string, error) {
	options := (&jose.SignerOptions{}).WithType(jose.ContentType(typ)).WithHeader("kid", k.id)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: k.private}, options)
	if err != nil {
		return "", fmt.Errorf("sign a development token: %w", err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign a development token: %w", err)
	}
	return token, nil
}

func (k *DevelopmentKey) issuer() string { return devIssuer }

func (k *DevelopmentKey) verify(_ context.Context, token string, now time.Time) (verified, error) {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		return verified{}, rejected(err, "the token is not valid")
	}
	if len(parsed.Headers) != 1 || parsed.Headers[0].ExtraHeaders[jose.HeaderType] != devType {
		return verified{}, rejected(nil, "the token is of another type")
	}
	var claims devClaims
	if err := parsed.Claims(k.public, &claims); err != nil {
		return verified{}, rejected(err, "the token is not valid")
	}
	expected := jwt.Expected{Issuer: devIssuer, AnyAudience: jwt.Audience{devAudience}, Time: now}
	if err := claims.ValidateWithLeeway(expected, leeway); err != nil {
		return verified{}, refusedClaims(err)
	}
	if claims.Expiry == nil {
		return verified{}, rejected(nil, "the token has no expiry")
	}
	who, err := principal(claims.Subject, claims.Roles)
	if err != nil {
		return verified{}, err
	}
	v := verified{principal: who, expires: claims.Expiry.Time()}
	if claims.NotBefore != nil {
		v.notBefore = claims.NotBefore.Time()
	}
	return v, nil
}

// refusedClaims names the claim at fault where that helps an honest caller.
func refusedClaims(err error) error {
	switch {
	case errors.Is(err, jwt.ErrExpired):
		return rejected(err, "the token has expired")
	case errors.Is(err, jwt.ErrNotValidYet), errors.Is(err, jwt.ErrIssuedInTheFuture):
		return rejected(err, "the token is not valid yet")
	default:
		return rejected(err, "the token is not valid")
	}
}
