package operation

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/store"
)

// maxKey bounds an idempotency key, in bytes.
const maxKey = 200

// requestKey identifies a request that may be retried. The zero value is a request without a key.
type requestKey struct {
	key  string
	hash string
}

func checkRequest(r *Request) error {
	if r.IdempotencyKey == nil {
		return nil
	}
	if n := len(*r.IdempotencyKey); n == 0 || n > maxKey {
		return fault.Invalid("idempotencyKey", "an idempotency key has 1 to %d characters", maxKey)
	}
	return nil
}

// keyed is what keyOf needs of a command.
type keyed interface{ request() *Request }

// keyOf makes the key of a request: the caller's word and a hash of everything it asks, so that a word used for two different
// requests is noticed. A dry run has no key: it leaves nothing that a retry could find.
func keyOf(action string, cmd keyed) (requestKey, error) {
	r := cmd.request()
	if r.IdempotencyKey == nil || r.dry() {
		return requestKey{}, nil
	}
	text, err := json.Marshal(cmd)
	if err != nil {
		return requestKey{}, err
	}
	sum := sha256.Sum256(append([]byte(action+"\n"), text...))
	return requestKey{key: *r.IdempotencyKey, hash: hex.EncodeToString(sum[:])}, nil
}

// sameKey tells whether a decision could not be recorded because there is one with the same key already.
func sameKey(err error, key requestKey) bool {
	constraint, unique := store.IsUnique(err)
	return unique && key.key != "" && constraint == "decision_principal_idempotency_key"
}

// memory is what a decision keeps of the first answer.
type memory struct {
	Payload json.RawMessage `json:"payload,omitempty"`
	Denied  *deniedMemory   `json:"denied,omitempty"`
}

type deniedMemory struct {
	Message    string                `json:"message"`
	Violations []licensing.Violation `json:"violations"`
	Hidden     *fault.Error          `json:"hidden,omitempty"`
}

// remember keeps the answer with the decision, if a retry may ask for it.
func (d *decision) remember(payload any) error {
	if d.key.key == "" {
		return nil
	}
	text, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	answer, err := json.Marshal(memory{Payload: text})
	d.answer = string(answer)
	return err
}

// recall gives the first answer to a request that was made before: the payload, or the denial as an error.
func recall[P any](ctx context.Context, r *reading, key requestKey) (*P, error) {
	if key.key == "" {
		return nil, nil
	}
	first, row, err := r.firstAnswer(ctx, key)
	if first == nil || err != nil {
		return nil, err
	}
	if first.Denied != nil {
		return nil, first.Denied.fault(row)
	}
	payload := new(P)
	if err := json.Unmarshal(first.Payload, payload); err != nil {
		return nil, err
	}
	any(payload).(replying).reply().Decision = row.row()
	return payload, nil
}

func (r *reading) firstAnswer(ctx context.Context, key requestKey) (*memory, *storedDecision, error) {
	var row storedDecision
	var hash, answer string
	err := r.QueryRow(ctx, `SELECT id, request_hash, answer, revision FROM decisions WHERE principal = $1 AND idempotency_key = $2`,
		r.who.name(), key.key).Scan(&row.id, &hash, &answer, &row.revision)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil, nil
	case err != nil:
		return nil, nil, err
	case hash != key.hash:
		e := fault.New(fault.IdempotencyKeyReused, "this idempotencyKey was used for a different request")
		e.Field = "idempotencyKey"
		return nil, nil, e
	}
	if row.entity, err = r.Client().Decision.Get(ctx, row.id); err != nil {
		return nil, nil, err
	}
	first := new(memory)
	if err := json.Unmarshal([]byte(answer), first); err != nil {
		return nil, nil, err
	}
	return first, &row, nil
}

// answered gives the first answer to a request after all, if it failed because the same request, made twice at the same time, had
// already done what it asks for.
func answered[P any](ctx context.Context, r *Runner, who *identity.Principal, key requestKey, failed error) (*P, error) {
	if code := fault.CodeOf(failed); key.key == "" || code != fault.Conflict && code != fault.InvalidInput {
		return nil, failed
	}
	var payload *P
	err := r.update(ctx, func(ctx context.Context, tx *store.Tx, in *policy.Policy) error {
		payload = nil
		rd, err := newReading(ctx, r, tx, in, who, &locks{})
		if err != nil {
			return err
		}
		if payload, err = recall[P](ctx, rd, key); err != nil {
			return err
		}
		return store.ErrRollback
	})
	if err == nil && payload == nil {
		err = failed
	}
	return payload, translate(err)
}
