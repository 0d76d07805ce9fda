package operation_test

import "testing"

// What follows when users change, come and go (semantics.md §4).

func TestDisabledUsersGetNoSeats(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(5)
		off := w.user(in{"enabled": false})
		w.want(outcome(w.assign(l, []string{off})), "USER_DISABLED")
		g := w.group(off)
		_, summary := w.grant(g, l)
		w.want(summary, "0 active 0 waiting 0 errors")
		w.change(off, in{"enabled": true})
		w.want(w.stands(l, off), "ACTIVE")
	})
}

func TestDisablingReleasesAndEnablingIsCheckedAgain(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(2)
		ann, bob, cyd := w.user(), w.user(), w.user()
		g := w.group(bob)
		w.assign(l, []string{ann})
		w.grant(g, l)
		w.assign(l, []string{cyd}, in{"whenFull": "WAIT"})
		w.want(w.all(l, []string{ann, bob, cyd}), "ACTIVE, ACTIVE, WAITING 1")
		w.change(ann, in{"enabled": false})
		w.want(w.all(l, []string{ann, bob, cyd}), "ERROR USER_DISABLED, ACTIVE, ACTIVE")
		w.change(bob, in{"enabled": false})
		w.want(w.all(l, []string{ann, bob, cyd}), "ERROR USER_DISABLED, none, ACTIVE")
		w.want(w.figures(l), "2: 1 used 0 reserved 1 left OK 1 errors")
		w.change(ann, in{"enabled": true})
		w.change(bob, in{"enabled": true})
		w.want(w.all(l, []string{ann, bob, cyd}), "ACTIVE, WAITING 1, ACTIVE")
		w.want(w.figures(l), "2: 2 used 0 reserved 0 left FULL 1 waiting")
	})
}

// A user of both kinds: the group's reason goes, the direct one keeps the intent.
func TestDisablingAUserWithBothReasons(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(1)
		ann := w.user()
		w.grant(w.group(ann), l)
		w.assign(l, []string{ann})
		w.change(ann, in{"enabled": false})
		w.want(w.stands(l, ann), "ERROR USER_DISABLED")
		w.want(len(w.seat(l, ann).Reasons), 1)
		w.want(w.figures(l), "1: 0 used 0 reserved 1 left OK 1 errors")
		w.change(ann, in{"enabled": true})
		w.want(w.stands(l, ann), "ACTIVE")
		w.want(len(w.seat(l, ann).Reasons), 2)
	})
}

// A disabled user who waits leaves the queue, and what waits behind moves up.
func TestDisablingAUserWhoWaits(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(0)
		users := w.users(3)
		w.assign(l, users, in{"whenFull": "WAIT"})
		w.change(users[0], in{"enabled": false})
		w.want(w.all(l, users), "ERROR USER_DISABLED, WAITING 1, WAITING 2")
		w.limit(l, 1)
		w.want(w.all(l, users), "ERROR USER_DISABLED, ACTIVE, WAITING 1")
		w.change(users[0], in{"enabled": true})
		w.want(w.all(l, users), "WAITING 2, ACTIVE, WAITING 1")
	})
}

func TestDeletingUsersReleasesEverything(t *testing.T) {
	each(t, func(w *world) {
		l, m := w.license(2), w.license(5)
		ann, bob, cyd := w.user(), w.user(), w.user()
		g := w.group(ann, cyd)
		gl, _ := w.grant(g, l)
		w.assign(m, []string{ann})
		w.assign(l, []string{bob}, in{"whenFull": "WAIT"})
		w.allot(m, 1, in{"delegateUserIds": []string{ann}})
		w.do("excludeFromGroupLicense", in{"groupLicenseId": gl, "userIds": []string{cyd}})
		w.do("includeInGroupLicense", in{"groupLicenseId": gl, "userIds": []string{cyd}})
		w.want(w.all(l, []string{ann, bob, cyd}), "ACTIVE, ACTIVE, WAITING 1")
		w.want(w.do("deleteUsers", in{"userIds": []string{ann}}).DeletedIDs, []string{ann})
		w.want(w.all(l, []string{bob, cyd}), "ACTIVE, ACTIVE")
		w.want(w.figures(m), "5: 0 used 1 reserved 4 left OK")
		w.want(w.do("addGroupMembers", in{"groupId": g, "userIds": []string{bob}}).Group.MemberCount, 2)
		w.fails("NOT_FOUND", "deleteUsers", in{"userIds": []string{ann}})
	})
}

// What a change makes possible is tried again; what one has is not taken away by moving.
func TestMovingUsers(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(5)
		a := w.allot(l, 3, in{"scope": in{"departments": []string{"Sales"}, "countries": []string{"GB"}}})
		ann := w.user(in{"department": "Sales"})
		dan := w.user(in{"department": "Legal", "usageLocation": "FR"})
		g := w.group(ann, dan)
		_, summary := w.grant(g, a)
		w.want(summary, "1 active 0 waiting 0 errors OUT_OF_SCOPE:1")
		w.change(ann, in{"department": "Legal"})
		w.want(w.stands(l, ann), "ACTIVE")
		w.change(dan, in{"usageLocation": "GB"})
		w.want(w.stands(l, dan), "ACTIVE")
		w.leave(g, ann)
		w.join(g, ann)
		w.want(w.stands(l, ann), "none")
	})
}

func TestUsersAreFoundByExternalIDOrName(t *testing.T) {
	each(t, func(w *world) {
		made := w.do("upsertUsers", in{"users": []in{{"externalId": "e1", "userName": "Ann@contoso.example", "displayName": "Ann"}}}).Users[0]
		same := w.do("upsertUsers", in{"users": []in{{"userName": "ANN@contoso.example", "department": "IT"}}}).Users[0]
		w.want(same.ID, made.ID)
		renamed := w.do("upsertUsers", in{"users": []in{{"externalId": "e1", "userName": "ann.lee@contoso.example"}}}).Users[0]
		w.want([]string{renamed.ID, renamed.UserName}, []string{made.ID, "ann.lee@contoso.example"})
		w.invalid("users.1.userName", "upsertUsers", in{"users": []in{{"userName": "x"}, {"userName": "X"}}})
		w.invalid("users.1.userName", "upsertUsers", in{"users": []in{{"externalId": "e1", "userName": "other"}, {"userName": "ann.lee@contoso.example"}}})
		w.user(in{"userName": "taken"})
		w.fails("CONFLICT", "upsertUsers", in{"users": []in{{"externalId": "e1", "userName": "taken"}}})
	})
}

func TestGroupsAreFoundByExternalIDOrName(t *testing.T) {
	each(t, func(w *world) {
		made := w.do("upsertGroups", in{"groups": []in{{"externalId": "g1", "name": "Sales"}}}).Groups[0]
		w.want(w.do("upsertGroups", in{"groups": []in{{"externalId": "g1", "name": "Sales EMEA"}}}).Groups[0].ID, made.ID)
		w.want(w.do("upsertGroups", in{"groups": []in{{"name": "Sales EMEA"}}}).Groups[0].ID, made.ID)
		w.invalid("groups.1.name", "upsertGroups", in{"groups": []in{{"name": "x"}, {"name": "x"}}})
		w.group()
		w.fails("CONFLICT", "upsertGroups", in{"groups": []in{{"externalId": "g1", "name": "group 1"}}})
	})
}
