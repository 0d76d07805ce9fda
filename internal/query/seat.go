package query

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"entgo.io/ent/dialect/sql"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/ent/predicate"
	"github.com/ringfence/ringfence/ent/seat"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/store"
)

// Seat is one user's hold on one license as the API shows it.
type Seat struct {
	*ent.Seat
	family *family[*Seat]
}

// Pages of seats.
type (
	SeatConnection = Connection[*Seat]
	SeatEdge       = Edge[*Seat]
)

var seats = &noun[*ent.Seat, *Seat]{
	kind: kindSeat, table: "seats",
	find: func(ctx context.Context, c *ent.Client, where func(*sql.Selector)) ([]*ent.Seat, error) {
		return c.Seat.Query().Where(predicate.Seat(where)).All(ctx)
	},
	key:  func(row *ent.Seat) int64 { return row.ID },
	view: func(row *ent.Seat, f *family[*Seat]) *Seat { return &Seat{row, f} },
}

func stateName(state *seat.State) string {
	if state == nil {
		return ""
	}
	return string(*state)
}

func inSeatState(state *seat.State) condition { return equals("t.state", state) }

// ID gives the opaque id.
func (s *Seat) ID() id.ID { return id.Of(id.Seat, s.Seat.ID) }

// License gives what is held.
func (s *Seat) License(ctx context.Context) (*License, error) {
	return reference(ctx, s.family, s, licenses, link[*Seat, *ent.License]{
		field: "license", key: func(s *Seat) int64 { return s.LicenseID },
	})
}

// User gives who holds it.
func (s *Seat) User(ctx context.Context) (*User, error) {
	return reference(ctx, s.family, s, users, link[*Seat, *ent.User]{
		field: "user", key: func(s *Seat) int64 { return s.UserID },
	})
}

// Allotment gives what the seat is charged to, if it is an allotment that may be seen.
func (s *Seat) Allotment(ctx context.Context) (*Allotment, error) {
	return optional(ctx, s.family, s, allotments, link[*Seat, *ent.Allotment]{
		field: "allotment", key: func(s *Seat) int64 { return s.AllotmentID },
	})
}

// reason is one stored reason of a seat, with the plans it switches off.
type reason struct {
	key, groupLicense, allotment int64
	state                        string
	priority                     float64
	created                      time.Time
	waiting                      *time.Time
	plans                        []int64
}

// why gives the reasons of all seats of the family, oldest first, by the seat's key.
func (s *Seat) why(ctx context.Context) (map[int64][]*reason, error) {
	return together(ctx, s.family, "why", s.family.readReasons)
}

func (s *session) readReasons(ctx context.Context, members []*Seat) (map[int64][]*reason, error) {
	keys := make([]int64, len(members))
	for i, member := range members {
		keys[i] = member.Seat.ID
	}
	out := map[int64][]*reason{}
	statement := sqlf(`SELECT t.id, r.id, r.group_license_id, r.allotment_id, r.state, r.priority, r.created_at, r.waiting_since,
			CASE WHEN r.group_license_id = 0 THEN r.disabled_plans ELSE g.disabled_plans END
		FROM seats t JOIN seat_reasons r ON r.license_id = t.license_id AND r.user_id = t.user_id
		LEFT JOIN group_licenses g ON g.id = r.group_license_id
		WHERE ? ORDER BY r.created_at, r.id`, in("t.id", keys))
	return out, s.rows(ctx, statement, func(rows *stdsql.Rows) error {
		r := &reason{}
		var owner int64
		var created, waiting store.Time
		var plans []byte
		if err := rows.Scan(&owner, &r.key, &r.groupLicense, &r.allotment, &r.state, &r.priority, &created, &waiting, &plans); err != nil {
			return err
		}
		r.created, r.waiting = created.Time, timeOf(waiting)
		out[owner] = append(out[owner], r)
		if len(plans) == 0 {
			return nil
		}
		return json.Unmarshal(plans, &r.plans)
	})
}

// Reasons gives why the user should have the seat.
func (s *Seat) Reasons(ctx context.Context) ([]*SeatReason, error) {
	all, err := together(ctx, s.family, "reasons", func(ctx context.Context, _ []*Seat) (map[int64][]*SeatReason, error) {
		stored, err := s.why(ctx)
		out := map[int64][]*SeatReason{}
		kin := &family[*SeatReason]{session: s.family.session, facts: s.family.facts}
		for key, reasons := range stored {
			for _, r := range reasons {
				shown := &SeatReason{reason: r, family: kin}
				kin.members = append(kin.members, shown)
				out[key] = append(out[key], shown)
			}
		}
		return out, err
	})
	return nonNil(all[s.Seat.ID]), err
}

// DisabledPlans gives the plans that every reason switches off (WX-16), by name.
func (s *Seat) DisabledPlans(ctx context.Context) ([]*ServicePlan, error) {
	stored, err := s.why(ctx)
	if err != nil {
		return nil, err
	}
	all, err := together(ctx, s.family, "disabledPlans", func(ctx context.Context, _ []*Seat) (map[int64]*ServicePlan, error) {
		var keys []int64
		for _, reasons := range stored {
			keys = append(keys, switchedOff(reasons)...)
		}
		return plans.byKey(ctx, s.family.session, keys)
	})
	return plansByName(all, switchedOff(stored[s.Seat.ID])), err
}

// switchedOff gives the plans that all of the reasons switch off.
func switchedOff(reasons []*reason) []int64 {
	if giving := slices.DeleteFunc(slices.Clone(reasons), func(r *reason) bool { return r.state == "ERROR" }); len(giving) > 0 {
		reasons = giving // what is in error beside them gives nothing
	}
	if len(reasons) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(reasons[0].plans), func(plan int64) bool {
		return slices.ContainsFunc(reasons[1:], func(r *reason) bool { return !slices.Contains(r.plans, plan) })
	})
}

func plansByName(all map[int64]*ServicePlan, keys []int64) []*ServicePlan {
	out := make([]*ServicePlan, 0, len(keys))
	for _, key := range distinct(keys) {
		if plan := all[key]; plan != nil {
			out = append(out, plan)
		}
	}
	slices.SortFunc(out, func(a, b *ServicePlan) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func wide(keys []int) []int64 {
	out := make([]int64, len(keys))
	for i, key := range keys {
		out[i] = int64(key)
	}
	return out
}

// queued gives the reason by which a WAITING seat stands in a queue: its oldest one that waits.
func (s *Seat) queued(ctx context.Context) (*reason, error) {
	if s.State != seat.StateWAITING {
		return nil, nil
	}
	stored, err := s.why(ctx)
	return firstWaiting(stored[s.Seat.ID]), err
}

func firstWaiting(reasons []*reason) *reason {
	for _, r := range reasons {
		if r.state == "WAITING" {
			return r
		}
	}
	return nil
}

// WaitingSince tells since when the seat waits.
func (s *Seat) WaitingSince(ctx context.Context) (*time.Time, error) {
	r, err := s.queued(ctx)
	if r == nil {
		return nil, err
	}
	return r.waiting, err
}

// Priority gives the priority in the queue.
func (s *Seat) Priority(ctx context.Context) (*float64, error) {
	r, err := s.queued(ctx)
	if r == nil {
		return nil, err
	}
	return &r.priority, err
}

// Position gives the place in the queue, from 1.
func (s *Seat) Position(ctx context.Context) (*int64, error) {
	r, err := s.queued(ctx)
	if r == nil || err != nil {
		return nil, err
	}
	all, err := together(ctx, s.family, "position", s.family.positions)
	if position, ok := all[r.key]; ok {
		return &position, err
	}
	return nil, err
}

// positions numbers the queues in which seats of the family wait, and gives the numbers of their reasons.
func (s *session) positions(ctx context.Context, members []*Seat) (map[int64]int64, error) {
	if len(members) == 0 {
		return nil, nil
	}
	stored, err := members[0].why(ctx)
	if err != nil {
		return nil, err
	}
	var reasons, licenses, pools []int64
	for _, member := range members {
		if r := firstWaiting(stored[member.Seat.ID]); r != nil && member.State == seat.StateWAITING {
			reasons = append(reasons, r.key)
			licenses = append(licenses, member.LicenseID)
			pools = append(pools, r.allotment)
		}
	}
	out := map[int64]int64{}
	if len(reasons) == 0 {
		return out, nil
	}
	slices.Sort(pools)
	statement := sqlf(`SELECT x.id, x.n FROM (
		SELECT q.id AS id, ROW_NUMBER() OVER (PARTITION BY q.license_id, q.allotment_id
			ORDER BY q.priority DESC, q.waiting_since, q.user_id) AS n
		FROM seat_reasons q WHERE q.state = 'WAITING' AND ? AND ?
	) AS x WHERE ?`, in("q.license_id", distinct(licenses)), in("q.allotment_id", slices.Compact(pools)), in("x.id", reasons))
	return out, s.rows(ctx, statement, func(rows *stdsql.Rows) error {
		var key, n int64
		err := rows.Scan(&key, &n)
		out[key] = n
		return err
	})
}

// Violations gives what stands against the seat. A seat that waits with nothing stored against it waits for units.
func (s *Seat) Violations(ctx context.Context) ([]*Violation, error) {
	all, err := together(ctx, s.family, "violations", s.family.seatViolations)
	return nonNil(all[s.Seat]), err
}

func (s *session) seatViolations(ctx context.Context, members []*Seat) (map[*ent.Seat][]*Violation, error) {
	var waiting []licensing.PoolKey
	stored := map[int64][]*reason{}
	for _, member := range members {
		if member.State != seat.StateWAITING || len(member.Seat.Violations) > 0 {
			continue
		}
		var err error
		if stored, err = member.why(ctx); err != nil {
			return nil, err
		}
		waiting = append(waiting, member.queue(stored))
	}
	pools, err := s.pools(ctx, waiting)
	if err != nil {
		return nil, err
	}
	told := map[*ent.Seat][]licensing.Violation{}
	for _, member := range members {
		told[member.Seat] = member.Seat.Violations
		if len(member.Seat.Violations) > 0 || member.State != seat.StateWAITING {
			continue
		}
		if pool := pools[member.queue(stored)]; pool != nil {
			told[member.Seat] = []licensing.Violation{licensing.Shortage(bindingOf(pool), 1)}
		}
	}
	return explain(ctx, s, told)
}

// queue gives the pool in whose queue the seat waits.
func (s *Seat) queue(stored map[int64][]*reason) licensing.PoolKey {
	if r := firstWaiting(stored[s.Seat.ID]); r != nil {
		return licensing.PoolKey{License: s.LicenseID, Allotment: r.allotment}
	}
	return licensing.PoolKey{License: s.LicenseID, Allotment: s.AllotmentID}
}

// bindingOf gives the pool that keeps a queue waiting: one without room, or the pool itself when others are first in line.
func bindingOf(pool *licensing.Pool) *licensing.Pool {
	if binding := pool.Binding(1); binding != nil {
		return binding
	}
	return pool
}

// SeatReason is why a user should have a seat, as the API shows it.
type SeatReason struct {
	reason *reason
	family *family[*SeatReason]
}

// Direct tells whether it was assigned to the user directly.
func (r *SeatReason) Direct() bool { return r.reason.groupLicense == 0 }

// GroupLicense gives what grants it, if it may be seen.
func (r *SeatReason) GroupLicense(ctx context.Context) (*GroupLicense, error) {
	return optional(ctx, r.family, r, groupLicenses, link[*SeatReason, *ent.GroupLicense]{
		field: "groupLicense", key: func(r *SeatReason) int64 { return r.reason.groupLicense },
	})
}

// Group gives the group through which it comes, if it may be seen.
func (r *SeatReason) Group(ctx context.Context) (*Group, error) {
	owners, err := together(ctx, r.family, "groupKeys", func(ctx context.Context, members []*SeatReason) (map[int64]int64, error) {
		keys := make([]int64, len(members))
		for i, member := range members {
			keys[i] = member.reason.groupLicense
		}
		pairs, err := r.family.pairs(ctx, sqlf("SELECT g.id, g.group_id FROM group_licenses g WHERE ?", in("g.id", distinct(keys))))
		owners := map[int64]int64{}
		for _, p := range pairs {
			owners[p.owner] = p.key
		}
		return owners, err
	})
	if err != nil {
		return nil, err
	}
	return optional(ctx, r.family, r, groups, link[*SeatReason, *ent.Group]{
		field: "group", key: func(r *SeatReason) int64 { return owners[r.reason.groupLicense] },
	})
}

// Allotment gives what the reason draws on, if it is an allotment that may be seen.
func (r *SeatReason) Allotment(ctx context.Context) (*Allotment, error) {
	return optional(ctx, r.family, r, allotments, link[*SeatReason, *ent.Allotment]{
		field: "allotment", key: func(r *SeatReason) int64 { return r.reason.allotment },
	})
}

// State gives what became of the reason.
func (r *SeatReason) State() string { return r.reason.state }

// Since tells since when there is this reason.
func (r *SeatReason) Since() time.Time { return r.reason.created }
