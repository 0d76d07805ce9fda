package scim

import (
	"net/http"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/query"
)

// groupRequest is a request about one group.
type groupRequest struct {
	*request
	name string // the id as the client wrote it
}

func (q *groupRequest) id() id.ID {
	one, _ := id.Parse(q.name)
	return one
}

func (q *request) createGroup() error {
	if err := q.Reader.SeesWhole(q.Context()); err != nil {
		return err
	}
	body, err := q.body()
	if err != nil {
		return err
	}
	c, err := wholeGroup(body)
	if err != nil {
		return err
	}
	made, err := operation.Run(q.Context(), q.Runner, c.command(nil, nil))
	if err != nil {
		return err
	}
	return q.showGroup(http.StatusCreated, q.Reader.DirectoryGroupOf(made.Group))
}

// showGroup answers with a group, at its place and in its version.
func (q *request) showGroup(status int, g *query.DirectoryGroup) error {
	members, err := q.membersOf([]*query.DirectoryGroup{g})
	if err != nil {
		return err
	}
	q.w.Header().Set("Location", q.view.location(groupResource, id.Of(id.Group, g.ID)))
	q.w.Header().Set("ETag", entityTag(g.CreatedAt, g.UpdatedAt))
	return q.answer(status, q.view.group(g, members[g.ID]))
}

// membersOf gives the members of groups that are to be shown with them: of all if they are asked for; else of those that come first,
// up to as many as an answer may have.
func (q *request) membersOf(groups []*query.DirectoryGroup) (map[int64][]member, error) {
	if !q.view.wants("members") {
		return nil, nil
	}
	room := int64(mostMembers)
	var keys []int64
	for _, g := range groups {
		if q.view.asks("members") || g.Members <= room {
			keys = append(keys, g.ID)
			room -= g.Members
		}
	}
	found, err := q.Reader.DirectoryMembers(q.Context(), keys)
	if err != nil {
		return nil, err
	}
	shown := make(map[int64][]member, len(keys))
	for _, key := range keys {
		shown[key] = q.view.members(found[key])
	}
	return shown, nil
}

func (q *groupRequest) show() error {
	g, err := q.Reader.DirectoryGroup(q.Context(), q.id())
	if err != nil {
		return err
	}
	if q.unchanged(entityTag(g.CreatedAt, g.UpdatedAt)) {
		return nil
	}
	return q.showGroup(http.StatusOK, g)
}

func (q *groupRequest) replace() error {
	body, err := q.body()
	if err != nil {
		return err
	}
	c, err := wholeGroup(body)
	if err != nil {
		return err
	}
	one, version, err := q.version()
	if err != nil {
		return err
	}
	done, err := operation.Run(q.Context(), q.Runner, c.command(&one, version))
	if err != nil {
		return err
	}
	return q.showGroup(http.StatusOK, q.Reader.DirectoryGroupOf(done.Group))
}

// patch changes parts of a group. The answer has no body unless a part of one is asked for: a client that adds a thousand members to
// a hundred thousand does not want to read them.
func (q *groupRequest) patch() error {
	body, err := q.body()
	if err != nil {
		return err
	}
	one, version, err := q.version()
	if err != nil {
		return err
	}
	g := groupPatch{present: func() ([]query.Relative, error) {
		found, err := q.Reader.DirectoryMembers(q.Context(), []int64{one.N})
		return found[one.N], err
	}}
	if err := g.read(body); err != nil {
		return err
	}
	done, err := operation.Run(q.Context(), q.Runner, g.command(&one, version))
	if err != nil {
		return err
	}
	if shown := q.Reader.DirectoryGroupOf(done.Group); q.view.only != nil || q.view.without != nil {
		return q.showGroup(http.StatusOK, shown)
	}
	q.w.Header().Set("ETag", entityTag(done.Group.CreatedAt, done.Group.UpdatedAt))
	q.w.WriteHeader(http.StatusNoContent)
	return nil
}

// version finds the group, and gives the version it must have if the client knew one.
func (q *groupRequest) version() (id.ID, *int64, error) {
	one := q.id()
	g, err := q.Reader.DirectoryGroup(q.Context(), one)
	if err != nil {
		return one, nil, err
	}
	conditional, err := q.precondition(entityTag(g.CreatedAt, g.UpdatedAt))
	if version := operation.Version(g.CreatedAt, g.UpdatedAt); conditional {
		return one, &version, err
	}
	return one, nil, err
}

func (q *groupRequest) remove() error {
	one, version, err := q.version()
	if err != nil {
		return err
	}
	return removed(q.Context(), q.request, &operation.DeleteGroup{GroupID: one, Version: version})
}

func (q *request) listGroups() error {
	wanted, err := q.parameters()
	if err != nil {
		return err
	}
	return q.findGroups(wanted)
}

func (q *request) searchGroups() error {
	wanted, err := q.posted()
	if err != nil {
		return err
	}
	return q.findGroups(wanted)
}

func (q *request) findGroups(wanted *wanted) error {
	search, err := wanted.search(groupResource)
	if err != nil {
		return err
	}
	found, total, err := q.Reader.FindGroups(q.Context(), *search)
	if err != nil {
		return err
	}
	members, err := q.membersOf(found)
	if err != nil {
		return err
	}
	list := make([]any, len(found))
	for i, g := range found {
		list[i] = q.view.group(g, members[g.ID])
	}
	return q.answer(http.StatusOK, page(list, wanted.start, total))
}
