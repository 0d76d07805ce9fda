package demo

import (
	"context"
	"time"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/operation"
)

// directory loads people and groups, as a directory would send them.
func (l *loader) directory(ctx context.Context) error {
	inputs := make([]operation.UserInput, len(l.people))
	for i, p := range l.people {
		inputs[i] = p.input(i)
	}
	users, err := run(ctx, l, system(), &operation.UpsertUsers{Request: l.next(), Users: inputs})
	if err != nil {
		return err
	}
	l.today = users.Decision.At.UTC().Truncate(24 * time.Hour)
	for _, u := range users.Users {
		l.users[u.UserName] = id.Of(id.User, u.ID)
	}
	all := groups()
	named := make([]operation.GroupInput, len(all))
	for i, g := range all {
		named[i].Name = g.name
	}
	stored, err := run(ctx, l, system(), &operation.UpsertGroups{Request: l.next(), Groups: named})
	if err != nil {
		return err
	}
	for _, g := range stored.Groups {
		l.groups[g.Name] = id.Of(id.Group, g.ID)
	}
	for _, g := range all {
		if err := l.join(ctx, g); err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) join(ctx context.Context, g group) error {
	members, err := names(l.users, g.members(l.people)...)
	if err != nil {
		return err
	}
	nested, err := names(l.groups, g.nests...)
	if err != nil {
		return err
	}
	_, err = run(ctx, l, system(), &operation.AddGroupMembers{GroupMembers: operation.GroupMembers{
		Request: l.next(), GroupID: l.groups[g.name], UserIDs: members, MemberGroupIDs: nested,
	}})
	return err
}
