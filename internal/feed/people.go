package feed

import "strings"

// User is a line of a file of users. What is nil is not in the file and stays as it is; what is empty is taken away.
type User struct {
	Line          int
	ExternalID    *string
	UserName      string
	DisplayName   *string
	Email         *string
	Type          *string // MEMBER, GUEST or SERVICE_ACCOUNT
	Department    *string
	CostCenter    *string
	UsageLocation *string // two capital letters
	Enabled       *bool
	Roles         []string // nil: not in the file
}

// The columns of files of users, groups and memberships.
const (
	columnID         = "id"
	columnUserName   = "user name"
	columnDisplay    = "display name"
	columnEmail      = "email"
	columnType       = "type"
	columnDepartment = "department"
	columnCostCenter = "cost center"
	columnLocation   = "usage location"
	columnEnabled    = "enabled"
	columnRoles      = "roles"
	columnGroup      = "group"
	columnUser       = "user"
	columnSubgroup   = "member group"
	columnName       = "name"
)

// Users are files of users.
var Users = &Sheet[User]{
	columns: []column{
		{name: columnUserName, also: []string{"user", "user principal name", "upn", "login"}, required: true},
		{name: columnID, also: []string{"external id", "object id"}},
		{name: columnDisplay, also: []string{"name"}},
		{name: columnEmail, also: []string{"mail", "email address"}},
		{name: columnType, also: []string{"user type"}},
		{name: columnDepartment},
		{name: columnCostCenter},
		{name: columnLocation, also: []string{"country"}},
		{name: columnEnabled, also: []string{"account enabled", "active"}},
		{name: columnRoles, also: []string{"role"}},
	},
	read: func(r *record) User {
		u := User{
			Line: r.line, ExternalID: r.optional(columnID, 200), UserName: r.value(columnUserName, true, 300), DisplayName: r.optional(columnDisplay, 300),
			Email: r.optional(columnEmail, 320), Type: r.choice(columnType, "MEMBER", "GUEST", "SERVICE_ACCOUNT"),
			Department: r.optional(columnDepartment, 200), CostCenter: r.optional(columnCostCenter, 200), UsageLocation: r.country(columnLocation),
			Enabled: r.flag(columnEnabled),
		}
		if text := r.optional(columnRoles, 2000); text != nil {
			u.Roles = strings.FieldsFunc(*text, func(c rune) bool { return c == ',' || c == ';' || c == ' ' || c == '|' })
			if u.Roles == nil {
				u.Roles = []string{}
			}
		}
		return u
	},
	keys: func(u *User) [][]string {
		return [][]string{{columnUserName, strings.ToLower(u.UserName)}, {columnID, deref(u.ExternalID)}}
	},
}

// country gives a country as two capital letters; nil if the file has no such column, empty if nothing stands there.
func (r *record) country(column string) *string {
	text := r.optional(column, 10)
	if text == nil || *text == "" {
		return text
	}
	code, ok := countryCode(*text)
	if !ok {
		r.refuse(column, "%q is not a country, which is two letters (ISO 3166-1 alpha-2)", *text)
	}
	return &code
}

// countryCode gives a country as two capital letters.
func countryCode(text string) (string, bool) {
	code := strings.ToUpper(text)
	return code, len(code) == 2 && code[0] >= 'A' && code[0] <= 'Z' && code[1] >= 'A' && code[1] <= 'Z'
}

func deref(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// Group is a line of a file of groups.
type Group struct {
	Line       int
	ExternalID *string
	Name       string
}

// Groups are files of groups.
var Groups = &Sheet[Group]{
	columns: []column{
		{name: columnName, also: []string{"group", "group name", "display name"}, required: true},
		{name: columnID, also: []string{"external id", "object id", "group id"}},
	},
	read: func(r *record) Group {
		return Group{Line: r.line, ExternalID: r.optional(columnID, 200), Name: r.value(columnName, true, 300)}
	},
	keys: func(g *Group) [][]string {
		return [][]string{{columnName, g.Name}, {columnID, deref(g.ExternalID)}}
	},
}

// Membership is a line of a file of memberships: a user, or another group, is a direct member of a group. Groups are named by their
// external id or name, users by their external id or user name. A line that is there twice counts once.
type Membership struct {
	Line     int
	Group    string
	User     string // or:
	Subgroup string
}

// Memberships are files of memberships.
var Memberships = &Sheet[Membership]{
	columns: []column{
		{name: columnGroup, also: []string{"group id", "group name"}, required: true},
		{name: columnUser, also: []string{"user id", "user name", "member", "member id", "user principal name", "upn"}},
		{name: columnSubgroup, also: []string{"subgroup", "nested group"}},
	},
	read: func(r *record) Membership {
		m := Membership{
			Line: r.line, Group: r.value(columnGroup, true, 300), User: r.value(columnUser, false, 300), Subgroup: r.value(columnSubgroup, false, 300),
		}
		if (m.User == "") == (m.Subgroup == "") {
			r.refuse(columnUser, "name either a user or a member group")
		}
		return m
	},
}
