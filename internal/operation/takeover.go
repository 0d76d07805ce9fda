package operation

import (
	"context"
	"slices"
	"strings"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/feed"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/store"
)

// TakeOver gives users here what an export says they have in Entra: direct assignments by assignSeats, licenses of groups by
// licenseGroup, each as the principal of the context, so that the policy, the pools and the queues have their say. What is there
// already stays; nothing is taken away. The users must have been imported.
type TakeOver struct {
	Files    []File // pages of users, checked
	Contract string // number of the contract whose licenses count, where there are several of a product
	WhenFull string // WAIT or DENY: what becomes of direct assignments that do not fit
	// Told is told what is being done; nil: nobody wants to know.
	Told func(what string)
}

// TakeOverReport tells what became of what was taken over, by outcome: ACTIVE, WAITING, ERROR, or the code of what stood against it.
type TakeOverReport struct {
	Assigned map[string]int64 // direct assignments
	Licensed map[string]int64 // members of groups that were licensed
	Groups   int64            // groups that were licensed
	Refused  []string         // the first that were refused, in words
}

func (r *TakeOverReport) refuse(text string) {
	if len(r.Refused) < MostExamples {
		r.Refused = append(r.Refused, text)
	}
}

// Run carries it out. What one request is refused does not hold up the others; an error is one of the database, or of a file.
func (t *TakeOver) Run(ctx context.Context, r *Runner) (*TakeOverReport, error) {
	state := newEntraState(t.Contract)
	var plans map[string][]id.ID
	err := r.Store.View(ctx, func(ctx context.Context, rd *store.Reader) (err error) {
		*state = *newEntraState(t.Contract)
		read := &reading{Reader: rd}
		if err := state.begin(ctx, read); err != nil {
			return err
		}
		for i := range t.Files {
			if err := inPage(&t.Files[i], feed.GraphUsers, func(part []feed.GraphUser) error { return state.compare(ctx, read, part) }); err != nil {
				return err
			}
		}
		plans, err = read.plansByGUID(ctx, state)
		return err
	})
	if err != nil {
		return nil, translate(err)
	}
	report := &TakeOverReport{Assigned: map[string]int64{}, Licensed: map[string]int64{}}
	if err := t.assign(ctx, r, state, plans, report); err != nil {
		return report, err
	}
	return report, t.license(ctx, r, state, plans, report)
}

// plansByGUID finds the service plans that are off somewhere, by GUID.
func (r *reading) plansByGUID(ctx context.Context, state *entraState) (map[string][]id.ID, error) {
	var guids []string
	for key := range state.direct {
		guids = append(guids, strings.Fields(key.off)...)
	}
	for _, g := range state.grouped {
		for off := range g.off {
			guids = append(guids, strings.Fields(off)...)
		}
	}
	slices.Sort(guids)
	plans := map[string][]id.ID{}
	rows, err := r.Query(ctx, `SELECT pp.product_id, s.plan_id, s.id FROM service_plans s JOIN product_plans pp ON pp.plan_id = s.id WHERE `+r.Any("lower(s.plan_id)", 1),
		r.Array(slices.Compact(append(guids, ""))))
	return plans, each(rows, err, func(s scanner) error {
		var product, key int64
		var guid string
		err := s.Scan(&product, &guid, &key)
		place := planPlace(product, strings.ToLower(guid))
		plans[place] = append(plans[place], id.Of(id.ServicePlan, key))
		return err
	})
}

func planPlace(product int64, guid string) string {
	return id.Of(id.Product, product).String() + " " + guid
}

// off gives the plans of a product that are to be off. Those the product does not have here are left out.
func off(product int64, guids string, plans map[string][]id.ID) []id.ID {
	var list []id.ID
	for _, guid := range strings.Fields(guids) {
		list = append(list, plans[planPlace(product, guid)]...)
	}
	return list
}

// assign assigns directly what is assigned directly in Entra.
func (t *TakeOver) assign(ctx context.Context, r *Runner, state *entraState, plans map[string][]id.ID, report *TakeOverReport) error {
	for _, key := range state.directKeys() {
		license := id.Of(id.License, key.license)
		l := state.byKey[key.license]
		for part := range slices.Chunk(sorted(state.direct[key].ids), maxUsers) {
			t.tell("assigning seats of " + l.sku)
			users := make([]id.ID, len(part))
			for i, user := range part {
				users[i] = id.Of(id.User, user)
			}
			payload, err := Run(ctx, r, &AssignSeats{LicenseID: &license, UserIDs: users, WhenFull: &t.WhenFull, DisabledPlanIDs: off(l.product, key.off, plans)})
			if err != nil {
				if !report.denied(report.Assigned, int64(len(users)), l.sku, err) {
					return err
				}
				continue
			}
			for _, result := range payload.Results {
				report.assigned(l.sku, result)
			}
		}
	}
	return nil
}

// assigned notes what became of one user.
func (r *TakeOverReport) assigned(sku string, result *SeatResult) {
	outcome := "REFUSED"
	if result.Seat != nil {
		outcome = string(result.Seat.State)
	} else if len(result.Violations) > 0 {
		outcome = result.Violations[0].Code
	}
	r.Assigned[outcome]++
	if len(result.Violations) > 0 {
		r.refuse(result.User.UserName + ": " + sku + ": " + result.Violations[0].Code + ": " + result.Violations[0].Message)
	}
}

// denied notes a request that was refused as a whole, and tells whether that is what the error is.
func (r *TakeOverReport) denied(into map[string]int64, users int64, what string, err error) bool {
	f := asFault(err)
	if f == nil || f.Code != fault.PolicyDenied && f.Code != fault.Conflict && f.Code != fault.NotFound && f.Code != fault.InvalidInput {
		return false
	}
	code := string(f.Code)
	if len(f.Violations) > 0 {
		code = f.Violations[0].Code
	}
	into[code] += users
	r.refuse(what + ": " + code + ": " + f.Message)
	return true
}

// license licenses the groups that are licensed in Entra and not here.
func (t *TakeOver) license(ctx context.Context, r *Runner, state *entraState, plans map[string][]id.ID, report *TakeOverReport) error {
	for _, pair := range state.groupPairs() {
		g := state.grouped[pair]
		group, known := state.groups[pair.group]
		if !known {
			report.Licensed["UNKNOWN_GROUP"] += g.Users
			report.refuse(g.Product + ": there is no group " + pair.group + " here; import graph-groups first")
			continue
		}
		t.tell("licensing group " + group.name)
		license := id.Of(id.License, pair.license)
		payload, err := Run(ctx, r, &LicenseGroup{
			GroupID: id.Of(id.Group, group.id), LicenseID: &license, DisabledPlanIDs: off(state.byKey[pair.license].product, g.usual(), plans),
		})
		if err != nil {
			if !report.denied(report.Licensed, g.Users, "group "+group.name+": "+g.Product, err) {
				return err
			}
			continue
		}
		report.Groups++
		s := payload.Summary
		for outcome, n := range map[string]int64{"ACTIVE": s.Active, "WAITING": s.Waiting, "ERROR": s.Errors, "PENDING": s.Pending} {
			if n > 0 {
				report.Licensed[outcome] += n
			}
		}
		for _, skipped := range s.Skipped {
			report.Licensed[skipped.Code] += skipped.Count
		}
	}
	return nil
}

// usual gives the plans that are off for most members.
func (g *entraGroup) usual() string {
	var best string
	for off, n := range g.off {
		if n > g.off[best] || n == g.off[best] && off < best {
			best = off
		}
	}
	return best
}

func (t *TakeOver) tell(what string) {
	if t.Told != nil {
		t.Told(what)
	}
}
