package scim

import (
	"context"
	"net/http"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/query"
)

// mostTries is how often a change of parts of a user is worked out anew because the user was changed meanwhile.
const mostTries = 100

// userRequest is a request about one user.
type userRequest struct {
	*request
	name string // the id as the client wrote it
}

// id gives the id of the user. What is no id is nobody's.
func (q *userRequest) id() id.ID {
	one, _ := id.Parse(q.name)
	return one
}

func (q *request) createUser() error {
	if err := q.Reader.SeesWhole(q.Context()); err != nil {
		return err
	}
	c, err := q.wholeUser(nil)
	if err != nil {
		return err
	}
	input, err := c.input()
	if err != nil {
		return err
	}
	made, err := operation.Run(q.Context(), q.Runner, &operation.ProvisionUser{User: input})
	if err != nil {
		return err
	}
	return q.showUser(http.StatusCreated, q.Reader.DirectoryUserOf(made.Users[0]))
}

// wholeUser reads a user that is made or replaced.
func (q *request) wholeUser(known *query.DirectoryUser) (*change, error) {
	body, err := q.body()
	if err != nil {
		return nil, err
	}
	if err := checkSchemas(body, urnUser); err != nil {
		return nil, err
	}
	kept, cleared, err := userResource.known(body)
	return &change{to: kept, cleared: cleared, known: known}, err
}

// showUser answers with a user, at their place and in their version.
func (q *request) showUser(status int, u *query.DirectoryUser) error {
	if q.view.wants("groups") && status != http.StatusCreated {
		if err := q.Reader.ReadGroups(q.Context(), []*query.DirectoryUser{u}); err != nil {
			return err
		}
	}
	q.w.Header().Set("Location", q.view.location(userResource, id.Of(id.User, u.ID)))
	q.w.Header().Set("ETag", entityTag(u.CreatedAt, u.UpdatedAt))
	return q.answer(status, q.view.user(u))
}

func (q *userRequest) show() error {
	u, err := q.Reader.DirectoryUser(q.Context(), q.id())
	if err != nil {
		return err
	}
	if q.unchanged(entityTag(u.CreatedAt, u.UpdatedAt)) {
		return nil
	}
	return q.showUser(http.StatusOK, u)
}

func (q *userRequest) replace() error {
	body, err := q.wholeUser(nil)
	if err != nil {
		return err
	}
	return q.change(func(u *query.DirectoryUser) (*change, error) {
		c := *body
		c.known = u
		return &c, nil
	})
}

func (q *userRequest) patch() error {
	body, err := q.body()
	if err != nil {
		return err
	}
	all, err := steps(body)
	if err != nil {
		return err
	}
	return q.change(func(u *query.DirectoryUser) (*change, error) {
		from := userObject(u)
		to, _ := copied(from).(object)
		if err := userResource.patch(to, all); err != nil {
			return nil, err
		}
		kept, _, err := userResource.known(to)
		return &change{to: kept, from: from, known: u}, err
	})
}

// change works out what becomes of a user and has it done to the version it was worked out for. If somebody else was faster, it is
// worked out again, unless the client asked for the version it knew.
func (q *userRequest) change(work func(u *query.DirectoryUser) (*change, error)) error {
	one := q.id()
	for range mostTries {
		u, err := q.Reader.DirectoryUser(q.Context(), one)
		if err != nil {
			return err
		}
		conditional, err := q.precondition(entityTag(u.CreatedAt, u.UpdatedAt))
		if err != nil {
			return err
		}
		c, err := work(u)
		if err != nil {
			return err
		}
		input, err := c.input()
		if err != nil {
			return err
		}
		version := operation.Version(u.CreatedAt, u.UpdatedAt)
		done, err := operation.Run(q.Context(), q.Runner, &operation.ProvisionUser{UserID: &one, Version: &version, User: input})
		switch {
		case err == nil:
			return q.showUser(http.StatusOK, q.Reader.DirectoryUserOf(done.Users[0]))
		case conditional || !isOutdated(err):
			return err
		}
	}
	return fault.New(fault.Unavailable, "the user is being changed by others all the time; try again")
}

// isOutdated tells whether an error says that something was changed meanwhile.
func isOutdated(err error) bool { return problemOf(err).status == http.StatusPreconditionFailed }

func (q *userRequest) remove() error {
	one := q.id()
	command := &operation.DeleteUsers{UserIDs: []id.ID{one}}
	if q.Header.Get("If-Match") != "" {
		u, err := q.Reader.DirectoryUser(q.Context(), one)
		if err != nil {
			return err
		}
		conditional, err := q.precondition(entityTag(u.CreatedAt, u.UpdatedAt))
		if err != nil {
			return err
		}
		if version := operation.Version(u.CreatedAt, u.UpdatedAt); conditional {
			command.Version = &version
		}
	}
	return removed(q.Context(), q.request, command)
}

// removed carries out a command that leaves nothing to show.
func removed[P any](ctx context.Context, q *request, command operation.Command[P]) error {
	if _, err := operation.Run(ctx, q.Runner, command); err != nil {
		return err
	}
	q.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (q *request) listUsers() error {
	wanted, err := q.parameters()
	if err != nil {
		return err
	}
	return q.findUsers(wanted)
}

func (q *request) searchUsers() error {
	wanted, err := q.posted()
	if err != nil {
		return err
	}
	return q.findUsers(wanted)
}

func (q *request) findUsers(wanted *wanted) error {
	search, err := wanted.search(userResource)
	if err != nil {
		return err
	}
	found, total, err := q.Reader.FindUsers(q.Context(), *search)
	if err != nil {
		return err
	}
	if q.view.wants("groups") && len(found) > 0 {
		if err := q.Reader.ReadGroups(q.Context(), found); err != nil {
			return err
		}
	}
	list := make([]any, len(found))
	for i, u := range found {
		list[i] = q.view.user(u)
	}
	return q.answer(http.StatusOK, page(list, wanted.start, total))
}
