package scim

import (
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/query"
)

// groupChange is what a request makes of a group. Of members it knows the difference, so that a change of one member of many is a
// small one.
type groupChange struct {
	name     *string
	external graphql.Omittable[*string]
	replace  bool // those to add are all there are
	add      members
	remove   members
}

// members are users and groups without doubles, in the order in which they were named.
type members struct {
	list []id.ID // also those that were dropped again
	set  map[id.ID]bool
}

func (m *members) put(one id.ID) {
	if m.set == nil {
		m.set = map[id.ID]bool{}
	}
	if !m.set[one] {
		m.set[one] = true
		m.list = append(m.list, one)
	}
}

func (m *members) drop(one id.ID) { delete(m.set, one) }

// all gives those that were not dropped again.
func (m *members) all() []id.ID {
	seen := make(map[id.ID]bool, len(m.set))
	var some []id.ID
	for _, one := range m.list {
		if m.set[one] && !seen[one] {
			seen[one] = true
			some = append(some, one)
		}
	}
	return some
}

func (m *members) of(noun id.Noun) []id.ID {
	return slices.DeleteFunc(m.all(), func(one id.ID) bool { return one.Noun != noun })
}

// command is the change as the operation takes it.
func (c *groupChange) command(group *id.ID, version *int64) *operation.ProvisionGroup {
	return &operation.ProvisionGroup{
		GroupID: group, Version: version, Name: c.name, ExternalID: c.external, Replace: c.replace,
		AddUserIDs: c.add.of(id.User), AddGroupIDs: c.add.of(id.Group), RemoveUserIDs: c.remove.of(id.User), RemoveGroupIDs: c.remove.of(id.Group),
	}
}

// wholeGroup reads a group that is made or replaced. Members that are not mentioned stay: a group with very many is shown without
// them (RFC 7644 §3.5.1 leaves it to the service what becomes of what is left out); an empty list removes all.
func wholeGroup(body object) (*groupChange, error) {
	if err := checkSchemas(body, urnGroup); err != nil {
		return nil, err
	}
	kept, cleared, err := groupResource.known(body)
	if err != nil {
		return nil, err
	}
	c := &groupChange{}
	name, _ := kept["displayName"].(string)
	if strings.TrimSpace(name) == "" {
		return nil, wrong(invalidValue, "displayName: this must not be empty")
	}
	c.name = &name
	c.external = graphql.OmittableOf(textOrNil(kept["externalId"]))
	c.replace = kept["members"] != nil || cleared["members"]
	list, _ := kept["members"].([]any)
	for _, item := range list {
		member, err := memberOf(item)
		if err != nil {
			return nil, err
		}
		c.add.put(member)
	}
	return c, nil
}

// memberOf reads a member to add.
func memberOf(item any) (id.ID, error) {
	entry, _ := item.(object)
	written, _ := entry["value"].(string)
	if written == "" { // where it is tells, too
		place, _ := entry["$ref"].(string)
		written = place[strings.LastIndexByte(place, '/')+1:]
	}
	if written == "" {
		return id.ID{}, wrong(invalidValue, "members: a member needs a value")
	}
	member, err := id.Parse(written)
	if err != nil || member.Noun != id.User && member.Noun != id.Group {
		return id.ID{}, wrong(invalidValue, "members: there is no member %.100s", written)
	}
	if kind, _ := entry["type"].(string); kind != "" && !strings.EqualFold(kind, kindOf(member)) {
		return id.ID{}, wrong(invalidValue, "members: %s is no %.20s", written, kind)
	}
	return member, nil
}

// kindOf is what a member is.
func kindOf(member id.ID) string {
	if member.Noun == id.Group {
		return groupResource.name
	}
	return userResource.name
}

// groupPatch reads a PATCH of a group. Present gives who is a member now, for the operations that choose by something other than
// the value.
type groupPatch struct {
	groupChange
	present func() ([]query.Relative, error)
}

func (g *groupPatch) read(body object) error {
	all, err := steps(body)
	if err != nil {
		return err
	}
	for _, s := range all {
		if err := g.step(s); err != nil {
			return err
		}
	}
	return nil
}

func (g *groupPatch) step(s step) error {
	if s.path != "" {
		if strings.EqualFold(s.path, "schemas") {
			return nil
		}
		t, err := groupResource.target(s.path)
		if err != nil {
			return err
		}
		if t.a == nil {
			return wrong(invalidPath, "there is no attribute %.200s", s.path)
		}
		return g.carryOut(t, s)
	}
	parts, ok := s.value.(object)
	if !ok {
		return wrong(invalidValue, "an operation without a path needs an object of attributes")
	}
	names := make([]string, 0, len(parts))
	for name := range parts {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if isIgnored(name) || find(groupResource.attributes(""), name) == nil && !isURN(name) && !strings.ContainsAny(name, ".[") {
			continue // what no schema has is not kept of groups
		}
		if err := g.step(step{op: s.op, path: name, value: parts[name], given: true}); err != nil {
			return err
		}
	}
	return nil
}

func (g *groupPatch) carryOut(t target, s step) error {
	if t.name == "members" {
		return g.changeMembers(t, s)
	}
	if s.op == "remove" || s.value == nil {
		if t.a.Required {
			return wrong(mutability, "%s cannot be without a value", t.name)
		}
		g.external = graphql.OmittableOf[*string](nil)
		return nil
	}
	value, err := coerce(t.a, s.value)
	if err != nil {
		return err
	}
	written, _ := value.(string)
	if t.name == "displayName" {
		g.name = &written
		return nil
	}
	g.external = graphql.OmittableOf(textOrNil(written))
	return nil
}

func (g *groupPatch) changeMembers(t target, s step) error {
	if t.sub != "" && (t.sub != "value" || s.op != "remove") {
		return wrong(mutability, "members.%s is not changed; remove the member and add another", t.sub)
	}
	if t.filter != nil {
		return g.changeChosen(t, s)
	}
	if s.op == "remove" && (!s.given || s.value == nil) || s.op == "replace" {
		g.replace, g.add, g.remove = true, members{}, members{}
	}
	if s.value == nil {
		return nil
	}
	value, err := coerce(t.a, s.value)
	if err != nil {
		return err
	}
	list, _ := value.([]any)
	for _, item := range list {
		if s.op == "remove" {
			g.leave(item)
			continue
		}
		member, err := memberOf(item)
		if err != nil {
			return err
		}
		g.add.put(member)
		g.remove.drop(member)
	}
	return nil
}

// leave removes a member that a list names. Who is none is passed over.
func (g *groupPatch) leave(item any) {
	entry, _ := item.(object)
	written, _ := entry["value"].(string)
	if member, err := id.Parse(written); err == nil {
		g.take(member)
	}
}

func (g *groupPatch) take(member id.ID) {
	g.add.drop(member)
	if !g.replace {
		g.remove.put(member)
	}
}

// changeChosen removes the members a filter chooses, or puts another in their place.
func (g *groupPatch) changeChosen(t target, s step) error {
	chosen, err := g.chosen(t)
	if err != nil {
		return err
	}
	if s.op == "add" || s.op == "replace" && len(chosen) == 0 {
		return wrong(noTarget, "members has no such item to change")
	}
	for _, member := range chosen {
		g.take(member)
	}
	if s.op == "remove" {
		return nil
	}
	value, err := coerceOne(t.a, s.value)
	if err != nil {
		return err
	}
	member, err := memberOf(value)
	if err != nil {
		return err
	}
	g.add.put(member)
	g.remove.drop(member)
	return nil
}

// chosen gives the members that a filter chooses. One that only names values needs nobody to be looked up.
func (g *groupPatch) chosen(t target) ([]id.ID, error) {
	if named, ok := namedMembers(t.filter); ok {
		return named, nil
	}
	present, err := g.present()
	if err != nil {
		return nil, err
	}
	names := map[id.ID]string{}
	var all members
	for _, one := range present {
		names[one.ID] = one.Name
		if !g.replace {
			all.put(one.ID)
		}
	}
	for _, one := range g.add.all() {
		all.put(one)
	}
	var chosen []id.ID
	for _, one := range all.all() {
		if !g.remove.set[one] && holds(t.filter, t.a, object{"value": one.String(), "type": kindOf(one), "display": names[one]}) {
			chosen = append(chosen, one)
		}
	}
	return chosen, nil
}

// namedMembers gives the ids that a filter of values names: value eq "…", or several of these joined by or.
func namedMembers(filter expression) ([]id.ID, bool) {
	switch e := filter.(type) {
	case either:
		left, ok := namedMembers(e.left)
		right, also := namedMembers(e.right)
		return append(left, right...), ok && also
	case comparison:
		written, ok := e.value.(string)
		if !ok || e.operator != query.Equal || !strings.EqualFold(e.path.name, "value") {
			return nil, false
		}
		member, err := id.Parse(written)
		if err != nil {
			return nil, true
		}
		return []id.ID{member}, true
	}
	return nil, false
}
