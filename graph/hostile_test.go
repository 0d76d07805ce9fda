package graph_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/ent/allotmentscope"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/store"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

// A cursor is text of the caller's: whatever it holds is refused or finds nothing, and never reaches the database as SQL.
func TestForgedCursors(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		build(t, s)
		a := open(t, s)
		forge := func(parts string) string { return base64.RawURLEncoding.EncodeToString([]byte(parts)) }
		refusals := map[string]string{
			`["userName","a\u0000b","1"]`:             "USER_NAME",
			`["userName","a"]`:                        "USER_NAME",
			`["userName","a","1","2"]`:                "USER_NAME",
			`["userName","a","1x"]`:                   "USER_NAME",
			`["id","1"]`:                              "USER_NAME",
			`["userName",1,2]`:                        "USER_NAME",
			`{"userName":1}`:                          "USER_NAME",
			`["userName","a","99999999999999999999"]`: "USER_NAME",
		}
		for parts, order := range refusals {
			document := fmt.Sprintf(`{ users(first: 5, after: %q, orderBy: {field: %s}) { nodes { id } } }`, forge(parts), order)
			if code, field := a.refused(root, document, nil); code != "INVALID_INPUT" || field != "after" {
				t.Errorf("%s: %s %s", parts, code, field)
			}
		}
		got := a.ask(root, fmt.Sprintf(`{ users(after: %q, orderBy: {field: USER_NAME}) { nodes { id } } }`, forge(`["userName","' OR 1=1 --","5"]`)), nil)
		if nodes, _ := got.at("users", "nodes").([]any); len(nodes) != 13 {
			t.Errorf("a forged name gives %d users", len(nodes))
		}
		for _, value := range []string{"NaN", "+Inf", "x"} {
			code, _ := a.refused(root, fmt.Sprintf(`{ allotments { nodes { waiting(after: %q) { nodes { id } } } } }`,
				forge(fmt.Sprintf(`["queue",%q,"2026-01-01T00:00:00Z","1","1"]`, value))), nil)
			if code != "INVALID_INPUT" {
				t.Errorf("%s: %s", value, code)
			}
		}
	})
}

// Texts with every sign that means something to a database are found as they are.
func TestTextsAreQuoted(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		e := build(t, s)
		odd := []string{`a"b`, `a\b`, `{a,b}`, `NULL`, `a'b`, `100%_x`, "a\nb", `ä ö`}
		write(t, s, func(ctx context.Context, c *ent.Client) {
			b := &builder{ctx, c, &estate{id: map[string]id.ID{}}}
			for i, department := range odd {
				b.user(fmt.Sprint("odd", i), department)
				c.AllotmentScope.Create().SetAllotmentID(e.key("sales")).SetKind(allotmentscope.KindDEPARTMENT).SetValue(department).ExecX(ctx)
			}
		})
		a := open(t, s)
		many := make([]string, 5000)
		for i := range many {
			many[i] = fmt.Sprint("none", i)
		}
		for _, who := range []string{"eve", "dora"} {
			for _, department := range odd {
				for condition, value := range map[string]any{
					"eq": department, "in": append([]string{department}, many...), "contains": department, "startsWith": department,
				} {
					got := a.ask(as(who, map[string]string{"eve": "AUDITOR", "dora": ""}[who]), `query($w: UserWhere) { users(where: $w) { totalCount } }`,
						object{"w": object{"department": object{condition: value}}})
					if got.at("users", "totalCount") != 1.0 {
						t.Errorf("%s finds %v of %s %q", who, got.at("users", "totalCount"), condition, department)
					}
				}
			}
		}
	})
}
