package query

import (
	"context"
	"encoding/json"
	"slices"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/ent/predicate"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
)

// Decision is what the policy answered to one request, as the API shows it.
type Decision struct {
	*ent.Decision
	family *family[*Decision]
}

// Event is one thing that happened, as the API shows it.
type Event struct {
	*ent.Event
	family *family[*Event]
}

// Pages of the nouns of this file.
type (
	DecisionConnection = Connection[*Decision]
	DecisionEdge       = Edge[*Decision]
	EventConnection    = Connection[*Event]
	EventEdge          = Edge[*Event]
)

var decisions = &noun[*ent.Decision, *Decision]{
	kind: kindDecision, table: "decisions",
	find: func(ctx context.Context, c *ent.Client, where func(*sql.Selector)) ([]*ent.Decision, error) {
		return c.Decision.Query().Where(predicate.Decision(where)).All(ctx)
	},
	key:  func(row *ent.Decision) int64 { return row.ID },
	view: func(row *ent.Decision, f *family[*Decision]) *Decision { return &Decision{row, f} },
}

var events = &noun[*ent.Event, *Event]{
	kind: kindEvent, table: "events",
	find: func(ctx context.Context, c *ent.Client, where func(*sql.Selector)) ([]*ent.Event, error) {
		return c.Event.Query().Where(predicate.Event(where)).All(ctx)
	},
	key:  func(row *ent.Event) int64 { return row.ID },
	view: func(row *ent.Event, f *family[*Event]) *Event { return &Event{row, f} },
}

// ID gives the opaque id.
func (d *Decision) ID() id.ID { return id.Of(id.Decision, d.Decision.ID) }

// Principal gives who asked; empty when masked.
func (d *Decision) Principal() string {
	if d.family.facts.view.Masks(kindDecision, "principal") {
		return ""
	}
	return d.Decision.Principal
}

// Input gives the document the policy evaluated; an empty object when masked, or when the request was refused before there
// was one. Those who do not see all decisions are not shown the facts in it, which are about pools and people they may not see.
func (d *Decision) Input() json.RawMessage {
	f := d.family.facts
	if f.view.Masks(kindDecision, "input") || !json.Valid([]byte(d.Decision.Input)) {
		return json.RawMessage("{}")
	}
	if f.view.All(kindDecision) {
		return json.RawMessage(d.Decision.Input)
	}
	return only(d.Decision.Input, plainInput)
}

type told struct {
	decision *ent.Decision
	warning  bool
}

func (d *Decision) told(ctx context.Context, warning bool) ([]*Violation, error) {
	all, err := together(ctx, d.family, "told", func(ctx context.Context, members []*Decision) (map[told][]*Violation, error) {
		stored := map[told][]licensing.Violation{}
		for _, member := range members {
			stored[told{member.Decision, false}] = member.Decision.Violations
			stored[told{member.Decision, true}] = member.Decision.Warnings
		}
		return explain(ctx, d.family.session, stored)
	})
	return nonNil(all[told{d.Decision, warning}]), err
}

// Violations gives why it was not allowed.
func (d *Decision) Violations(ctx context.Context) ([]*Violation, error) { return d.told(ctx, false) }

// Warnings gives what was worth saying but did not deny.
func (d *Decision) Warnings(ctx context.Context) ([]*Violation, error) {
	all, err := d.told(ctx, true)
	return enforced(all), err
}

// Unenforced gives what would have been said, had the findings that are only tried been in force.
func (d *Decision) Unenforced(ctx context.Context) ([]*UnenforcedFinding, error) {
	all, err := d.told(ctx, true)
	return unenforced(all), err
}

// License gives the license it was about, if it may be seen.
func (d *Decision) License(ctx context.Context) (*License, error) {
	return optional(ctx, d.family, d, licenses, link[*Decision, *ent.License]{
		field: "license", key: func(d *Decision) int64 { return d.LicenseID },
	})
}

// Allotment gives the allotment it was about, if it may be seen.
func (d *Decision) Allotment(ctx context.Context) (*Allotment, error) {
	return optional(ctx, d.family, d, allotments, link[*Decision, *ent.Allotment]{
		field: "allotment", key: func(d *Decision) int64 { return d.AllotmentID },
	})
}

// ID gives the opaque id.
func (e *Event) ID() id.ID { return id.Of(id.Event, e.Event.ID) }

// Actor gives who did it; empty when masked.
func (e *Event) Actor() string {
	if e.family.facts.view.Masks(kindEvent, "actor") {
		return ""
	}
	return e.Event.Actor
}

// Data gives what changed; nil when masked, or when there is nothing to tell. Those who do not see all events are not shown the ids
// in it, which may be of what they may not see.
func (e *Event) Data() json.RawMessage {
	f := e.family.facts
	if f.view.Masks(kindEvent, "data") || !json.Valid([]byte(e.Event.Data)) {
		return nil
	}
	if f.view.All(kindEvent) {
		return json.RawMessage(e.Event.Data)
	}
	return only(e.Event.Data, plainData)
}

// What anybody may read of a decision's input and an event's data who may read the rest of it.
var (
	plainInput = []string{"action", "now"}
	plainData  = []string{
		"name", "mode", "limit", "startsAt", "endsAt", "fields", "to", "scope", "departments", "countries", "count", "moved", "released",
		"includeNested", "allOrNothing",
	}
)

// only gives a JSON object without the keys that are not named, at any depth.
func only(text string, keys []string) json.RawMessage {
	var value map[string]any
	if json.Unmarshal([]byte(text), &value) != nil {
		return json.RawMessage("{}")
	}
	strip(value, keys)
	out, err := json.Marshal(value)
	if err != nil { // what was read from JSON can be written
		panic(err)
	}
	return out
}

func strip(value map[string]any, keys []string) {
	for key, inner := range value {
		if !slices.Contains(keys, key) {
			delete(value, key)
		} else if object, ok := inner.(map[string]any); ok {
			strip(object, keys)
		}
	}
}

// Subject gives the thing it happened to, if there still is one that may be seen.
func (e *Event) Subject(ctx context.Context) (Node, error) {
	all, err := together(ctx, e.family, "subject", func(ctx context.Context, members []*Event) (map[id.ID]Node, error) {
		ids := make([]id.ID, len(members))
		for i, member := range members {
			ids[i] = member.subject()
		}
		return e.family.find(ctx, ids)
	})
	return all[e.subject()], err
}

// subjects are the nouns of events that have ids, under the names events have for them.
var subjects = map[string]id.Noun{
	"vendor": id.Vendor, "product": id.Product, "contract": id.Contract, "license": id.License, "allotment": id.Allotment,
	"user": id.User, "group": id.Group, "groupLicense": id.GroupLicense, "seat": id.Seat, "serviceToken": id.ServiceToken,
	"feed": id.Feed, "policyPublication": id.PolicyPublication,
	"deployment": id.Deployment, "allocation": id.Allocation, "purchaseReservation": id.Purchase,
}

func (e *Event) subject() id.ID { return id.Of(subjects[e.Noun], e.SubjectID) }

// License gives the license it is about, if it may be seen.
func (e *Event) License(ctx context.Context) (*License, error) {
	return optional(ctx, e.family, e, licenses, link[*Event, *ent.License]{
		field: "license", key: func(e *Event) int64 { return e.LicenseID },
	})
}

// Allotment gives the allotment it is about, if it may be seen.
func (e *Event) Allotment(ctx context.Context) (*Allotment, error) {
	return optional(ctx, e.family, e, allotments, link[*Event, *ent.Allotment]{
		field: "allotment", key: func(e *Event) int64 { return e.AllotmentID },
	})
}

// User gives the user it is about, if they may be seen.
func (e *Event) User(ctx context.Context) (*User, error) {
	return optional(ctx, e.family, e, users, link[*Event, *ent.User]{
		field: "user", key: func(e *Event) int64 { return e.UserID },
	})
}

// Group gives the group it is about, if it may be seen.
func (e *Event) Group(ctx context.Context) (*Group, error) {
	return optional(ctx, e.family, e, groups, link[*Event, *ent.Group]{
		field: "group", key: func(e *Event) int64 { return e.GroupID },
	})
}

// Decision gives the decision that allowed it, if it may be seen.
func (e *Event) Decision(ctx context.Context) (*Decision, error) {
	return optional(ctx, e.family, e, decisions, link[*Event, *ent.Decision]{
		field: "decision", key: func(e *Event) int64 { return e.DecisionID },
	})
}

// DecisionWhere are conditions on decisions.
type DecisionWhere struct {
	IDIn        []id.ID
	ActionIn    []string
	Allow       *bool
	DryRun      *bool
	Principal   *TextFilter
	Revision    *string
	LicenseID   *id.ID
	AllotmentID *id.ID
	At          *TimeFilter
	Unenforced  *string
}

// EventWhere are conditions on events.
type EventWhere struct {
	IDIn        []id.ID
	TypeIn      []string
	Actor       *TextFilter
	LicenseID   *id.ID
	AllotmentID *id.ID
	UserID      *id.ID
	GroupID     *id.ID
	At          *TimeFilter
}

// Decisions lists the decisions the principal may see, newest first.
func (r *Reader) Decisions(ctx context.Context, p Page, w *DecisionWhere) (*DecisionConnection, error) {
	s := r.session(ctx)
	f, err := s.sight(ctx)
	if err != nil {
		return nil, err
	}
	l := list{order: newestFirst}
	if w != nil {
		if used(w.Principal) {
			if err := f.open(kindDecision, "principal", "principal"); err != nil {
				return nil, err
			}
		}
		l.where = and(
			named("t.id", id.Decision, w.IDIn), among("t.action", w.ActionIn), whether(w.Allow, sqlf("t.allow")),
			whether(w.DryRun, sqlf("t.dry_run")), w.Principal.on("t.principal"), equals("t.revision", w.Revision),
			s.about(f, licenses.kind, "license_id", id.License, w.LicenseID), s.about(f, allotments.kind, "allotment_id", id.Allotment, w.AllotmentID),
			w.At.on("t.at"), s.unenforced(w.Unenforced),
		)
	}
	return root(ctx, s, decisions, l, p)
}

// Events lists the events the principal may see, newest first.
func (r *Reader) Events(ctx context.Context, p Page, w *EventWhere) (*EventConnection, error) {
	s := r.session(ctx)
	f, err := s.sight(ctx)
	if err != nil {
		return nil, err
	}
	l := list{order: newestFirst}
	if w != nil {
		if used(w.Actor) {
			if err := f.open(kindEvent, "actor", "actor"); err != nil {
				return nil, err
			}
		}
		l.where = and(
			named("t.id", id.Event, w.IDIn), among("t.type", w.TypeIn), w.Actor.on("t.actor"),
			s.about(f, kindLicense, "license_id", id.License, w.LicenseID), s.about(f, kindAllotment, "allotment_id", id.Allotment, w.AllotmentID),
			s.about(f, kindUser, "user_id", id.User, w.UserID), s.about(f, kindGroup, "group_id", id.Group, w.GroupID), w.At.on("t.at"),
		)
	}
	return root(ctx, s, events, l, p)
}

// unenforced holds for decisions with a finding of a code that was only tried.
func (s *session) unenforced(code *string) condition {
	switch {
	case code == nil:
		return nil
	case s.dialect == dialect.Postgres:
		return sqlf(`t.warnings @> jsonb_build_array(jsonb_build_object('effect', CAST(? AS text), 'code', CAST(? AS text)))`, licensing.EffectDryRun, *code)
	}
	return sqlf(`EXISTS (SELECT 1 FROM json_each(t.warnings) w WHERE json_extract(w.value, '$.effect') = ? AND json_extract(w.value, '$.code') = ?)`,
		licensing.EffectDryRun, *code)
}

// about holds for records about one thing. A thing that may not be seen has no records to tell of.
func (s *session) about(f *facts, kind, column string, noun id.Noun, one *id.ID) condition {
	if one == nil {
		return nil
	}
	tables := map[string]string{kindLicense: "licenses", kindAllotment: "allotments", kindUser: "users", kindGroup: "groups"}
	return sqlf("t."+column+" = ? AND EXISTS (SELECT 1 FROM "+tables[kind]+" ab WHERE ab.id = t."+column+" AND ?)",
		one.Key(noun), and(s.visible(f, kind, "ab")))
}
