package operation

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
)

// journalPage is how many entries of the journal are read in one go.
const journalPage = 1000

// holder is who holds what.
type holder struct{ license, user int64 }

// chronicle is the journal read from its beginning: the chain recomputed, and where every seat stands by what the events say.
type chronicle struct {
	*verification
	last  int64
	hash  string
	lines map[int64][]string // of the entries of the present page
	seats map[holder]licensing.SeatState
}

// checkJournal recomputes the chain of hashes, looks for gaps, and compares the seats with what the events say of them: so a
// seat that came, went or changed without an event, that is without a decision, shows (P4).
func (v *verification) checkJournal(ctx context.Context) error {
	j := &chronicle{verification: v, seats: map[holder]licensing.SeatState{}}
	var head int64
	var hash string
	err := v.QueryRow(ctx, `SELECT last, hash FROM journal_heads WHERE id = 1`).Scan(&head, &hash)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	for more := true; more; {
		v.progress("journal", j.last, head)
		if more, err = j.page(ctx); err != nil {
			return err
		}
	}
	if j.last != head {
		v.found("JOURNAL", id.ID{}, "the head says entry %d is the last, but it is %d", head, j.last)
	} else if j.hash != hash {
		v.found("JOURNAL", id.ID{}, "the head's hash is not that of the last entry, %d", j.last)
	}
	return j.compareSeats(ctx)
}

// page reads some entries with their events, and tells whether there may be more.
func (j *chronicle) page(ctx context.Context) (more bool, err error) {
	type entry struct {
		id, events int64
		hash       string
	}
	var entries []entry
	rows, err := j.Query(ctx, `SELECT id, events, hash FROM journals WHERE id > $1 ORDER BY id LIMIT $2`, j.last, journalPage)
	if err := each(rows, err, func(s scanner) error {
		var e entry
		err := s.Scan(&e.id, &e.events, &e.hash)
		entries = append(entries, e)
		return err
	}); err != nil || len(entries) == 0 {
		return false, err
	}
	if err := j.readEvents(ctx, j.last, entries[len(entries)-1].id); err != nil {
		return false, err
	}
	for _, e := range entries {
		if e.id != j.last+1 {
			j.found("JOURNAL", id.ID{}, "entries %d to %d are missing", j.last+1, e.id-1)
		}
		lines := j.lines[e.id]
		if int64(len(lines)) != e.events {
			j.found("JOURNAL", id.ID{}, "entry %d has %d events, and says it has %d", e.id, len(lines), e.events)
		}
		if chain(j.hash, lines) != e.hash {
			j.found("JOURNAL", id.ID{}, "entry %d does not have the hash of its events and the entry before", e.id)
		}
		j.last, j.hash = e.id, e.hash // from the stored hash on, so that one broken entry is one finding
		j.count.Entries++
	}
	return true, nil
}

func (j *chronicle) readEvents(ctx context.Context, after, upTo int64) error {
	j.lines = map[int64][]string{}
	rows, err := j.Query(ctx, `SELECT id, journal_id, decision_id, at, actor, type, noun, subject_id, license_id, allotment_id, user_id, group_id, data
		FROM events WHERE journal_id > $1 AND journal_id <= $2 ORDER BY journal_id, id`, after, upTo)
	return each(rows, err, func(s scanner) error {
		var key, entry, decision, subject, user, group int64
		var pool licensing.PoolKey
		var at time.Time
		var actor, kind, noun, data string
		if err := s.Scan(&key, &entry, &decision, &at, &actor, &kind, &noun, &subject, &pool.License, &pool.Allotment, &user, &group, &data); err != nil {
			return err
		}
		j.count.Events++
		j.lines[entry] = append(j.lines[entry], eventLine(decision, at, actor, kind, noun, subject, pool, user, group, data))
		if state, is := strings.CutPrefix(kind, "SEAT_"); is {
			j.follow(key, state, pool.License, user, data)
		}
		return nil
	})
}

// follow notes what an event says of one seat or, when many changed alike, of a list of users.
func (j *chronicle) follow(key int64, state string, license, user int64, data string) {
	users := []int64{user}
	if user == 0 {
		var list struct{ Users []id.ID }
		if err := json.Unmarshal([]byte(data), &list); err != nil {
			j.found("JOURNAL", id.Of(id.Event, key), "does not say whose seats it is about")
		}
		users = keys(list.Users, id.User)
	}
	for _, user := range users {
		at := holder{license, user}
		switch state {
		case "RELEASED":
			delete(j.seats, at)
		case "MOVED": // to another pool, in the state it had
		default:
			j.seats[at] = licensing.SeatState(state)
		}
	}
}

// compareSeats looks for seats of which the events say something else.
func (j *chronicle) compareSeats(ctx context.Context) error {
	j.progress("seats against the journal", 0, j.count.Seats)
	rows, err := j.Query(ctx, `SELECT id, license_id, user_id, state FROM seats`)
	err = each(rows, err, func(s scanner) error {
		var key int64
		var at holder
		var state licensing.SeatState
		if err := s.Scan(&key, &at.license, &at.user, &state); err != nil {
			return err
		}
		if told, known := j.seats[at]; !known {
			j.found("P4", id.Of(id.Seat, key), "of user %s is %s, but the journal knows no such seat", id.Of(id.User, at.user), state)
		} else if told != state {
			j.found("P4", id.Of(id.Seat, key), "of user %s is %s, but the journal says %s", id.Of(id.User, at.user), state, told)
		}
		delete(j.seats, at)
		return nil
	})
	for at, state := range j.seats {
		j.found("P4", id.Of(id.User, at.user), "has no seat of %s, but the journal says %s", id.Of(id.License, at.license), state)
	}
	return err
}
