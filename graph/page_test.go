package graph_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/store"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

var root = as("root", "GLOBAL_ADMIN")

// orders lists every order of every list, with the fields of its enum.
var orders = map[string][]string{
	"vendors":     {"NAME", "CREATED_AT"},
	"products":    {"NAME", "SKU", "CREATED_AT"},
	"contracts":   {"NUMBER", "NAME", "ENDS_ON", "CREATED_AT", "LIFECYCLE"},
	"licenses":    {"CREATED_AT", "PRODUCT", "QUANTITY", "USED", "AVAILABLE", "ENDS_ON", "EXPIRES_ON", "LIFECYCLE"},
	"deployments": {"PRODUCT", "INSTALLS", "USERS", "CREATED_AT"},
	"allocations": {"CREATED_AT", "QUANTITY"},
	"allotments":  {"CREATED_AT", "NAME", "USED", "AVAILABLE", "WAITING", "ENDS_AT"},
	"users":       {"CREATED_AT", "USER_NAME", "DISPLAY_NAME", "DEPARTMENT"},
	"groups":      {"NAME", "CREATED_AT"},
	"decisions":   {""},
	"capacity":    {""},
	"events":      {""},
	"licenseOverviews": {"CREATED", "ENTITLED", "ALLOCATED", "AVAILABLE", "DEPLOYED", "HEADROOM", "UTILIZATION", "UNCOVERED", "OVER_BY",
		"ALLOCATED_NOT_IN_USE", "IN_USE_NOT_ALLOCATED"},
	"contractOverviews": {"CREATED", "ENTITLED", "ALLOCATED", "AVAILABLE", "DEPLOYED", "HEADROOM", "UTILIZATION", "UNCOVERED", "OVER_BY",
		"ALLOCATED_NOT_IN_USE", "IN_USE_NOT_ALLOCATED"},

	"purchaseReservations": {"STARTS_ON", "QUANTITY", "CREATED_AT"},
}

// Walking a list forwards and backwards in pages of any size gives what one page gives, in every order.
func TestPagesAddUp(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		build(t, s)
		a := open(t, s)
		for list, fields := range orders {
			for _, field := range fields {
				for _, direction := range []string{"ASC", "DESC"} {
					order := ""
					if field != "" {
						order = fmt.Sprintf("orderBy: {field: %s, direction: %s}", field, direction)
					}
					whole := a.ask(root, fmt.Sprintf(`{ %s(first: 100 %s) { nodes { id } } }`, list, order), nil).texts("id", list, "nodes")
					for _, size := range []int{1, 2, 3} {
						if got := a.walk(list, order, size, true); got != whole {
							t.Errorf("%s %s forwards by %d: %s, want %s", list, order, size, got, whole)
						}
						if got := a.walk(list, order, size, false); got != whole {
							t.Errorf("%s %s backwards by %d: %s, want %s", list, order, size, got, whole)
						}
					}
				}
			}
		}
	})
}

// walk reads a list page by page and gives the ids in the order of the list.
func (a *api) walk(list, order string, size int, forward bool) string {
	a.t.Helper()
	var ids []string
	cursor, more := "", true
	for pages := 0; more; pages++ {
		if pages > 50 {
			a.t.Fatalf("%s %s has no end", list, order)
		}
		part := fmt.Sprintf("first: %d", size)
		if !forward {
			part = fmt.Sprintf("last: %d", size)
		}
		if cursor != "" {
			part += fmt.Sprintf(" %s: %q", map[bool]string{true: "after", false: "before"}[forward], cursor)
		}
		got := a.ask(root, fmt.Sprintf(`{ %s(%s %s) { edges { cursor node { id } } nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`, list, part, order), nil)
		page := strings.Fields(got.texts("id", list, "nodes"))
		if forward {
			ids = append(ids, page...)
			more, _ = got.at(list, "pageInfo", "hasNextPage").(bool)
			cursor, _ = got.at(list, "pageInfo", "endCursor").(string)
		} else {
			ids = append(page, ids...)
			more, _ = got.at(list, "pageInfo", "hasPreviousPage").(bool)
			cursor, _ = got.at(list, "pageInfo", "startCursor").(string)
		}
	}
	return strings.Join(ids, " ")
}

// What is written between two pages neither doubles nor hides what was there all along.
func TestPagesAreStableUnderWrites(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		build(t, s)
		a := open(t, s)
		const document = `query($after: String) { users(first: 4, after: $after, orderBy: {field: USER_NAME}) { nodes { userName } pageInfo { endCursor hasPreviousPage } } }`
		first := a.ask(root, document, nil)
		if got := first.texts("userName", "users", "nodes"); got != "bob Dora h0 h1" {
			t.Fatalf("the first page is %s", got)
		}
		write(t, s, func(ctx context.Context, c *ent.Client) {
			b := &builder{ctx, c, &estate{id: map[string]id.ID{}}}
			b.user("aaron", "New") // before the cursor
			b.user("h1a", "New")   // after it
		})
		second := a.ask(root, document, object{"after": first.at("users", "pageInfo", "endCursor")})
		if got := second.texts("userName", "users", "nodes"); got != "h1a h2 h3 lea" {
			t.Errorf("the second page is %s", got)
		}
		if second.at("users", "pageInfo", "hasPreviousPage") != true {
			t.Error("the second page has none before it")
		}
	})
}

func TestPagesAreChecked(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		build(t, s)
		a := open(t, s)
		byName := a.ask(root, `{ users(first: 1, orderBy: {field: USER_NAME}) { pageInfo { endCursor } } }`, nil).at("users", "pageInfo", "endCursor")
		for _, c := range []struct{ document, field string }{
			{`{ users(first: 101) { totalCount } }`, "first"},
			{`{ users(first: -1) { totalCount } }`, "first"},
			{`{ users(last: 101) { totalCount } }`, "last"},
			{`{ users(first: 1, last: 1) { totalCount } }`, "last"},
			{`{ users(after: "nonsense") { totalCount } }`, "after"},
			{`{ users(before: "bm9uc2Vuc2U") { totalCount } }`, "before"},
			{fmt.Sprintf(`{ users(after: %q) { totalCount } }`, byName), "after"},
			{fmt.Sprintf(`{ users(after: %q, orderBy: {field: USER_NAME, direction: DESC}) { totalCount } }`, byName), "after"},
			{`{ licenses { nodes { seats(first: 101) { totalCount } } } }`, "first"},
			{`{ licenses { nodes { seats(after: "x") { totalCount } } } }`, "after"},
			{`{ viewer { seats(first: 101) { totalCount } } }`, "first"},
		} {
			if code, field := a.refused(root, c.document, nil); code != "INVALID_INPUT" || field != c.field {
				t.Errorf("%s: %s %s", c.document, code, field)
			}
		}
		got := a.ask(root, `{ users(first: 0) { totalCount nodes { id } pageInfo { hasNextPage startCursor } } none: users(where: {idIn: []}) { totalCount nodes { id } } }`, nil)
		if got.at("users", "totalCount") != 13.0 || got.at("users", "pageInfo", "hasNextPage") != true || got.at("users", "pageInfo", "startCursor") != nil ||
			got.at("none", "totalCount") != 0.0 {
			t.Errorf("an empty page: %v", got)
		}
	})
}

// Nested lists page alike, each parent by itself.
func TestNestedPages(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		build(t, s)
		a := open(t, s)
		got := a.ask(root, `{ groups { nodes { name members(first: 2) { totalCount nodes { userName } pageInfo { hasNextPage } } rest: members(last: 1) { nodes { userName } pageInfo { hasPreviousPage } } } } }`, nil)
		var lines []string
		for i := range 3 {
			lines = append(lines, fmt.Sprint(got.at("groups", "nodes", i, "name"), got.at("groups", "nodes", i, "members", "totalCount"), ": ",
				got.texts("userName", "groups", "nodes", i, "members", "nodes"), " ", got.at("groups", "nodes", i, "members", "pageInfo", "hasNextPage"),
				", ", got.texts("userName", "groups", "nodes", i, "rest", "nodes"), " ", got.at("groups", "nodes", i, "rest", "pageInfo", "hasPreviousPage")))
		}
		want := []string{"hr4: h0 h1 true, h3 true", "leads1: lea false, lea false", "sales6: s0 s1 true, s5 true"}
		if !slices.Equal(lines, want) {
			t.Errorf("%q, want %q", lines, want)
		}
	})
}
