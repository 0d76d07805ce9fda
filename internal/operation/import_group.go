package operation

import (
	"context"
	"fmt"
	"slices"

	"github.com/ringfence/ringfence/ent"
	entgroup "github.com/ringfence/ringfence/ent/group"
	"github.com/ringfence/ringfence/internal/feed"
)

// groupImport takes groups in: they are found by external id, else by name, as upsertGroups does.
type groupImport struct {
	file  *File
	parts func(do func(part []feed.Group) error) error
	p     *ImportPayload
	alike bool // groups with different ids may have one name, as in Entra; here they are told apart

	touched []int64 // groups that are there and differ
}

func beginGroups(c *Import, p *ImportPayload) importer {
	return &groupImport{file: &c.File, p: p, parts: func(do func(part []feed.Group) error) error { return inSheet(&c.File, feed.Groups, do) }}
}

func (g *groupImport) look(ctx context.Context, r *reading) error {
	err := g.parts(func(part []feed.Group) error {
		rows, known, err := g.match(ctx, r, part)
		if err != nil {
			return err
		}
		for i, old := range known {
			if old != nil && !sameGroup(rows[i], old) {
				g.touched = append(g.touched, old.ID)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.Sort(g.touched)
	return r.lockGroups(ctx, g.touched)
}

// match finds the groups of a part of the file, and gives what they are to become.
func (g *groupImport) match(ctx context.Context, r *reading, part []feed.Group) (rows, known []*ent.Group, err error) {
	named, err := r.groupsNamed(ctx, part)
	if err != nil {
		return nil, nil, err
	}
	wrong := &rowMistakes{file: g.file.Name}
	taken := map[int64]int{}
	rows, known = make([]*ent.Group, len(part)), make([]*ent.Group, len(part))
	for i, row := range part {
		if g.alike {
			row.Name = named.apart(&row)
		}
		k := named.byName[row.Name]
		if external := orEmpty(row.ExternalID); external != "" && named.byExternal[external] != nil {
			k = named.byExternal[external]
		}
		rows[i] = &ent.Group{Name: row.Name}
		if k != nil {
			copied := *k
			rows[i], known[i] = &copied, k
			if other := named.byName[row.Name]; other != nil && other.ID != k.ID {
				wrong.add(row.Line, "name", "%s is the name of another group", row.Name)
			}
			if line, twice := taken[k.ID]; twice {
				wrong.add(row.Line, "name", "%s is the group of line %d", row.Name, line)
			}
			taken[k.ID] = row.Line
		}
		rows[i].Name = row.Name
		if external, given := omittable(row.ExternalID).ValueOK(); given {
			rows[i].ExternalID = external
		}
	}
	return rows, known, wrong.failure()
}

// namedGroups are groups by what files name them. Taken are the names that rows of the file have, with the external ids of the rows.
type namedGroups struct {
	byName, byExternal map[string]*ent.Group
	taken              map[string]string
}

// apart gives the name of a group; where another group has it, with the beginning of its id.
func (n *namedGroups) apart(g *feed.Group) string {
	owner, taken := n.taken[g.Name]
	if other := n.byName[g.Name]; other != nil && other.ExternalID != nil {
		owner, taken = *other.ExternalID, true
	}
	if taken && owner != *g.ExternalID {
		return fmt.Sprintf("%s (%.8s)", g.Name, *g.ExternalID)
	}
	n.taken[g.Name] = *g.ExternalID
	return g.Name
}

// groupsNamed reads the groups that have the external id or the name of a row.
func (r *reading) groupsNamed(ctx context.Context, part []feed.Group) (*namedGroups, error) {
	var names, externals []string
	for _, g := range part {
		names = append(names, g.Name)
		if external := orEmpty(g.ExternalID); external != "" {
			externals = append(externals, external)
		}
	}
	keys, err := r.ids(ctx, `SELECT id FROM "groups" WHERE `+r.Any("name", 1)+` OR `+r.Any("external_id", 2), r.Array(append(names, "")), r.Array(append(externals, "")))
	if err != nil {
		return nil, err
	}
	named := &namedGroups{byName: map[string]*ent.Group{}, byExternal: map[string]*ent.Group{}, taken: map[string]string{}}
	for some := range slices.Chunk(keys, 10_000) {
		rows, err := r.Client().Group.Query().Where(entgroup.IDIn(some...)).All(ctx)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			named.byName[row.Name] = row
			if row.ExternalID != nil {
				named.byExternal[*row.ExternalID] = row
			}
		}
	}
	return named, nil
}

func sameGroup(a, b *ent.Group) bool { return a.Name == b.Name && same(a.ExternalID, b.ExternalID) }

func (g *groupImport) store(ctx context.Context, w *writing) error {
	count := g.p.tally("groups")
	return g.parts(func(part []feed.Group) error {
		rows, known, err := g.match(ctx, w.reading, part)
		if err != nil {
			return err
		}
		for i, old := range known {
			switch {
			case old == nil:
				count.Created++
				g.p.example("+ group %s", rows[i].Name)
			case sameGroup(rows[i], old):
				count.Unchanged++
			default:
				if _, locked := slices.BinarySearch(g.touched, old.ID); !locked { // somebody changed the group after the first look
					return &widenError{}
				}
				count.Updated++
				g.p.example("~ group %s: %s", old.Name, groupChanges(old, rows[i]))
			}
		}
		return w.storeGroups(ctx, rows, known)
	})
}

func groupChanges(old, row *ent.Group) string {
	if old.Name != row.Name {
		return "name " + old.Name + " → " + row.Name
	}
	return "id " + quoted(orEmpty(old.ExternalID)) + " → " + quoted(orEmpty(row.ExternalID))
}
