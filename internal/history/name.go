package history

import (
	"context"
	"math"
	"strings"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/store"
)

// names tells what is called how in the two databases. What a step made once and makes again is the same thing; and so is what has the
// same name where names are unique, whichever step made it.
type names struct {
	recorded, scratch *store.Store
	there             map[id.ID]int64 // recorded → scratch
	back              map[id.ID]int64 // scratch → recorded
	labels            map[id.ID]string
	seen              int64 // the last event of the scratch database that was read
	missing           int   // ids of the present step that name nothing in the scratch database
	ctx               context.Context
	err               error
}

func newNames(recorded, scratch *store.Store, rec *record) *names {
	n := &names{recorded: recorded, scratch: scratch, there: map[id.ID]int64{}, back: map[id.ID]int64{}, labels: map[id.ID]string{}}
	for _, things := range rec.made {
		for _, t := range things {
			if t.label != "" {
				n.labels[t.id] = t.label
			}
		}
	}
	return n
}

// nowhere is added to a key that names nothing in the scratch database, and is more than any key that does.
const nowhere = math.MaxInt64 / 2

// begin starts with the ids of a step.
func (n *names) begin(ctx context.Context) { n.ctx, n.missing, n.err = ctx, 0, nil }

// to gives the id in the scratch database of what an id of the record names.
func (n *names) to(of id.ID) id.ID {
	if of.N == 0 {
		return of
	}
	if key, known := n.there[of]; known {
		return id.Of(of.Noun, key)
	}
	key, err := n.find(n.ctx, of)
	if err != nil && n.err == nil {
		n.err = err
	}
	if key != 0 {
		n.same(of, key)
		return id.Of(of.Noun, key)
	}
	n.missing++
	return id.Of(of.Noun, nowhere+of.N)
}

// same notes that two keys name the same thing.
func (n *names) same(of id.ID, key int64) {
	n.there[of], n.back[id.Of(of.Noun, key)] = key, of.N
}

// from gives the key in the record of something in the scratch database; negative if it is not in the record.
func (n *names) from(noun id.Noun, key int64) int64 {
	if key == 0 {
		return 0
	}
	if recorded, known := n.back[id.Of(noun, key)]; known {
		return recorded
	}
	return -key
}

// pool is from for the key of a pool.
func (n *names) pool(key licensing.PoolKey) licensing.PoolKey {
	return licensing.PoolKey{License: n.from(id.License, key.License), Allotment: n.from(id.Allotment, key.Allotment)}
}

// byName says, for things whose names are unique, how the name of a key is read and the key of a name is found.
var byName = map[id.Noun]struct{ name, key string }{
	id.User:        {`SELECT name_key FROM users WHERE id = $1`, `SELECT id FROM users WHERE name_key = $1`},
	id.Group:       {`SELECT name FROM "groups" WHERE id = $1`, `SELECT MIN(id) FROM "groups" WHERE name = $1 HAVING COUNT(*) = 1`},
	id.Vendor:      {`SELECT name FROM vendors WHERE id = $1`, `SELECT id FROM vendors WHERE name = $1`},
	id.ServicePlan: {`SELECT plan_id FROM service_plans WHERE id = $1`, `SELECT id FROM service_plans WHERE plan_id = $1`},
	id.Deployment: {`SELECT v.name || char_(10) || d.product_key FROM deployments d JOIN vendors v ON v.id = d.vendor_id WHERE d.id = $1`,
		`SELECT d.id FROM deployments d JOIN vendors v ON v.id = d.vendor_id WHERE v.name || char_(10) || d.product_key = $1`},
}

// find looks for what has the same name. 0 is nothing.
func (n *names) find(ctx context.Context, of id.ID) (int64, error) {
	query, named := byName[of.Noun]
	if !named {
		return 0, nil
	}
	label, err := n.label(ctx, of, query.name)
	if err != nil || label == "" {
		return 0, err
	}
	var key int64
	return key, n.scratch.View(ctx, func(ctx context.Context, rd *store.Reader) error {
		key = 0
		found, err := rd.Query(ctx, portable(query.key), label)
		return each(found, err, func(r rows) error { return r.Scan(&key) })
	})
}

// label gives the name of something in the record: that of when it was made, else the one it has now.
func (n *names) label(ctx context.Context, of id.ID, query string) (string, error) {
	if label, known := n.labels[of]; known {
		return label, nil
	}
	var label string
	err := n.recorded.View(ctx, func(ctx context.Context, rd *store.Reader) error {
		label = ""
		found, err := rd.Query(ctx, portable(query), of.N)
		return each(found, err, func(r rows) error { return r.Scan(&label) })
	})
	if err == nil && label != "" {
		n.labels[of] = label
	}
	return label, err
}

// portable writes a line break as both databases read it.
func portable(query string) string { return strings.ReplaceAll(query, "char_(10)", "'\n'") }

// learn pairs what a step made when it was recorded with what it has made now.
func (n *names) learn(ctx context.Context, made []thing) error {
	var again []thing
	err := n.scratch.View(ctx, func(ctx context.Context, rd *store.Reader) error {
		again = nil
		found, err := rd.Query(ctx, `SELECT id, noun, subject_id, data FROM events WHERE id > $1 AND `+rd.Any("type", 2)+` ORDER BY id`, n.seen, rd.Array(makers))
		if err := each(found, err, func(r rows) error {
			var subject int64
			var noun, data string
			if err := r.Scan(new(int64), &noun, &subject, &data); err != nil {
				return err
			}
			things, err := thingsOf(noun, subject, data)
			again = append(again, things...)
			return err
		}); err != nil {
			return err
		}
		return rd.QueryRow(ctx, `SELECT COALESCE(MAX(id), 0) FROM events`).Scan(&n.seen)
	})
	if err != nil {
		return err
	}
	before, now := byNoun(made), byNoun(again)
	for noun, list := range before {
		if len(list) != len(now[noun]) { // what was made once was there, or is not made: names tell, when they are needed
			n.pair(list, now[noun])
			continue
		}
		for i, t := range list {
			n.same(t.id, now[noun][i].id.N)
		}
	}
	return nil
}

// pair pairs what has the same name.
func (n *names) pair(before, now []thing) {
	keys := map[string]int64{}
	for _, t := range now {
		keys[t.label] = t.id.N
	}
	for _, t := range before {
		if key := keys[t.label]; key != 0 && t.label != "" {
			n.same(t.id, key)
		}
	}
}

func byNoun(things []thing) map[id.Noun][]thing {
	sorted := map[id.Noun][]thing{}
	for _, t := range things {
		sorted[t.id.Noun] = append(sorted[t.id.Noun], t)
	}
	return sorted
}
