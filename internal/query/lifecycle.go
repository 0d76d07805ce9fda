package query

import (
	"context"
	"strconv"
	"time"

	"github.com/ringfence/ringfence/internal/licensing"
)

// The days of a license, as SQL: its own or, where it has none, those of its contract.
func startsOn(alias string) string { return termOf(alias, "starts_on") }
func endsOn(alias string) string   { return termOf(alias, "ends_on") }

func termOf(alias, column string) string {
	return "COALESCE(" + alias + "." + column + ", (SELECT tc." + column + " FROM contracts tc WHERE tc.id = " + alias + ".contract_id))"
}

// forever stands for a last day that is not there.
const forever = "'9999-12-31'"

// days gives the first and last day of the license, its own or its contract's, whether or not they may be shown.
func (l *License) days(ctx context.Context) (starts, ends *string, err error) {
	starts, ends = l.License.StartsOn, l.License.EndsOn
	if starts != nil && ends != nil {
		return starts, ends, nil
	}
	contract, err := l.Contract(ctx)
	if err != nil {
		return nil, nil, err
	}
	return licensing.Or(starts, contract.Contract.StartsOn), licensing.Or(ends, contract.Contract.EndsOn), nil
}

// hidesDays tells whether any of the days a lifecycle rests on is masked: it would tell them.
func (f *facts) hidesDays(kinds ...string) bool {
	for _, kind := range kinds {
		if f.view.Masks(kind, "starts_on") || f.view.Masks(kind, "ends_on") {
			return true
		}
	}
	return false
}

// openDays refuses a condition or an order on days if any of them is masked.
func (f *facts) openDays(argument string, kinds ...string) error {
	for _, kind := range kinds {
		if err := f.open(kind, argument, "starts_on", "ends_on"); err != nil {
			return err
		}
	}
	return nil
}

// ExpiresOn gives the last day, the license's own or its contract's.
func (l *License) ExpiresOn(ctx context.Context) (*string, error) {
	_, ends, err := l.days(ctx)
	if l.family.facts.hidesDays(kindLicense, kindContract) {
		ends = nil
	}
	return ends, err
}

// Lifecycle gives where the license stands today.
func (l *License) Lifecycle(ctx context.Context) (*licensing.Lifecycle, error) {
	stage, _, err := l.stage(ctx)
	return stage, err
}

// LifecycleUntil gives the last day of that stage.
func (l *License) LifecycleUntil(ctx context.Context) (*string, error) {
	_, until, err := l.stage(ctx)
	return until, err
}

func (l *License) stage(ctx context.Context) (*licensing.Lifecycle, *string, error) {
	starts, ends, err := l.days(ctx)
	if err != nil || l.family.facts.hidesDays(kindLicense, kindContract) {
		return nil, nil, err
	}
	stage, until := l.family.policy.Terms().Lifecycle(licensing.Day(l.family.now), starts, ends)
	return &stage, until, nil
}

// RenewalShortfall gives the units in use beyond what is planned.
func (l *License) RenewalShortfall() *int64 {
	if l.RenewalQuantity == nil {
		return nil
	}
	short := max(0, l.Used+l.Reserved-*l.RenewalQuantity)
	return &short
}

// Lifecycle gives where the contract stands today.
func (c *Contract) Lifecycle() *licensing.Lifecycle {
	if c.family.facts.hidesDays(kindContract) {
		return nil
	}
	stage, _ := c.family.policy.Terms().Lifecycle(licensing.Day(c.family.now), c.Contract.StartsOn, c.Contract.EndsOn)
	return &stage
}

// LifecycleUntil gives the last day of that stage.
func (c *Contract) LifecycleUntil() *string {
	if c.family.facts.hidesDays(kindContract) {
		return nil
	}
	_, until := c.family.policy.Terms().Lifecycle(licensing.Day(c.family.now), c.Contract.StartsOn, c.Contract.EndsOn)
	return until
}

// Anniversary gives the next anniversary of the contract.
func (c *Contract) Anniversary() *string {
	if c.family.facts.hidesDays(kindContract) {
		return nil
	}
	next := licensing.Anniversary(licensing.Day(c.family.now), c.Contract.StartsOn, c.Contract.EndsOn)
	if next == nil {
		return nil
	}
	day := next.Format(time.DateOnly)
	return &day
}

// inStage is the condition that days are those of one of some stages.
func (s *session) inStage(stages []licensing.Lifecycle, starts, ends string) condition {
	if stages == nil {
		return nil
	}
	any := []condition{never}
	for _, stage := range licensing.Lifecycles() { // in one order, so that the same question is the same text
		for _, wanted := range stages {
			if wanted == stage {
				any = append(any, s.bounded(stage, starts, ends))
				break
			}
		}
	}
	return or(any...)
}

// bounded is the condition that days are those of a stage today.
func (s *session) bounded(stage licensing.Lifecycle, starts, ends string) condition {
	b := s.policy.Terms().Bounds(stage, licensing.Day(s.now))
	var all []condition
	for _, bound := range []struct{ expression, operator, day string }{
		{"COALESCE(" + starts + ", '')", ">=", b.StartsFrom}, {"COALESCE(" + starts + ", '')", "<=", b.StartsUntil},
	} {
		if bound.day != "" {
			all = append(all, sqlf(bound.expression+" "+bound.operator+" ?", bound.day))
		}
	}
	last := []condition{sqlf(ends + " IS NOT NULL")}
	if b.EndsFrom != "" {
		last = append(last, sqlf(ends+" >= ?", b.EndsFrom))
	}
	if b.EndsUntil != "" {
		last = append(last, sqlf(ends+" <= ?", b.EndsUntil))
	}
	within := and(last...)
	if b.Undated {
		within = or(sqlf(ends+" IS NULL"), within)
	}
	return and(append(all, within)...)
}

// byStage orders by stage, and within one by how soon it is left.
func (s *session) byStage(direction OrderDirection, starts, ends string) order {
	stages := licensing.Lifecycles()
	rank := func(b *builder) {
		b.put("CASE")
		for i, stage := range stages[:len(stages)-1] {
			b.write(" WHEN ? THEN "+strconv.Itoa(i), s.bounded(stage, starts, ends))
		}
		b.put(" ELSE " + strconv.Itoa(len(stages)-1) + " END")
	}
	leaves := func(b *builder) {
		b.write("CASE WHEN ? THEN "+starts+" ELSE COALESCE("+ends+", "+forever+") END", s.bounded(licensing.Upcoming, starts, ends))
	}
	down := direction == descending
	return order{name: "lifecycle", descending: down, terms: []term{
		{expression: rank, kind: number, descending: down}, {expression: leaves, kind: text, descending: down},
	}}
}
