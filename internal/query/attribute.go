package query

import (
	"strings"

	"entgo.io/ent/dialect"

	"github.com/ringfence/ringfence/internal/id"
)

// What users and groups can be searched by. users.attributes is a JSON object that the provisioning client's representation is kept
// in as far as no column has it (internal/scim): single attributes under their names, those of extensions under the extension's
// URN, multi-valued ones as arrays. In the array emails one item has null for its value, and in addresses one has null for its
// country: there the column has it.

const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

// What the arrays are when there is none, and an address that has nothing but the column.
const (
	noEmails    = `[{"primary":true,"type":"work","value":null}]`
	noAddresses = `[` + bareAddress + `]`
	bareAddress = `{"country":null,"type":"work"}`
)

// kept is the text at a path in users.attributes, NULL if there is none.
func kept(path ...string) condition {
	return func(b *builder) {
		if b.dialect == dialect.Postgres {
			b.put(`(NULLIF(t.attributes, '')::json #>> '{"` + strings.Join(path, `","`) + `"}')`)
			return
		}
		b.put(`json_extract(NULLIF(t.attributes, ''), '$."` + strings.Join(path, `"."`) + `"')`)
	}
}

// keptItems are the items of an array in users.attributes, as e.value.
func keptItems(name, otherwise string) condition {
	return func(b *builder) {
		if b.dialect == dialect.Postgres {
			b.put(`json_array_elements(COALESCE(NULLIF(t.attributes, '')::json -> '` + name + `', '` + otherwise + `'::json)) AS e(value)`)
			return
		}
		b.put(`json_each(COALESCE(json_extract(NULLIF(t.attributes, ''), '$.` + name + `'), '` + otherwise + `')) AS e`)
	}
}

// itemText is the text of an attribute of an item.
func itemText(name string) condition {
	return func(b *builder) {
		if b.dialect == dialect.Postgres {
			b.put(`(e.value ->> '` + name + `')`)
			return
		}
		b.put(`CASE json_type(e.value, '$.` + name + `') WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE json_extract(e.value, '$.` + name + `') END`)
	}
}

// itemType is the JSON type of an attribute of an item.
func itemType(name string) condition {
	return func(b *builder) {
		if b.dialect == dialect.Postgres {
			b.put(`json_typeof(e.value -> '` + name + `')`)
			return
		}
		b.put(`json_type(e.value, '$.` + name + `')`)
	}
}

// itemOr is itemText, or the column where the item has null.
func itemOr(name, column string) condition {
	return sqlf(`CASE WHEN ? = 'null' THEN `+column+` ELSE ? END`, itemType(name), itemText(name))
}

func anyCase(value condition) *directoryAttribute {
	return &directoryAttribute{kind: asFolded, value: value}
}
func asIs(value condition) *directoryAttribute {
	return &directoryAttribute{kind: asExact, value: value}
}

// common are the attributes of users and groups alike.
func common(kind string, noun id.Noun) map[string]*directoryAttribute {
	return map[string]*directoryAttribute{
		"id":                {kind: asKey, value: sqlf("t.id"), noun: sqlf("'" + string(noun) + "'")},
		"externalId":        asIs(sqlf("t.external_id")),
		"meta.created":      {kind: asMoment, value: sqlf("t.created_at")},
		"meta.lastModified": {kind: asMoment, value: sqlf("COALESCE(t.updated_at, t.created_at)")},
		"meta.resourceType": asIs(sqlf("'" + kind + "'")),
	}
}

// keptList gives items of which each has the attributes that are named, all in users.attributes.
func keptList(name string, exact string, fields ...string) *directoryItems {
	items := &directoryItems{source: keptItems(name, "[]"), attributes: map[string]*directoryAttribute{
		"primary": {kind: asFlag, value: itemText("primary")},
	}}
	for _, field := range fields {
		items.attributes[field] = anyCase(itemText(field))
		if field == exact {
			items.attributes[field] = asIs(itemText(field))
		}
	}
	return items
}

// usersTable is what users can be searched by, as far as the principal may see groups.
func (s *session) usersTable(f *facts) *directoryTable {
	t := &directoryTable{attributes: common("User", id.User), items: map[string]*directoryItems{
		"phoneNumbers":     keptList("phoneNumbers", "", "value", "display", "type"),
		"ims":              keptList("ims", "", "value", "display", "type"),
		"photos":           keptList("photos", "value", "value", "display", "type"),
		"entitlements":     keptList("entitlements", "", "value", "display", "type"),
		"roles":            keptList("roles", "", "value", "display", "type"),
		"x509Certificates": keptList("x509Certificates", "value", "value", "display", "type"),
		"addresses":        keptList("addresses", "", "formatted", "streetAddress", "locality", "region", "postalCode", "type"),
		"emails":           keptList("emails", "", "display", "type"),
		"groups": {
			source: sqlf(`(SELECT m.group_id AS k, g.name AS name FROM memberships m JOIN groups g ON g.id = m.group_id WHERE m.user_id = t.id AND ?) AS e`,
				and(s.visible(f, kindGroup, "g"))),
			attributes: map[string]*directoryAttribute{"value": {kind: asKey, value: sqlf("e.k"), noun: sqlf("'grp'")}, "display": anyCase(sqlf("e.name")), "type": anyCase(sqlf("'direct'"))},
		},
		"schemas": {
			source: sqlf(`(SELECT 'urn:ietf:params:scim:schemas:core:2.0:User' AS name UNION ALL SELECT '`+enterprise+`'
				WHERE t.department <> '' OR t.cost_center <> '' OR ? IS NOT NULL) AS e`, kept(enterprise)),
			attributes: map[string]*directoryAttribute{"value": anyCase(sqlf("e.name"))},
		},
	}}
	emails, addresses := t.items["emails"], t.items["addresses"]
	emails.source, emails.where = keptItems("emails", noEmails), sqlf("(t.email <> '' OR COALESCE(?, '') <> 'null')", itemType("value"))
	emails.attributes["value"] = anyCase(itemOr("value", "t.email"))
	emails.narrow = func(value string) condition { // it is the user's address, or there are others
		return sqlf(`(LOWER(t.email) = LOWER(CAST(? AS TEXT)) OR t.attributes LIKE '%"emails"%')`, value)
	}
	t.attributes["emails.value"] = anyCase(sqlf("t.email")) // to sort by
	addresses.source = keptItems("addresses", noAddresses)
	addresses.where = sqlf("(t.usage_location <> '' OR CAST(e.value AS TEXT) <> '" + bareAddress + "')")
	addresses.attributes["country"] = anyCase(itemOr("country", "t.usage_location"))
	a := t.attributes
	a["userName"] = &directoryAttribute{kind: asFolded, value: sqlf("t.name_key"), fold: foldedName}
	a["displayName"], a["active"] = anyCase(sqlf("t.display_name")), &directoryAttribute{kind: asFlag, value: sqlf("CASE WHEN t.enabled THEN 'true' ELSE 'false' END")}
	a["userType"] = anyCase(userType)
	for _, name := range []string{"nickName", "title", "preferredLanguage", "locale", "timezone"} {
		a[name] = anyCase(kept(name))
	}
	a["profileUrl"] = asIs(kept("profileUrl"))
	for _, name := range []string{"formatted", "familyName", "givenName", "middleName", "honorificPrefix", "honorificSuffix"} {
		a["name."+name] = anyCase(kept("name", name))
	}
	a[enterprise+":department"], a[enterprise+":costCenter"] = anyCase(sqlf("t.department")), anyCase(sqlf("t.cost_center"))
	for _, name := range []string{"employeeNumber", "organization", "division"} {
		a[enterprise+":"+name] = anyCase(kept(enterprise, name))
	}
	a[enterprise+":manager.value"], a[enterprise+":manager.$ref"] = anyCase(kept(enterprise, "manager", "value")), asIs(kept(enterprise, "manager", "$ref"))
	a[enterprise+":manager.displayName"] = anyCase(kept(enterprise, "manager", "displayName"))
	return t
}

// userType is what a client calls the kind of account, as far as it fits what the user is by now (internal/scim).
func userType(b *builder) {
	b.write(`CASE t.type WHEN 'GUEST' THEN 'Guest' WHEN 'SERVICE_ACCOUNT' THEN 'ServiceAccount'
		ELSE CASE WHEN LOWER(?) IN ('guest', 'serviceaccount') THEN NULL ELSE ? END END`, kept("userType"), kept("userType"))
}

// groupsTable is what groups can be searched by, as far as the principal may see members.
func (s *session) groupsTable(f *facts) *directoryTable {
	t := &directoryTable{attributes: common("Group", id.Group), items: map[string]*directoryItems{
		"members": {
			source: sqlf(`(SELECT 'usr' AS noun, m.user_id AS k, `+shownName+` AS name FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.group_id = t.id AND ?
				UNION ALL SELECT 'grp', n.child_id, g.name FROM group_nestings n JOIN groups g ON g.id = n.child_id WHERE n.parent_id = t.id AND ?) AS e`,
				and(s.visible(f, kindUser, "u")), and(s.visible(f, kindGroup, "g"))),
			attributes: map[string]*directoryAttribute{
				"value":   {kind: asKey, value: sqlf("e.k"), noun: sqlf("e.noun")},
				"display": anyCase(sqlf("e.name")),
				"type":    anyCase(sqlf("CASE e.noun WHEN 'usr' THEN 'User' ELSE 'Group' END")),
			},
		},
		"schemas": {
			source:     sqlf(`(SELECT 'urn:ietf:params:scim:schemas:core:2.0:Group' AS name) AS e`),
			attributes: map[string]*directoryAttribute{"value": anyCase(sqlf("e.name"))},
		},
	}}
	t.attributes["displayName"] = anyCase(sqlf("t.name"))
	return t
}

// shownName is how a member of a group is called.
const shownName = `CASE WHEN u.display_name <> '' THEN u.display_name ELSE u.user_name END`
