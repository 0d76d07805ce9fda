package query

import (
	"context"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/ent/allotmentscope"
	"github.com/ringfence/ringfence/ent/predicate"
)

// Delegates are who may assign from an allotment, as far as they may be seen.
type Delegates struct {
	Users  []*User
	Groups []*Group
}

// AllotmentScope is whom an allotment may serve.
type AllotmentScope struct {
	Groups      []*Group
	Departments []string
	Countries   []string
}

func allotmentKeys(members []*Allotment) []int64 {
	keys := make([]int64, len(members))
	for i, member := range members {
		keys[i] = member.Allotment.ID
	}
	return keys
}

// Delegates gives who may assign from the allotment.
func (a *Allotment) Delegates(ctx context.Context) (*Delegates, error) {
	all, err := together(ctx, a.family, "delegates", a.family.delegates)
	if err != nil {
		return nil, err
	}
	if d := all[a.Allotment.ID]; d != nil {
		return d, nil
	}
	return &Delegates{Users: []*User{}, Groups: []*Group{}}, nil
}

func (s *session) delegates(ctx context.Context, members []*Allotment) (map[int64]*Delegates, error) {
	toUsers, toGroups, keys := broughtDelegates(members)
	storedUsers, err := s.pairs(ctx, sqlf(`SELECT d.allotment_id, d.user_id FROM allotment_delegates d
		JOIN users u ON u.id = d.user_id WHERE ? ORDER BY u.name_key`, in("d.allotment_id", keys)))
	if err != nil {
		return nil, err
	}
	toUsers = append(toUsers, storedUsers...)
	users, err := gather(ctx, s, users, toUsers, true)
	if err != nil {
		return nil, err
	}
	storedGroups, err := s.pairs(ctx, sqlf(`SELECT d.allotment_id, d.group_id FROM allotment_delegates d
		JOIN groups g ON g.id = d.group_id WHERE ? ORDER BY g.name`, in("d.allotment_id", keys)))
	if err != nil {
		return nil, err
	}
	toGroups = append(toGroups, storedGroups...)
	groups, err := gather(ctx, s, groups, toGroups, true)
	if err != nil {
		return nil, err
	}
	out := map[int64]*Delegates{}
	for _, key := range allotmentKeys(members) {
		out[key] = &Delegates{Users: nonNil(users[key]), Groups: nonNil(groups[key])}
	}
	return out, nil
}

// broughtScopes gives the scopes that came with the answer of a mutation, and the keys of the allotments without.
func broughtScopes(members []*Allotment) (rows []*ent.AllotmentScope, keys []int64) {
	for _, member := range members {
		brought, err := member.Edges.ScopesOrErr()
		if err != nil {
			keys = append(keys, member.Allotment.ID)
		}
		rows = append(rows, brought...)
	}
	return rows, keys
}

// broughtDelegates gives the delegates that came with the answer of a mutation, and the keys of the allotments without.
func broughtDelegates(members []*Allotment) (toUsers, toGroups []pair, keys []int64) {
	for _, member := range members {
		brought, err := member.Edges.DelegatesOrErr()
		if err != nil {
			keys = append(keys, member.Allotment.ID)
		}
		for _, row := range brought {
			if row.UserID != 0 {
				toUsers = append(toUsers, pair{row.AllotmentID, row.UserID})
			} else {
				toGroups = append(toGroups, pair{row.AllotmentID, row.GroupID})
			}
		}
	}
	return toUsers, toGroups, keys
}

// Scope gives whom the allotment may serve.
func (a *Allotment) Scope(ctx context.Context) (*AllotmentScope, error) {
	all, err := together(ctx, a.family, "scope", a.family.scopes)
	if err != nil {
		return nil, err
	}
	if scope := all[a.Allotment.ID]; scope != nil {
		return scope, nil
	}
	return &AllotmentScope{Groups: []*Group{}, Departments: []string{}, Countries: []string{}}, nil
}

func (s *session) scopes(ctx context.Context, members []*Allotment) (map[int64]*AllotmentScope, error) {
	rows, keys := broughtScopes(members)
	if len(keys) > 0 {
		stored, err := s.client.AllotmentScope.Query().Where(predicate.AllotmentScope(s.selecting(in("allotment_scopes.allotment_id", keys)))).
			Order(ent.Asc(allotmentscope.FieldValue), ent.Asc(allotmentscope.FieldID)).All(ctx)
		if err != nil {
			return nil, unavailable(err)
		}
		rows = append(rows, stored...)
	}
	out := map[int64]*AllotmentScope{}
	var toGroups []pair
	for _, row := range rows {
		scope := out[row.AllotmentID]
		if scope == nil {
			scope = &AllotmentScope{Groups: []*Group{}, Departments: []string{}, Countries: []string{}}
			out[row.AllotmentID] = scope
		}
		switch row.Kind {
		case allotmentscope.KindGROUP:
			toGroups = append(toGroups, pair{row.AllotmentID, row.GroupID})
		case allotmentscope.KindDEPARTMENT:
			scope.Departments = append(scope.Departments, row.Value)
		case allotmentscope.KindCOUNTRY:
			scope.Countries = append(scope.Countries, row.Value)
		}
	}
	groups, err := gather(ctx, s, groups, toGroups, true)
	for key, list := range groups {
		out[key].Groups = list
	}
	return out, err
}
