package scim

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/query"
)

// mostMembers is how many members an answer has of groups that it was not asked to show the members of. Beyond, a group is shown
// without the attribute: neither Entra nor Okta reads the members of a group that large, and a list would be megabytes.
const mostMembers = 10_000

// member is a member of a group in an answer.
type member struct {
	Value   string `json:"value"`
	Ref     string `json:"$ref"`
	Display string `json:"display,omitempty"`
	Type    string `json:"type"`
}

// instant is how times are written: UTC, to the microsecond, so that a filter finds what was shown.
func instant(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.999999Z") }

// entityTag is the version of a resource as a weak entity tag: what is derived from others (names of members) is not part of it.
func entityTag(created time.Time, updated *time.Time) string {
	return `W/"` + strconv.FormatInt(operation.Version(created, updated), 36) + `"`
}

// meta is what is told of a resource beside itself.
func (v *view) meta(r *resource, one id.ID, created time.Time, updated *time.Time) object {
	last := created
	if updated != nil {
		last = *updated
	}
	return object{"resourceType": r.name, "created": instant(created), "lastModified": instant(last),
		"location": v.location(r, one), "version": entityTag(created, updated)}
}

func (v *view) location(r *resource, one id.ID) string { return v.base + r.path + "/" + one.String() }

// view is how a request wants resources to be shown.
type view struct {
	base    string // of all locations
	only    []string
	without []string
}

// viewOf reads the parameters attributes and excludedAttributes.
func viewOf(r *http.Request, base string) *view {
	parameters := r.URL.Query()
	return &view{base: base, only: names(parameters["attributes"]), without: names(parameters["excludedAttributes"])}
}

func names(lists []string) []string {
	var all []string
	for _, list := range lists {
		for name := range strings.SplitSeq(list, ",") {
			if name = strings.TrimSpace(name); name != "" {
				all = append(all, name)
			}
		}
	}
	return all
}

// asks tells whether an attribute is named by the parameter attributes: itself, or a part of it.
func (v *view) asks(name string) bool {
	return slices.ContainsFunc(v.only, func(wanted string) bool { return covers(wanted, name) })
}

// wants tells whether an attribute is to be shown at all.
func (v *view) wants(name string) bool {
	return (v.only == nil || v.asks(name)) && !slices.ContainsFunc(v.without, func(unwanted string) bool { return strings.EqualFold(bare(unwanted), name) })
}

// covers tells whether a name is that of an attribute or of a part of it.
func covers(wanted, name string) bool {
	wanted = bare(wanted)
	return strings.EqualFold(wanted, name) || len(wanted) > len(name) && wanted[len(name)] == '.' && strings.EqualFold(wanted[:len(name)], name)
}

// bare is a name without the URN of a core schema.
func bare(name string) string {
	for _, urn := range []string{urnUser, urnGroup} {
		if len(name) > len(urn) && name[len(urn)] == ':' && strings.EqualFold(name[:len(urn)], urn) {
			return name[len(urn)+1:]
		}
	}
	return name
}

// user shows a user.
func (v *view) user(u *query.DirectoryUser) object {
	one := id.Of(id.User, u.ID)
	o := userObject(u)
	var extensions []string
	for name := range o {
		if isURN(name) {
			extensions = append(extensions, name)
		}
	}
	slices.Sort(extensions)
	schemas := append([]string{urnUser}, extensions...)
	o["schemas"], o["id"] = schemas, one.String()
	o["meta"] = v.meta(userResource, one, u.CreatedAt, u.UpdatedAt)
	var groups []any
	for _, g := range u.Groups {
		groups = append(groups, object{"value": g.ID.String(), "$ref": v.location(groupResource, g.ID), "display": g.Name, "type": "direct"})
	}
	if groups != nil {
		o["groups"] = groups
	}
	return v.chosen(o)
}

// group shows a group; members nil leaves them out.
func (v *view) group(g *query.DirectoryGroup, members []member) object {
	one := id.Of(id.Group, g.ID)
	o := object{"schemas": []any{urnGroup}, "id": one.String(), "displayName": g.Name, "meta": v.meta(groupResource, one, g.CreatedAt, g.UpdatedAt)}
	if g.ExternalID != nil {
		o["externalId"] = *g.ExternalID
	}
	if members != nil {
		o["members"] = v.shown(members)
	}
	return v.chosen(o)
}

// shown gives members as they are, or as objects if only parts of them are asked for.
func (v *view) shown(members []member) any {
	whole := func(list []string) bool {
		return !slices.ContainsFunc(list, func(name string) bool { return covers(name, "members") && !strings.EqualFold(bare(name), "members") })
	}
	if whole(v.only) && whole(v.without) {
		return members
	}
	list := make([]any, len(members))
	for i, m := range members {
		list[i] = object{"value": m.Value, "$ref": m.Ref, "display": m.Display, "type": m.Type}
	}
	return list
}

func (v *view) members(relatives []query.Relative) []member {
	list := make([]member, len(relatives))
	for i, one := range relatives {
		r := userResource
		if one.ID.Noun == id.Group {
			r = groupResource
		}
		list[i] = member{one.ID.String(), v.location(r, one.ID), one.Name, r.name}
	}
	return list
}

// chosen leaves in a resource what the request wants to see of it. Its id and its schemas are always shown.
func (v *view) chosen(o object) object {
	if v.only == nil && v.without == nil {
		return o
	}
	out := object{}
	for name, value := range o {
		if name == "id" || name == "schemas" {
			out[name] = value
			continue
		}
		if value = v.choose(name, value); value != nil {
			out[name] = value
		}
	}
	return out
}

// choose gives what is wanted of a member of a resource, nil if nothing is.
func (v *view) choose(name string, value any) any {
	separator := "."
	if isURN(name) {
		separator = ":"
	}
	if v.only != nil {
		if value = keepOnly(name+separator, value, v.only, name); value == nil {
			return nil
		}
	}
	for _, unwanted := range v.without {
		unwanted = bare(unwanted)
		if strings.EqualFold(unwanted, name) {
			return nil
		}
		if part, is := partOf(unwanted, name+separator); is {
			value = dropPart(value, part)
		}
	}
	return pruned(value)
}

// partOf gives what follows a prefix in a name.
func partOf(name, prefix string) (string, bool) {
	if len(name) <= len(prefix) || !strings.EqualFold(name[:len(prefix)], prefix) {
		return "", false
	}
	return name[len(prefix):], true
}

// keepOnly gives a value as a whole if its name is wanted, else those of its parts that are.
func keepOnly(prefix string, value any, wanted []string, name string) any {
	var parts []string
	for _, want := range wanted {
		want = bare(want)
		if strings.EqualFold(want, name) {
			return value
		}
		if part, is := partOf(want, prefix); is {
			parts = append(parts, part)
		}
	}
	if parts == nil {
		return nil
	}
	return onlyParts(value, parts)
}

func onlyParts(value any, parts []string) any {
	switch value := value.(type) {
	case []any:
		var list []any
		for _, item := range value {
			if item := onlyParts(item, parts); item != nil {
				list = append(list, item)
			}
		}
		return pruned(list)
	case object:
		out := object{}
		for name, part := range value {
			if part := keepOnly(name+".", part, parts, name); part != nil {
				out[name] = part
			}
		}
		return pruned(out)
	}
	return nil
}

func dropPart(value any, part string) any {
	switch value := value.(type) {
	case []any:
		list := make([]any, len(value))
		for i, item := range value {
			list[i] = dropPart(item, part)
		}
		return list
	case object:
		out := object{}
		for name, inner := range value {
			if strings.EqualFold(name, part) {
				continue
			}
			if rest, is := partOf(part, name+"."); is {
				inner = dropPart(inner, rest)
			}
			out[name] = inner
		}
		return out
	}
	return value
}
