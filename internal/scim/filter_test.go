package scim_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/internal/app/apptest"
)

// filters are those of RFC 7644 §3.4.2.2 and of the clients, with whom each finds among the users of TestFilters.
var filters = map[string]string{
	`userName eq "bjensen"`:                       "bjensen",
	`userName Eq "BJENSEN"`:                       "bjensen",
	`USERNAME EQ "bJensen"`:                       "bjensen",
	` userName  eq  "bjensen" `:                   "bjensen",
	"userName\teq\t\"bjensen\"":                   "bjensen",
	`name.familyName co "O'Malley"`:               "omalley",
	`userName sw "J"`:                             "jane",
	coreUser + `:userName sw "J"`:                 "jane",
	`title pr`:                                    "bjensen jane",
	`not (title pr)`:                              "omalley guest",
	`title eq null`:                               "omalley guest",
	`title ne null`:                               "bjensen jane",
	`meta.lastModified gt "2011-05-13T04:42:34Z"`: "bjensen omalley jane guest",
	`meta.created lt "2011-05-13T04:42:34Z"`:      "",
	`title pr and userType eq "Employee"`:         "bjensen",
	`title pr or userType eq "Intern"`:            "bjensen omalley jane",
	`schemas eq "` + enterprise + `"`:             "bjensen guest",
	`userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")`:             "bjensen",
	`userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")`:         "jane guest",
	`userType eq "Employee" and (emails.type eq "work")`:                                                "bjensen",
	`userType eq "Employee" and emails[type eq "work" and value co "@example.com"]`:                     "bjensen",
	`emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]`: "bjensen jane",
	`emails[type eq "home" and value co "@example.com"]`:                                                "",
	`emails[type eq "work"].value eq "B@Example.com"`:                                                   "bjensen",
	`emails[(type eq "work" or type eq "home") and not (value ew ".org")]`:                              "bjensen",
	`emails pr`:                                 "bjensen omalley",
	`emails.primary eq true`:                    "bjensen",
	`emails[primary eq "True"]`:                 "bjensen",
	`emails.type ne "work"`:                     "bjensen omalley",
	`active eq true`:                            "bjensen omalley jane",
	`active eq "False"`:                         "guest",
	`active ne true`:                            "guest",
	`active eq False and userType pr`:           "guest",
	`department eq "sales"`:                     "bjensen",
	enterprise + `:department eq "SALES"`:       "bjensen",
	enterprise + `:employeeNumber ge "7"`:       "bjensen",
	`manager eq "usr_9"`:                        "bjensen",
	enterprise + `:manager.value pr`:            "bjensen",
	`costCenter ew "1"`:                         "guest",
	`addresses[type eq "work"].country eq "de"`: "omalley",
	`addresses.country pr`:                      "bjensen omalley",
	`phoneNumbers.value co "555"`:               "jane",
	`displayName gt "C"`:                        "omalley",
	`displayName le "c"`:                        "bjensen",
	`displayName eq "say \"hi\" \\ \u00e9"`:     "omalley",
	`displayName co "\"hi\""`:                   "omalley",
	`displayName co ""`:                         "bjensen omalley",
	`externalId eq "E1"`:                        "",
	`externalId sw "e"`:                         "bjensen",
	`name pr`:                                   "omalley",
	`userName eq "x' OR '1'='1"`:                "",
	`userName co "%"`:                           "",
	`userName co "_"`:                           "",
	`userName eq "jane" or userName eq "guest" and active eq true`:    "jane", // and binds more than or
	`(userName eq "jane" or userName eq "guest") and active eq false`: "guest",
	`not(userName eq "jane")and(active eq true)`:                      "bjensen omalley",
}

func TestFilters(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		c := connect(t, s)
		c.user("bjensen", in{"title": "Chief", "userType": "Employee", "externalId": "e1", "displayName": "Babs",
			"emails":    []in{{"value": "b@example.com", "type": "work", "primary": true}, {"value": "b@home.example.org", "type": "home"}},
			"addresses": []in{{"type": "home", "country": "USA"}},
			enterprise:  in{"department": "Sales", "employeeNumber": "701984", "manager": in{"value": "usr_9"}}})
		c.user("omalley", in{"name": in{"familyName": "O'Malley"}, "userType": "Intern", "displayName": "say \"hi\" \\ é", "emails": []in{{"value": "o@example.com"}},
			"addresses": []in{{"type": "work", "country": "DE"}}})
		c.user("jane", in{"title": "", "nickName": "J", "ims": []in{{"type": "xmpp", "value": "jane@foo.com"}}, "phoneNumbers": []in{{"value": "+1 555"}}})
		c.patched("/Users/"+fmt.Sprint(c.do(http.StatusOK, http.MethodGet, "/Users?filter=userName%20eq%20%22jane%22", nil).body["Resources"].([]any)[0].(in)["id"]), replaced("title", "x"))
		c.user("guest", in{"userType": "Guest", "active": false, enterprise: in{"costCenter": "CC1"}})
		for filter, want := range filters {
			if got := c.found(filter); got != want {
				t.Errorf("%s finds %q, want %q", filter, got, want)
			}
		}
	})
}

// made is a filter that chance made, and whom it holds for as read in RFC 7644, by the user's representation alone.
type made struct {
	text  string
	holds func(user in) bool
}

type chance struct{ *rand.Rand }

func (r chance) of(list ...string) string { return list[r.IntN(len(list))] }

var words = []string{"a", "A", "ab", "B", "b a", "work", "true", `q"\`, "é", "%", "ac", "DE"}

func (r chance) filter(depth int) made {
	switch n := r.IntN(10); {
	case depth > 0 && n < 2:
		a, b := r.filter(depth-1), r.filter(depth-1)
		return made{"(" + a.text + " and " + b.text + ")", func(u in) bool { return a.holds(u) && b.holds(u) }}
	case depth > 0 && n < 4:
		a, b := r.filter(depth-1), r.filter(depth-1)
		return made{"(" + a.text + " or " + b.text + ")", func(u in) bool { return a.holds(u) || b.holds(u) }}
	case depth > 0 && n == 4:
		a := r.filter(depth - 1)
		return made{"not (" + a.text + ")", func(u in) bool { return !a.holds(u) }}
	case n == 5:
		list := r.of("emails", "phoneNumbers", "addresses")
		inner := r.item(list, 2)
		return made{list + "[" + inner.text + "]", func(u in) bool { return anyItem(u, list, inner.holds) }}
	case n == 6:
		list := r.of("emails", "phoneNumbers", "addresses")
		inner := r.item(list, 0)
		return made{list + "." + inner.text, func(u in) bool { return anyItem(u, list, inner.holds) }}
	}
	name := r.of("userName", "displayName", "externalId", "title", "userType", "name.familyName", "active", enterprise+":department", enterprise+":division",
		enterprise+":manager.value")
	return r.comparison(name, func(u in) any {
		var here any = u
		if rest, is := strings.CutPrefix(name, enterprise+":"); is {
			here = u[enterprise]
			return at(here, rest)
		}
		return at(here, name)
	}, name == "externalId", name == "active")
}

func anyItem(u in, list string, holds func(in) bool) bool {
	items, _ := u[list].([]any)
	return slices.ContainsFunc(items, func(item any) bool { return holds(item.(in)) })
}

func at(here any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		o, _ := here.(in)
		here = o[name]
	}
	return here
}

func (r chance) item(list string, depth int) made {
	if n := r.IntN(6); depth > 0 && n < 3 {
		a, b := r.item(list, depth-1), r.item(list, depth-1)
		return []made{
			{a.text + " and (" + b.text + ")", func(u in) bool { return a.holds(u) && b.holds(u) }},
			{"(" + a.text + " or " + b.text + ")", func(u in) bool { return a.holds(u) || b.holds(u) }},
			{"not (" + a.text + ")", func(u in) bool { return !a.holds(u) }},
		}[n]
	}
	names := map[string][]string{"emails": {"value", "type", "display", "primary"}, "phoneNumbers": {"value", "type", "primary"}, "addresses": {"country", "type", "locality", "primary"}}
	name := r.of(names[list]...)
	return r.comparison(name, func(u in) any { return u[name] }, false, name == "primary")
}

func (r chance) comparison(name string, value func(u in) any, exact, boolean bool) made {
	operator := r.of("eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "pr")
	if boolean {
		operator, want := r.of("eq", "ne"), r.IntN(2) == 0
		return made{fmt.Sprintf("%s %s %v", name, operator, want), func(u in) bool {
			is, there := value(u).(bool)
			return (there && is == want) == (operator == "eq")
		}}
	}
	if operator == "pr" {
		return made{name + " pr", func(u in) bool { return value(u) != nil && value(u) != "" }}
	}
	word := r.of(words...)
	quoted, _ := json.Marshal(word)
	return made{fmt.Sprintf("%s %s %s", name, operator, quoted), func(u in) bool {
		have, there := value(u).(string)
		want := word
		if !exact {
			have, want = strings.ToLower(have), strings.ToLower(want)
		}
		return there && have != "" && map[string]bool{"eq": have == want, "co": strings.Contains(have, want), "sw": strings.HasPrefix(have, want),
			"ew": strings.HasSuffix(have, want), "gt": have > want, "ge": have >= want, "lt": have < want, "le": have <= want}[operator] ||
			operator == "ne" && (!there || have != want)
	}}
}

func (r chance) user(i int) in {
	u := in{"schemas": []string{coreUser}, "userName": fmt.Sprintf("%s%d", r.of(words...), i)}
	for _, name := range []string{"displayName", "title", "userType"} {
		if r.IntN(3) > 0 {
			u[name] = r.of(append(words, "Guest", "guest", "ServiceAccount")...)
		}
	}
	if r.IntN(2) == 0 {
		u["externalId"] = fmt.Sprintf("%s%d", r.of(words...), i)
	}
	if r.IntN(2) == 0 {
		u["active"] = r.IntN(2) == 0
	}
	if r.IntN(2) == 0 {
		u["name"] = in{"familyName": r.of(words...)}
	}
	if r.IntN(2) == 0 {
		u[enterprise] = in{"department": r.of(words...), "division": r.of(words...), "manager": in{"value": r.of(words...)}}
	}
	for _, list := range []string{"emails", "phoneNumbers", "addresses"} {
		part := map[bool]string{true: "country", false: "value"}[list == "addresses"]
		var items []in
		for range r.IntN(4) {
			item := in{"type": r.of("work", "Work", "home", "a")}
			if r.IntN(4) > 0 {
				item[part] = r.of(words...)
			}
			if r.IntN(3) == 0 {
				item["primary"] = len(items) == 0
			}
			if r.IntN(3) == 0 {
				item[map[string]string{"emails": "display", "phoneNumbers": "display", "addresses": "locality"}[list]] = r.of(words...)
			}
			items = append(items, item)
		}
		u[list] = items
	}
	return u
}

// Whatever filter finds in the database whom it holds for by the letter, on both.
func TestChanceFiltersFindWhomTheyHoldFor(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		c := connect(t, s)
		r := chance{rand.New(rand.NewPCG(7, 11))}
		for i := range 60 {
			body, _ := json.Marshal(r.user(i))
			if a := c.send(http.MethodPost, "/Users", string(body), nil); a.status != http.StatusCreated {
				t.Fatalf("%s: %s", body, a.raw)
			}
			if i%5 == 0 { // some are changed by others
				c.change(fmt.Sprint(must(body)["userName"]), in{"email": r.of("", "a", "B"), "type": r.of("GUEST", "MEMBER", "SERVICE_ACCOUNT"), "usageLocation": []any{nil, "DE", "FR"}[r.IntN(3)]})
			}
		}
		all := c.do(http.StatusOK, http.MethodGet, "/Users?count=1000", nil).body["Resources"].([]any)
		hits := 0
		for range 400 {
			f := r.filter(3)
			var want []string
			for _, item := range all {
				if u, _ := item.(in); f.holds(u) {
					want = append(want, fmt.Sprint(u["userName"]))
				}
			}
			hits += len(want)
			if got := c.found(f.text); got != strings.Join(want, " ") {
				t.Errorf("%s\nfinds %q\nwant  %q", f.text, got, strings.Join(want, " "))
			}
		}
		if hits < 1000 {
			t.Errorf("only %d hits: the test has grown blind", hits)
		}
	})
}

func must(body []byte) in {
	var o in
	if err := json.Unmarshal(body, &o); err != nil {
		panic(err)
	}
	return o
}
