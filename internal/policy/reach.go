package policy

import (
	"encoding/json"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Reach is what list rules may know of a principal beyond who they are: the allotments they are a delegate of, and whom these may
// serve. Decisions do not rest on it; they read the pools of their request.
type Reach struct {
	Allotments []int64 // the allotments the principal is a delegate of, and all below them
	Licenses   []int64 // what these are shares of
	// Everyone says that some of the allotments may serve everyone, EveryGroup that the scope of some names no group; the others are
	// what the nearest scopes name, looking upwards.
	Everyone    bool
	EveryGroup  bool
	Groups      []int64
	Departments []string
	Countries   []string
}

func (r *Reach) key() string {
	if len(r.Allotments) == 0 {
		return ""
	}
	text, _ := json.Marshal(r) // numbers and texts always marshal
	return string(text)
}

var (
	kAllotments = ast.StringTerm("allotments")
	kEveryGroup = ast.StringTerm("every_group")
	kEveryone   = ast.StringTerm("everyone")
	kLicenses   = ast.StringTerm("licenses")
	kReach      = ast.StringTerm("reach")
	kRow        = ast.StringTerm("row")
)

// reader is the document that list rules are asked, without a row.
func (p *Principal) reader() *ast.Term {
	b := &builder{}
	return b.object(pair{kAction, b.word(ActionRead)}, pair{kPrincipal, p.lister(b)})
}

// rowReader is the document that a list rule is asked about one row, when it is held against its translation.
func (p *Principal) rowReader(row *ast.Term) *ast.Term {
	b := &builder{}
	return b.object(pair{kAction, b.word(ActionRead)}, pair{kPrincipal, p.lister(b)}, pair{kRow, row})
}

func (p *Principal) lister(b *builder) *ast.Term {
	pairs := []pair{
		{kAllotments, b.numbers(p.Reach.Allotments)},
		{kDelegateOf, ast.InternedTerm(p.DelegateOf)},
		{kLicenses, b.numbers(p.Reach.Licenses)},
		{kName, b.text(p.Name)},
		{kReach, b.object(
			pair{kCountries, b.texts(p.Reach.Countries)},
			pair{kDepartments, b.texts(p.Reach.Departments)},
			pair{kEveryGroup, ast.InternedTerm(p.Reach.EveryGroup)},
			pair{kEveryone, ast.InternedTerm(p.Reach.Everyone)},
			pair{kGroups, b.numbers(p.Reach.Groups)},
		)},
		{kRoles, b.texts(p.Roles)},
		{kSystem, ast.InternedTerm(p.System)},
		{kTier, b.word(p.Tier())},
	}
	if p.UserID != 0 {
		pairs = append(pairs, pair{kUserID, b.number(p.UserID)})
	}
	return b.object(pairs...)
}
