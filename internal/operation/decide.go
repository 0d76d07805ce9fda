package operation

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/store"
)

// decision is what is recorded of one answer of the policy.
type decision struct {
	id         int64
	at         time.Time
	principal  string
	action     string
	allow      bool
	dry        bool
	violations []licensing.Violation
	warnings   []licensing.Violation
	revision   string
	input      string
	pool       licensing.PoolKey
	key        requestKey
	answer     string
	command    string         // what was asked, to be run again (past.go)
	heard      *policy.Answer // what the policy said, its menu included; nil if it was not asked
}

// storedDecision is a recorded decision found again by its key.
type storedDecision struct {
	id       int64
	revision string
	entity   *ent.Decision
}

func (s *storedDecision) row() *ent.Decision { return s.entity }

// denial is a refused request on its way to the record and the caller.
type denial struct {
	decision *decision
	hidden   *fault.Error
}

// answer is what the caller is told of the recorded denial.
func (no *denial) answer(row *ent.Decision) error {
	if no.hidden != nil {
		return no.hidden
	}
	return no.fault(row)
}

func (no *denial) fault(row *ent.Decision) error {
	e := deniedFault(no.decision.violations)
	e.Decision, e.Revision = row.ID, row.Revision
	return e
}

func (m *deniedMemory) fault(row *storedDecision) error {
	if m.Hidden != nil {
		return m.Hidden
	}
	e := deniedFault(m.Violations)
	e.Decision, e.Revision = row.id, row.revision
	return e
}

func deniedFault(violations []licensing.Violation) *fault.Error {
	e := &fault.Error{Code: fault.PolicyDenied, Message: "the policy does not allow this", Violations: violations}
	if len(violations) > 0 {
		e.Message, e.Field = violations[0].Message, violations[0].Field
	}
	return e
}

// refusal is the error with which a write is given up because the ledger has no room, or because all was asked and not all
// can be had.
type refusal struct{ violations []licensing.Violation }

func (r *refusal) Error() string { return "refused by the ledger" }

func refuse(violations ...licensing.Violation) error { return &refusal{violations} }

func asDenial(err error, w *writing) *denial {
	var no *refusal
	if !errors.As(err, &no) {
		return nil
	}
	w.decision.allow = false
	w.decision.violations = no.violations
	return newDenial(w.decision, nil)
}

// newDenial makes a denial; hidden, if not nil, is what the caller is told instead.
func newDenial(d *decision, hidden *fault.Error) *denial {
	no := &denial{decision: d, hidden: hidden}
	if d.key.key != "" {
		answer, err := json.Marshal(memory{Denied: &deniedMemory{Violations: d.violations, Hidden: hidden}})
		if err != nil { // violations and a sentence always marshal
			panic(err)
		}
		d.answer = string(answer)
	}
	return no
}

// refuseOutright denies what the principal may do to nothing at all, before any id is looked at: so it cannot tell an id
// that exists from one that does not.
func (r *reading) refuseOutright(ctx context.Context, action string, key requestKey) *denial {
	view, err := r.policy.Visibility(ctx, r.who.facts())
	if err == nil && view.Actions[action] {
		return nil
	}
	ask := &policy.Input{Now: r.Now(), Action: action, Principal: r.who.facts()}
	answer := r.policy.DecideToRecord(ctx, ask)
	d := r.decision(ask, answer, key)
	if d.allow {
		d.allow = false
		d.violations = []licensing.Violation{{Code: licensing.RoleRequired, Message: "your roles do not allow " + action}}
		d.heard.Allow, d.heard.Violations = false, d.violations
	}
	return newDenial(d, nil)
}

// decide puts the question to the policy. It is the only place in the code base that does so for a request; what follows from
// a request (the queue, group members) is asked in judge.go.
func (r *reading) decide(ctx context.Context, ask *policy.Input, key requestKey, hidden unseen) (*writing, *denial) {
	answer := r.policy.DecideToRecord(ctx, ask)
	d := r.decision(ask, answer, key)
	if !answer.Allow {
		if missing := hidden.tell(); missing != nil {
			return nil, r.absent(ask.Action, key, missing)
		}
		return nil, newDenial(d, nil)
	}
	return &writing{reading: r, tx: r.tx, decision: d, answer: answer.Answer}, nil
}

// decideAll is decide for a request that needs the answers to other questions first. All answers are recorded; a denial of one is a
// denial of the request.
func (r *reading) decideAll(ctx context.Context, before []*policy.Input, ask *policy.Input, key requestKey, hidden unseen) (*writing, *denial) {
	var further []*decision
	for _, question := range before {
		first, no := r.decide(ctx, question, key, nil)
		if missing := hidden.tell(); no != nil && missing != nil {
			return nil, r.absent(ask.Action, key, missing)
		}
		if no != nil {
			no.decision.action = ask.Action
			return nil, no
		}
		first.decision.key = requestKey{}
		further = append(further, first.decision)
	}
	w, no := r.decide(ctx, ask, key, hidden)
	if no == nil {
		w.further = append(w.further, further...)
	}
	return w, no
}

func (r *reading) decision(ask *policy.Input, answer *policy.Recordable, key requestKey) *decision {
	input, heard := answer.Asked(), &answer.Answer
	if input == nil {
		input, heard = ask.JSON(), nil
	}
	d := &decision{
		at: r.Now(), principal: r.who.name(), action: ask.Action, allow: answer.Allow, violations: answer.Violations,
		warnings: append(answer.Warnings[:len(answer.Warnings):len(answer.Warnings)], answer.Unenforced()...), revision: answer.Revision,
		input: string(input), key: key, command: partOfPast, heard: heard,
	}
	if len(ask.Pools) > 0 {
		d.pool = ask.Pools[0].Key
	}
	return d
}

// insertDecisions writes decisions and gives them back as clients see them, in order.
func (r *Runner) insertDecisions(ctx context.Context, tx *store.Tx, decisions []*decision) ([]*ent.Decision, error) {
	r.witness(tx, decisions)
	if err := tx.Together(ctx, insertingDecisions(decisions)); err != nil {
		return nil, err
	}
	return decisionRows(decisions), nil
}

// decisionRows gives written decisions as clients see them.
func decisionRows(decisions []*decision) []*ent.Decision {
	rows := make([]*ent.Decision, len(decisions))
	for i, d := range decisions {
		rows[i] = d.entity()
	}
	return rows
}

func insertingDecisions(decisions []*decision) store.Part {
	n := len(decisions)
	at, principal, action, revision, input := make([]time.Time, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	hash, answer, command, keys := make([]string, n), make([]string, n), make([]string, n), make([]*string, n)
	allow, dry := make([]bool, n), make([]bool, n)
	violations, warnings := make([]json.RawMessage, n), make([]json.RawMessage, n)
	license, allotment, verdicts, ids := make([]int64, n), make([]int64, n), make([]int64, n), make([]*int64, n)
	for i, d := range decisions {
		ids[i] = &d.id
		at[i], principal[i], action[i], revision[i], input[i] = d.at, d.principal, d.action, d.revision, d.input
		allow[i], dry[i], hash[i], answer[i], command[i] = d.allow, d.dry, d.key.hash, d.answer, d.command
		violations[i], warnings[i] = violationsJSON(d.violations), violationsJSON(d.warnings)
		license[i], allotment[i] = d.pool.License, d.pool.Allotment
		if d.heard != nil {
			verdicts[i] = d.heard.Digest()
		}
		if d.key.key != "" {
			keys[i] = &d.key.key
		}
	}
	return store.Inserting("decisions", ids,
		store.Column{Name: "at", Values: at}, store.Column{Name: "principal", Values: principal}, store.Column{Name: "action", Values: action},
		store.Column{Name: "allow", Values: allow}, store.Column{Name: "dry_run", Values: dry},
		store.Column{Name: "violations", Values: violations}, store.Column{Name: "warnings", Values: warnings},
		store.Column{Name: "revision", Values: revision}, store.Column{Name: "input", Values: input},
		store.Column{Name: "license_id", Values: license}, store.Column{Name: "allotment_id", Values: allotment},
		store.Column{Name: "idempotency_key", Values: keys}, store.Column{Name: "request_hash", Values: hash},
		store.Column{Name: "answer", Values: answer}, store.Column{Name: "command", Values: command},
		store.Column{Name: "verdict", Values: verdicts})
}

func (d *decision) entity() *ent.Decision {
	return &ent.Decision{
		ID: d.id, At: d.at, Principal: d.principal, Action: d.action, Allow: d.allow, DryRun: d.dry, Violations: d.violations,
		Warnings: d.warnings, Revision: d.revision, Input: d.input, LicenseID: d.pool.License, AllotmentID: d.pool.Allotment,
	}
}

func violationsJSON(violations []licensing.Violation) json.RawMessage {
	if len(violations) == 0 {
		return nil
	}
	text, err := json.Marshal(violations)
	if err != nil { // a struct of strings and numbers always marshals
		panic(err)
	}
	return text
}
