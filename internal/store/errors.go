package store

import (
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"regexp"
	"strings"

	"github.com/lib/pq"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrRollback is returned by the closure of Update to undo everything it wrote; Update then returns nil. It serves dry runs.
var ErrRollback = errors.New("store: roll back")

// ErrUnknownOutcome says that the connection broke during commit and that nobody could be asked what became of the
// transaction: it may have happened or not.
var ErrUnknownOutcome = errors.New("store: the outcome of the commit is unknown")

// IsUnique tells whether an error is a violation of a unique index or primary key, and names it: by the index's name on
// both databases, or on SQLite, for a primary key, table_pkey as PostgreSQL would.
func IsUnique(err error) (constraint string, ok bool) {
	if e, is := errors.AsType[*pq.Error](err); is {
		return e.Constraint, e.Code == "23505"
	}
	if e, is := errors.AsType[*sqlite.Error](err); is {
		switch e.Code() {
		case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
			return uniqueName(e.Error()), true
		}
	}
	return "", false
}

// IsCheck tells whether an error is a violation of a CHECK, and names it.
func IsCheck(err error) (constraint string, ok bool) {
	if e, is := errors.AsType[*pq.Error](err); is {
		return e.Constraint, e.Code == "23514"
	}
	if e, is := errors.AsType[*sqlite.Error](err); is && e.Code() == sqlite3.SQLITE_CONSTRAINT_CHECK {
		if m := checkFailed.FindStringSubmatch(e.Error()); m != nil {
			return m[1], true
		}
		return "", true
	}
	return "", false
}

// IsReference tells whether an error is a violation of a foreign key.
func IsReference(err error) bool {
	if e, is := errors.AsType[*pq.Error](err); is {
		return e.Code == "23503"
	}
	e, is := errors.AsType[*sqlite.Error](err)
	return is && e.Code() == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY
}

var (
	checkFailed  = regexp.MustCompile(`CHECK constraint failed: (\w+)`)
	uniqueFailed = regexp.MustCompile(`UNIQUE constraint failed: ([\w., ]+)`)
)

// IsRetryable tells whether running the whole transaction again may succeed where this error ended it: serialization
// failures, deadlocks, lock timeouts, a server that shuts down or fails over, a lost connection, a busy SQLite file.
func IsRetryable(err error) bool {
	if e, is := errors.AsType[*pq.Error](err); is {
		switch e.Code {
		case "40001", "40P01", "55P03", "57P01", "57P02", "57P03", "53300": // the last: too many connections
			return true
		}
		return strings.HasPrefix(string(e.Code), "08") || isStalePlan(err)
	}
	if e, is := errors.AsType[*sqlite.Error](err); is {
		return e.Code()&0xff == sqlite3.SQLITE_BUSY
	}
	return isLost(err)
}

// IsUnavailable tells whether the database could not be had, so that the request may be made again later: a retryable error, a
// statement that took too long, a store that was closed, a disk that is full or gives errors.
func IsUnavailable(err error) bool {
	if IsRetryable(err) {
		return true
	}
	if e, is := errors.AsType[*pq.Error](err); is {
		return e.Code == "57014" || strings.HasPrefix(string(e.Code), "53") || strings.HasPrefix(string(e.Code), "58")
	}
	if e, is := errors.AsType[*sqlite.Error](err); is {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY:
			return true
		}
		return false
	}
	// database/sql keeps this error to itself.
	return err != nil && strings.HasSuffix(err.Error(), "sql: database is closed")
}

// isLost tells whether the connection broke, so that nothing is known about a commit that was on its way.
func isLost(err error) bool {
	if e, is := errors.AsType[*pq.Error](err); is {
		return e.Fatal() || strings.HasPrefix(string(e.Code), "08")
	}
	if _, is := errors.AsType[*net.OpError](err); is {
		return true
	}
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed)
}

// isDemoted tells whether a writing session found itself on a server that only reads: it was the primary until a failover.
func isDemoted(err error) bool {
	e, is := errors.AsType[*pq.Error](err)
	return is && e.Code == "25006"
}

// isStalePlan tells whether a prepared statement no longer fits: the tables changed under it, or a pooler gave the session
// to another server process.
func isStalePlan(err error) bool {
	e, is := errors.AsType[*pq.Error](err)
	return is && (e.Code == "26000" || e.Code == "0A000" && e.Routine == "RevalidateCachedQuery")
}

// uniqueName turns SQLite's message, which lists table.column, into the name of the index that ent gives on PostgreSQL. For
// an index with a name of its own SQLite tells no more than its columns.
func uniqueName(message string) string {
	m := uniqueFailed.FindStringSubmatch(message)
	if m == nil {
		return ""
	}
	return constraintOf(strings.Split(strings.TrimSpace(m[1]), ", "))
}
