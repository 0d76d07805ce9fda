package scim

import "strings"

// The URNs of schemas and messages.
const (
	urnUser       = "urn:ietf:params:scim:schemas:core:2.0:User"
	urnGroup      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	urnEnterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	urnSchema     = "urn:ietf:params:scim:schemas:core:2.0:Schema"
	urnType       = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
	urnConfig     = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
	urnList       = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	urnSearch     = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
	urnPatch      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	urnError      = "urn:ietf:params:scim:api:messages:2.0:Error"
)

// Types of attributes.
const (
	typeString    = "string"
	typeBoolean   = "boolean"
	typeTime      = "dateTime"
	typeReference = "reference"
	typeBinary    = "binary"
	typeComplex   = "complex"
)

// attribute is the definition of an attribute, as /Schemas shows it.
type attribute struct {
	Name            string       `json:"name"`
	Type            string       `json:"type"`
	MultiValued     bool         `json:"multiValued"`
	Description     string       `json:"description"`
	Required        bool         `json:"required"`
	CanonicalValues []string     `json:"canonicalValues,omitempty"`
	CaseExact       bool         `json:"caseExact"`
	Mutability      string       `json:"mutability"`
	Returned        string       `json:"returned"`
	Uniqueness      string       `json:"uniqueness"`
	ReferenceTypes  []string     `json:"referenceTypes,omitempty"`
	SubAttributes   []*attribute `json:"subAttributes,omitempty"`
}

// schema is a set of attributes under a URN.
type schema struct {
	Schemas     []string     `json:"schemas"`
	ID          string       `json:"id"`
	Name        string       `json:"name"`
	Description string       `json:"description"`
	Attributes  []*attribute `json:"attributes"`
}

// resource is a kind of resource: where it is, its schema and the extensions of it.
type resource struct {
	name       string
	path       string
	core       *schema
	extensions []*schema
}

const readOnly = "readOnly"

func plain(name, kind, description string) *attribute {
	exact := kind == typeReference || kind == typeBinary
	return &attribute{Name: name, Type: kind, Description: description, CaseExact: exact, Mutability: "readWrite", Returned: "default", Uniqueness: "none"}
}

func text(name, description string) *attribute { return plain(name, typeString, description) }

func link(name, description string, kinds ...string) *attribute {
	a := plain(name, typeReference, description)
	a.ReferenceTypes = kinds
	return a
}

func compound(name, description string, subs ...*attribute) *attribute {
	a := plain(name, typeComplex, description)
	a.SubAttributes = subs
	return a
}

// many makes the definition of an attribute with several values.
func many(a *attribute) *attribute {
	a.MultiValued = true
	return a
}

func oneOf(a *attribute, values ...string) *attribute {
	a.CanonicalValues = values
	return a
}

// fixed makes the definition of what only the service sets.
func fixed(a *attribute) *attribute {
	a.Mutability = readOnly
	return a
}

// valued is a multi-valued attribute whose items have a value, a label, a type and at most one of which is the primary one.
func valued(name, description string, value *attribute, types ...string) *attribute {
	return many(compound(name, description, value,
		text("display", "A label for people."),
		oneOf(text("type", "What the value is for."), types...),
		plain("primary", typeBoolean, "Whether this is the preferred value; at most one is.")))
}

var userSchema = &schema{
	Schemas: []string{urnSchema}, ID: urnUser, Name: "User", Description: "A person, guest or service account who may hold seats.",
	Attributes: []*attribute{
		{Name: "userName", Type: typeString, Description: "Sign-in name, unique without regard to case.", Required: true, Mutability: "readWrite",
			Returned: "default", Uniqueness: "server"},
		compound("name", "The parts of the name.",
			text("formatted", "The whole name."), text("familyName", "Family name."), text("givenName", "Given name."), text("middleName", "Middle names."),
			text("honorificPrefix", "Title before the name."), text("honorificSuffix", "What follows the name.")),
		text("displayName", "Name for people."),
		text("nickName", "Casual name."),
		link("profileUrl", "A page about the user.", "external"),
		text("title", "Job title."),
		text("userType", "Guest is a guest, who gets no license from a group unless the policy allows it; ServiceAccount is an account of a program; anything else a member."),
		text("preferredLanguage", "Language the user prefers."),
		text("locale", "Locale of the user."),
		text("timezone", "Time zone of the user."),
		plain("active", typeBoolean, "Whether the user may hold seats. Without it a new user may; setting it to false releases all seats."),
		valued("emails", "E-mail addresses. The primary one, else the one for work, is the user's address in Ringfence.",
			text("value", "The address."), "work", "home", "other"),
		valued("phoneNumbers", "Phone numbers.", text("value", "The number."), "work", "home", "mobile", "fax", "pager", "other"),
		valued("ims", "Addresses for instant messages.", text("value", "The address."), "aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo"),
		valued("photos", "Pictures.", link("value", "Where the picture is.", "external"), "photo", "thumbnail"),
		many(compound("addresses", "Postal addresses. The country of the one for work, as ISO 3166-1 alpha-2, is the user's usage location.",
			text("formatted", "The whole address."), text("streetAddress", "Street and number."), text("locality", "City."), text("region", "State or region."),
			text("postalCode", "Postal code."), text("country", "Country."), oneOf(text("type", "What the address is for."), "work", "home", "other"),
			plain("primary", typeBoolean, "Whether this is the preferred address; at most one is."))),
		fixed(many(compound("groups", "Groups the user is a direct member of.",
			fixed(exact(text("value", "The id of the group."))), fixed(link("$ref", "Where the group is.", "Group")),
			fixed(text("display", "The name of the group.")), fixed(oneOf(text("type", "How the user is a member."), "direct"))))),
		valued("entitlements", "Things the user has.", text("value", "What.")),
		valued("roles", "Roles of the user elsewhere. They give no rights in Ringfence.", text("value", "The role.")),
		valued("x509Certificates", "Certificates.", plain("value", typeBinary, "The certificate, DER in base64.")),
	},
}

var enterpriseSchema = &schema{
	Schemas: []string{urnSchema}, ID: urnEnterprise, Name: "EnterpriseUser", Description: "What organizations know of their users.",
	Attributes: []*attribute{
		text("employeeNumber", "Number of the employee."),
		text("costCenter", "Cost center that pays for the user's seats."),
		text("organization", "Organization."),
		text("division", "Division."),
		text("department", "Department; allotments may be for some departments only."),
		compound("manager", "The user's manager.", text("value", "The id of the manager."), link("$ref", "Where the manager is.", "User"),
			text("displayName", "The name of the manager.")),
	},
}

var groupSchema = &schema{
	Schemas: []string{urnSchema}, ID: urnGroup, Name: "Group", Description: "A set of users and groups. Its direct members get what is licensed to it.",
	Attributes: []*attribute{
		{Name: "displayName", Type: typeString, Description: "Name, unique.", Required: true, Mutability: "readWrite", Returned: "default", Uniqueness: "server"},
		many(compound("members", "Direct members. They are left out of groups with very many unless they are asked for.",
			lasting(exact(text("value", "The id of the member."))), lasting(link("$ref", "Where the member is.", "User", "Group")),
			fixed(text("display", "The name of the member.")), lasting(oneOf(text("type", "What the member is."), "User", "Group")))),
	},
}

func exact(a *attribute) *attribute {
	a.CaseExact = true
	return a
}

// lasting makes the definition of what is set once.
func lasting(a *attribute) *attribute {
	a.Mutability = "immutable"
	return a
}

// commonAttributes are those that every resource has and no schema lists (RFC 7643 §3.1).
var commonAttributes = []*attribute{
	many(exact(fixed(plain("schemas", typeReference, "")))),
	fixed(exact(text("id", ""))),
	exact(text("externalId", "")),
	fixed(compound("meta", "", fixed(exact(text("resourceType", ""))), fixed(plain("created", typeTime, "")), fixed(plain("lastModified", typeTime, "")),
		fixed(link("location", "")), fixed(exact(text("version", ""))))),
}

var (
	userResource  = &resource{name: "User", path: "/Users", core: userSchema, extensions: []*schema{enterpriseSchema}}
	groupResource = &resource{name: "Group", path: "/Groups", core: groupSchema}
)

// find gives the definition with a name, without regard to case; nil if there is none.
func find(list []*attribute, name string) *attribute {
	for _, a := range list {
		if strings.EqualFold(a.Name, name) {
			return a
		}
	}
	return nil
}

func (a *attribute) sub(name string) *attribute { return find(a.SubAttributes, name) }

// canonical gives a name as the definitions write it, or as it came.
func canonical(list []*attribute, name string) string {
	if a := find(list, name); a != nil {
		return a.Name
	}
	return name
}

// extension gives the extension with a URN, nil if the resource has none of it.
func (r *resource) extension(urn string) *schema {
	for _, s := range r.extensions {
		if strings.EqualFold(s.ID, urn) {
			return s
		}
	}
	return nil
}

// attributes gives the definitions in the schema with a URN: the core's, with those that all have, for none.
func (r *resource) attributes(urn string) []*attribute {
	if s := r.extension(urn); s != nil {
		return s.Attributes
	}
	if urn == "" || strings.EqualFold(urn, r.core.ID) {
		return append(append([]*attribute{}, commonAttributes...), r.core.Attributes...)
	}
	return nil
}
