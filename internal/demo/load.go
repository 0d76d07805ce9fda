package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/ent/decision"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/store"
)

// Config names what Load needs.
type Config struct {
	Store  *store.Store
	Runner *operation.Runner
	// Say hears what is being loaded; nil: nobody does.
	Say func(text string)
}

// Outcome is what became of the demo organization.
type Outcome string

// The outcomes.
const (
	Loaded    Outcome = "LOADED"    // it is there now
	Present   Outcome = "PRESENT"   // it was there before
	NotLoaded Outcome = "NOT_EMPTY" // the database holds something else, which stays as it is
)

// The idempotency keys of the loader: a step that was carried out before a crash answers again what it answered then, and the last
// key tells that all was.
const (
	keyStep = "demo/%03d"
	keyEnd  = "demo/end"
)

// Load loads the demo organization into an empty database. Into one that has it already, nothing; what a crash left half done is
// completed. Every step is an operation, decided by the policy and recorded; a step that does not end as meant is an error.
func Load(ctx context.Context, cfg Config) (Outcome, error) {
	outcome, err := found(ctx, cfg.Store)
	if err != nil || outcome != Loaded {
		return outcome, err
	}
	l := &loader{
		Config: cfg, people: everyone(), users: map[string]id.ID{}, groups: map[string]id.ID{}, vendors: map[string]id.ID{}, products: map[string]id.ID{}, plans: map[string]id.ID{},
		contracts: map[string]id.ID{}, licenses: map[string]id.ID{}, allotments: map[string]id.ID{}, grants: map[string]id.ID{},
	}
	if l.Say == nil {
		l.Say = func(string) {}
	}
	for _, step := range []struct {
		what string
		do   func(ctx context.Context) error
	}{
		{"people and groups", l.directory}, {"products", l.catalog}, {"contracts and licenses", l.contractsAndLicenses},
		{"allotments", l.shares}, {"seats", l.seats}, {"a few changes", l.changes},
		{"deployments and allocations", l.estate}, {"renewals", l.renewals}, {"denied requests", l.denials},
	} {
		l.Say(step.what)
		if err := step.do(ctx); err != nil {
			return "", fmt.Errorf("load the demo organization: %s: %w", step.what, err)
		}
	}
	return Loaded, nil
}

// found tells by the decisions, which every write leaves, what the database holds: Loaded stands for nothing yet, or a part.
func found(ctx context.Context, s *store.Store) (Outcome, error) {
	outcome := Loaded
	err := s.View(ctx, func(ctx context.Context, r *store.Reader) error {
		decisions := r.Client().Decision.Query()
		if present, err := decisions.Clone().Where(decision.IdempotencyKey(keyEnd)).Exist(ctx); err != nil || present {
			outcome = Present
			return err
		}
		first, err := decisions.Order(ent.Asc(decision.FieldID)).First(ctx)
		if ent.IsNotFound(err) {
			return nil
		}
		if err == nil && (first.IdempotencyKey == nil || *first.IdempotencyKey != fmt.Sprintf(keyStep, 1)) {
			outcome = NotLoaded
		}
		return err
	})
	return outcome, err
}

// loader is a load under way.
type loader struct {
	Config
	people []person
	step   int
	today  time.Time // the day the load began, in UTC

	// By user name, group, vendor, SKU, service plan, contract number, SKU again, and the names that this package has for the rest.
	users, groups, vendors, products, plans, contracts, licenses, allotments, grants map[string]id.ID
}

// next gives the part of the next step that all commands have.
func (l *loader) next() operation.Request {
	l.step++
	key := fmt.Sprintf(keyStep, l.step)
	return operation.Request{IdempotencyKey: &key}
}

// system is the service itself: imports and the directory come from it.
func system() *identity.Principal { return &identity.Principal{System: true} }

// run carries out a step for somebody.
func run[P any](ctx context.Context, l *loader, who *identity.Principal, cmd operation.Command[P]) (*P, error) {
	payload, err := operation.Run(identity.WithPrincipal(ctx, who), l.Runner, cmd)
	if err != nil {
		return nil, fmt.Errorf("step %d (%T): %w", l.step, cmd, err)
	}
	return payload, nil
}

// denied carries out a step that must be denied, and fails if it is not. What one may not see answers NOT_FOUND; the denial
// is recorded all the same.
func denied[P any](ctx context.Context, l *loader, userName string, cmd operation.Command[P]) error {
	_, err := operation.Run(identity.WithPrincipal(ctx, principal(userName)), l.Runner, cmd)
	if code := fault.CodeOf(err); code != fault.PolicyDenied && code != fault.NotFound {
		return fmt.Errorf("step %d (%T) was not denied: %w", l.step, cmd, err)
	}
	return nil
}

// names gives the ids of things by their names; a name that is not known is a mistake in the tables of this package.
func names(known map[string]id.ID, names ...string) ([]id.ID, error) {
	ids := make([]id.ID, len(names))
	for i, name := range names {
		var found bool
		if ids[i], found = known[name]; !found {
			return nil, fmt.Errorf("there is no %q", name)
		}
	}
	return ids, nil
}

// day gives the date so many days from the first day of the demo.
func (l *loader) day(days int) *string {
	text := l.today.AddDate(0, 0, days).Format(time.DateOnly)
	return &text
}

// moment gives the beginning of that day, nil for 0.
func (l *loader) moment(days int) *time.Time {
	if days == 0 {
		return nil
	}
	at := l.today.AddDate(0, 0, days)
	return &at
}

func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
