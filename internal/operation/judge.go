package operation

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
)

// question is one evaluation for many seats: the reasons that ask the same of the same pool, by users who look the same to the
// policy.
type question struct {
	pool     *licensing.Pool
	disabled []int
	via      string
	subjects []policy.Subject
	askers   map[string]int // profile → subject
	reasons  [][]*licensing.Reason
}

// judge asks the policy about reasons and puts its verdicts on them: one evaluation for each pool and set of plans, with one
// subject for each distinct profile of the users. It is the gate for everything that follows from a request: the queue, group
// members, retries.
func (w *writing) judge(ctx context.Context, action string, reasons []*licensing.Reason) error {
	for _, q := range w.questions(reasons) {
		ask := &policy.Input{
			Now: w.Now(), Action: action, Principal: policy.Principal{Name: identity.SystemName, System: true},
			License: w.questionLicense(q.pool.Key.License, q.disabled),
			Pools:   w.questionPools(q.pool, int64(len(q.reasons))), Subjects: q.subjects,
		}
		answer := w.policy.DecideToRecord(ctx, ask)
		w.further = append(w.further, w.followUp(ask, answer))
		if answer.Failed() {
			if action == policy.ActionPromoteSeats { // nobody moves up; the queue stays as it is
				w.stalled = true
				return nil
			}
			return refuse(answer.Violations...)
		}
		w.grant(answer.Ceilings)
		for i, subject := range q.reasons {
			verdict := verdictOf(answer.Subjects[i])
			if !answer.Allow {
				verdict.Errors = append(verdict.Errors, answer.Violations...)
			}
			for _, reason := range subject {
				v := verdict
				reason.Verdict = &v
			}
		}
	}
	return nil
}

func verdictOf(s policy.SubjectAnswer) licensing.Verdict {
	return licensing.Verdict{Denials: s.Denials, Errors: s.Errors, Warnings: s.Warnings, Priority: s.Priority}
}

// grant lets the pools be filled as far as the policy said.
func (w *writing) grant(ceilings map[licensing.PoolKey]int64) {
	for key, upTo := range ceilings {
		if pool := w.book.Pools[key]; pool != nil {
			pool.Grant(upTo)
		}
	}
}

func (w *writing) followUp(ask *policy.Input, answer *policy.Recordable) *decision {
	d := w.reading.decision(ask, answer, requestKey{})
	d.principal = identity.SystemName
	return d
}

// questions sorts reasons into evaluations.
func (r *reading) questions(reasons []*licensing.Reason) []*question {
	byKey := map[string]*question{}
	var list []*question
	for _, reason := range reasons {
		seat := reason.Seat()
		u := r.facts.users[seat.User.ID]
		if u == nil {
			u = &user{id: seat.User.ID}
		}
		via := policy.ViaGroup
		if reason.GroupLicense == 0 {
			via = policy.ViaDirect
		}
		disabled := r.disabledBy(reason)
		key := fmt.Sprint(reason.Pool.Key, via, disabled)
		q := byKey[key]
		if q == nil {
			q = &question{pool: reason.Pool, disabled: disabled, via: via, askers: map[string]int{}}
			byKey[key] = q
			list = append(list, q)
		}
		q.add(r.subject(u, seat, reason, via), reason)
	}
	return list
}

func (q *question) add(s policy.Subject, reason *licensing.Reason) {
	profile := fmt.Sprint(s.Type, "\x00", s.Enabled, "\x00", s.Department, "\x00", s.UsageLocation, "\x00", s.Groups, "\x00", strings.Join(s.HeldPlans, "\x00"), "\x00\x00", strings.Join(s.MemberOf, "\x00"))
	at, known := q.askers[profile]
	if !known {
		at = len(q.subjects)
		q.askers[profile] = at
		q.subjects = append(q.subjects, s)
		q.reasons = append(q.reasons, nil)
	}
	q.subjects[at].Count++
	q.reasons[at] = append(q.reasons[at], reason)
}

// subject gives a user as the policy sees them, for the reason that is judged; nil for one that is still to be made.
func (r *reading) subject(u *user, seat *licensing.Seat, judged *licensing.Reason, via string) policy.Subject {
	return policy.Subject{
		UserID: u.id, Type: u.kind, Enabled: u.enabled, Department: u.department, UsageLocation: u.location,
		Groups: slices.Compact(u.groups), HeldPlans: r.heldPlans(seat, judged), MemberOf: u.memberOf, Via: via,
	}
}
