package transport

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// The media types of an answer. The first means that the status code speaks of the GraphQL request too; with the second it
// speaks of HTTP alone, as old clients expect.
const (
	graphqlJSON = "application/graphql-response+json"
	plainJSON   = "application/json"
)

// negotiate picks the media type of the answer: what the caller prefers, JSON when anything will do. Not ok: the caller
// takes neither.
func negotiate(r *http.Request) (mediaType string, ok bool) {
	accept := r.Header["Accept"]
	switch {
	case len(accept) == 0:
		return plainJSON, true
	case len(accept) == 1 && (accept[0] == graphqlJSON || accept[0] == plainJSON):
		return accept[0], true
	}
	best := -1.0
	for _, header := range accept {
		for part := range strings.SplitSeq(header, ",") {
			offered, quality := acceptable(part)
			if offered != "" && quality > 0 && quality > best {
				mediaType, best = offered, quality
			}
		}
	}
	if mediaType == "" {
		return plainJSON, false
	}
	return mediaType, true
}

// acceptable gives which of our media types one part of an Accept header asks for (empty: none) and how much it is
// wanted.
func acceptable(part string) (string, float64) {
	mediaType, parameters, err := mime.ParseMediaType(strings.TrimSpace(part))
	if err != nil {
		return "", 0
	}
	if charset := parameters["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return "", 0
	}
	quality := 1.0
	if q, given := parameters["q"]; given {
		if quality, err = strconv.ParseFloat(q, 64); err != nil {
			return "", 0
		}
	}
	switch mediaType {
	case graphqlJSON:
		return graphqlJSON, quality
	case plainJSON, "application/*", "*/*":
		return plainJSON, quality
	default:
		return "", 0
	}
}
