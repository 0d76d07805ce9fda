package operation

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"

	"github.com/ringfence/ringfence/ent"
	entfeed "github.com/ringfence/ringfence/ent/feed"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/store"
)

// feedSummary is what is kept of the reading of a file, or of the pages of an export.
type feedSummary struct {
	Counts    map[string]ImportCount `json:"counts"`
	Seats     *SeatTally             `json:"seats,omitempty"`
	Pages     []string               `json:"pages,omitempty"` // digests of the pages that are done, of an export of several
	DeltaLink string                 `json:"deltaLink,omitempty"`
}

// add adds what a page came to.
func (s *feedSummary) add(c *Import, p *ImportPayload) {
	if s.Counts == nil {
		s.Counts = map[string]ImportCount{}
	}
	for _, t := range p.Counts {
		sum := s.Counts[t.What]
		s.Counts[t.What] = ImportCount{
			Created: sum.Created + t.Created, Updated: sum.Updated + t.Updated, Removed: sum.Removed + t.Removed, Unchanged: sum.Unchanged + t.Unchanged,
		}
	}
	if p.Seats != (SeatTally{}) {
		if s.Seats == nil {
			s.Seats = &SeatTally{}
		}
		s.Seats.Released += p.Seats.Released
		s.Seats.Given += p.Seats.Given
		s.Seats.Queued += p.Seats.Queued
		s.Seats.Failed += p.Seats.Failed
	}
	if len(c.Done) > 0 || c.More {
		s.Pages = append(s.Pages, c.File.Digest)
	}
	if c.File.DeltaLink != "" {
		s.DeltaLink = c.File.DeltaLink
	}
}

// earlier looks for an earlier reading of the same file.
func (r *reading) earlier(ctx context.Context, kind, digest string) (*FeedBefore, error) {
	var before FeedBefore
	err := r.QueryRow(ctx, `SELECT created_at, actor FROM feeds WHERE kind = $1 AND digest = $2 AND state = 'DONE' ORDER BY id DESC LIMIT 1`,
		kind, digest).Scan(&before.At, &before.By)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // there is none, and that is no error
	}
	return &before, err
}

// keepFeed records the reading of a file, or of the next page of an export, and what came of it.
func (w *writing) keepFeed(ctx context.Context, c *Import, p *ImportPayload) error {
	first := append(slices.Clone(c.Done), c.File.Digest)[0]
	var err error
	var row *ent.Feed
	if len(c.Done) > 0 {
		if row, err = unfinishedFeed(ctx, w.tx.Client(), c.Kind, c.Done); err != nil {
			return err
		}
		if row == nil {
			return fault.New(fault.Conflict, "the pages before %s were not read, or another run has gone on", c.File.Name)
		}
	}
	var sum feedSummary
	if row != nil {
		if err := json.Unmarshal([]byte(row.Summary), &sum); err != nil {
			return err
		}
	}
	sum.add(c, p)
	summary, err := json.Marshal(sum)
	if err != nil {
		return err
	}
	if row == nil {
		row, err = w.tx.Client().Feed.Create().SetKind(c.Kind).SetName(c.File.Name).SetDigest(first).SetActor(w.who.name()).SetCreatedAt(w.Now()).Save(ctx)
		if err != nil {
			return err
		}
	}
	update := row.Update().SetPages(row.Pages + 1).SetRows(row.Rows + c.File.Rows).SetSummary(string(summary))
	if !c.More {
		update.SetState(entfeed.StateDONE).SetEndedAt(w.Now())
	}
	if err := update.Exec(ctx); err != nil {
		return err
	}
	key := id.Of(id.Feed, row.ID)
	p.Feed = &key
	var page feedSummary
	page.add(c, p)
	page.Pages = nil
	w.happened("FILE_IMPORTED", "feed", row.ID, map[string]any{"kind": c.Kind, "file": c.File.Name, "digest": c.File.Digest, "rows": c.File.Rows, "summary": page})
	return nil
}

// unfinishedFeed finds the latest run of an export that has read just these pages and was to go on; nil if there is none.
func unfinishedFeed(ctx context.Context, client *ent.Client, kind string, done []string) (*ent.Feed, error) {
	rows, err := client.Feed.Query().Where(entfeed.Kind(kind), entfeed.Digest(done[0]), entfeed.StateEQ(entfeed.StateRUNNING)).
		Order(ent.Desc(entfeed.FieldID)).All(ctx)
	for _, row := range rows {
		var sum feedSummary
		if json.Unmarshal([]byte(row.Summary), &sum) == nil && slices.Equal(sum.Pages, done) {
			return row, nil
		}
	}
	return nil, err
}

// PagesDone tells how many pages of an export, given by their digests, an earlier run has done that did not come to its end.
func PagesDone(ctx context.Context, r *Runner, kind string, digests []string) (done int, err error) {
	err = r.Store.View(ctx, func(ctx context.Context, rd *store.Reader) error {
		for done = len(digests) - 1; done > 0; done-- {
			row, err := unfinishedFeed(ctx, rd.Client(), kind, digests[:done])
			if err != nil || row != nil {
				return err
			}
		}
		return nil
	})
	return done, translate(err)
}
