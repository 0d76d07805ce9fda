package store

import (
	"container/list"
	"context"
	"database/sql/driver"
	"errors"
	"strings"
)

const (
	// keptStatements is how many statements one connection keeps prepared.
	keptStatements = 256
	// preparedArgument is the size in bytes from which on an argument keeps its statement from being prepared. A kept
	// statement may get a plan made for ten elements; a long list deserves a plan for its true length. An INSERT has but one
	// plan.
	preparedArgument = 4096
)

// statement is a prepared statement of either driver.
type statement interface {
	driver.Stmt
	driver.StmtQueryContext
	driver.StmtExecContext
}

// statements are the prepared statements of one connection, least recently used first out. A statement is prepared when it
// is seen for the second time, so that texts seen once (lists of changing length) cost nothing more than before.
type statements struct {
	conn   driverConn
	byText map[string]*list.Element
	recent *list.List // of *kept, the most recent in front
}

type kept struct {
	text string
	st   statement // nil while seen only once
}

func newStatements(c driverConn) *statements {
	return &statements{conn: c, byText: map[string]*list.Element{}, recent: list.New()}
}

// get gives the prepared statement for a text; nil says to run it unprepared.
func (s *statements) get(ctx context.Context, text string, args []driver.NamedValue) (statement, error) {
	if s == nil || len(args) == 0 || long(args) && !inserts(text) {
		return nil, nil
	}
	e, seen := s.byText[text]
	if !seen {
		s.byText[text] = s.recent.PushFront(&kept{text: text})
		return nil, s.evict()
	}
	s.recent.MoveToFront(e)
	k := e.Value.(*kept)
	if k.st == nil {
		raw, err := s.conn.PrepareContext(ctx, text)
		if err != nil {
			return nil, err
		}
		st, ok := raw.(statement)
		if !ok {
			return nil, raw.Close()
		}
		k.st = st
	}
	return k.st, nil
}

// inserts tells whether all a statement does is insert, or insert along with other things (Together): its plan does not depend
// on its arguments.
func inserts(text string) bool {
	return strings.HasPrefix(text, "INSERT") || strings.HasPrefix(text, "WITH q")
}

// evict drops the statement used longest ago when there are too many.
func (s *statements) evict() error {
	if s.recent.Len() <= keptStatements {
		return nil
	}
	e := s.recent.Back()
	k := s.recent.Remove(e).(*kept)
	delete(s.byText, k.text)
	if k.st == nil {
		return nil
	}
	return k.st.Close()
}

// close closes all statements.
func (s *statements) close() error {
	if s == nil {
		return nil
	}
	var err error
	for e := s.recent.Front(); e != nil; e = e.Next() {
		if k := e.Value.(*kept); k.st != nil {
			err = errors.Join(err, k.st.Close())
		}
	}
	return err
}

func long(args []driver.NamedValue) bool {
	for _, a := range args {
		switch v := a.Value.(type) {
		case string:
			if len(v) > preparedArgument {
				return true
			}
		case []byte:
			if len(v) > preparedArgument {
				return true
			}
		}
	}
	return false
}
