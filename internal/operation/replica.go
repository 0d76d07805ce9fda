package operation

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"os"
	"reflect"
	"time"

	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/store"
)

// How often a replica says that it is there, and after how long without a word it is taken to be gone, and its row removed.
const (
	tellReplica   = 15 * time.Second
	ReplicaIsGone = time.Minute
	forgetReplica = 24 * time.Hour
)

// Replica is this process among those that serve from one database: it follows what is published, and tells the others what it answers by.
type Replica struct {
	Name   string
	runner *Runner
	told   status
	at     time.Time
	failed bool
}

// status is what a replica tells of itself.
type status struct {
	source, revision string
	loadedAt         time.Time
	problems         []policy.Problem
}

// Join makes a replica of the runner's process. Its first Beat tells the others.
func (r *Runner) Join() *Replica {
	return &Replica{Name: replicaName(), runner: r}
}

// replicaName is unique to the process: a host may run several.
func replicaName() string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "replica"
	}
	var word [4]byte
	_, _ = rand.Read(word[:]) // it never fails
	return host[:min(len(host), 150)] + "-" + hex.EncodeToString(word[:])
}

// Beat takes into use what was published, and tells the others if there is something new to tell, or it is time to. It is called about
// once a second; a database that does not answer is logged once, and the policy in use answers on.
func (p *Replica) Beat(ctx context.Context) {
	err := p.beat(ctx)
	switch {
	case err == nil || ctx.Err() != nil:
		p.failed = false
	case !p.failed:
		p.failed = true
		p.runner.Logger.WarnContext(ctx, "what is published cannot be followed, the policy in use answers on", "error", err)
	}
}

func (p *Replica) beat(ctx context.Context) error {
	if err := p.runner.FollowPolicy(ctx); err != nil {
		return err
	}
	engine := p.runner.Policy
	now := status{source: engine.Kind(), revision: engine.Revision(), loadedAt: engine.LoadedAt(), problems: engine.Problems()}
	if reflect.DeepEqual(now, p.told) && time.Since(p.at) < tellReplica {
		return nil
	}
	problems := ""
	if len(now.problems) > 0 {
		text, err := json.Marshal(now.problems)
		if err != nil { // texts and numbers always marshal
			panic(err)
		}
		problems = string(text)
	}
	err := p.runner.Store.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM replicas WHERE seen_at < $1`, tx.Now().Add(-forgetReplica)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO replicas (created_at, name, source, revision, loaded_at, seen_at, problems) VALUES ($1, $2, $3, $4, $5, $1, $6)
			ON CONFLICT (name) DO UPDATE SET source = excluded.source, revision = excluded.revision, loaded_at = excluded.loaded_at,
				seen_at = excluded.seen_at, problems = excluded.problems`,
			tx.Now(), p.Name, now.source, now.revision, now.loadedAt, problems)
		return err
	})
	if err == nil {
		p.told, p.at = now, time.Now()
	}
	return err
}

// Leave tells the others that the process is stopping.
func (p *Replica) Leave(ctx context.Context) error {
	err := p.runner.Store.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM replicas WHERE name = $1`, p.Name)
		return err
	})
	return translate(err)
}
