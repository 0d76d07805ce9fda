package policy

import (
	"context"

	"github.com/open-policy-agent/opa/v1/storage/inmem"
)

// Recall makes a policy of the files of one that passed the gate when it was taken into use, so that it answers again what it
// answered then. It is compiled and not held to the gate of today, which may ask for more; so it must explain records only, never
// answer a request.
func Recall(ctx context.Context, files Files, limits Limits) (*Policy, error) {
	document, problems := files.document()
	modules, more := files.parse()
	if problems = append(problems, more...); len(problems) > 0 {
		return nil, &RefusedError{Revision: files.Revision(), Problems: problems}
	}
	store := inmem.NewFromObjectWithOpts(document, inmem.OptReturnASTValuesOnRead(true), inmem.OptRoundTripOnWrite(false))
	compiler, err := compile(ctx, withoutTests(modules), store)
	if err != nil {
		return nil, &RefusedError{Revision: files.Revision(), Problems: problemsOf(err)}
	}
	p := &Policy{files: files, revision: files.Revision(), limits: limits.orDefault(), plans: relevantPlans(document), groups: relevantGroups(document), guests: guestsOf(document)}
	if p.decision, err = prepare(ctx, decisionQuery, compiler, store); err != nil {
		return nil, err
	}
	if p.reads, err = prepare(ctx, readQuery, compiler, store); err != nil {
		return nil, err
	}
	return p, nil
}
