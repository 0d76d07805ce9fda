package operation

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/ringfence/ringfence/internal/feed"
)

// EntraReport tells where the licenses users have in Entra and the seats they have here differ.
type EntraReport struct {
	Direct  []*EntraDifference // assigned there directly, and not granted here
	Groups  []*EntraDifference // licensed there through a group that has no license here
	Extra   []*EntraDifference // seats here of which Entra knows nothing
	Unknown []*EntraDifference // assigned there, of a product that has no license here, or more than one
	Failed  int64              // assignments that are in error there
}

// Empty tells that nothing differs.
func (r *EntraReport) Empty() bool {
	return len(r.Direct)+len(r.Groups)+len(r.Extra)+len(r.Unknown) == 0
}

// EntraDifference is one difference: how many users it is about, and the names of the first of them.
type EntraDifference struct {
	Product  string // SKU, or GUID where it is not known
	Group    string // name of the group; empty if it is about no group
	Users    int64
	Examples []string
	// ShortBy is how many units the license lacks for all that differs of it; 0 if it has them.
	ShortBy int64
}

const mostNames = 5

func (d *EntraDifference) add(name string) {
	if d.Users++; len(d.Examples) < mostNames {
		d.Examples = append(d.Examples, name)
	}
}

// entraState compares what an export says of assignments with the seats here.
type entraState struct {
	contract string // number of the contract whose licenses count, where there are several of a product

	licenses map[string]*entraLicense  // by SKU GUID; nil for one that is ambiguous
	byKey    map[int64]*entraLicense   // the same, by key
	granted  map[groupLicensePair]bool // group licenses here, by the group's external id
	groups   map[string]entraGroupHere // groups here, by external id
	direct   map[directKey]*entraUsers // what is to be assigned
	grouped  map[groupLicensePair]*entraGroup
	extra    map[int64]*EntraDifference
	unknown  map[string]*EntraDifference
	needed   map[int64][]int64 // users without a seat who would need one, by license
	failed   int64
}

type entraLicense struct {
	id, product int64
	sku         string
	available   *int64
}

type entraGroupHere struct {
	id   int64
	name string
}

type groupLicensePair struct {
	group   string // external id
	license int64
}

// directKey is a license with the plans that are off, their GUIDs sorted and joined.
type directKey struct {
	license int64
	off     string
}

type entraUsers struct {
	EntraDifference
	ids []int64
}

type entraGroup struct {
	EntraDifference
	off map[string]int64 // how many members have which plans off
}

func newEntraState(contract string) *entraState {
	return &entraState{
		contract: contract, licenses: map[string]*entraLicense{}, byKey: map[int64]*entraLicense{}, granted: map[groupLicensePair]bool{},
		groups: map[string]entraGroupHere{}, direct: map[directKey]*entraUsers{}, grouped: map[groupLicensePair]*entraGroup{},
		extra: map[int64]*EntraDifference{}, unknown: map[string]*EntraDifference{}, needed: map[int64][]int64{},
	}
}

// begin reads what there is to compare with.
func (e *entraState) begin(ctx context.Context, r *reading) error {
	rows, err := r.Query(ctx, `SELECT l.id, l.product_id, p.sku_id, p.sku, c.number, CASE WHEN l.capacity IS NULL THEN NULL ELSE l.capacity - l.used - l.reserved END
		FROM licenses l JOIN products p ON p.id = l.product_id JOIN contracts c ON c.id = l.contract_id WHERE p.sku_id IS NOT NULL ORDER BY l.id`)
	all, under := map[string][]*entraLicense{}, map[string][]*entraLicense{}
	if err := each(rows, err, func(s scanner) error {
		l := &entraLicense{}
		var guid, number string
		if err := s.Scan(&l.id, &l.product, &guid, &l.sku, &number, &l.available); err != nil {
			return err
		}
		guid = strings.ToLower(guid)
		all[guid] = append(all[guid], l)
		if e.contract != "" && number == e.contract {
			under[guid] = append(under[guid], l)
		}
		return nil
	}); err != nil {
		return err
	}
	for guid, list := range all {
		if len(under[guid]) > 0 {
			list = under[guid]
		}
		if len(list) == 1 {
			e.licenses[guid], e.byKey[list[0].id] = list[0], list[0]
		}
	}
	rows, err = r.Query(ctx, `SELECT g.external_id, x.license_id FROM group_licenses x JOIN "groups" g ON g.id = x.group_id WHERE g.external_id IS NOT NULL`)
	if err := each(rows, err, func(s scanner) error {
		var p groupLicensePair
		err := s.Scan(&p.group, &p.license)
		e.granted[p] = true
		return err
	}); err != nil {
		return err
	}
	rows, err = r.Query(ctx, `SELECT external_id, id, name FROM "groups" WHERE external_id IS NOT NULL`)
	return each(rows, err, func(s scanner) error {
		var external string
		var g entraGroupHere
		err := s.Scan(&external, &g.id, &g.name)
		e.groups[external] = g
		return err
	})
}

// held is what a user has of a license here.
type held struct{ direct, active, any bool }

// compare compares a part of the export.
func (e *entraState) compare(ctx context.Context, r *reading, part []feed.GraphUser) error {
	users, have, err := e.here(ctx, r, part)
	if err != nil {
		return err
	}
	for i := range part {
		u := &part[i]
		user := users[*u.ExternalID]
		wanted := map[int64]bool{}
		for _, a := range u.Assignments {
			e.assigned(u, user, a, wanted, have)
		}
		if user == 0 || u.Removed {
			continue
		}
		for key := range e.byKey {
			if have[holder{key, user}].any && !wanted[key] {
				e.difference(e.extra, key).add(u.UserName)
			}
		}
	}
	return nil
}

// here reads the keys of users and what they have.
func (e *entraState) here(ctx context.Context, r *reading, part []feed.GraphUser) (map[string]int64, map[holder]held, error) {
	externals := make([]string, len(part))
	for i, u := range part {
		externals[i] = *u.ExternalID
	}
	users := map[string]int64{}
	rows, err := r.Query(ctx, `SELECT external_id, id FROM users WHERE `+r.Any("external_id", 1), r.Array(externals))
	if err := each(rows, err, scanKey(users)); err != nil {
		return nil, nil, err
	}
	have := map[holder]held{}
	rows, err = r.Query(ctx, `SELECT x.license_id, x.user_id, x.group_license_id = 0, s.state = 'ACTIVE' FROM seat_reasons x
		JOIN seats s ON s.license_id = x.license_id AND s.user_id = x.user_id WHERE `+r.Any("x.user_id", 1), r.Array(slices.Collect(maps.Values(users))))
	return users, have, each(rows, err, func(s scanner) error {
		var at holder
		var direct, active bool
		err := s.Scan(&at.license, &at.user, &direct, &active)
		h := have[at]
		have[at] = held{h.direct || direct, h.active || active, true}
		return err
	})
}

// assigned compares one assignment.
func (e *entraState) assigned(u *feed.GraphUser, user int64, a feed.Assignment, wanted map[int64]bool, have map[holder]held) {
	if strings.EqualFold(a.State, "Error") {
		e.failed++
	}
	l := e.licenses[a.SkuID]
	if l == nil {
		d := e.unknown[a.SkuID]
		if d == nil {
			d = &EntraDifference{Product: a.SkuID}
			e.unknown[a.SkuID] = d
		}
		d.add(u.UserName)
		return
	}
	wanted[l.id] = true
	h := have[holder{l.id, user}]
	off := strings.Join(slices.Sorted(slices.Values(a.Disabled)), " ")
	switch {
	case a.Group == "" && !h.direct:
		key := directKey{l.id, off}
		d := e.direct[key]
		if d == nil {
			d = &entraUsers{EntraDifference: EntraDifference{Product: l.sku}}
			e.direct[key] = d
		}
		d.add(u.UserName)
		if user != 0 {
			d.ids = append(d.ids, user)
		}
	case a.Group != "" && !e.granted[groupLicensePair{a.Group, l.id}]:
		key := groupLicensePair{a.Group, l.id}
		d := e.grouped[key]
		if d == nil {
			name := e.groups[a.Group].name
			if name == "" {
				name = a.Group
			}
			d = &entraGroup{EntraDifference: EntraDifference{Product: l.sku, Group: name}, off: map[string]int64{}}
			e.grouped[key] = d
		}
		d.add(u.UserName)
		d.off[off]++
	default:
		return
	}
	if !h.active {
		e.needed[l.id] = append(e.needed[l.id], user)
	}
}

func (e *entraState) difference(in map[int64]*EntraDifference, license int64) *EntraDifference {
	if in[license] == nil {
		in[license] = &EntraDifference{Product: e.byKey[license].sku}
	}
	return in[license]
}

// directKeys gives the licenses of direct assignments with the plans that are off, in order.
func (e *entraState) directKeys() []directKey {
	return slices.SortedFunc(maps.Keys(e.direct), func(a, b directKey) int {
		return cmp.Or(cmp.Compare(a.license, b.license), strings.Compare(a.off, b.off))
	})
}

// groupPairs gives the groups that are licensed there and not here, by license, in order.
func (e *entraState) groupPairs() []groupLicensePair {
	return slices.SortedFunc(maps.Keys(e.grouped), func(a, b groupLicensePair) int {
		return cmp.Or(cmp.Compare(a.license, b.license), strings.Compare(a.group, b.group))
	})
}

// report tells what differs, the licenses and groups in the order of their names.
func (e *entraState) report() *EntraReport {
	r := &EntraReport{Failed: e.failed}
	short := map[int64]int64{}
	for key, users := range e.needed {
		if available := e.byKey[key].available; available != nil {
			short[key] = max(0, int64(len(sorted(users)))-max(0, *available))
		}
	}
	byLicense := map[int64]*EntraDifference{}
	for _, key := range e.directKeys() {
		d := e.direct[key]
		all := byLicense[key.license]
		if all == nil {
			all = &EntraDifference{Product: d.Product, ShortBy: short[key.license]}
			byLicense[key.license] = all
		}
		all.Users += d.Users
		all.Examples = append(all.Examples, d.Examples[:min(len(d.Examples), mostNames-len(all.Examples))]...)
	}
	r.Direct = slices.Collect(maps.Values(byLicense))
	for key, d := range e.grouped {
		d.ShortBy = short[key.license]
		r.Groups = append(r.Groups, &d.EntraDifference)
	}
	r.Extra = slices.Collect(maps.Values(e.extra))
	r.Unknown = slices.Collect(maps.Values(e.unknown))
	for _, list := range [][]*EntraDifference{r.Direct, r.Groups, r.Extra, r.Unknown} {
		slices.SortFunc(list, func(a, b *EntraDifference) int {
			return strings.Compare(a.Product+"\x00"+a.Group, b.Product+"\x00"+b.Group)
		})
	}
	return r
}
