package remedy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
)

// person is a user as a remedy names and changes them.
type person struct {
	key               int64
	userName, display string
	department        string
	location          string
}

func (c *search) people(keys []int64) []person {
	var found []person
	for _, key := range keys {
		found = append(found, read(c, func(s scanner) (p person, err error) {
			return p, s.Scan(&p.key, &p.userName, &p.display, &p.department, &p.location)
		}, `SELECT id, user_name, CASE WHEN display_name = '' THEN user_name ELSE display_name END, department, usage_location FROM users WHERE id = $1`, key)...)
	}
	return found
}

// mostPeople bounds how many users one remedy changes.
const mostPeople = 10

// affected gives the users that violations are about; none when they are too many to be changed one by one.
func (c *search) affected(violations []licensing.Violation) []person {
	keys, _ := c.users(violations)
	if len(keys) == 0 || len(keys) > mostPeople {
		return nil
	}
	return c.people(keys)
}

func namesOf(people []person) string {
	names := make([]string, len(people))
	for i, p := range people {
		names[i] = p.display
	}
	return strings.Join(names, ", ")
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// change is a plan that upserts users with one thing set.
func (c *search) change(people []person, text, plain string, set func(p person) map[string]any) *plan {
	users := make([]any, len(people))
	for i, p := range people {
		user := set(p)
		user["userName"] = p.userName
		users[i] = user
	}
	return &plan{kind: User, text: text, plain: plain, size: int64(len(people)), moves: []*move{{action: "upsertUsers", input: map[string]any{"users": users}}}}
}

func cureDisabled(c *search, violations []licensing.Violation) []*plan {
	people := c.affected(violations)
	if len(people) == 0 {
		return nil
	}
	return []*plan{c.change(people, "enable "+namesOf(people), "enable "+plural(len(people), "the user", "users"), func(person) map[string]any {
		return map[string]any{"enabled": true}
	}), c.without(violations)}
}

// without asks for everybody else.
func (c *search) without(violations []licensing.Violation) *plan {
	_, at := c.users(violations)
	list, _ := c.input["userIds"].([]any)
	if len(at) == 0 || len(at) >= len(list) {
		return nil
	}
	var rest []any
	for i, one := range list {
		if !slices.Contains(at, i) {
			rest = append(rest, one)
		}
	}
	text := fmt.Sprintf("ask for the other %d only", len(rest))
	return &plan{kind: Change, text: text, size: int64(len(at)), input: c.with(map[string]any{"userIds": rest}), changed: true}
}

// cureGuest leaves the guests out: what a user is does not change for a seat.
func cureGuest(c *search, violations []licensing.Violation) []*plan {
	return []*plan{c.without(violations)}
}

// cureLocation sets a usage location where there is none: to the one most others of the department have. One that is set says where
// the user is, and is not to be bent.
func cureLocation(c *search, violations []licensing.Violation) []*plan {
	people := slices.DeleteFunc(c.affected(violations), func(p person) bool { return p.location != "" })
	plans := []*plan{c.without(violations)}
	if len(people) != 1 {
		return plans
	}
	for _, location := range read(c, func(s scanner) (text string, err error) { return text, s.Scan(&text) },
		`SELECT usage_location FROM users WHERE department = $1 AND usage_location <> '' GROUP BY usage_location ORDER BY COUNT(*) DESC, usage_location LIMIT 2`,
		people[0].department) {
		plans = append(plans, c.change(people, fmt.Sprintf("set the usage location of %s, if it is %s", people[0].display, location), "set the usage location of the user, if it is "+location,
			func(person) map[string]any { return map[string]any{"usageLocation": location} }))
	}
	return plans
}

// cureScope brings users into the scope of a pool, or widens the scope.
func cureScope(c *search, violations []licensing.Violation) []*plan {
	pool := c.pool(violations[0].Pool)
	if pool == nil || pool.Scope == nil {
		return nil
	}
	if violations[0].Field == "groupId" && c.asked.Group.ID != 0 {
		return []*plan{c.widen(pool, askedScope{Groups: []int64{c.asked.Group.ID}}, "the group")}
	}
	people := c.affected(violations)
	if len(people) == 0 {
		return []*plan{c.without(violations)}
	}
	plans := []*plan{c.without(violations)}
	if len(pool.Scope.Groups) > 0 {
		group := pool.Scope.Groups[0]
		name := read(c, func(s scanner) (text string, err error) { return text, s.Scan(&text) }, `SELECT name FROM "groups" WHERE id = $1`, group)
		keys, _ := c.users(violations)
		if len(name) == 1 {
			plans = append(plans, &plan{
				kind: User, text: fmt.Sprintf("add %s to the group %s", namesOf(people), name[0]), size: int64(len(people)),
				plain: "add " + plural(len(people), "the user", "users") + " to the group " + name[0],
				moves: []*move{{action: "addGroupMembers", input: map[string]any{"groupId": id.Of(id.Group, group).String(), "userIds": userIDs(keys)}}},
			})
		}
	}
	var more askedScope
	for _, p := range people {
		switch {
		case p.department != "":
			more.Departments = append(more.Departments, p.department)
		case p.location != "":
			more.Countries = append(more.Countries, p.location)
		}
	}
	return append(plans, c.widen(pool, more, strings.Join(append(slices.Clone(more.Departments), more.Countries...), ", ")))
}

// widen adds to the scope of an allotment.
func (c *search) widen(pool *askedPool, more askedScope, what string) *plan {
	if !pool.allotment || what == "" {
		return nil
	}
	scope := pool.Scope.and(more)
	return &plan{
		kind: Scope, text: fmt.Sprintf("widen the scope of %s to %s", pool.Name, what), size: int64(len(more.Groups) + len(more.Departments) + len(more.Countries)),
		moves: []*move{{action: "updateAllotment", input: map[string]any{"allotmentId": id.Of(id.Allotment, pool.key.Allotment).String(), "scope": scope}}},
	}
}

// and gives two scopes together, as inputs have it.
func (s *askedScope) and(more askedScope) map[string]any {
	if s == nil {
		s = &askedScope{}
	}
	groups := make([]any, 0, len(s.Groups))
	for _, key := range append(slices.Clone(s.Groups), more.Groups...) {
		groups = append(groups, id.Of(id.Group, key).String())
	}
	return map[string]any{
		"groupIds": distinct(groups), "departments": distinct(texts(append(slices.Clone(s.Departments), more.Departments...))),
		"countries": distinct(texts(append(slices.Clone(s.Countries), more.Countries...))),
	}
}

func texts(list []string) []any {
	out := make([]any, len(list))
	for i, text := range list {
		out[i] = text
	}
	return out
}

func distinct(list []any) []any {
	out := []any{}
	for _, one := range list {
		if !slices.Contains(out, one) {
			out = append(out, one)
		}
	}
	return out
}
