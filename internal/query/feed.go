package query

import (
	"context"
	"encoding/json"

	"entgo.io/ent/dialect/sql"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/ent/feed"
	"github.com/ringfence/ringfence/ent/predicate"
	"github.com/ringfence/ringfence/internal/id"
)

// kindFeed is the policy's name for readings of files. Only scope all is known for it.
const kindFeed = "feed"

// Feed is one reading of a file, as the API shows it.
type Feed struct {
	*ent.Feed
	family *family[*Feed]
}

// Pages of feeds.
type (
	FeedConnection = Connection[*Feed]
	FeedEdge       = Edge[*Feed]
)

var feeds = &noun[*ent.Feed, *Feed]{
	kind: kindFeed, table: "feeds",
	find: func(ctx context.Context, c *ent.Client, where func(*sql.Selector)) ([]*ent.Feed, error) {
		return c.Feed.Query().Where(predicate.Feed(where)).All(ctx)
	},
	key:  func(row *ent.Feed) int64 { return row.ID },
	view: func(row *ent.Feed, f *family[*Feed]) *Feed { return &Feed{row, f} },
}

// ID gives the opaque id.
func (f *Feed) ID() id.ID { return id.Of(id.Feed, f.Feed.ID) }

// Actor gives who read it; empty when masked.
func (f *Feed) Actor() string {
	if f.family.facts.view.Masks(kindFeed, "actor") {
		return ""
	}
	return f.Feed.Actor
}

// Summary gives what came of it; nil if there is nothing to tell.
func (f *Feed) Summary() json.RawMessage {
	if !json.Valid([]byte(f.Feed.Summary)) {
		return nil
	}
	return json.RawMessage(f.Feed.Summary)
}

// FeedWhere are conditions on feeds.
type FeedWhere struct {
	IDIn      []id.ID
	KindIn    []string
	Name      *TextFilter
	Digest    *string
	Actor     *TextFilter
	State     *feed.State
	CreatedAt *TimeFilter
}

// Feeds lists the readings of files that the principal may see, newest first.
func (r *Reader) Feeds(ctx context.Context, p Page, w *FeedWhere) (*FeedConnection, error) {
	s := r.session(ctx)
	f, err := s.sight(ctx)
	if err != nil {
		return nil, err
	}
	l := list{order: newestFirst}
	if w != nil {
		if used(w.Actor) {
			if err := f.open(kindFeed, "actor", "actor"); err != nil {
				return nil, err
			}
		}
		l.where = and(
			named("t.id", id.Feed, w.IDIn), among("t.kind", w.KindIn), w.Name.on("t.name"), equals("t.digest", w.Digest), w.Actor.on("t.actor"),
			equals("t.state", w.State), w.CreatedAt.on("t.created_at"),
		)
	}
	return root(ctx, s, feeds, l, p)
}
