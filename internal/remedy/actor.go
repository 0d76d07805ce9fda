package remedy

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/store"
)

// Actor is somebody who may do a step: a user, or whoever has a role where the directory knows nobody who has.
type Actor struct {
	Name    string // user name; empty: nobody in particular
	Display string
	User    int64 // key of the user; 0: not in the directory
	Roles   []string
	Of      string // the allotment they are a delegate of; empty: of none here
}

func (a *Actor) principal() identity.Principal {
	name := a.Name
	if name == "" {
		name = "somebody with the role " + strings.Join(a.Roles, ", ")
	}
	return identity.Principal{UserName: name, Roles: a.Roles}
}

// Label names the actor for people; without names by what gives them the right.
func (a *Actor) Label(named bool) string {
	switch {
	case named && a.Display != "":
		return a.Display
	case named && a.Name != "":
		return a.Name
	case a.Of != "":
		return "a delegate of " + a.Of
	case len(a.Roles) > 0:
		return "somebody with the role " + strings.Join(a.Roles, ", ")
	}
	return "somebody else"
}

func (c *search) self() Actor { return Actor{Name: c.who.UserName, Roles: c.who.Roles} }

// mostAble bounds how many are tried for one step.
const mostAble = 6

// able lists who could do an action: who asked, who wants to know, the delegates of the pools from the nearest up, and those who have a
// role that permits it; where the directory knows none, whoever has the role. Whether they may is found by trying.
func (c *search) able(action string) []Actor {
	if known, done := c.actors[action]; done {
		return known
	}
	list := []Actor{c.self()}
	if c.viewer != nil && !c.viewer.System && c.viewer.Purpose == "" {
		list = append(list, Actor{Name: c.viewer.UserName, Roles: c.viewer.Roles})
	}
	list = append(list, c.delegates()...)
	list = append(list, c.officers()...)
	for _, role := range []string{identity.RoleContractManager, identity.RoleLicenseAdmin, identity.RoleGlobalAdmin} {
		list = append(list, Actor{Roles: []string{role}})
	}
	seen := map[string]bool{}
	var able []Actor
	for _, a := range list {
		who := a.principal()
		key := strings.ToLower(who.UserName)
		if seen[key] || len(able) >= mostAble {
			continue
		}
		seen[key] = true
		view, err := c.Policy.Current().Visibility(c.ctx, policy.Principal{Name: who.UserName, Roles: who.Roles, DelegateOf: a.Of != "" || a.Name == c.who.UserName})
		if err == nil && view.Actions[action] {
			able = append(able, a)
		}
	}
	c.actors[action] = able
	return able
}

// delegates of the pools of the chain, the nearest first; two of each pool.
func (c *search) delegates() []Actor {
	var found []Actor
	for _, p := range c.asked.Pools {
		if !p.allotment {
			continue
		}
		found = append(found, read(c, func(s scanner) (Actor, error) {
			a := Actor{Of: p.Name}
			return a, s.Scan(&a.User, &a.Name, &a.Display)
		}, `SELECT u.id, u.user_name, u.display_name FROM users u WHERE u.enabled AND (u.id IN (SELECT user_id FROM allotment_delegates WHERE allotment_id = $1)
			OR u.id IN (SELECT m.user_id FROM memberships m JOIN allotment_delegates d ON d.group_id = m.group_id WHERE d.allotment_id = $1 AND d.group_id <> 0))
			ORDER BY u.id LIMIT 2`, p.key.Allotment)...)
	}
	return found
}

// officers are users whom the directory says to have a role that administers; roles count by the token, so this is a hint.
func (c *search) officers() []Actor {
	return read(c, func(s scanner) (Actor, error) {
		var a Actor
		var roles []byte
		err := s.Scan(&a.User, &a.Name, &a.Display, &roles)
		if err == nil && len(roles) > 0 {
			err = json.Unmarshal(roles, &a.Roles)
		}
		slices.Sort(a.Roles)
		return a, err
	}, `SELECT id, user_name, display_name, roles FROM users WHERE enabled AND (CAST(roles AS TEXT) LIKE '%LICENSE_ADMIN%' OR CAST(roles AS TEXT) LIKE '%GLOBAL_ADMIN%')
		ORDER BY id LIMIT 3`)
}

type scanner interface{ Scan(dest ...any) error }

// read gives the rows of a statement. A failure is kept, and ends the search.
func read[T any](c *search, scan func(scanner) (T, error), statement string, args ...any) []T {
	var found []T
	err := c.Store.View(c.ctx, func(ctx context.Context, r *store.Reader) error {
		found = nil
		rows, err := r.Query(ctx, statement, args...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }() // what it could tell, Err has told
		for rows.Next() {
			one, err := scan(rows)
			if err != nil {
				return err
			}
			found = append(found, one)
		}
		return rows.Err()
	})
	if err != nil && c.failure == nil {
		c.failure = err
	}
	return found
}
