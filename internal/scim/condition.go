package scim

import (
	"net/http"
	"strings"
)

// Conditional requests (RFC 7644 §3.14).

// naming tells whether a header of entity tags names one, strong or weak. An asterisk names any.
func naming(header, tag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		one = strings.TrimSpace(one)
		if one == "*" || strings.TrimPrefix(one, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}

// precondition refuses a request that is for another version than the present one, and tells whether it was for one at all.
func (q *request) precondition(tag string) (conditional bool, err error) {
	wanted := strings.Join(q.Header.Values("If-Match"), ",")
	unwanted := strings.Join(q.Header.Values("If-None-Match"), ",")
	if wanted != "" && !naming(wanted, tag) || unwanted != "" && naming(unwanted, tag) {
		return true, refused(http.StatusPreconditionFailed, "it was changed since it was read")
	}
	return wanted != "" && strings.TrimSpace(wanted) != "*", nil
}

// unchanged answers 304 to who has the present version already, and tells whether it did.
func (q *request) unchanged(tag string) bool {
	have := strings.Join(q.Header.Values("If-None-Match"), ",")
	q.w.Header().Set("ETag", tag)
	if have == "" || !naming(have, tag) {
		return false
	}
	q.w.WriteHeader(http.StatusNotModified)
	return true
}
