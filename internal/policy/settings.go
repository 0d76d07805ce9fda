package policy

import (
	"encoding/json"
	"fmt"

	"github.com/ringfence/ringfence/internal/licensing"
)

// Terms are the settings of the policy about how entitlements end, which the service itself reads; what they leave out is as
// licensing.DefaultTerms has it.
func (p *Policy) Terms() licensing.Terms { return p.terms }

// GuestsByGroup tells whether the settings let guests have what a group licenses, for counts made without asking the policy.
func (p *Policy) GuestsByGroup() bool { return p.guests }

// readSettings takes from the document what the service itself reads.
func (p *Policy) readSettings(document map[string]any) (problems []Problem) {
	p.plans, p.groups, p.guests = relevantPlans(document), relevantGroups(document), guestsOf(document)
	p.terms, problems = termsOf(document)
	return problems
}

// termsOf reads settings.lifecycle and settings.purchases. A number that is none, or negative, refuses the policy.
func termsOf(document map[string]any) (licensing.Terms, []Problem) {
	terms := licensing.DefaultTerms
	settings, _ := document["settings"].(map[string]any)
	lifecycle, _ := settings["lifecycle"].(map[string]any)
	purchases, _ := settings["purchases"].(map[string]any)
	var problems []Problem
	for _, setting := range []struct {
		from   map[string]any
		name   string
		target *int
	}{
		{lifecycle, "expiring_days", &terms.ExpiringDays}, {lifecycle, "grace_days", &terms.GraceDays},
		{lifecycle, "expired_days", &terms.ExpiredDays}, {purchases, "cancel_hours", &terms.CancelHours},
	} {
		value, given := setting.from[setting.name]
		if !given {
			continue
		}
		number, _ := value.(json.Number)
		n, err := number.Int64()
		if err != nil || n < 0 || n > mostDays {
			problems = append(problems, Problem{Message: fmt.Sprintf("%s is a whole number from 0 to %d, not %v", setting.name, mostDays, value)})
			continue
		}
		*setting.target = int(n)
	}
	if value, given := lifecycle["assign_in_grace"]; given {
		yes, ok := value.(bool)
		if !ok {
			problems = append(problems, Problem{Message: fmt.Sprintf("assign_in_grace is true or false, not %v", value)})
		}
		terms.AssignInGrace = yes
	}
	return terms, problems
}

// mostDays bounds a period, so that no date leaves the calendar.
const mostDays = 36_500

// guestsOf reads settings.guests.license_by_group; anything but true is no.
func guestsOf(document map[string]any) bool {
	settings, _ := document["settings"].(map[string]any)
	guests, _ := settings["guests"].(map[string]any)
	return guests["license_by_group"] == true
}
