package operation

import (
	"context"
	"slices"
	"time"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/store"
)

// storeGroups writes groups: new ones get their key, known ones are changed where they differ.
func (w *writing) storeGroups(ctx context.Context, rows, known []*ent.Group) error {
	var fresh, changed []*ent.Group
	for i, row := range rows {
		if known[i] == nil {
			row.CreatedAt = w.Now()
			fresh = append(fresh, row)
		} else if !sameGroup(row, known[i]) {
			changed = append(changed, row)
		}
	}
	if err := w.insertGroups(ctx, fresh); err != nil {
		return err
	}
	w.tellGroups("GROUP_CREATED", fresh)
	w.tellGroups("GROUP_UPDATED", changed)
	return w.updateGroups(ctx, changed)
}

// tellGroups notes what became of groups: each on its own, or as lists when they are many.
func (w *writing) tellGroups(kind string, rows []*ent.Group) {
	if len(rows) <= tellSingly {
		for _, row := range rows {
			w.happened(kind, "group", row.ID, map[string]any{"name": row.Name}).group = row.ID
		}
		return
	}
	for part := range slices.Chunk(rows, tellAtOnce) {
		keys := make([]int64, len(part))
		for i, row := range part {
			keys[i] = row.ID
		}
		w.happened(kind, "groups", 0, map[string]any{"count": len(keys), "groups": idsOf(id.Group, keys)})
	}
}

func (w *writing) insertGroups(ctx context.Context, rows []*ent.Group) error {
	if len(rows) == 0 {
		return nil
	}
	names, externals := make([]string, len(rows)), make([]*string, len(rows))
	for i, row := range rows {
		names[i], externals[i] = row.Name, row.ExternalID
	}
	i := 0
	return w.tx.InsertReturning(ctx, `"groups"`, []string{"id"}, scanRows(func(row scanner) error {
		i++
		return row.Scan(&rows[i-1].ID)
	}), store.Column{Name: "name", Values: names}, store.Column{Name: "external_id", Values: externals},
		store.Column{Name: "created_at", Values: repeat(w.Now(), len(rows))})
}

func (w *writing) updateGroups(ctx context.Context, rows []*ent.Group) error {
	if len(rows) == 0 {
		return nil
	}
	keys, names, externals := make([]int64, len(rows)), make([]string, len(rows)), make([]*string, len(rows))
	changed := make([]time.Time, len(rows))
	for i, row := range rows {
		keys[i], names[i], externals[i], changed[i] = row.ID, row.Name, row.ExternalID, w.Now()
	}
	table, args := w.tx.Table("v", 1, store.Column{Name: "id", Values: keys}, store.Column{Name: "name", Values: names},
		store.Column{Name: "external_id", Values: externals}, store.Column{Name: "updated_at", Values: changed})
	_, err := w.tx.Exec(ctx, `UPDATE "groups" SET name = v.name, external_id = v.external_id, updated_at = v.updated_at FROM `+table+` WHERE "groups".id = v.id`, args...)
	return err
}
