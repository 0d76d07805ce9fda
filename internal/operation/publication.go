package operation

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/store"
)

// againAfter is when a publication that was refused is tried again: it may have been for a machine that had too much to do.
const againAfter = time.Minute

// mostEarlier is how many earlier publications are tried when a service starts and the newest one is refused.
const mostEarlier = 20

// Publications has an engine answer by what was published last: every replica has one. A policy that is deployed, as a directory or a
// bundle, stays what it is.
type Publications struct {
	Store  *store.Store
	Policy *policy.Engine
	Logger *slog.Logger

	mu     sync.Mutex // one at a time
	newest int64      // the publication that was taken into use or refused last
	again  time.Time  // when a refused one is tried again; zero: it was not refused
}

// publication is what is to answer.
type publication struct {
	id       int64
	revision string
}

// Follow looks for a newer publication and takes it into use. One that does not pass the gate (of a newer program, say, which asks
// differently) is told by the engine's Problems, and the last good policy answers on; on a start that is the newest publication that
// passes, or else the embedded policy. Errors: the database does not answer, the end of the context.
func (p *Publications) Follow(ctx context.Context) error {
	if p.Policy.ReadOnly() {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var newest publication
	err := p.Store.View(ctx, func(ctx context.Context, r *store.Reader) (err error) {
		newest, err = newestPublication(ctx, r)
		return err
	})
	if err != nil || newest.id == 0 || newest.id == p.newest && (p.again.IsZero() || time.Now().Before(p.again)) {
		return err
	}
	refused, err := p.use(ctx, newest.revision)
	if err != nil {
		return err
	}
	p.newest, p.again = newest.id, time.Time{}
	if refused == nil {
		return nil
	}
	p.again = time.Now().Add(againAfter)
	p.Logger.ErrorContext(ctx, "the policy that was published last is refused, another one answers", "revision", newest.revision, "cause", refused)
	if p.Policy.Kind() == policy.SourcePublished {
		return nil
	}
	return p.fallBack(ctx, newest, refused)
}

// adopt is Follow for a publication whose policy has been built already.
func (p *Publications) adopt(ctx context.Context, id int64, built *policy.Policy) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if id > p.newest {
		p.newest, p.again = id, time.Time{}
		p.Policy.Adopt(ctx, built)
	}
}

// use takes a revision into use; refused tells why it is not.
func (p *Publications) use(ctx context.Context, revision string) (refused *policy.RefusedError, err error) {
	var files policy.Files
	err = p.Store.View(ctx, func(ctx context.Context, r *store.Reader) (err error) {
		files, _, err = readRevision(ctx, r, revision)
		return err
	})
	if errors.Is(err, errRevision) {
		problems := []policy.Problem{{Message: fmt.Sprintf("the text of the published policy %s is not there as it was published", revision)}}
		p.Policy.Blame(problems)
		return &policy.RefusedError{Revision: revision, Problems: problems}, nil
	}
	if err != nil {
		return nil, err
	}
	err = p.Policy.Use(ctx, files)
	if ctx.Err() != nil { // what was refused then was not refused for what it says
		return nil, ctx.Err()
	}
	if errors.As(err, &refused) {
		return refused, nil
	}
	return nil, err
}

// fallBack takes the newest of the earlier publications into use that passes the gate. If none does, the embedded policy answers.
func (p *Publications) fallBack(ctx context.Context, newest publication, refused *policy.RefusedError) error {
	var earlier []string
	err := p.Store.View(ctx, func(ctx context.Context, r *store.Reader) error {
		earlier = nil
		rows, err := r.Query(ctx, `SELECT revision FROM policy_publications WHERE id < $1 AND revision <> $2 GROUP BY revision ORDER BY MAX(id) DESC LIMIT $3`,
			newest.id, newest.revision, mostEarlier)
		return each(rows, err, func(s scanner) error {
			var revision string
			err := s.Scan(&revision)
			earlier = append(earlier, revision)
			return err
		})
	})
	if err != nil {
		return err
	}
	defer p.Policy.Blame(refused.Problems)
	for _, revision := range earlier {
		if no, err := p.use(ctx, revision); err != nil || no == nil {
			return err
		}
	}
	return nil
}

// newestPublication reads what was published last; its id is 0 if nothing was.
func newestPublication(ctx context.Context, r *store.Reader) (publication, error) {
	var p publication
	err := r.QueryRow(ctx, `SELECT id, revision FROM policy_publications ORDER BY id DESC LIMIT 1`).Scan(&p.id, &p.revision)
	if errors.Is(err, sql.ErrNoRows) {
		return p, nil
	}
	return p, err
}

// errRevision says that the text of a policy is not kept, or not as it was.
var errRevision = errors.New("no such revision")

// readRevision reads the text of a policy, and where it was read first.
func readRevision(ctx context.Context, r *store.Reader, revision string) (files policy.Files, source string, err error) {
	var text string
	err = r.QueryRow(ctx, `SELECT source, files FROM policy_revisions WHERE revision = $1`, revision).Scan(&source, &text)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, "", errRevision
	case err != nil:
		return nil, "", err
	}
	if json.Unmarshal([]byte(text), &files) != nil || files.Revision() != revision {
		return nil, "", errRevision
	}
	return files, source, nil
}
