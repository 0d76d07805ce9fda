package operation_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/store"
)

// audit recounts the books from the rows alone, with none of the code under test: P1 to P6, and the journal.
func (w *world) audit() {
	w.Helper()
	if w.Failed() {
		return
	}
	err := w.Store.View(w.Context(), func(ctx context.Context, r *store.Reader) error {
		b := &books{w: w, r: r, ctx: ctx, pools: map[licensing.PoolKey]*counted{}, seats: map[[2]int64]*auditedSeat{}}
		b.readPools()
		b.readSeats()
		b.readReasons()
		b.checkSeats()
		b.checkPools()
		b.checkStocks()
		b.checkJournal()
		b.checkRevisions()
		return nil
	})
	if err != nil {
		w.Error(err)
	}
}

type books struct {
	w     *world
	r     *store.Reader
	ctx   context.Context //nolint:containedctx // of one audit
	pools map[licensing.PoolKey]*counted
	order []*counted
	seats map[[2]int64]*auditedSeat
}

// counted is a pool as it is stored, and as it is counted.
type counted struct {
	*licensing.Pool
	used, reserved, waiting, errors int64
	blocked                         int64 // of those waiting, how many wait for another pool too
}

type auditedSeat struct {
	state   string
	pool    licensing.PoolKey
	blocked bool
	reasons []licensing.PoolKey
	states  map[string]int
	served  licensing.PoolKey
}

func (b *books) rows(query string, scan func(scan func(...any) error) error) {
	rows, err := b.r.Query(b.ctx, query)
	if err != nil {
		b.w.Fatal(err)
	}
	for rows.Next() {
		if err := scan(rows.Scan); err != nil {
			b.w.Fatal(err)
		}
	}
	if err := rows.Close(); err != nil {
		b.w.Fatal(err)
	}
}

// checkRevisions holds every decision against the policies that are kept: the one that took it can be read again.
func (b *books) checkRevisions() {
	b.rows(`SELECT DISTINCT revision FROM decisions WHERE revision NOT IN (SELECT revision FROM policy_revisions)`, func(scan func(...any) error) error {
		var revision string
		err := scan(&revision)
		b.w.Errorf("decisions were taken by the policy %s, whose text is not kept", revision)
		return err
	})
}

func (b *books) readPools() {
	b.rows(`SELECT l.id, p.name, COALESCE(l.starts_on, c.starts_on), COALESCE(l.ends_on, c.ends_on), l.capacity, l.ceiling, l.used, l.reserved,
		l.waiting, l.errors FROM licenses l JOIN products p ON p.id = l.product_id JOIN contracts c ON c.id = l.contract_id`, func(scan func(...any) error) error {
		c := &counted{Pool: &licensing.Pool{Mode: licensing.Reserved}}
		var starts, ends *string
		err := scan(&c.Key.License, &c.Name, &starts, &ends, &c.Limit, &c.Ceiling, &c.Used, &c.Reserved, &c.Waiting, &c.Errors)
		c.StartsAt, c.EndsAt = licensing.DefaultTerms.Period(starts, ends)
		b.pools[c.Key] = c
		b.order = append(b.order, c)
		return err
	})
	b.rows(`SELECT id, license_id, COALESCE(parent_id, 0), name, mode, starts_at, ends_at, capacity, ceiling, used, reserved, waiting, errors
		FROM allotments ORDER BY depth`, func(scan func(...any) error) error {
		c := &counted{Pool: &licensing.Pool{}}
		var parent int64
		err := scan(&c.Key.Allotment, &c.Key.License, &parent, &c.Name, &c.Mode, &c.StartsAt, &c.EndsAt, &c.Limit, &c.Ceiling, &c.Used, &c.Reserved,
			&c.Waiting, &c.Errors)
		above := b.pools[licensing.PoolKey{License: c.Key.License, Allotment: parent}]
		c.Parent = above.Pool
		if c.Limit != nil && above.Limit != nil && *c.Limit > *above.Limit && above.Key.Allotment != 0 {
			b.w.Errorf("P6: %s has the limit %d, above it %d", c.Name, *c.Limit, *above.Limit)
		}
		b.pools[c.Key] = c
		b.order = append(b.order, c)
		return err
	})
}

func (b *books) readSeats() {
	b.rows(`SELECT license_id, user_id, allotment_id, state, COALESCE(violations, 'null') FROM seats`, func(scan func(...any) error) error {
		s := &auditedSeat{states: map[string]int{}}
		var user int64
		var violations string
		err := scan(&s.pool.License, &user, &s.pool.Allotment, &s.state, &violations)
		s.blocked = violations != "null" && violations != "[]"
		b.seats[[2]int64{s.pool.License, user}] = s
		pool := b.pools[s.pool]
		if pool == nil {
			b.w.Fatalf("a seat of %v, which does not exist", s.pool)
		}
		switch s.state {
		case "ACTIVE":
			for _, link := range pool.Chain() {
				b.pools[link.Key].used++
			}
		case "ERROR":
			pool.errors++
		}
		return err
	})
}

func (b *books) readReasons() {
	b.rows(`SELECT license_id, user_id, allotment_id, state FROM seat_reasons ORDER BY created_at, id`, func(scan func(...any) error) error {
		var key licensing.PoolKey
		var user int64
		var state string
		err := scan(&key.License, &user, &key.Allotment, &state)
		s := b.seats[[2]int64{key.License, user}]
		if s == nil {
			b.w.Fatalf("user %d has a reason for %v and no seat", user, key)
		}
		s.states[state]++
		s.reasons = append(s.reasons, key)
		switch state {
		case "SERVED":
			s.served = key
		case "WAITING":
			b.pools[key].waiting++
			if s.blocked {
				b.pools[key].blocked++
			}
		}
		return err
	})
}

func (b *books) checkSeats() {
	for at, s := range b.seats {
		total := len(s.reasons)
		ok := false
		switch s.state {
		case "ACTIVE":
			ok = s.states["SERVED"] == 1 && s.states["STANDBY"]+s.states["ERROR"] == total-1 && s.served == s.pool &&
				s.blocked == (s.states["ERROR"] > 0)
		case "WAITING":
			ok = s.states["WAITING"] == total && total > 0 && s.reasons[0] == s.pool
		case "ERROR":
			ok = s.states["ERROR"] == total && total > 0 && s.blocked && s.reasons[0] == s.pool
		}
		if !ok {
			b.w.Errorf("seat of user %d, license %d: %s in %v does not go with its reasons %v in %v", at[1], at[0], s.state, s.pool, s.states, s.reasons)
		}
	}
}

func (b *books) checkPools() {
	b.rows(`SELECT license_id, quantity FROM allocations WHERE NOT unlimited`, func(scan func(...any) error) error {
		var license, quantity int64
		err := scan(&license, &quantity)
		b.pools[licensing.PoolKey{License: license}].reserved += quantity
		return err
	})
	for i := len(b.order) - 1; i >= 0; i-- { // children before parents
		c := b.order[i]
		if c.Parent != nil && c.Mode == licensing.Reserved {
			carve := max(*c.Limit, c.used+c.reserved)
			for _, link := range c.Parent.Chain() {
				b.pools[link.Key].reserved += carve
			}
		}
	}
	for _, c := range b.order {
		if c.Used != c.used || c.Reserved != c.reserved || c.Waiting != c.waiting || c.Errors != c.errors {
			b.w.Errorf("P2: %s says %d used %d reserved %d waiting %d errors; counted %d, %d, %d, %d", c.Name, c.Used, c.Reserved, c.Waiting, c.Errors,
				c.used, c.reserved, c.waiting, c.errors)
		}
		if c.Limit != nil && (c.Ceiling == nil || c.used+c.reserved > *c.Ceiling || *c.Ceiling != max(*c.Limit, c.used+c.reserved)) {
			b.w.Errorf("P1: %s has the limit %d and holds %d; ceiling %v", c.Name, *c.Limit, c.used+c.reserved, c.Ceiling)
		}
		if c.waiting > c.blocked && c.InEffect(b.r.Now()) && c.Binding(1) == nil {
			b.w.Errorf("P5: %d wait for %s, which has room", c.waiting-c.blocked, c.Name)
		}
	}
}

// checkStocks recounts what limits are made of: nothing is kept of an overage that shrinks but what is held beyond what was bought, and
// committed are the purchase reservations that are active.
func (b *books) checkStocks() {
	b.rows(`SELECT l.id, l.quantity, l.committed, l.overage, l.overage_shrinks, l.used + l.reserved, (SELECT COALESCE(SUM(p.quantity), 0)
		FROM purchase_reservations p WHERE p.license_id = l.id AND p.state = 'ACTIVE') FROM licenses l`, func(scan func(...any) error) error {
		var license, quantity, committed, overage, held, active int64
		var shrinks bool
		err := scan(&license, &quantity, &committed, &overage, &shrinks, &held, &active)
		if shrinks && overage > max(0, held-quantity-committed) || shrinks && overage == 0 {
			b.w.Errorf("license %d holds %d of %d + %d, and has an overage of %d that should have shrunk", license, held, quantity, committed, overage)
		}
		if committed != active {
			b.w.Errorf("license %d says committed %d; %d are active", license, committed, active)
		}
		return err
	})
}

// checkJournal recounts the chain. The form of a line is spelled out once more because entries already written depend on it.
func (b *books) checkJournal() {
	lines := map[int64][]string{}
	b.rows(`SELECT e.journal_id, e.decision_id, e.at, e.actor, e.type, e.noun, e.subject_id, e.license_id, e.allotment_id, e.user_id, e.group_id, e.data,
		COALESCE(d.allow, FALSE), COALESCE(d.dry_run, TRUE) FROM events e LEFT JOIN decisions d ON d.id = e.decision_id ORDER BY e.id`, func(scan func(...any) error) error {
		var entry, decision, subject, license, allotment, user, group int64
		var at time.Time
		var who, kind, noun, data string
		var allow, dry bool
		err := scan(&entry, &decision, &at, &who, &kind, &noun, &subject, &license, &allotment, &user, &group, &data, &allow, &dry)
		if !allow || dry {
			b.w.Errorf("P4: %s rests on decision %d, which allows nothing", kind, decision)
		}
		lines[entry] = append(lines[entry],
			fmt.Sprintf("%d %d %q %s %s %d %d %d %d %d %s", decision, at.UnixMicro(), who, kind, noun, subject, license, allotment, user, group, data))
		return err
	})
	last, hash := int64(0), ""
	b.rows(`SELECT id, events, hash FROM journals ORDER BY id`, func(scan func(...any) error) error {
		var id int64
		var events int
		var stored string
		err := scan(&id, &events, &stored)
		h := sha256.New()
		fmt.Fprintln(h, hash)
		for _, line := range lines[id] {
			fmt.Fprintln(h, line)
		}
		hash = hex.EncodeToString(h.Sum(nil))
		if last++; id != last || events != len(lines[id]) || stored != hash {
			b.w.Errorf("journal entry %d (%d events): the chain is broken", id, events)
		}
		return err
	})
	b.rows(`SELECT last, hash FROM journal_heads`, func(scan func(...any) error) error {
		var id int64
		var stored string
		err := scan(&id, &stored)
		if id != last || stored != hash {
			b.w.Errorf("the journal's head says %d, the last entry is %d", id, last)
		}
		return err
	})
}
