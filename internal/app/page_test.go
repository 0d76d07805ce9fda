package app_test

import (
	"fmt"
	"testing"

	"entgo.io/ent/dialect"

	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

// page is the page of allotments of the issue: their figures, seats with their users, and who waits.
const page = `query($allotments: Int, $seats: Int) {
	allotments(first: $allotments) {
		totalCount
		pageInfo { hasNextPage endCursor }
		nodes {
			id name mode limit used reserved available overBy state waitingCount errorCount
			license { id product { name vendor { name } } contract { number } }
			parent { id name }
			delegates { users { userName } groups { name } }
			scope { groups { name } departments countries }
			seats(first: $seats) {
				totalCount
				nodes { id state since user { userName displayName department } reasons { direct group { name } state } position waitingSince violations { code message } }
			}
			waiting(first: $seats) { totalCount nodes { position user { userName } } }
		}
	}
}`

// Reading a page of allotments costs the same number of statements whatever is on it, through the whole service: for somebody
// who sees everything, and for a delegate.
func TestPageStatements(t *testing.T) {
	w, address := newWire(t, storetest.URL(t, dialect.Postgres))
	s := set(t, apptest.StartOn(t, address))
	s.crowd(20, 30)
	for who, most := range map[string]int64{"root": 34, "crowded": 30} {
		count := func(allotments, seats int) int64 {
			variables := in{"allotments": allotments, "seats": seats}
			s.ask(s.As(who, roles(who)...), page, variables) // what is prepared once is prepared
			least := int64(1 << 30)
			for range 3 { // what the service does by itself meanwhile is counted, too: the least is the page
				before := w.statements.Load()
				got := s.ask(s.As(who, roles(who)...), page, variables)
				least = min(least, w.statements.Load()-before)
				nodes, _ := got.at("allotments", "nodes").([]any)
				last, _ := got.at("allotments", "nodes", allotments-1, "seats", "nodes").([]any)
				if len(nodes) != allotments || who == "crowded" && len(last) != seats {
					t.Fatalf("%s reads %d allotments, and %d seats of the last", who, len(nodes), len(last))
				}
			}
			return least
		}
		small, large := count(8, 22), count(20, 25)
		t.Logf("%s: %d statements", who, large)
		if small != large || large > most || large < 5 {
			t.Errorf("%s: %d statements for 8 allotments with 22 seats, %d for 20 with 25, want the same and at most %d", who, small, large, most)
		}
	}
}

// crowd adds allotments with a delegate, each with five units and so many users who want one.
func (s *stage) crowd(allotments, users int) {
	s.Helper()
	s.user("crowded", "Staff")
	s.make("crowd", "createLicense", in{"contractId": "@contract", "productId": "@suite product", "quantity": allotments * 20})
	for i := range allotments {
		name := fmt.Sprint("crowd ", i)
		s.make(name, "createAllotment", in{"licenseId": "@crowd", "name": name, "limit": 20, "delegateUserIds": []string{"@crowded"}})
		people := make([]in, users)
		for j := range people {
			people[j] = in{"userName": fmt.Sprintf("p%d-%d", i, j)}
		}
		var ids []string
		made := s.do("upsertUsers", in{"users": people})
		for j := range people {
			ids = append(ids, made.id("answer", "users", j))
		}
		s.do("assignSeats", in{"allotmentId": "@" + name, "userIds": ids, "whenFull": "WAIT"})
	}
}

// roles are the roles in the token of somebody of the cast; others have none.
func roles(name string) []string {
	for _, p := range cast {
		if p.name == name {
			return p.roles
		}
	}
	return nil
}
