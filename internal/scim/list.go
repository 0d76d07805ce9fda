package scim

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"github.com/ringfence/ringfence/internal/query"
)

// Pages of a list.
const (
	usualCount = 100
	mostCount  = 1000
)

// wanted is which part of a list is asked for, in which order.
type wanted struct {
	filter, sortBy, sortOrder string
	start, count              int // the first is 1
}

// parameters reads what is asked for from the URL.
func (q *request) parameters() (*wanted, error) {
	parameters, err := url.ParseQuery(q.URL.RawQuery)
	if err != nil {
		return nil, wrong(invalidSyntax, "the parameters of the URL are not understood")
	}
	w := &wanted{filter: parameters.Get("filter"), sortBy: parameters.Get("sortBy"), sortOrder: parameters.Get("sortOrder"), start: 1, count: usualCount}
	for name, into := range map[string]*int{"startIndex": &w.start, "count": &w.count} {
		written := strings.TrimSpace(parameters.Get(name))
		if written == "" {
			continue
		}
		if *into, err = strconv.Atoi(written); err != nil {
			return nil, wrong(invalidValue, "%s is a whole number", name)
		}
	}
	return w.bounded(), nil
}

// posted reads what is asked for from the body of a search.
func (q *request) posted() (*wanted, error) {
	body, err := q.body()
	if err != nil {
		return nil, err
	}
	if err := checkSchemas(body, urnSearch); err != nil {
		return nil, err
	}
	w := &wanted{start: 1, count: usualCount}
	for name, into := range map[string]*string{"filter": &w.filter, "sortBy": &w.sortBy, "sortOrder": &w.sortOrder} {
		value := get(body, name)
		written, ok := value.(string)
		if value != nil && !ok {
			return nil, wrong(invalidValue, "%s is a string", name)
		}
		*into = written
	}
	for name, into := range map[string]*int{"startIndex": &w.start, "count": &w.count} {
		value := get(body, name)
		if value == nil {
			continue
		}
		number, _ := value.(json.Number)
		if *into, err = strconv.Atoi(number.String()); err != nil {
			return nil, wrong(invalidValue, "%s is a whole number", name)
		}
	}
	for name, into := range map[string]*[]string{"attributes": &q.view.only, "excludedAttributes": &q.view.without} {
		list, _ := get(body, name).([]any)
		for _, item := range list {
			written, ok := item.(string)
			if !ok {
				return nil, wrong(invalidValue, "%s is a list of names", name)
			}
			*into = append(*into, names([]string{written})...)
		}
	}
	return w.bounded(), nil
}

// bounded takes numbers that are too small or too large for the nearest that are not (RFC 7644 §3.4.2.4).
func (w *wanted) bounded() *wanted {
	w.start, w.count = max(1, w.start), min(max(0, w.count), mostCount)
	return w
}

// search is what is asked for, in the words of the reading side.
func (w *wanted) search(r *resource) (*query.Search, error) {
	match, err := r.matching(w.filter)
	if err != nil {
		return nil, err
	}
	s := &query.Search{Match: match, Offset: w.start - 1, Limit: w.count}
	switch strings.ToLower(w.sortOrder) {
	case "", "ascending":
	case "descending":
		s.Descending = true
	default:
		return nil, wrong(invalidValue, "sortOrder is ascending or descending")
	}
	if w.sortBy == "" {
		s.Descending = false
		return s, nil
	}
	s.SortBy, err = r.sortable(w.sortBy)
	return s, err
}

// sortable gives the attribute that a list is to be sorted by; of one with several values the preferred value counts.
func (r *resource) sortable(written string) (string, error) {
	p := &parser{text: strings.TrimSpace(written), kind: invalidPath}
	at, err := p.path()
	if err == nil && p.at < len(p.text) {
		err = p.unexpected()
	}
	if err != nil {
		return "", err
	}
	a, name, err := r.searched(at)
	if err != nil {
		return "", wrong(invalidPath, "there is no attribute %.200s", at)
	}
	if a.Type == typeComplex {
		if at.sub == "" {
			at.sub = "value"
		}
		name += "." + canonical(a.SubAttributes, at.sub)
	}
	if !query.Sortable(r == userResource, name) {
		return "", wrong(invalidPath, "nothing can be sorted by %.200s", at)
	}
	return name, nil
}

// page is a part of a list.
func page(list []any, start, total int) object {
	return object{"schemas": []string{urnList}, "totalResults": total, "startIndex": start, "itemsPerPage": len(list), "Resources": list}
}
