package query

import (
	"context"
	stdsql "database/sql"

	"entgo.io/ent/dialect/sql"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/ent/predicate"
	"github.com/ringfence/ringfence/internal/id"
)

// GroupLicense says what the members of a group get, as the API shows it.
type GroupLicense struct {
	*ent.GroupLicense
	family *family[*GroupLicense]
}

// Exclusion keeps one user out of one group license, as the API shows it.
type Exclusion struct {
	*ent.Exclusion
	family *family[*Exclusion]
}

// Pages of the nouns of this file.
type (
	GroupLicenseConnection = Connection[*GroupLicense]
	GroupLicenseEdge       = Edge[*GroupLicense]
	ExclusionConnection    = Connection[*Exclusion]
	ExclusionEdge          = Edge[*Exclusion]
)

var groupLicenses = &noun[*ent.GroupLicense, *GroupLicense]{
	kind: kindGroupLicense, table: "group_licenses",
	find: func(ctx context.Context, c *ent.Client, where func(*sql.Selector)) ([]*ent.GroupLicense, error) {
		return c.GroupLicense.Query().Where(predicate.GroupLicense(where)).All(ctx)
	},
	key:  func(row *ent.GroupLicense) int64 { return row.ID },
	view: func(row *ent.GroupLicense, f *family[*GroupLicense]) *GroupLicense { return &GroupLicense{row, f} },
}

var exclusions = &noun[*ent.Exclusion, *Exclusion]{
	table: "exclusions",
	find: func(ctx context.Context, c *ent.Client, where func(*sql.Selector)) ([]*ent.Exclusion, error) {
		return c.Exclusion.Query().Where(predicate.Exclusion(where)).All(ctx)
	},
	key:  func(row *ent.Exclusion) int64 { return row.ID },
	view: func(row *ent.Exclusion, f *family[*Exclusion]) *Exclusion { return &Exclusion{row, f} },
}

func groupLicenseKeys(members []*GroupLicense) []int64 {
	keys := make([]int64, len(members))
	for i, member := range members {
		keys[i] = member.GroupLicense.ID
	}
	return keys
}

// ID gives the opaque id.
func (g *GroupLicense) ID() id.ID { return id.Of(id.GroupLicense, g.GroupLicense.ID) }

// Group gives whose members get the license.
func (g *GroupLicense) Group(ctx context.Context) (*Group, error) {
	return reference(ctx, g.family, g, groups, link[*GroupLicense, *ent.Group]{
		field: "group", key: func(g *GroupLicense) int64 { return g.GroupID },
	})
}

// License gives what the members get.
func (g *GroupLicense) License(ctx context.Context) (*License, error) {
	return reference(ctx, g.family, g, licenses, link[*GroupLicense, *ent.License]{
		field: "license", key: func(g *GroupLicense) int64 { return g.LicenseID },
	})
}

// Allotment gives what the group license draws on, if it is an allotment that may be seen.
func (g *GroupLicense) Allotment(ctx context.Context) (*Allotment, error) {
	return optional(ctx, g.family, g, allotments, link[*GroupLicense, *ent.Allotment]{
		field: "allotment", key: func(g *GroupLicense) int64 { return g.AllotmentID },
	})
}

// ReplacedBy gives the group license a swap hands the members over to, if it may be seen.
func (g *GroupLicense) ReplacedBy(ctx context.Context) (*GroupLicense, error) {
	return optional(ctx, g.family, g, groupLicenses, link[*GroupLicense, *ent.GroupLicense]{
		field: "replacedBy", key: func(g *GroupLicense) int64 { return g.GroupLicense.ReplacedBy },
	})
}

// DisabledPlans gives the plans that are switched off, by name.
func (g *GroupLicense) DisabledPlans(ctx context.Context) ([]*ServicePlan, error) {
	all, err := together(ctx, g.family, "disabledPlans", func(ctx context.Context, members []*GroupLicense) (map[int64]*ServicePlan, error) {
		var keys []int64
		for _, member := range members {
			keys = append(keys, wide(member.GroupLicense.DisabledPlans)...)
		}
		return plans.byKey(ctx, g.family.session, keys)
	})
	return plansByName(all, wide(g.GroupLicense.DisabledPlans)), err
}

// SeatSummary counts what became of a number of users.
type SeatSummary struct {
	Active  int64
	Waiting int64
	Errors  int64
	Pending int64
	Skipped []SkippedMembers
}

// SkippedMembers counts members that a group license does not serve, for one reason.
type SkippedMembers struct {
	Code  string
	Count int64
}

// Summary gives what became of the members, as far as their seats may be seen.
func (g *GroupLicense) Summary(ctx context.Context) (*SeatSummary, error) {
	all, err := together(ctx, g.family, "summary", g.family.summaries)
	if err != nil {
		return nil, err
	}
	summary := SeatSummary{Pending: g.Pending, Skipped: []SkippedMembers{}}
	if counted := all[g.GroupLicense.ID]; counted != nil {
		summary.Active, summary.Waiting, summary.Errors = counted.Active, counted.Waiting, counted.Errors
	}
	return &summary, nil
}

func (s *session) summaries(ctx context.Context, members []*GroupLicense) (map[int64]*SeatSummary, error) {
	f, err := s.sight(ctx)
	if err != nil {
		return nil, err
	}
	out := map[int64]*SeatSummary{}
	statement := sqlf(`SELECT r.group_license_id, t.state, COUNT(*) FROM seat_reasons r
		JOIN seats t ON t.license_id = r.license_id AND t.user_id = r.user_id WHERE ?
		GROUP BY r.group_license_id, t.state`,
		and(sqlf("r.group_license_id <> 0"), in("r.group_license_id", groupLicenseKeys(members)), s.visible(f, kindSeat, "t")))
	return out, s.rows(ctx, statement, func(rows *stdsql.Rows) error {
		var key, n int64
		var state string
		err := rows.Scan(&key, &state, &n)
		summary := out[key]
		if summary == nil {
			summary = &SeatSummary{}
			out[key] = summary
		}
		switch state {
		case "ACTIVE":
			summary.Active = n
		case "WAITING":
			summary.Waiting = n
		case "ERROR":
			summary.Errors = n
		}
		return err
	})
}

// Exclusions gives who is kept out, those only who may be seen.
func (g *GroupLicense) Exclusions(ctx context.Context, first *int, after *string, last *int, before *string) (*ExclusionConnection, error) {
	return below(ctx, g.family, g, exclusions, nested[*GroupLicense]{
		field: "exclusions", parent: "t.group_license_id", owner: func(g *GroupLicense) int64 { return g.GroupLicense.ID },
		from:  "exclusions AS t JOIN users AS u ON u.id = t.user_id",
		where: and(g.family.visible(g.family.facts, kindUser, "u")), all: true,
	}, Page{first, after, last, before})
}

// GroupLicense gives what the user is kept out of.
func (e *Exclusion) GroupLicense(ctx context.Context) (*GroupLicense, error) {
	return reference(ctx, e.family, e, groupLicenses, link[*Exclusion, *ent.GroupLicense]{
		field: "groupLicense", key: func(e *Exclusion) int64 { return e.GroupLicenseID },
	})
}

// User gives who is kept out.
func (e *Exclusion) User(ctx context.Context) (*User, error) {
	return reference(ctx, e.family, e, users, link[*Exclusion, *ent.User]{
		field: "user", key: func(e *Exclusion) int64 { return e.UserID },
	})
}
