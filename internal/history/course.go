package history

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/store"
)

// holder is a user and a license, by their keys in the record.
type holder struct{ license, user int64 }

// standing is how a user stands with a license. The zero value is not at all.
type standing struct {
	state licensing.SeatState
	pool  licensing.PoolKey
}

// change is that a user stands otherwise from a time on.
type change struct {
	at  time.Time
	who holder
	is  standing
}

// course is what became of all seats over time, as the events of a database tell it.
type course struct {
	changes []change
	stands  map[holder]standing
	shares  map[int64]share // allotments, by key
}

// share is what is to be known of an allotment: whose units its seats take.
type share struct {
	name    string
	parent  int64
	license int64
	ceiling bool
}

// follow reads the course of the seats in a database, up to a time and an entry of its journal, with keys as canon gives them.
func follow(ctx context.Context, s *store.Store, until time.Time, journal int64, canon func(noun id.Noun, key int64) int64) (*course, error) {
	c := &course{}
	return c, s.View(ctx, func(ctx context.Context, rd *store.Reader) error {
		*c = course{stands: map[holder]standing{}, shares: map[int64]share{}}
		m := &moment{course: c, was: map[holder]standing{}}
		found, err := rd.Query(ctx, `SELECT at, type, noun, subject_id, license_id, allotment_id, user_id, data FROM events WHERE `+rd.Any("type", 1)+`
			AND at <= $2 AND journal_id <= $3 ORDER BY id`,
			rd.Array([]string{"SEAT_ACTIVE", "SEAT_WAITING", "SEAT_ERROR", "SEAT_RELEASED", "SEAT_MOVED", "ALLOTMENT_CREATED"}), until, journal)
		err = each(found, err, func(r rows) error {
			var e seatEvent
			if err := r.Scan(&e.at, &e.kind, &e.noun, &e.subject, &e.pool.License, &e.pool.Allotment, &e.user, &e.data); err != nil {
				return err
			}
			e.at = e.at.UTC()
			return m.take(&e, canon)
		})
		m.end()
		return err
	})
}

// seatEvent is an event that a course is made of.
type seatEvent struct {
	at            time.Time
	kind, noun    string
	subject, user int64
	pool          licensing.PoolKey
	data          string
}

// users are those whom the event is about.
func (e *seatEvent) users() ([]int64, error) {
	if e.user != 0 {
		return []int64{e.user}, nil
	}
	var list struct{ Users []id.ID }
	err := json.Unmarshal([]byte(e.data), &list)
	users := make([]int64, len(list.Users))
	for i, user := range list.Users {
		users[i] = user.Key(id.User)
	}
	return users, err
}

// moment gathers what happens at one time: requests that shared a transaction are told by their outcome, those that had one each by
// every step, and both are the same course.
type moment struct {
	course *course
	at     time.Time
	was    map[holder]standing
}

func (m *moment) take(e *seatEvent, canon func(noun id.Noun, key int64) int64) error {
	if !e.at.Equal(m.at) {
		m.end()
		m.at = e.at
	}
	pool := licensing.PoolKey{License: canon(id.License, e.pool.License), Allotment: canon(id.Allotment, e.pool.Allotment)}
	if e.kind == "ALLOTMENT_CREATED" {
		return m.course.share(e, pool, canon)
	}
	users, err := e.users()
	for _, user := range users {
		who := holder{pool.License, canon(id.User, user)}
		now := m.course.stands[who]
		if _, known := m.was[who]; !known {
			m.was[who] = now
		}
		switch e.kind {
		case "SEAT_RELEASED":
			now = standing{}
		case "SEAT_MOVED":
			now.pool = pool
		default:
			now = standing{licensing.SeatState(e.kind[len("SEAT_"):]), pool}
		}
		m.course.stands[who] = now
	}
	return err
}

// end notes who stands otherwise after the moment.
func (m *moment) end() {
	begin := len(m.course.changes)
	for who, was := range m.was {
		is := m.course.stands[who]
		if is != was {
			m.course.changes = append(m.course.changes, change{m.at, who, is})
		}
		if is == (standing{}) {
			delete(m.course.stands, who)
		}
	}
	clear(m.was)
	slices.SortFunc(m.course.changes[begin:], func(a, b change) int {
		return cmp.Or(cmp.Compare(a.who.license, b.who.license), cmp.Compare(a.who.user, b.who.user))
	})
}

func (c *course) share(e *seatEvent, pool licensing.PoolKey, canon func(noun id.Noun, key int64) int64) error {
	var told struct {
		Name, Mode string
		Parent     *id.ID
	}
	if err := json.Unmarshal([]byte(e.data), &told); err != nil {
		return err
	}
	s := share{name: told.Name, license: pool.License, ceiling: told.Mode == string(licensing.Ceiling)}
	if told.Parent != nil {
		s.parent = canon(id.Allotment, told.Parent.Key(id.Allotment))
	}
	c.shares[pool.Allotment] = s
	return nil
}

// charged are the pools whose units a seat of a pool takes (semantics.md §2): itself, and those above it up to the first that is a
// carve-out.
func (c *course) charged(pool licensing.PoolKey) []licensing.PoolKey {
	pools := []licensing.PoolKey{pool}
	for pool.Allotment != 0 {
		s := c.shares[pool.Allotment]
		if !s.ceiling {
			break
		}
		pool.Allotment = s.parent
		pools = append(pools, pool)
	}
	return pools
}

// peak is the most that was used of a pool, and since when.
type peak struct {
	used int64
	at   time.Time
}

// peaks gives the most that was used of each pool.
func (c *course) peaks() map[licensing.PoolKey]peak {
	most, used, stands := map[licensing.PoolKey]peak{}, map[licensing.PoolKey]int64{}, map[holder]standing{}
	add := func(s standing, n int64, touched map[licensing.PoolKey]bool) {
		if s.state != licensing.Active {
			return
		}
		for _, pool := range c.charged(s.pool) {
			used[pool] += n
			touched[pool] = true
		}
	}
	for i := 0; i < len(c.changes); {
		touched, at := map[licensing.PoolKey]bool{}, c.changes[i].at
		for ; i < len(c.changes) && c.changes[i].at.Equal(at); i++ {
			x := c.changes[i]
			add(stands[x.who], -1, touched)
			add(x.is, 1, touched)
			stands[x.who] = x.is
		}
		for pool := range touched {
			if used[pool] > most[pool].used {
				most[pool] = peak{used[pool], at}
			}
		}
	}
	return most
}

// stay is a time for which a user stood in one way.
type stay struct {
	who      holder
	is       standing
	from, to time.Time
}

// stays hands every time for which somebody had a seat, waited or was in error to do; what has not ended ends at a time.
func (c *course) stays(until time.Time, do func(stay)) {
	open := map[holder]change{}
	for _, x := range c.changes {
		if before, stood := open[x.who]; stood && before.is != (standing{}) && x.at.After(before.at) {
			do(stay{x.who, before.is, before.at, x.at})
		}
		open[x.who] = x
	}
	for who, last := range open {
		if last.is != (standing{}) && until.After(last.at) {
			do(stay{who, last.is, last.at, until})
		}
	}
}

// wait is how long somebody waited, in all and at the longest.
type wait struct{ sum, longest time.Duration }

// waits gives how long users waited for licenses. Moving up to another queue without a seat between is one wait.
func (c *course) waits(until time.Time) map[holder]wait {
	all, last := map[holder]wait{}, map[holder]stay{}
	c.stays(until, func(s stay) {
		if s.is.state != licensing.Waiting {
			return
		}
		if before, waited := last[s.who]; waited && before.to.Equal(s.from) {
			s.from = before.from
			w := all[s.who]
			w.sum -= before.to.Sub(before.from)
			all[s.who] = w
		}
		last[s.who] = s
		w, took := all[s.who], s.to.Sub(s.from)
		all[s.who] = wait{w.sum + took, max(w.longest, took)}
	})
	return all
}

// same tells whether two courses are the same for everybody, change for change. Only the changes of one seat have an order: those of
// others may have been made in transactions that did not wait for each other.
func (c *course) same(other *course) bool {
	return slices.EqualFunc(c.bySeat(), other.bySeat(), func(a, b change) bool { return a.at.Equal(b.at) && a.who == b.who && a.is == b.is })
}

func (c *course) bySeat() []change {
	sorted := slices.Clone(c.changes)
	slices.SortStableFunc(sorted, func(a, b change) int {
		return cmp.Or(cmp.Compare(a.who.license, b.who.license), cmp.Compare(a.who.user, b.who.user))
	})
	return sorted
}
