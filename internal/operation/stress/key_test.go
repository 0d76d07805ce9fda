package stress_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
)

// The same request under the same key, made by many at the same moment on every server, is carried out once and answered alike by
// all; whatever the others find when their turn comes.
func TestSameKey(t *testing.T) {
	eachShape(t, func(t *testing.T, d *deployment) {
		e := newEstate(t, d.clients[0])
		license, other, users := e.license(100), e.license(3), e.users(12)
		group := e.group(users[:6]...)
		share, doomed := e.allot(license, "RESERVED", 1), e.allot(license, "RESERVED", 5)
		for _, request := range []struct {
			name  string
			input in
		}{
			{"assignSeats", in{"allotmentId": share, "userIds": users[:1]}},
			{"assignSeats", in{"allotmentId": share, "userIds": users[1:2]}}, // denied
			{"assignSeats", in{"licenseId": license, "userIds": users[2:6], "atomic": true}},
			{"unassignSeats", in{"licenseId": license, "userIds": users[2:3]}},
			{"createAllotment", in{"licenseId": license, "name": "one of a kind", "limit": 5}},
			{"deleteAllotment", in{"allotmentId": doomed}},
			{"updateLicense", in{"licenseId": license, "quantity": 90}},
			{"addGroupMembers", in{"groupId": group, "userIds": users[4:9]}},
			{"removeGroupMembers", in{"groupId": group, "userIds": users[4:5]}},
			{"licenseGroup", in{"groupId": group, "licenseId": other}},
			{"swapGroupLicense", in{"groupLicenseId": "gli_1", "licenseId": license}},
			{"unlicenseGroup", in{"groupLicenseId": "gli_2"}},
			{"upsertUsers", in{"users": []in{{"userName": "somebody new"}}}},
			{"upsertGroups", in{"groups": []in{{"name": "something new"}}}},
			{"deleteUsers", in{"userIds": users[10:]}},
			{"createVendor", in{"name": "Oracle"}},
		} {
			request.input["idempotencyKey"] = e.fresh(request.name)
			alike(t, d, request.name, request.input)
		}
	})
}

// alike makes one request many times at once and compares the answers.
func alike(t *testing.T, d *deployment, name string, input in) {
	t.Helper()
	answers := make([]string, 12)
	begin := make(chan struct{})
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			<-begin
			p, err := d.pick(i).mutate(context.Background(), name, input)
			if err != nil {
				answers[i] = err.Error()
				return
			}
			text, _ := json.Marshal(p) // a struct of strings always marshals
			answers[i] = string(text)
		})
	}
	close(begin)
	all.Wait()
	for _, answer := range answers[1:] {
		if answer != answers[0] {
			t.Errorf("%s is answered\n%s and\n%s", name, answers[0], answer)
			return
		}
	}
}
