package operation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/store"
)

// Step is a command of a rehearsal: the mutation of the API by its name, its input as the API takes it, and who asks.
type Step struct {
	Who    *identity.Principal
	Action string
	Input  json.RawMessage
}

// Verdict is what became of a step.
type Verdict struct {
	Allow                bool
	Violations, Warnings []licensing.Violation
	Revision             string
	Input                string // the document the policy evaluated
	Pool                 licensing.PoolKey
	// Fault is what the caller would be told in place of the decision: that something is not there, or cannot be done as it is.
	Fault *fault.Error
}

// Served tells whether a step was allowed in everything it asked.
func (v *Verdict) Served() bool { return v.Allow && v.Fault == nil && len(v.Violations) == 0 }

// Rehearsal tries commands and keeps nothing of them: neither what they write nor a record that they were tried. Whoever has one
// cannot write with it.
type Rehearsal struct{ runner *Runner }

// Rehearsal gives the right to try commands.
func (r *Runner) Rehearsal() *Rehearsal { return &Rehearsal{r} }

// Try takes steps one after the other through the path of every command, in one transaction that is rolled back, so that each sees what
// the ones before it did. It stops after the first that is not served in full. The verdicts are of the steps that were
// tried; the error tells that they could not be. A step that is no command is INVALID_INPUT, with the field action or input.
func (t *Rehearsal) Try(ctx context.Context, steps ...Step) ([]Verdict, error) {
	commands := make([]rehearsed, len(steps))
	for i, step := range steps {
		command, err := commandOf(step.Action, step.Input)
		if err != nil {
			return nil, err
		}
		if slow, ok := command.into().(readied); ok {
			if err := slow.ready(ctx, t.runner); err != nil {
				return nil, err
			}
		}
		commands[i] = command
	}
	var widen locks
	for {
		verdicts, err := t.try(ctx, steps, commands, &widen)
		once, err := t.runner.again(ctx, err, &widen)
		if once && err == nil {
			continue
		}
		if err != nil {
			return nil, translate(err)
		}
		return verdicts, nil
	}
}

func (t *Rehearsal) try(ctx context.Context, steps []Step, commands []rehearsed, widen *locks) ([]Verdict, error) {
	var verdicts []Verdict
	err := t.runner.update(ctx, func(ctx context.Context, tx *store.Tx, in *policy.Policy) error {
		verdicts = nil
		for i, command := range commands {
			rd, err := newReading(ctx, t.runner, tx, in, steps[i].Who, widen)
			var verdict Verdict
			if err != nil { // the account is disabled
				verdict, err = faulty(err)
			} else {
				verdict, err = command.rehearse(ctx, rd)
			}
			if err != nil {
				return err
			}
			if verdicts = append(verdicts, verdict); !verdict.Served() {
				break
			}
		}
		return store.ErrRollback
	})
	return verdicts, err
}

// rehearsed is a command whose payload nobody asks for.
type rehearsed interface {
	// rehearse takes the command as far as a transaction goes that is not kept.
	rehearse(ctx context.Context, rd *reading) (Verdict, error)
	// into is where the input is read into.
	into() any
}

type rehearsal[P any] struct{ Command[P] }

func (c rehearsal[P]) into() any { return c.Command }

// rehearse is carry without the payload. What a caller can mend is a verdict; what only another transaction can is an error.
func (c rehearsal[P]) rehearse(ctx context.Context, rd *reading) (Verdict, error) {
	if err := c.check(); err != nil {
		return faulty(err)
	}
	_, w, no, err := carry(ctx, rd, c.Command, requestKey{})
	switch {
	case no != nil:
		v := verdictOn(no.decision)
		v.Allow, v.Fault = false, no.hidden
		return v, nil
	case err != nil:
		return faulty(err)
	}
	if err := w.flush(ctx); err != nil {
		return faulty(err)
	}
	return verdictOn(w.decision), nil
}

func verdictOn(d *decision) Verdict {
	return Verdict{Allow: d.allow, Violations: d.violations, Warnings: d.warnings, Revision: d.revision, Input: d.input, Pool: d.pool}
}

// faulty makes a verdict of an error that is the caller's to mend, and passes on those that are for the transaction.
func faulty(err error) (Verdict, error) {
	var wider *widenError
	var due *dueError
	if errors.As(err, &wider) || errors.As(err, &due) || store.IsRetryable(err) {
		return Verdict{}, err
	}
	if known := asFault(translate(err)); known != nil && known.Code != fault.Unavailable {
		return Verdict{Fault: known}, nil
	}
	return Verdict{}, err
}

// commandOf reads the command of a mutation. What the API's own types would refuse is INVALID_INPUT here, too.
func commandOf(action string, input json.RawMessage) (rehearsed, error) {
	of := kinds[action]
	if !of.mutation {
		return nil, fault.Invalid("action", "there is no action %.100q", action)
	}
	command := of.rehearse()
	decoder := json.NewDecoder(bytes.NewReader(input))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(command.into()); err != nil {
		no := fault.Wrap(err, fault.InvalidInput, "this is no input of %s", action)
		no.Field = "input"
		return nil, no
	}
	return command, nil
}

// Actions lists the names of all mutations, in order.
func Actions() []string {
	names := slices.DeleteFunc(slices.Collect(maps.Keys(kinds)), func(name string) bool { return !kinds[name].mutation })
	slices.Sort(names)
	return names
}
