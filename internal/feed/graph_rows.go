package feed

import "strings"

// Sku is an element of subscribedSkus: a product an organization has bought, with what is left of it.
type Sku struct {
	Line     int
	ID       string // of the subscription
	SkuID    string // GUID of the product, in small letters
	Name     string // skuPartNumber
	Company  bool   // it applies to the company: nobody is assigned a seat of it
	Enabled  int64  // units that are paid for
	Warning  int64  // units whose subscription has expired, and that still work
	Off      int64  // units that are suspended or locked
	Consumed int64  // units assigned
	Status   string // capabilityStatus: Enabled, Warning, Suspended, Deleted, LockedOut
	Plans    []Plan
}

// GraphSkus are exports of subscribedSkus.
var GraphSkus = &Export[Sku]{read: readSku}

type units struct{ Enabled, Suspended, Warning, LockedOut int64 }

func readSku(e *element) (Sku, bool) {
	var in struct {
		ID, SkuID, SkuPartNumber, AppliesTo, CapabilityStatus string
		ConsumedUnits                                         int64
		PrepaidUnits                                          units
		ServicePlans                                          []struct{ ServicePlanID, ServicePlanName string }
	}
	if !e.into(&in) {
		return Sku{}, false
	}
	s := Sku{
		Line: e.line, ID: e.text("id", in.ID, false, 200), SkuID: e.guid("skuId", in.SkuID), Name: e.text("skuPartNumber", in.SkuPartNumber, true, 200),
		Company: strings.EqualFold(in.AppliesTo, "Company"), Status: e.text("capabilityStatus", in.CapabilityStatus, false, 50),
		Enabled: e.count("prepaidUnits.enabled", in.PrepaidUnits.Enabled), Warning: e.count("prepaidUnits.warning", in.PrepaidUnits.Warning),
		Off:      e.count("prepaidUnits.suspended", in.PrepaidUnits.Suspended) + e.count("prepaidUnits.lockedOut", in.PrepaidUnits.LockedOut),
		Consumed: e.count("consumedUnits", in.ConsumedUnits),
	}
	if s.Enabled+s.Warning > maxCount {
		e.refuse("prepaidUnits", "the units together pass %d", maxCount)
	}
	seen := map[string]bool{}
	for _, p := range in.ServicePlans {
		plan := Plan{PlanID: e.guid("servicePlans.servicePlanId", p.ServicePlanID), Name: e.text("servicePlans.servicePlanName", p.ServicePlanName, true, 200)}
		if !seen[plan.PlanID] {
			seen[plan.PlanID] = true
			s.Plans = append(s.Plans, plan)
		}
	}
	return s, true
}

func (e *element) guid(property, text string) string {
	text = strings.ToLower(e.text(property, text, true, 200))
	if text != "" && !guid.MatchString(text) {
		e.refuse(property, "%q is not a GUID (8-4-4-4-12 hexadecimal digits)", text)
	}
	return text
}

func (e *element) count(property string, n int64) int64 {
	if n < 0 || n > maxCount {
		e.refuse(property, "%d is not a whole number from 0 to %d", n, maxCount)
		return 0
	}
	return n
}

// GraphUser is an element of users: the user, and what licenses they have been assigned.
type GraphUser struct {
	User
	Removed     bool // the user was deleted (in a page of users/delta)
	Assignments []Assignment
}

// Assignment is one reason for which a user has a license in Entra: a direct assignment, or a group.
type Assignment struct {
	SkuID    string   // GUID of the product, in small letters
	Group    string   // id of the group it comes from; empty: it is direct
	Disabled []string // GUIDs of the service plans that are off, in small letters
	State    string   // Active, ActiveWithError, Disabled, Error
	Error    string   // None, or what stands against it
}

// GraphUsers are exports of users. A user of whom only assignedLicenses are known has them directly: the export does not tell which
// came from a group.
var GraphUsers = &Export[GraphUser]{read: readGraphUser}

func readGraphUser(e *element) (GraphUser, bool) {
	var in struct {
		ID                                                                                    string
		UserPrincipalName, DisplayName, Mail, UserType, Department, UsageLocation, CostCenter given
		AccountEnabled                                                                        *bool
		Removed                                                                               *struct{ Reason string } `json:"@removed"`
		EmployeeOrgData                                                                       *struct{ CostCenter given }
		AssignedLicenses                                                                      []struct {
			SkuID         string
			DisabledPlans []string
		}
		LicenseAssignmentStates *[]struct {
			SkuID           string
			DisabledPlans   []string
			AssignedByGroup *string
			State, Error    string
		}
	}
	if !e.into(&in) {
		return GraphUser{}, false
	}
	external := e.text("id", in.ID, true, 200)
	u := GraphUser{Removed: in.Removed != nil, User: User{
		Line: e.line, ExternalID: &external, UserName: e.text("userPrincipalName", in.UserPrincipalName.text, in.Removed == nil, 300),
		DisplayName: e.optional("displayName", in.DisplayName, 300), Email: e.optional("mail", in.Mail, 320),
		Department: e.optional("department", in.Department, 200), UsageLocation: e.country("usageLocation", in.UsageLocation), Enabled: in.AccountEnabled,
	}}
	if in.EmployeeOrgData != nil {
		u.CostCenter = e.optional("employeeOrgData.costCenter", in.EmployeeOrgData.CostCenter, 200)
	}
	if in.UserType.there {
		u.Type = e.userType(in.UserType.text)
	}
	if in.LicenseAssignmentStates != nil {
		for _, a := range *in.LicenseAssignmentStates {
			u.Assignments = append(u.Assignments, e.assignment(a.SkuID, deref(a.AssignedByGroup), a.DisabledPlans, a.State, a.Error))
		}
		return u, true
	}
	for _, a := range in.AssignedLicenses {
		u.Assignments = append(u.Assignments, e.assignment(a.SkuID, "", a.DisabledPlans, "Active", ""))
	}
	return u, true
}

func (e *element) assignment(sku, group string, disabled []string, state, problem string) Assignment {
	a := Assignment{
		SkuID: e.guid("licenseAssignmentStates.skuId", sku), Group: e.text("licenseAssignmentStates.assignedByGroup", group, false, 200),
		State: e.text("licenseAssignmentStates.state", state, false, 50), Error: e.text("licenseAssignmentStates.error", problem, false, 100),
	}
	for _, plan := range disabled {
		a.Disabled = append(a.Disabled, e.guid("licenseAssignmentStates.disabledPlans", plan))
	}
	return a
}

// userType gives the type of a user; accounts made before there were guests have none.
func (e *element) userType(text string) *string {
	words := map[string]string{"": "MEMBER", "member": "MEMBER", "guest": "GUEST"}
	word, known := words[fold(text)]
	if !known {
		e.refuse("userType", "%q is neither Member nor Guest", text)
	}
	return &word
}

func (e *element) country(property string, value given) *string {
	text := e.optional(property, value, 10)
	if text == nil || *text == "" {
		return text
	}
	code, ok := countryCode(*text)
	if !ok {
		e.refuse(property, "%q is not a country, which is two letters (ISO 3166-1 alpha-2)", *text)
	}
	return &code
}

// GraphGroup is an element of groups or groups/delta: a group, and which members came or went.
type GraphGroup struct {
	Line    int
	ID      string
	Name    string // empty: it is not told
	Removed bool   // the group was deleted
	Members []Member
}

// Member is a member of a group that came, or went.
type Member struct {
	ID      string
	Group   bool // the member is a group
	Other   bool // the member is neither a user nor a group: a device, say
	Removed bool
}

// GraphGroups are exports of groups and of groups/delta.
var GraphGroups = &Export[GraphGroup]{read: readGraphGroup}

type graphMember struct {
	Type    string `json:"@odata.type"`
	ID      string
	Removed *struct{ Reason string } `json:"@removed"`
}

func readGraphGroup(e *element) (GraphGroup, bool) {
	var in struct {
		ID, DisplayName string
		Removed         *struct{ Reason string } `json:"@removed"`
		Delta           []graphMember            `json:"members@delta"`
		Members         []graphMember
	}
	if !e.into(&in) {
		return GraphGroup{}, false
	}
	g := GraphGroup{Line: e.line, ID: e.text("id", in.ID, true, 200), Name: e.text("displayName", in.DisplayName, false, 300), Removed: in.Removed != nil}
	for _, m := range append(in.Delta, in.Members...) {
		member := Member{ID: e.text("members@delta.id", m.ID, true, 200), Removed: m.Removed != nil}
		switch kind := strings.ToLower(strings.TrimPrefix(m.Type, "#microsoft.graph.")); kind {
		case "", "user":
		case "group":
			member.Group = true
		default:
			member.Other = true
		}
		g.Members = append(g.Members, member)
	}
	return g, true
}
