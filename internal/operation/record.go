package operation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/store"
)

// event is one thing that happened, to be written into the journal. Ids are 0 where they do not apply.
type event struct {
	decision *decision
	at       time.Time
	actor    string
	kind     string // LICENSE_CREATED, SEAT_ACTIVE, …
	noun     string // what subject is an id of
	subject  int64
	pool     licensing.PoolKey
	user     int64
	group    int64
	data     string
}

// happened notes an event of the running command. Data is what was set, as JSON.
func (w *writing) happened(kind, noun string, subject int64, data any) *event {
	e := &event{decision: w.decision, at: w.Now(), actor: w.who.name(), kind: kind, noun: noun, subject: subject}
	if data != nil {
		text, err := json.Marshal(data)
		if err != nil { // only maps, strings and numbers are passed
			panic(err)
		}
		e.data = string(text)
	}
	w.events = append(w.events, e)
	return e
}

// idsOf gives keys as clients know them.
func idsOf(noun id.Noun, keys []int64) []string {
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = id.Of(noun, key).String()
	}
	return names
}

// Seats that change together are told one by one up to this many, and in lists beyond.
const (
	tellSingly = 100
	tellAtOnce = 5000
)

// seatEvents tells what became of the seats of the book: each on its own, or as lists of users when many changed alike.
func (w *writing) seatEvents(owner func(seat *licensing.Seat) (*decision, string)) {
	type change struct {
		kind     string
		pool     licensing.PoolKey
		decision *decision
		actor    string
	}
	groups := map[change][]*licensing.Seat{}
	var order []change
	for _, seat := range w.book.Touched() {
		c := change{kind: seatEvent(seat)}
		if c.kind == "" {
			continue
		}
		c.pool = licensing.PoolKey{License: seat.License}
		if seat.Pool != nil {
			c.pool = seat.Pool.Key
		}
		c.decision, c.actor = owner(seat)
		if groups[c] == nil {
			order = append(order, c)
		}
		groups[c] = append(groups[c], seat)
	}
	for _, c := range order {
		seats := groups[c]
		if len(seats) <= tellSingly {
			for _, s := range seats {
				w.events = append(w.events, &event{decision: c.decision, at: w.Now(), actor: c.actor, kind: c.kind, noun: "seat", subject: s.ID,
					pool: c.pool, user: s.User.ID})
			}
			continue
		}
		for part := range slices.Chunk(seats, tellAtOnce) {
			users := make([]int64, len(part))
			for i, s := range part {
				users[i] = s.User.ID
			}
			text, _ := json.Marshal(map[string]any{"count": len(users), "users": idsOf(id.User, users)}) // texts and numbers always marshal
			w.events = append(w.events, &event{decision: c.decision, at: w.Now(), actor: c.actor, kind: c.kind, noun: "seats", pool: c.pool, data: string(text)})
		}
	}
}

// accountable is the decision that changes rest on: the one on the request or, where that was refused and only the queue moved, the
// one that let it move (P4).
func (w *writing) accountable() *decision {
	for _, d := range slices.Backward(w.further) {
		if d.allow && !w.decision.allow {
			return d
		}
	}
	return w.decision
}

// seatEvent names what became of a seat, empty if it stands where it stood.
func seatEvent(seat *licensing.Seat) string {
	switch seat.Transition() {
	case licensing.Delete:
		return "SEAT_RELEASED"
	case licensing.Insert:
		return "SEAT_" + string(seat.State)
	case licensing.Update:
		if seat.State != seat.Was() {
			return "SEAT_" + string(seat.State)
		}
		if seat.Pool.Key != seat.WasIn() {
			return "SEAT_MOVED"
		}
	case licensing.Keep:
	}
	return ""
}

// record writes the decisions and events of a command, and gives the decisions as clients see them, the command's own last.
func (w *writing) record(ctx context.Context) ([]*ent.Decision, error) {
	w.seatEvents(func(*licensing.Seat) (*decision, string) { return w.accountable(), w.who.name() })
	decisions := append(slices.Clone(w.further), w.decision)
	w.runner.witness(w.tx, decisions)
	parts := []store.Part{insertingDecisions(decisions)}
	var head journalHead
	if len(w.events) > 0 {
		parts = append(parts, head.locking(w.tx))
	}
	if err := w.tx.Together(ctx, parts...); err != nil {
		return nil, err
	}
	return decisionRows(decisions), head.add(ctx, w.tx, w.events)
}

// journalHead is the last entry of the journal. Its row is locked last, so that replicas wait for each other only while they
// write and commit.
type journalHead struct {
	last int64
	hash string
	read bool
}

// locking is the part of a statement that locks and reads the head.
func (h *journalHead) locking(tx *store.Tx) store.Part {
	return store.Part{
		Build: func(_ *store.Reader, first int) (string, []any) {
			return fmt.Sprintf(`SELECT last, hash FROM journal_heads WHERE id = $%d`, first) + tx.ForUpdate(), []any{1}
		},
		Scan: func(last int64, hash string) { *h = journalHead{last: last, hash: hash, read: true} },
	}
}

// add writes events under one new entry of the journal. It locks and reads the head if that was not done, or found none.
func (h *journalHead) add(ctx context.Context, tx *store.Tx, events []*event) error {
	if len(events) == 0 {
		return nil
	}
	if !h.read {
		if _, err := tx.Exec(ctx, `INSERT INTO journal_heads (id, last, hash) VALUES (1, 0, '') ON CONFLICT (id) DO NOTHING`); err != nil {
			return err
		}
		if err := tx.Together(ctx, h.locking(tx)); err != nil {
			return err
		}
	}
	last := h.last + 1
	lines := make([]string, len(events))
	for i, e := range events {
		lines[i] = e.line()
	}
	hash := chain(h.hash, lines)
	return tx.Together(ctx,
		store.Inserting("journals", nil, store.Column{Name: "id", Values: []int64{last}}, store.Column{Name: "at", Values: []time.Time{events[0].at}},
			store.Column{Name: "events", Values: []int64{int64(len(events))}}, store.Column{Name: "hash", Values: []string{hash}}),
		insertingEvents(last, events),
		store.Part{Build: func(_ *store.Reader, first int) (string, []any) {
			return fmt.Sprintf(`UPDATE journal_heads SET last = $%d, hash = $%d WHERE id = 1`, first, first+1), []any{last, hash}
		}})
}

// chain gives the hash of a journal entry: of the entry before it and the lines of its events, in order.
func chain(before string, lines []string) string {
	h := sha256.New()
	fmt.Fprintln(h, before)
	for _, line := range lines {
		fmt.Fprintln(h, line)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// line is the form of an event that the journal's hash covers. It must not change: entries already written depend on it.
func (e *event) line() string {
	return eventLine(e.decision.id, e.at, e.actor, e.kind, e.noun, e.subject, e.pool, e.user, e.group, e.data)
}

func eventLine(decision int64, at time.Time, actor, kind, noun string, subject int64, pool licensing.PoolKey, user, group int64, data string) string {
	return fmt.Sprintf("%d %d %q %s %s %d %d %d %d %d %s", decision, at.UnixMicro(), actor, kind, noun, subject, pool.License, pool.Allotment, user, group, data)
}

func insertingEvents(journal int64, events []*event) store.Part {
	n := len(events)
	entries, decisions, at := make([]int64, n), make([]int64, n), make([]time.Time, n)
	actor, kind, noun, data := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	subject, license, allotment, user, group := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	for i, e := range events {
		entries[i], decisions[i], at[i], actor[i], kind[i], noun[i], data[i] = journal, e.decision.id, e.at, e.actor, e.kind, e.noun, e.data
		subject[i], license[i], allotment[i], user[i], group[i] = e.subject, e.pool.License, e.pool.Allotment, e.user, e.group
	}
	return store.Inserting("events", nil,
		store.Column{Name: "journal_id", Values: entries}, store.Column{Name: "decision_id", Values: decisions}, store.Column{Name: "at", Values: at},
		store.Column{Name: "actor", Values: actor}, store.Column{Name: "type", Values: kind}, store.Column{Name: "noun", Values: noun},
		store.Column{Name: "subject_id", Values: subject}, store.Column{Name: "license_id", Values: license},
		store.Column{Name: "allotment_id", Values: allotment}, store.Column{Name: "user_id", Values: user},
		store.Column{Name: "group_id", Values: group}, store.Column{Name: "data", Values: data})
}
