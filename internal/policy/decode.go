package policy

import (
	"errors"
	"fmt"
	"math"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ringfence/ringfence/internal/licensing"
)

// Effects of a finding. A finding without one denies.
const (
	effectDeny   = "deny"
	effectError  = "error"
	effectWarn   = "warn"
	effectDryRun = licensing.EffectDryRun
)

// effects are all that a finding may have.
var effects = []string{effectDeny, effectError, effectWarn, effectDryRun}

// maxFindings bounds what an answer may carry back: no sound policy has more to say about one subject than this.
const maxFindings = 64

var (
	kCeiling  = ast.StringTerm("ceiling")
	kFindings = ast.StringTerm("findings")
	kGrants   = ast.StringTerm("grants")
	kPriority = ast.StringTerm("priority")

	errShape = errors.New("the answer has not the agreed shape")
)

// decode reads the policy's answer. It is strict: a key, a type or an effect it does not know is an error, because what
// is not understood cannot be obeyed.
func decode(answer *ast.Term, f *frame) (Answer, error) {
	decision, ok := answer.Value.(ast.Object)
	if !ok || decision.Len() != 4 {
		return Answer{}, fmt.Errorf("%w: decision", errShape)
	}
	out := Answer{Subjects: make([]SubjectAnswer, f.subjects)}
	if err := decodeGrants(decision.Get(kGrants), &out); err != nil {
		return Answer{}, err
	}
	if err := decodeFindings(decision.Get(kFindings), f, &out); err != nil {
		return Answer{}, err
	}
	if err := decodeCeilings(decision.Get(kCeiling), f, &out); err != nil {
		return Answer{}, err
	}
	if err := decodePriority(decision.Get(kPriority), &out); err != nil {
		return Answer{}, err
	}
	if len(out.Grants) == 0 && len(out.Violations) == 0 {
		out.Violations = []licensing.Violation{{Code: licensing.RoleRequired, Message: "no rule of the policy grants this"}}
	}
	out.Allow = len(out.Violations) == 0
	return out, nil
}

func decodeGrants(term *ast.Term, out *Answer) error {
	return each(term, "grants", func(grant *ast.Term) error {
		name, ok := textOf(grant)
		if !ok || name == "" {
			return fmt.Errorf("%w: grants", errShape)
		}
		out.Grants = append(out.Grants, name)
		return nil
	})
}

func decodeFindings(term *ast.Term, f *frame, out *Answer) error {
	left := maxFindings * (f.subjects + 1)
	return each(term, "findings", func(item *ast.Term) error {
		if left--; left < 0 {
			return fmt.Errorf("%w: too many findings", errShape)
		}
		return decodeFinding(item, f, out)
	})
}

// finding is one finding while it is read.
type finding struct {
	violation licensing.Violation
	effect    string
	subject   *int64
}

func decodeFinding(item *ast.Term, f *frame, out *Answer) error {
	fields, ok := item.Value.(ast.Object)
	if !ok {
		return fmt.Errorf("%w: findings", errShape)
	}
	read := finding{effect: effectDeny}
	err := fields.Iter(func(key, value *ast.Term) error { return read.set(key, value, f) })
	if err != nil {
		return err
	}
	if read.violation.Code == "" || read.violation.Message == "" {
		return fmt.Errorf("%w: a finding without a code or a message", errShape)
	}
	if read.subject == nil {
		return read.addTo(&out.Violations, nil, &out.Warnings, &out.DryRuns)
	}
	if *read.subject < 0 || *read.subject >= int64(f.subjects) {
		return fmt.Errorf("%w: subject %d of %d", errShape, *read.subject, f.subjects)
	}
	subject := &out.Subjects[*read.subject]
	return read.addTo(&subject.Denials, &subject.Errors, &subject.Warnings, &subject.DryRuns)
}

// addTo files the finding by its effect. The state ERROR is a seat's, so a finding about the request cannot have it.
func (r *finding) addTo(denials, failures, warnings, dryRuns *[]licensing.Violation) error {
	target := denials
	switch r.effect {
	case effectDeny:
	case effectWarn:
		target = warnings
	case effectError:
		target = failures
	case effectDryRun:
		target = dryRuns
		r.violation.Effect = effectDryRun
	default:
		target = nil
	}
	if target == nil {
		return fmt.Errorf("%w: effect %q", errShape, r.effect)
	}
	*target = append(*target, r.violation)
	return nil
}

func (r *finding) set(key, value *ast.Term, f *frame) error {
	name, _ := textOf(key)
	switch name {
	case "code":
		return setText(&r.violation.Code, name, value)
	case "message":
		return setText(&r.violation.Message, name, value)
	case "field":
		return setText(&r.violation.Field, name, value)
	case "effect":
		return setText(&r.effect, name, value)
	case "pool":
		return r.setPool(value, f)
	case "subject":
		return setWhole(&r.subject, name, value)
	case "limit":
		return setWhole(&r.violation.Limit, name, value)
	case "used":
		return setWhole(&r.violation.Used, name, value)
	case "requested":
		return setWhole(&r.violation.Requested, name, value)
	case "available":
		return setWhole(&r.violation.Available, name, value)
	case "short_by":
		return setWhole(&r.violation.ShortBy, name, value)
	}
	return fmt.Errorf("%w: a finding with %q", errShape, name)
}

func (r *finding) setPool(value *ast.Term, f *frame) error {
	id, _ := textOf(value)
	pool := f.pool(id)
	if pool == nil {
		return fmt.Errorf("%w: pool %q is not in the chain", errShape, id)
	}
	key := pool.key
	r.violation.Pool = &key
	return nil
}

func setText(target *string, name string, value *ast.Term) error {
	s, ok := textOf(value)
	if !ok {
		return fmt.Errorf("%w: %s of a finding", errShape, name)
	}
	*target = s
	return nil
}

func setWhole(target **int64, name string, value *ast.Term) error {
	if *target = wholeOf(value); *target == nil {
		return fmt.Errorf("%w: %s of a finding", errShape, name)
	}
	return nil
}

// decodeCeilings reads {"allotment:34": 105}. A ceiling below the limit would be a limit by another name, and a pool
// outside the chain is not locked; both are refused.
func decodeCeilings(term *ast.Term, f *frame, out *Answer) error {
	ceilings, ok := objectOf(term)
	if !ok {
		return fmt.Errorf("%w: ceiling", errShape)
	}
	return ceilings.Iter(func(key, value *ast.Term) error {
		id, _ := textOf(key)
		pool, ceiling := f.pool(id), wholeOf(value)
		if pool == nil || ceiling == nil || pool.limit == nil || *ceiling < *pool.limit {
			return fmt.Errorf("%w: ceiling of %q", errShape, id)
		}
		if out.Ceilings == nil {
			out.Ceilings = make(map[licensing.PoolKey]int64, len(f.pools))
		}
		out.Ceilings[pool.key] = *ceiling
		return nil
	})
}

// decodePriority reads one number for all subjects, or an object from a subject's index to its number; a subject it
// leaves out has priority 0.
func decodePriority(term *ast.Term, out *Answer) error {
	if priority, ok := floatOf(term); ok {
		for i := range out.Subjects {
			out.Subjects[i].Priority = priority
		}
		return nil
	}
	priorities, ok := objectOf(term)
	if !ok {
		return fmt.Errorf("%w: priority", errShape)
	}
	return priorities.Iter(func(key, value *ast.Term) error {
		index := wholeOf(key)
		priority, ok := floatOf(value)
		if index == nil || *index < 0 || *index >= int64(len(out.Subjects)) || !ok {
			return fmt.Errorf("%w: priority of a subject", errShape)
		}
		out.Subjects[*index].Priority = priority
		return nil
	})
}

// each walks a set or an array; a policy may answer with either.
func each(term *ast.Term, name string, visit func(*ast.Term) error) error {
	if term != nil {
		switch v := term.Value.(type) {
		case ast.Set:
			return v.Iter(visit)
		case *ast.Array:
			return v.Iter(visit)
		}
	}
	return fmt.Errorf("%w: %s", errShape, name)
}

func objectOf(term *ast.Term) (ast.Object, bool) {
	if term == nil {
		return nil, false
	}
	o, ok := term.Value.(ast.Object)
	return o, ok
}

func floatOf(term *ast.Term) (float64, bool) {
	if term == nil {
		return 0, false
	}
	n, ok := term.Value.(ast.Number)
	if !ok {
		return 0, false
	}
	f, ok := n.Float64()
	return f, ok && !math.IsInf(f, 0) && !math.IsNaN(f)
}
