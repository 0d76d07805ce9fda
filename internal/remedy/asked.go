package remedy

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/operation"
)

// asked is the document that the policy evaluated, as far as remedies are made from it.
type asked struct {
	Now     int64 `json:"now"`
	License struct {
		ID       int64    `json:"id"`
		SKU      string   `json:"sku"`
		Quantity int64    `json:"quantity"`
		Plans    []string `json:"plans"`
	} `json:"license"`
	Pools     []askedPool    `json:"pools"`
	Subjects  []askedSubject `json:"subjects"`
	Allotment struct {
		Limit    *int64     `json:"limit"`
		Scope    askedScope `json:"scope"`
		StartsAt *int64     `json:"starts_at"`
		EndsAt   *int64     `json:"ends_at"`
	} `json:"allotment"`
	Group struct {
		ID int64 `json:"id"`
	} `json:"group"`
	Purchase struct {
		DaysToAnniversary *int64 `json:"days_to_anniversary"`
	} `json:"purchase"`
}

type askedPool struct {
	ID        string      `json:"id"`
	Name      string      `json:"name"`
	Mode      string      `json:"mode"`
	Limit     *int64      `json:"limit"`
	Scope     *askedScope `json:"scope"`
	StartsAt  *int64      `json:"starts_at"`
	EndsAt    *int64      `json:"ends_at"`
	key       licensing.PoolKey
	allotment bool
}

type askedSubject struct {
	UserID        int64    `json:"user_id"`
	Department    string   `json:"department"`
	UsageLocation string   `json:"usage_location"`
	HeldPlans     []string `json:"held_plans"`
}

type askedScope struct {
	Groups      []int64  `json:"groups"`
	Departments []string `json:"departments"`
	Countries   []string `json:"countries"`
}

// know reads what was asked out of a verdict.
func (c *search) know(v *operation.Verdict) bool {
	if json.Unmarshal([]byte(v.Input), &c.asked) != nil {
		return false
	}
	for i := range c.asked.Pools {
		p := &c.asked.Pools[i]
		kind, number, _ := strings.Cut(p.ID, ":")
		n, _ := strconv.ParseInt(number, 10, 64) // the service wrote it
		p.key, p.allotment = licensing.PoolKey{License: v.Pool.License, Allotment: n}, kind == "allotment"
		if !p.allotment {
			p.key = licensing.PoolKey{License: n}
		}
	}
	if len(c.asked.Pools) == 0 {
		c.asked.Pools = c.line()
	}
	return true
}

// line reads the allotment that the request names, and those above it. A request that was refused before anything was looked at has no pools
// in its question.
func (c *search) line() []askedPool {
	text, _ := c.input["allotmentId"].(string)
	one, err := id.Parse(text)
	if err != nil {
		return nil
	}
	return read(c, func(s scanner) (p askedPool, err error) {
		p.allotment = true
		return p, s.Scan(&p.key.License, &p.key.Allotment, &p.Name)
	}, `WITH RECURSIVE up(id, parent_id, license_id, name, depth) AS (SELECT id, parent_id, license_id, name, depth FROM allotments WHERE id = $1
		UNION SELECT a.id, a.parent_id, a.license_id, a.name, a.depth FROM allotments a JOIN up ON a.id = up.parent_id)
		SELECT license_id, id, name FROM up ORDER BY depth DESC`, one.Key(id.Allotment))
}

// pool gives a pool of the chain; nil if it is not in it.
func (c *search) pool(key *licensing.PoolKey) *askedPool {
	if key == nil {
		return nil
	}
	for i := range c.asked.Pools {
		if p := &c.asked.Pools[i]; p.key == *key {
			return p
		}
	}
	return nil
}

// first is the pool the request is about; nil if it is about none.
func (c *search) first() *askedPool {
	if len(c.asked.Pools) == 0 {
		return nil
	}
	return &c.asked.Pools[0]
}

// idOf gives the id of a pool under the name of its field in inputs.
func idOf(key licensing.PoolKey) (field, text string) {
	if key.IsLicense() {
		return "licenseId", id.Of(id.License, key.License).String()
	}
	return "allotmentId", id.Of(id.Allotment, key.Allotment).String()
}

// users are the users that violations are about, by their fields userIds.0, userIds.1, …; with where each stands in the question.
func (c *search) users(violations []licensing.Violation) (keys []int64, at []int) {
	list, _ := c.input["userIds"].([]any)
	for _, v := range violations {
		_, number, found := strings.Cut(v.Field, "userIds.")
		n, err := strconv.Atoi(number)
		if !found || err != nil || n < 0 || n >= len(list) {
			continue
		}
		text, _ := list[n].(string)
		one, err := id.Parse(text)
		if err == nil && !slices.Contains(keys, one.Key(id.User)) {
			keys, at = append(keys, one.Key(id.User)), append(at, n)
		}
	}
	return keys, at
}

// subject is who a question was asked about, at a place; nothing is known where the policy was not told of them.
func (c *search) subject(at int) askedSubject {
	if at >= len(c.asked.Subjects) {
		return askedSubject{}
	}
	return c.asked.Subjects[at]
}

// with is the input of the request with one thing changed; nil takes it out.
func (c *search) with(changes map[string]any) map[string]any {
	changed := map[string]any{}
	for key, value := range c.input {
		changed[key] = value
	}
	for key, value := range changes {
		if value == nil {
			delete(changed, key)
		} else {
			changed[key] = value
		}
	}
	return changed
}

func userIDs(keys []int64) []any {
	list := make([]any, len(keys))
	for i, key := range keys {
		list[i] = id.Of(id.User, key).String()
	}
	return list
}

// unusable passes on what a search must end with. What is no command, or cannot be tried, is no remedy and no error.
func unusable(err error) error {
	var known *fault.Error
	if errors.As(err, &known) && known.Code != fault.Unavailable && known.Code != fault.Internal {
		return nil
	}
	return err
}
