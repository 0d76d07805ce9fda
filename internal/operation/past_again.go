package operation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/99designs/gqlgen/graphql"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/licensing"
)

// Past is one step of the recorded history that can be taken again, in a database of its own: a request as it was asked, or something
// the service did by itself.
type Past struct {
	past    past
	who     *identity.Principal
	kind    kind
	command any // nil for a step of the service
}

// Outcome is what became of a step.
type Outcome struct {
	Allow      bool
	Violations []licensing.Violation
	Warnings   []licensing.Violation
	// Failed is the code of a request that could not be decided (CONFLICT, INVALID_INPUT, …); empty for one that was.
	Failed fault.Code
	// Nothing tells that a step of the service found nothing to do.
	Nothing bool
	// Decision is the key of the decision on a request; 0 if none was recorded.
	Decision int64
}

// ReadPast reads what was recorded of a step. It gives nil for a decision that is part of another step, and an error for one that
// cannot be run again.
func ReadPast(principal, action, command string) (*Past, error) {
	if command == partOfPast {
		return nil, nil //nolint:nilnil // there is nothing to run, and that is no error
	}
	text, err := unpack(command)
	if err != nil {
		return nil, err
	}
	p := &Past{who: &identity.Principal{UserName: principal}}
	if err := json.Unmarshal(text, &p.past); err != nil {
		return nil, err
	}
	p.who.Roles, p.who.Purpose = p.past.Roles, p.past.Purpose
	if principal == identity.SystemName { // nobody else can have the name
		p.who = &identity.Principal{System: true, Roles: p.past.Roles}
	}
	if p.past.Duty != nil {
		return p, nil
	}
	name := action
	if p.past.Do != "" {
		name = p.past.Do
	}
	of, known := kinds[name]
	if !known {
		return nil, fmt.Errorf("no command is called %q", name)
	}
	p.kind, p.command = of, of.fresh()
	if err := json.Unmarshal(p.past.With, p.command); err != nil {
		return nil, err
	}
	if c, ok := p.command.(*Import); ok && p.past.Content != nil {
		c.File.Open = contentOf(p.past.Content)
	}
	return p, nil
}

// After is where a denial belongs, though it was stored later: after the decision of this key. It is 0 for everything else.
func (p *Past) After() int64 { return p.past.After }

// Own tells whether it is a step that the service took by itself.
func (p *Past) Own() bool { return p.past.Duty != nil }

// Unkept tells that a file is missing which is needed to tell how the request would be answered.
func (p *Past) Unkept() bool {
	c, ok := p.command.(*Import)
	return ok && c.File.Open == nil
}

// Users gives the names of those whom the step names by name, in the order in which new ones are made.
func (p *Past) Users() []string {
	switch c := p.command.(type) {
	case *UpsertUsers:
		names := make([]string, len(c.Users))
		for i := range c.Users {
			names[i] = c.Users[i].UserName
		}
		return names
	case *ProvisionUser:
		return []string{c.User.UserName}
	}
	return nil
}

// Refer puts other ids in the place of those the step names, as to gives them.
func (p *Past) Refer(to func(id.ID) id.ID) {
	if d := p.past.Duty; d != nil {
		d.License, d.Grant, d.From = to(id.Of(id.License, d.License)).N, to(id.Of(id.GroupLicense, d.Grant)).N, to(id.Of(id.User, d.From)).N
		return
	}
	refer(reflect.ValueOf(p.command).Elem(), to)
}

// refer changes the ids in a value.
func refer(v reflect.Value, to func(id.ID) id.ID) {
	switch x := v.Addr().Interface().(type) {
	case *id.ID:
		if *x != (id.ID{}) {
			*x = to(*x)
		}
		return
	case *graphql.Omittable[[]id.ID]:
		if ids, given := x.ValueOK(); given {
			refer(reflect.ValueOf(&ids).Elem(), to)
			*x = graphql.OmittableOf(ids)
		}
		return
	case *graphql.Omittable[*ScopeInput]:
		if scope, given := x.ValueOK(); given && scope != nil {
			refer(reflect.ValueOf(scope).Elem(), to)
		}
		return
	}
	switch v.Kind() { //nolint:exhaustive // ids are nowhere else
	case reflect.Pointer:
		if !v.IsNil() {
			refer(v.Elem(), to)
		}
	case reflect.Slice:
		for i := range v.Len() {
			refer(v.Index(i), to)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				refer(v.Field(i), to)
			}
		}
	}
}

// Again takes the step in the database of a runner, as whoever took it first. An error is one of that database; whatever the step
// itself came to is the outcome.
func (p *Past) Again(ctx context.Context, r *Runner) (*Outcome, error) {
	if d := p.past.Duty; d != nil {
		return r.dutyAgain(ctx, duty{action: d.Action, license: d.License, grant: d.Grant}, d.From)
	}
	reply, err := p.kind.run(identity.WithPrincipal(ctx, p.who), r, p.command)
	if err == nil {
		return &Outcome{Decision: reply.Decision.ID, Allow: reply.Decision.Allow, Violations: reply.Decision.Violations, Warnings: reply.Decision.Warnings}, nil
	}
	known := asFault(err)
	switch code := fault.CodeOf(err); {
	case known == nil || code == fault.Unavailable || code == fault.Internal:
		return nil, err
	case code == fault.PolicyDenied:
		return &Outcome{Decision: known.Decision, Violations: known.Violations}, nil
	case code == fault.NotFound:
		return &Outcome{Violations: []licensing.Violation{{Code: notFound, Message: known.Message, Field: known.Field}}}, nil
	default:
		return &Outcome{Failed: code, Violations: []licensing.Violation{{Code: string(code), Message: known.Message, Field: known.Field}}}, nil
	}
}

// dutyAgain takes one step of a duty.
func (r *Runner) dutyAgain(ctx context.Context, d duty, from int64) (*Outcome, error) {
	widen := locks{all: d.action == activatePurchases}
	for {
		_, _, err := r.step(ctx, d, from, &widen)
		once, err := r.again(ctx, err, &widen)
		switch {
		case once && err == nil:
		case errors.Is(err, errNothing):
			return &Outcome{Nothing: true}, nil
		case err != nil:
			return nil, err
		default:
			return &Outcome{Allow: true}, nil
		}
	}
}
