package operation

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/ringfence/ringfence/internal/feed"
)

// deploymentImport takes deployments in, as recordDeployments does. The file may tell of several sources and times; those are recorded
// one after the other, each like a survey of its own.
type deploymentImport struct {
	c       *Import
	p       *ImportPayload
	vendors *vendorNames
	surveys map[sourceTime]*survey
	order   []sourceTime
}

type sourceTime struct {
	source string
	at     time.Time
}

func beginDeployments(c *Import, p *ImportPayload) importer {
	return &deploymentImport{c: c, p: p, vendors: &vendorNames{}, surveys: map[sourceTime]*survey{}}
}

// look locks nothing: deployments are locked part by part, and no pool rests on them.
func (d *deploymentImport) look(_ context.Context, r *reading) error {
	if d.c.ObservedAt != nil && d.c.ObservedAt.After(r.Now().Add(clockSkew)) {
		return feed.At(d.c.File.Name, 1, "observed at", "this lies in the future")
	}
	d.c.File.passed(int(d.c.File.Rows))
	return nil
}

func (d *deploymentImport) store(ctx context.Context, w *writing) error {
	if err := inSheet(&d.c.File, feed.Deployments, func(part []feed.Deployment) error { return d.part(ctx, w, part) }); err != nil {
		return err
	}
	count := d.p.tally("deployments")
	if d.c.Complete {
		if err := d.complete(ctx, w); err != nil {
			return err
		}
	}
	for _, key := range d.order {
		s := d.surveys[key]
		count.Created += int64(s.created)
		count.Updated += int64(s.changed)
		s.tell()
	}
	if n := int64(d.vendors.created); n > 0 {
		d.p.tally("vendors").Created = n
	}
	count.Unchanged = max(0, d.c.File.Rows-count.Created-count.Updated)
	return nil
}

// part records the rows of a part of the file: each source and time by itself, the earliest first, so that the latest stays.
func (d *deploymentImport) part(ctx context.Context, w *writing, part []feed.Deployment) error {
	wrong := &rowMistakes{file: d.c.File.Name}
	lists := map[sourceTime][]sighting{}
	var order []sourceTime
	for _, row := range part {
		key := sourceTime{row.Source, w.Now()}
		if key.source == "" {
			key.source = strings.TrimSpace(d.c.Source)
		}
		switch {
		case row.ObservedAt != nil:
			key.at = *row.ObservedAt
		case d.c.ObservedAt != nil:
			key.at = *utc(d.c.ObservedAt)
		}
		if key.source == "" {
			wrong.add(row.Line, "source", "the value is missing; say where the file comes from with --source")
		}
		if key.at.After(w.Now().Add(clockSkew)) {
			wrong.add(row.Line, "observed at", "this lies in the future")
		}
		if lists[key] == nil {
			order = append(order, key)
		}
		lists[key] = append(lists[key], sighting{vendor: row.Vendor, product: row.Product, installs: row.Installs, users: row.Users})
	}
	if err := wrong.failure(); err != nil {
		return err
	}
	slices.SortStableFunc(order, func(a, b sourceTime) int { return a.at.Compare(b.at) })
	for _, key := range order {
		if err := d.survey(w, key).record(ctx, lists[key]); err != nil {
			return err
		}
	}
	return nil
}

func (d *deploymentImport) survey(w *writing, key sourceTime) *survey {
	s := d.surveys[key]
	if s == nil {
		s = &survey{writing: w, source: key.source, at: key.at, vendors: d.vendors, told: d.example}
		d.surveys[key] = s
		d.order = append(d.order, key)
	}
	return s
}

func (d *deploymentImport) example(was *known, is sighting) {
	if was == nil {
		d.p.example("+ %s by %s: %d installs, %d users", is.product, is.vendor, is.installs, is.users)
		return
	}
	d.p.example("~ %s by %s: %d installs, %d users → %d, %d", is.product, is.vendor, was.installs, was.users, is.installs, is.users)
}

// complete has the deployments of each source fall to 0 that the file does not name for it.
func (d *deploymentImport) complete(ctx context.Context, w *writing) error {
	last := map[string]*survey{}
	var sources []string
	for _, key := range d.order {
		s := d.surveys[key]
		all := last[key.source]
		if all == nil {
			all = &survey{writing: w, source: key.source}
			last[key.source] = all
			sources = append(sources, key.source)
		}
		all.keys = append(all.keys, s.keys...)
		if key.at.After(all.at) {
			all.at = key.at
		}
	}
	for _, source := range sources {
		all := last[source]
		if err := all.complete(ctx); err != nil {
			return err
		}
		d.p.tally("deployments").Removed += int64(all.changed)
		if all.changed > 0 {
			d.p.example("- %d deployments of %s, which the file does not name, fall to 0", all.changed, source)
		}
	}
	return nil
}
