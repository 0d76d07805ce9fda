package remedy

import (
	"strings"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
)

// mostAsked bounds how many are named who may make the request.
const mostAsked = 3

// cureRight names others who may make the request, and offers to make who asked a delegate.
func cureRight(c *search, _ []licensing.Violation) []*plan {
	var plans []*plan
	for _, a := range c.able(c.action) {
		if strings.EqualFold(a.Name, c.who.UserName) || len(plans) == mostAsked {
			continue
		}
		other := a
		text := "ask " + a.Label(true) + ", who may"
		if c.viewer != nil && a.Name != "" && strings.EqualFold(a.Name, c.viewer.UserName) {
			text = "do it yourself: you may"
		}
		plans = append(plans, &plan{kind: Ask, text: text, plain: "ask " + a.Label(false) + ", who may", asks: &other})
	}
	return append(plans, c.appointment())
}

// appointment makes who asked a delegate of the allotment the request is about.
func (c *search) appointment() *plan {
	pool := c.first()
	if pool == nil || !pool.allotment {
		return nil
	}
	users := read(c, func(s scanner) (key int64, err error) { return key, s.Scan(&key) }, `SELECT id FROM users WHERE name_key = $1 AND enabled`, strings.ToLower(strings.TrimSpace(c.who.UserName)))
	if len(users) == 0 {
		return nil
	}
	delegates := read(c, func(s scanner) (key int64, err error) { return key, s.Scan(&key) },
		`SELECT user_id FROM allotment_delegates WHERE allotment_id = $1 AND user_id <> 0 ORDER BY user_id`, pool.key.Allotment)
	return &plan{
		kind: Appoint, text: "make " + c.who.UserName + " a delegate of " + pool.Name, plain: "make who asked a delegate of " + pool.Name, size: 1,
		moves: []*move{{action: "updateAllotment", input: map[string]any{
			"allotmentId": id.Of(id.Allotment, pool.key.Allotment).String(), "delegateUserIds": userIDs(append(delegates, users[0])),
		}}},
	}
}
