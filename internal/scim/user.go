package scim

import (
	"encoding/json"
	"strings"

	"github.com/99designs/gqlgen/graphql"

	"golang.org/x/text/language"

	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/query"
)

// maxKept bounds what is kept of a user beyond the columns, in bytes.
const maxKept = 64 << 10

// What userType says of accounts that are no members.
const (
	typeGuest   = "Guest"
	typeService = "ServiceAccount"
)

// stored reads what is kept of a user beyond the columns. In emails one item has null for its value, in addresses one for its
// country (query/attribute.go).
func stored(u *query.DirectoryUser) object {
	o, err := decode([]byte(u.Attributes))
	if err != nil { // nothing is kept, or nothing that this endpoint wrote
		return object{}
	}
	return o
}

// userObject is a user as the client wrote it, with what has changed here since: without id, meta, groups and schemas.
func userObject(u *query.DirectoryUser) object {
	o := stored(u)
	o["userName"], o["active"] = u.UserName, u.Enabled
	put(o, "displayName", u.DisplayName)
	if u.ExternalID != nil {
		o["externalId"] = *u.ExternalID
	}
	extension, _ := o[urnEnterprise].(object)
	if extension == nil {
		extension = object{}
	}
	put(extension, "department", u.Department)
	put(extension, "costCenter", u.CostCenter)
	if delete(o, urnEnterprise); len(extension) > 0 {
		o[urnEnterprise] = extension
	}
	if kind := shownType(u, o["userType"]); kind != "" {
		o["userType"] = kind
	} else {
		delete(o, "userType")
	}
	fill(o, "emails", "value", u.Email, object{"primary": true, "type": "work", "value": nil})
	fill(o, "addresses", "country", u.UsageLocation, object{"country": nil, "type": "work"})
	return o
}

func put(o object, name, value string) {
	if value != "" {
		o[name] = value
	}
}

// fill puts a column into the item of a list that has null in its place; otherwise is the list's one item where there is no list.
// Without a value the item goes, or what is left of it.
func fill(o object, list, part, value string, otherwise object) {
	kept, ok := o[list].([]any)
	if !ok {
		kept = []any{copied(otherwise)}
	}
	var shown []any
	for _, item := range kept {
		entry, ok := item.(object)
		if !ok {
			continue
		}
		if null, there := entry[part]; there && null == nil {
			if entry[part] = value; value == "" {
				delete(entry, part)
			}
			if value == "" && (part == "value" || len(entry) == 1 && entry["type"] == "work") {
				continue
			}
		}
		shown = append(shown, entry)
	}
	if delete(o, list); len(shown) > 0 {
		o[list] = shown
	}
}

// shownType is the userType of a user: what the client calls it, as long as that fits what the user is.
func shownType(u *query.DirectoryUser, kept any) string {
	written, _ := kept.(string)
	if is := typeOf(written); is == string(u.Type) {
		return written
	}
	return map[string]string{"GUEST": typeGuest, "SERVICE_ACCOUNT": typeService}[string(u.Type)]
}

// typeOf is what a user of a userType is.
func typeOf(userType string) string {
	switch {
	case strings.EqualFold(userType, typeGuest):
		return "GUEST"
	case strings.EqualFold(userType, typeService):
		return "SERVICE_ACCOUNT"
	}
	return "MEMBER"
}

// change is a user as they are to be: the whole representation, and what is known of who they were.
type change struct {
	to      object
	cleared map[string]bool
	from    object               // the representation before, if the change is one to parts of it; nil: it is replaced
	known   *query.DirectoryUser // nil: a new user
}

// input is the change as the operation takes it. What the client does not have to do with stays: kind and usage location of a user
// change only with what was theirs to set; a user who is replaced without a word on active stays as they are.
func (c *change) input() (operation.UserInput, error) {
	keep, _ := copied(c.to).(object)
	var u operation.UserInput
	u.UserName, _ = keep["userName"].(string)
	if strings.TrimSpace(u.UserName) == "" {
		return u, wrong(invalidValue, "userName: this must not be empty")
	}
	displayName, _ := keep["displayName"].(string)
	u.DisplayName = &displayName
	if active, ok := keep["active"].(bool); ok {
		u.Enabled = &active
	}
	u.ExternalID = graphql.OmittableOf(textOrNil(keep["externalId"]))
	extension, _ := keep[urnEnterprise].(object)
	u.Department, u.CostCenter = graphql.OmittableOf(textOrNil(extension["department"])), graphql.OmittableOf(textOrNil(extension["costCenter"]))
	email := takeEmail(keep)
	u.Email = &email
	c.setKind(&u, keep)
	c.setLocation(&u, keep)
	for _, name := range []string{"userName", "displayName", "active", "externalId"} {
		delete(keep, name)
	}
	delete(extension, "department")
	delete(extension, "costCenter")
	if extension != nil && len(extension) == 0 {
		delete(keep, urnEnterprise)
	}
	attributes, err := asText(keep)
	u.Attributes = &attributes
	return u, err
}

func textOrNil(value any) *string {
	if written, ok := value.(string); ok && written != "" {
		return &written
	}
	return nil
}

func asText(o object) (string, error) {
	if len(o) == 0 {
		return "", nil
	}
	written, err := json.Marshal(o)
	if err != nil { // what came out of JSON goes into it
		return "", err
	}
	if len(written) > maxKept {
		return "", wrong(invalidValue, "the user has more than %d bytes of attributes", maxKept)
	}
	return string(written), nil
}

// takeEmail takes the address of a user out of the list, and leaves null in its place: the primary one, else the one for work, else
// the first.
func takeEmail(o object) string {
	list, _ := o["emails"].([]any)
	var chosen object
	best := 0
	for _, item := range list {
		entry, _ := item.(object)
		if address, _ := entry["value"].(string); address == "" {
			continue
		}
		rank := 1
		if kind, _ := entry["type"].(string); strings.EqualFold(kind, "work") {
			rank = 2
		}
		if isPrimary(entry) {
			rank = 3
		}
		if rank > best {
			chosen, best = entry, rank
		}
	}
	if chosen == nil {
		if list != nil { // where an address will be shown should somebody else set one
			o["emails"] = append(list, object{"type": "work", "value": nil})
		}
		return ""
	}
	address, _ := chosen["value"].(string)
	chosen["value"] = nil
	if len(list) == 1 && equal(chosen, object{"primary": true, "type": "work", "value": nil}) {
		delete(o, "emails") // as it is shown without being kept
	}
	return address
}

// setKind sets what kind of account the user is, if userType says so or no longer does.
func (c *change) setKind(u *operation.UserInput, keep object) {
	if c.unchanged("userType", keep) {
		return
	}
	written, given := keep["userType"].(string)
	if c.known == nil && !given {
		return
	}
	if given || c.had("userType") {
		kind := typeOf(written)
		u.Type = &kind
	}
}

// unchanged tells whether a change to parts leaves an attribute as it is. Then it is kept as it was kept before, so that what only
// this service knows of it does not become the client's.
func (c *change) unchanged(name string, keep object) bool {
	if c.from == nil || !equal(c.to[name], c.from[name]) {
		return false
	}
	if was, ok := stored(c.known)[name]; ok {
		keep[name] = was
	} else {
		delete(keep, name)
	}
	return true
}

// had tells whether an attribute that is gone was the client's: it says so, or had set it before.
func (c *change) had(name string) bool {
	if c.known == nil {
		return false
	}
	_, kept := stored(c.known)[name]
	return c.cleared[name] || c.from != nil || kept
}

// setLocation sets the usage location from the country of the address for work, and leaves null in its place.
func (c *change) setLocation(u *operation.UserInput, keep object) {
	if c.unchanged("addresses", keep) {
		return
	}
	list, _ := keep["addresses"].([]any)
	for _, item := range list {
		entry, _ := item.(object)
		country, _ := entry["country"].(string)
		if kind, _ := entry["type"].(string); !strings.EqualFold(kind, "work") || !isCountry(country) {
			continue
		}
		country = strings.ToUpper(country)
		u.UsageLocation = graphql.OmittableOf(&country)
		entry["country"] = nil
		return
	}
	if c.had("addresses") {
		u.UsageLocation = graphql.OmittableOf[*string](nil)
	}
	if list != nil {
		keep["addresses"] = placed(list)
	}
}

// placed marks where the usage location will be shown should somebody else set it: in an address for work that has no country, or
// in one of its own.
func placed(list []any) []any {
	for _, item := range list {
		entry, _ := item.(object)
		kind, _ := entry["type"].(string)
		if _, has := entry["country"]; !has && strings.EqualFold(kind, "work") {
			entry["country"] = nil
			return list
		}
	}
	return append(list, object{"country": nil, "type": "work"})
}

// isCountry tells whether a text is a code of ISO 3166-1 alpha-2.
func isCountry(code string) bool {
	if len(code) != 2 {
		return false
	}
	region, err := language.ParseRegion(code)
	return err == nil && region.IsCountry() && region.Canonicalize() == region
}
