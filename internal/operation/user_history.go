package operation

import (
	"context"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/internal/id"
)

// post is where in the organization a user is. Events keep where users were, so that what they held is shown back to the
// department and the cost center they had at the time (docs/cost.md).
type post struct {
	Department string `json:"department"`
	CostCenter string `json:"costCenter"`
}

func postOf(u *ent.User) post { return post{u.Department, u.CostCenter} }

// tellMoves notes who is in another department or cost center from now on, and where they were: each on their own, or, when they
// are many, those who were together in one list.
func (w *writing) tellMoves(rows, known []*ent.User) {
	moved := map[post][]int64{}
	var order []post
	n := 0
	for i, row := range rows {
		if known[i] == nil || postOf(known[i]) == postOf(row) {
			continue
		}
		was := postOf(known[i])
		if moved[was] == nil {
			order = append(order, was)
		}
		moved[was] = append(moved[was], row.ID)
		n++
	}
	for _, was := range order {
		if n > tellSingly {
			w.happened("USER_MOVED", "users", 0, map[string]any{"was": was, "count": len(moved[was]), "users": idsOf(id.User, moved[was])})
			continue
		}
		for _, user := range moved[was] {
			w.happened("USER_MOVED", "user", user, map[string]any{"was": was}).user = user
		}
	}
}

// posts reads where users are.
func (r *reading) posts(ctx context.Context, users []int64) (map[int64]post, error) {
	all := make(map[int64]post, len(users))
	rows, err := r.Query(ctx, `SELECT id, department, cost_center FROM users WHERE `+r.Any("id", 1), r.Array(users))
	return all, each(rows, err, func(s scanner) error {
		var key int64
		var p post
		err := s.Scan(&key, &p.Department, &p.CostCenter)
		all[key] = p
		return err
	})
}
