package operation

import (
	"context"

	"github.com/ringfence/ringfence/internal/store"
)

// vendorNames finds vendors by name without case; of names that differ in case only, the oldest counts.
type vendorNames struct {
	keys    map[string]int64 // by name in lower case; nil: not read yet
	created int
}

func (v *vendorNames) read(ctx context.Context, r *reading) error {
	v.keys = map[string]int64{}
	rows, err := r.Query(ctx, `SELECT id, name FROM vendors ORDER BY id DESC`)
	return each(rows, err, func(s scanner) error {
		var key int64
		var name string
		err := s.Scan(&key, &name)
		v.keys[nameKey(name)] = key
		return err
	})
}

// known gives the vendors of some names, 0 for those that are not known.
func (v *vendorNames) known(ctx context.Context, r *reading, names []string) ([]int64, error) {
	if v.keys == nil {
		if err := v.read(ctx, r); err != nil {
			return nil, err
		}
	}
	keys := make([]int64, len(names))
	for i, name := range names {
		keys[i] = v.keys[nameKey(name)]
	}
	return keys, nil
}

// of gives the vendors of some names, creating those that are not known.
func (v *vendorNames) of(ctx context.Context, w *writing, names []string) ([]int64, error) {
	keys, err := v.known(ctx, w.reading, names)
	if err != nil {
		return nil, err
	}
	var missing []string
	named := map[string]bool{}
	for i, name := range names {
		if key := nameKey(name); keys[i] == 0 && !named[key] {
			named[key] = true
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return keys, nil
	}
	rows, args := w.tx.Table("v", 1, store.Column{Name: "name", Values: missing}, store.Column{Name: "created_at", Values: repeat(w.Now(), len(missing))})
	if _, err := w.tx.Exec(ctx, `INSERT INTO vendors (name, created_at) SELECT name, created_at FROM `+rows+` WHERE true ON CONFLICT (name) DO NOTHING`, args...); err != nil {
		return nil, err
	}
	v.keys = nil
	if keys, err = v.known(ctx, w.reading, names); err != nil {
		return nil, err
	}
	v.created += len(missing)
	for _, name := range missing {
		w.happened("VENDOR_CREATED", "vendor", v.keys[nameKey(name)], map[string]any{"name": name})
	}
	return keys, nil
}
