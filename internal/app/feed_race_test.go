package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// Imports that disable and enable people, move members and lower licenses, while others join, leave and are assigned: nobody is left
// behind, and the books are right in the end.
func TestImportsBesideRequests(t *testing.T) {
	eachOffice(t, func(o *office) {
		var people, members strings.Builder
		for i := range 60 {
			fmt.Fprintf(&people, "p%02d,%%s\n", i)
			fmt.Fprintf(&members, "%%s,p%02d\n", i)
		}
		file := func(text, word string) string { return strings.ReplaceAll(text, "%s", word) }
		o.feed("users", "user name,enabled\n"+file(people.String(), "yes"))
		o.feed("memberships", "group,user\n"+file(members.String(), "Sales"))
		o.feed("licenses", "id,contract,product,quantity\nL1,EA,E5,30\n")
		o.group()
		until := time.Now().Add(1500 * time.Millisecond)
		var group sync.WaitGroup
		var mu sync.Mutex
		done := map[string]int{}
		note := func(what string) {
			mu.Lock()
			defer mu.Unlock()
			done[what]++
		}
		upload := func(paths ...string) { // path, text, path, text, …
			group.Go(func() {
				for i := 0; time.Now().Before(until); i = (i + 2) % len(paths) {
					u := send(o.T, o.Service, o.token, paths[i], paths[i+1])
					switch u.status {
					case http.StatusOK:
						note("import")
					case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusConflict:
						note("import refused")
					default:
						o.Errorf("%s: %d %s", paths[i], u.status, u.text)
					}
				}
			})
		}
		half := people.String()[:len(people.String())/2]
		upload("users", "user name,enabled\n"+file(half, "no"), "users", "user name,enabled\n"+file(half, "yes"))
		upload("memberships?complete=true", "group,user\nSales,ann\nSales,p40\nSales,p41\n", "memberships", "group,user\n"+file(members.String(), "Sales"),
			"licenses", "id,contract,product,quantity\nL1,EA,E5,20\n", "licenses", "id,contract,product,quantity\nL1,EA,E5,40\n")
		ask := func(queries ...string) {
			group.Go(func() {
				for i := 0; time.Now().Before(until); i = (i + 1) % len(queries) {
					a := o.admin.Send(queries[i], nil)
					if len(a.Errors) > 0 && a.Errors[0].Extensions.Code == "INTERNAL" {
						o.Errorf("%s: %s", queries[i], a.Raw)
					}
					note("request")
				}
			})
		}
		const five = `["usr_a", "usr_b", "usr_c", "usr_d", "usr_e"]`
		ask(`mutation { assignSeats(input: {licenseId: "lic_1", userIds: `+five+`, whenFull: WAIT}) { results { seat { state } } } }`,
			`mutation { unassignSeats(input: {licenseId: "lic_1", userIds: `+five+`}) { results { seat { state } } } }`)
		ask(`mutation { removeGroupMembers(input: {groupId: "grp_1", userIds: `+five+`}) { changed } }`,
			`mutation { addGroupMembers(input: {groupId: "grp_1", userIds: `+five+`}) { changed } }`,
			`mutation { upsertUsers(input: {users: [{userName: "p07", enabled: false}]}) { users { id } } }`)
		group.Wait()
		if done["import"] < 5 || done["request"] < 20 {
			o.Errorf("too little was done: %v", done)
		}
		o.Logf("%v", done)
	})
}

// An import that is killed leaves nothing of its page, and is done when it is run again.
func TestImportKilled(t *testing.T) {
	const n = 40_000
	var text strings.Builder
	text.WriteString("user name,department\n")
	for i := range n {
		fmt.Fprintf(&text, "user%d@contoso.example,Department %d\n", i, i%7)
	}
	file := written(t, "users.csv", text.String())
	eachURL(t, func(t *testing.T, url string) {
		cli(t, "migrate", "--database", url).ok(t)
		args := []string{"import", "users", file, "--database", url}
		for _, after := range []time.Duration{300 * time.Millisecond, 700 * time.Millisecond} {
			p := start(t, nil, args...)
			time.Sleep(after) // somewhere in the middle, wherever that is on this machine
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
			if stored := rows(t, url, `SELECT COUNT(*) FROM users`); stored != 0 && stored != n {
				t.Errorf("%d users are left after %v", stored, after)
			}
		}
		cli(t, args...).ok(t)
		if stored := rows(t, url, `SELECT COUNT(*) FROM users`); stored != n {
			t.Errorf("%d users are stored", stored)
		}
		says(t, cli(t, "verify", "--database", url).ok(t).stdout, "clean")
	})
}
