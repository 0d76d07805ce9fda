package operation

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/ringfence/ringfence/internal/store"
)

// deploymentColumns are new deployments.
type deploymentColumns struct {
	vendors, installs, users []int64
	products, keys           []string
}

func (c *deploymentColumns) add(vendor int64, d sighting) {
	c.vendors, c.installs, c.users = append(c.vendors, vendor), append(c.installs, d.installs), append(c.users, d.users)
	c.products, c.keys = append(c.products, d.product), append(c.keys, nameKey(d.product))
}

func (c *deploymentColumns) insert(ctx context.Context, s *survey) (ids []int64, err error) {
	n := len(c.vendors)
	if n == 0 {
		return nil, nil
	}
	err = s.tx.InsertReturning(ctx, "deployments", []string{"id"}, func(rows *sql.Rows) error {
		var key int64
		err := rows.Scan(&key)
		ids = append(ids, key)
		return err
	}, store.Column{Name: "vendor_id", Values: c.vendors}, store.Column{Name: "product", Values: c.products}, store.Column{Name: "product_key", Values: c.keys},
		store.Column{Name: "installs", Values: c.installs}, store.Column{Name: "users", Values: c.users},
		store.Column{Name: "observed_at", Values: repeat(s.at, n)}, store.Column{Name: "source", Values: repeat(s.source, n)},
		store.Column{Name: "created_at", Values: repeat(s.Now(), n)})
	return ids, err
}

// deploymentChanges are deployments that are seen anew.
type deploymentChanges struct{ id, installs, users []int64 }

func (c *deploymentChanges) add(key, installs, users int64) {
	c.id, c.installs, c.users = append(c.id, key), append(c.installs, installs), append(c.users, users)
}

func (c *deploymentChanges) store(ctx context.Context, s *survey) error {
	if len(c.id) == 0 {
		return nil
	}
	rows, args := s.tx.Table("v", 1, store.Column{Name: "id", Values: c.id}, store.Column{Name: "installs", Values: c.installs}, store.Column{Name: "users", Values: c.users})
	n := len(args)
	_, err := s.tx.Exec(ctx, fmt.Sprintf(`UPDATE deployments SET installs = v.installs, users = v.users, observed_at = $%d, source = $%d FROM %s
		WHERE deployments.id = v.id`, n+1, n+2, rows), append(args, s.at, s.source)...)
	return err
}

// observations are rows of the history of deployments.
type observations struct {
	deployment, installs, users []int64
	at                          []time.Time
	source                      []string
	current                     []bool
}

func (o *observations) add(deployment int64, at time.Time, source string, installs, users int64, current bool) {
	o.deployment, o.installs, o.users = append(o.deployment, deployment), append(o.installs, installs), append(o.users, users)
	o.at, o.source, o.current = append(o.at, at), append(o.source, source), append(o.current, current)
}

// insert stores what is not stored yet.
func (o *observations) insert(ctx context.Context, w *writing) error {
	n := len(o.deployment)
	if n == 0 {
		return nil
	}
	rows, args := w.tx.Table("v", 1, store.Column{Name: "deployment_id", Values: o.deployment}, store.Column{Name: "observed_at", Values: o.at},
		store.Column{Name: "recorded_at", Values: repeat(w.Now(), n)}, store.Column{Name: "current", Values: o.current}, store.Column{Name: "installs", Values: o.installs},
		store.Column{Name: "users", Values: o.users}, store.Column{Name: "source", Values: o.source})
	_, err := w.tx.Exec(ctx, `INSERT INTO observations (deployment_id, observed_at, recorded_at, current, installs, users, source)
		SELECT v.deployment_id, v.observed_at, v.recorded_at, v.current, v.installs, v.users, v.source FROM `+rows+`
		WHERE v.current OR NOT EXISTS (SELECT 1 FROM observations o WHERE o.deployment_id = v.deployment_id AND o.observed_at = v.observed_at
			AND o.installs = v.installs AND o.users = v.users)`, args...)
	return err
}
