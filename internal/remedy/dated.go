package remedy

import (
	"fmt"
	"strings"
	"time"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
)

// instant writes a time of the policy's as inputs have it; nil stays nil.
func instant(seconds *int64) any {
	if seconds == nil {
		return nil
	}
	return time.Unix(*seconds, 0).UTC().Format(time.RFC3339)
}

// redate changes the dates of a pool: of an allotment, of a license. What is assumed comes by waiting.
func (c *search) redate(pool *askedPool, dates map[string]any, assumed bool, text string) *plan {
	input := map[string]any{}
	action := "updateAllotment"
	if pool.allotment {
		for key, value := range dates {
			input[key] = value
		}
		input["allotmentId"] = id.Of(id.Allotment, pool.key.Allotment).String()
	} else {
		action = "updateLicense"
		for key, value := range dates {
			day, _ := value.(string)
			switch {
			case day != "":
				day, _, _ = strings.Cut(day, "T")
			case key == "startsAt":
				day = time.Unix(c.asked.Now, 0).UTC().Format(time.DateOnly)
			default:
				day = time.Unix(c.asked.Now, 0).UTC().AddDate(1, 0, 0).Format(time.DateOnly)
				text = fmt.Sprintf("extend %s to %s", pool.Name, day)
			}
			input[strings.TrimSuffix(key, "At")+"On"] = day
		}
		input["licenseId"] = id.Of(id.License, pool.key.License).String()
	}
	kind, size := Dates, int64(1)
	if assumed {
		kind = Wait
		if pool.StartsAt != nil {
			size = max(1, (*pool.StartsAt-c.asked.Now)/(24*3600)) // days
		}
	}
	return &plan{kind: kind, text: text, size: size, moves: []*move{{action: action, input: input, assumed: assumed}}}
}

// purchaseDates moves the day on which a purchase reservation starts to one that is open, and has a binding one taken back by who may.
func (c *search) purchaseDates(v licensing.Violation) []*plan {
	if c.action == "cancelPurchaseReservation" {
		input := c.with(map[string]any{"overrideDeadline": true})
		var plans []*plan
		for _, a := range c.able(c.action) {
			other := a
			plans = append(plans, &plan{kind: Ask, text: "when the vendor agrees, have " + a.Label(true) + " take it back all the same, with overrideDeadline",
				plain: "when the vendor agrees, have " + a.Label(false) + " take it back all the same, with overrideDeadline", input: input, asks: &other})
		}
		return plans
	}
	if v.Field != "startsOn" { // in the last days before the anniversary nothing is placed
		return nil
	}
	now := time.Unix(c.asked.Now, 0).UTC()
	asked, err := time.Parse(time.DateOnly, fmt.Sprint(c.input["startsOn"]))
	if err != nil {
		return nil
	}
	var plans []*plan
	for _, day := range []time.Time{now, now.AddDate(0, 6, 0), now.AddDate(0, 3, 0), now.AddDate(0, 1, 0)} {
		text := day.Format(time.DateOnly)
		plans = append(plans, &plan{kind: Change, text: "let it start on " + text, size: distance(asked, day), changed: true, input: c.with(map[string]any{"startsOn": text})})
	}
	return plans
}

func distance(a, b time.Time) int64 {
	days := int64(b.Sub(a).Hours() / 24)
	return max(days, -days)
}

// cureLimit asks for a limit within that of the pool above, or raises that one.
func cureLimit(c *search, violations []licensing.Violation) []*plan {
	v := violations[0]
	pool := c.pool(v.Pool)
	if pool == nil || v.Limit == nil {
		return nil
	}
	plans := []*plan{{
		kind: Change, text: fmt.Sprintf("ask for a limit of %d, as %s has", *v.Limit, pool.Name), size: orOne(v.ShortBy), changed: true, input: c.with(map[string]any{"limit": *v.Limit}),
	}}
	if v.ShortBy != nil {
		plans = append(plans, c.raise(pool.key, pool.Name, *v.Limit, *v.ShortBy))
	}
	return plans
}

func orOne(n *int64) int64 {
	if n == nil {
		return 1
	}
	return *n
}

// cureWider asks for no more than the scope of the pool above, or widens that one.
func cureWider(c *search, violations []licensing.Violation) []*plan {
	pool := c.pool(violations[0].Pool)
	if pool == nil || pool.Scope == nil {
		return nil
	}
	plans := []*plan{{
		kind: Change, text: "take the scope of " + pool.Name, size: int64(len(violations)), changed: true,
		input: c.with(map[string]any{"scope": pool.Scope.and(askedScope{})}),
	}}
	return append(plans, c.widen(pool, c.asked.Allotment.Scope, "what is asked for"))
}
