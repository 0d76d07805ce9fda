package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"
)

// keySet is the provider's public keys. go-oidc's own set trusts a withdrawn key until it meets an unknown key id, and
// asks the provider once for every token with an unknown id; this one forgets keys after a lifetime, and asks at most once
// per interval whatever tokens come.
type keySet struct {
	url      string
	client   *http.Client
	now      func() time.Time
	lifetime time.Duration // keys older than this are not trusted
	interval time.Duration // least time between two requests

	flight singleflight.Group // callers who need the result of a fetch wait for one

	mu          sync.Mutex
	keys        []jose.JSONWebKey
	fetched     time.Time // when keys were fetched; zero: never
	lastAttempt time.Time
	lastFailure error // of the last attempt; nil: it succeeded
	underway    bool  // an attempt has not ended yet; who needs its result may join it
}

var _ oidc.KeySet = (*keySet)(nil)

var (
	errNoKey       = errors.New("no key of the provider verifies the token")
	errUnknownKeys = errors.New("the provider's keys are not known")
)

// VerifySignature checks the signature with the key the token names and gives the payload. Algorithms are checked by the
// caller.
func (s *keySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	algorithms := make([]jose.SignatureAlgorithm, len(signatureAlgorithms))
	for i, a := range signatureAlgorithms {
		algorithms[i] = jose.SignatureAlgorithm(a)
	}
	jws, err := jose.ParseSigned(token, algorithms)
	if err != nil {
		return nil, fmt.Errorf("malformed token: %w", err)
	}
	if len(jws.Signatures) != 1 {
		return nil, errors.New("a token needs exactly one signature")
	}
	header := jws.Signatures[0].Header
	keys, err := s.current(ctx, header.KeyID)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		if !fits(&key, header) {
			continue
		}
		if payload, err := jws.Verify(key.Key); err == nil {
			return payload, nil
		}
	}
	return nil, errNoKey
}

// fits tells whether a key may have signed a token with this header. A token without a key id may be of any.
func fits(key *jose.JSONWebKey, header jose.Header) bool {
	return (header.KeyID == "" || key.KeyID == header.KeyID) &&
		(key.Algorithm == "" || key.Algorithm == header.Algorithm) &&
		(key.Use == "" || key.Use == "sig")
}

// current gives the keys to verify a token with the key id. Only a caller whose key is not among the trusted ones waits
// for the provider; a provider that does not answer is forgiven until the keys' lifetime is over.
func (s *keySet) current(ctx context.Context, id string) ([]jose.JSONWebKey, error) {
	keys, found, due := s.look(id)
	if due {
		fetched := s.flight.DoChan("", func() (any, error) { return nil, s.refresh(ctx) })
		if !found {
			select {
			case <-fetched:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			keys, _, _ = s.look(id)
		}
	}
	if keys == nil {
		return nil, errUnknownKeys
	}
	return keys, nil
}

// look gives the keys that are trusted now (nil: none are known), whether one has the id, and whether to ask the
// provider: for the first time, at half of the lifetime (so that one failure does no harm), or for an unknown id; but
// never sooner than the interval after the last attempt.
func (s *keySet) look(id string) (keys []jose.JSONWebKey, found, due bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	old := true
	if !s.fetched.IsZero() && now.Sub(s.fetched) < s.lifetime {
		keys, old = s.keys, now.Sub(s.fetched) >= s.lifetime/2
	}
	for _, key := range keys {
		found = found || id == "" || key.KeyID == id
	}
	return keys, found, (s.underway || s.allowed(now)) && (old || !found)
}

// allowed tells whether the provider may be asked again; the caller holds the lock.
func (s *keySet) allowed(now time.Time) bool {
	wait := s.interval
	if s.lastFailure != nil {
		wait = min(wait, retryInterval)
	}
	return s.lastAttempt.IsZero() || now.Sub(s.lastAttempt) >= wait
}

// refresh asks the provider. Its result serves all callers, so the one who happens to ask does not cancel it.
func (s *keySet) refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	defer cancel()
	s.mu.Lock()
	now := s.now()
	if !s.allowed(now) { // another flight has landed since
		defer s.mu.Unlock()
		return s.lastFailure
	}
	s.lastAttempt, s.underway = now, true
	s.mu.Unlock()
	keys, err := s.fetch(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.underway = false
	if s.lastFailure = err; err == nil {
		s.keys, s.fetched = keys, now
	}
	return err
}

// failure gives why no key is trusted now, or nil when some are.
func (s *keySet) failure() error {
	if keys, _, _ := s.look(""); keys != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(errUnknownKeys, s.lastFailure)
}

func (s *keySet) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, fmt.Errorf("fetch the provider's keys: %w", err)
	}
	request.Header.Set("Cache-Control", "no-cache")
	response, err := s.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("fetch the provider's keys: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch the provider's keys: it answered %s", response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxProviderBytes))
	if err != nil {
		return nil, fmt.Errorf("fetch the provider's keys: %w", err)
	}
	return parseKeys(body)
}

// parseKeys reads a JWK set. Keys of kinds we do not know are left out (RFC 7517 §5), and so is anything that is not a
// public key.
func parseKeys(body []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, fmt.Errorf("read the provider's keys: %w", err)
	}
	keys := []jose.JSONWebKey{} // not nil: an empty set is an answer
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(raw) == nil && key.Valid() && key.IsPublic() {
			keys = append(keys, key)
		}
	}
	return keys, nil
}
