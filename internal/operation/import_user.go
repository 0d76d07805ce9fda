package operation

import (
	"context"
	"slices"

	"github.com/99designs/gqlgen/graphql"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/internal/feed"
)

// userImport takes users in: they are found by external id, else by name, as upsertUsers does.
type userImport struct {
	file  *File
	parts func(do func(part []feed.User) error) error
	p     *ImportPayload

	touched  []int64 // users that are there and differ
	affected []int64 // those of them whose seats may change
}

func beginUsers(c *Import, p *ImportPayload) importer {
	return &userImport{file: &c.File, p: p, parts: func(do func(part []feed.User) error) error { return inSheet(&c.File, feed.Users, do) }}
}

func (u *userImport) look(ctx context.Context, r *reading) error {
	err := u.parts(func(part []feed.User) error {
		rows, known, err := u.match(ctx, r, part)
		if err != nil {
			return err
		}
		for i, old := range known {
			if old != nil && !sameUser(rows[i], old) {
				u.touched = append(u.touched, old.ID)
			}
			if moved(rows[i], old) {
				u.affected = append(u.affected, old.ID)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = r.lockAround(ctx, u.affected, u.touched...)
	slices.Sort(u.touched)
	return err
}

// match finds the users of a part of the file, and gives what they are to become.
func (u *userImport) match(ctx context.Context, r *reading, part []feed.User) (rows, known []*ent.User, err error) {
	wrong := &rowMistakes{file: u.file.Name}
	inputs := make([]UserInput, len(part))
	for i, row := range part {
		inputs[i] = userInput(row)
		if err := inputs[i].check(""); err != nil {
			wrong.add(row.Line, asFault(err).Field, "%s", asFault(err).Message)
		}
	}
	named, err := r.usersNamed(ctx, inputs)
	if err != nil {
		return nil, nil, err
	}
	taken := map[int64]int{}
	known = make([]*ent.User, len(part))
	for i := range inputs {
		k := named.find(&inputs[i])
		if k == nil {
			continue
		}
		if other := named.byName[nameKey(inputs[i].UserName)]; other != nil && other.ID != k.ID {
			wrong.add(part[i].Line, "user name", "%s is the name of another user", inputs[i].UserName)
		}
		if line, twice := taken[k.ID]; twice {
			wrong.add(part[i].Line, "user name", "%s is the user of line %d", inputs[i].UserName, line)
		}
		taken[k.ID], known[i] = part[i].Line, k
	}
	rows = make([]*ent.User, len(part))
	for i := range inputs {
		rows[i] = inputs[i].apply(known[i])
	}
	return rows, known, wrong.failure()
}

func userInput(u feed.User) UserInput {
	return UserInput{
		ExternalID: omittable(u.ExternalID), UserName: u.UserName, DisplayName: u.DisplayName, Email: u.Email, Type: u.Type,
		Department: omittable(u.Department), CostCenter: omittable(u.CostCenter), UsageLocation: omittable(u.UsageLocation), Enabled: u.Enabled, Roles: u.Roles,
	}
}

// omittable gives the value of a cell as a command has it: nil is not given, an empty cell clears.
func omittable(text *string) graphql.Omittable[*string] {
	switch {
	case text == nil:
		return graphql.Omittable[*string]{}
	case *text == "":
		return graphql.OmittableOf[*string](nil)
	}
	return graphql.OmittableOf(text)
}

func (u *userImport) store(ctx context.Context, w *writing) error {
	count := u.p.tally("users")
	err := u.parts(func(part []feed.User) error {
		rows, known, err := u.match(ctx, w.reading, part)
		if err != nil {
			return err
		}
		for i, old := range known {
			switch {
			case old == nil:
				count.Created++
				u.p.example("+ user %s", rows[i].UserName)
			case sameUser(rows[i], old):
				count.Unchanged++
			default:
				if _, locked := slices.BinarySearch(u.touched, old.ID); !locked { // somebody changed the user after the first look
					return &widenError{}
				}
				count.Updated++
				u.p.example("~ user %s: %s", old.UserName, userChanges(old, rows[i]))
			}
		}
		return w.storeUsers(ctx, rows, known)
	})
	if err != nil {
		return err
	}
	return w.reconsiderAll(ctx, u.affected)
}

// reconsiderAll does what follows from changes of many users, whose rows are written: a part of them at a time, with a fresh book.
func (w *writing) reconsiderAll(ctx context.Context, users []int64) error {
	users, err := w.waitingFirst(ctx, users)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(users, importPart) {
		if err := w.turnPage(ctx); err != nil {
			return err
		}
		grants, err := w.lockAround(ctx, part)
		if err != nil {
			return err
		}
		if err := w.reconsider(ctx, part, grants); err != nil {
			return err
		}
	}
	return nil
}

// waitingFirst puts those users first who wait or are in error: what others give back is then not given to somebody of whom a later
// part takes it.
func (r *reading) waitingFirst(ctx context.Context, users []int64) ([]int64, error) {
	waiting, err := r.ids(ctx, `SELECT DISTINCT user_id FROM seats WHERE state <> 'ACTIVE' AND `+r.Any("user_id", 1)+` ORDER BY user_id`, r.Array(users))
	return append(waiting, without(users, waiting)...), err
}

// userChanges tells what is different about a user.
func userChanges(old, row *ent.User) string {
	var text string
	tell := func(name, was, is string) {
		if was == is {
			return
		}
		if text != "" {
			text += ", "
		}
		text += name + " " + quoted(was) + " → " + quoted(is)
	}
	yes := map[bool]string{true: "true", false: "false"}
	tell("user name", old.UserName, row.UserName)
	tell("id", orEmpty(old.ExternalID), orEmpty(row.ExternalID))
	tell("display name", old.DisplayName, row.DisplayName)
	tell("email", old.Email, row.Email)
	tell("type", string(old.Type), string(row.Type))
	tell("department", old.Department, row.Department)
	tell("cost center", old.CostCenter, row.CostCenter)
	tell("usage location", old.UsageLocation, row.UsageLocation)
	tell("enabled", yes[old.Enabled], yes[row.Enabled])
	if text == "" {
		return "roles"
	}
	return text
}

// quoted shows that nothing stands where nothing stands.
func quoted(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}
