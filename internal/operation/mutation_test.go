package operation_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/ent/event"
	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/store"
)

// examples make for every mutation an input that succeeds once.
var examples = map[string]func(w *world) in{
	"createVendor": func(*world) in { return in{"name": "Oracle"} },
	"deleteVendor": func(w *world) in { return in{"vendorId": w.do("createVendor", in{"name": "gone"}).Vendor.ID} },
	"createProduct": func(w *world) in {
		w.product(nil)
		return in{"vendorId": w.vendor, "name": "E5", "servicePlans": []in{{"planId": "p", "name": "P"}}}
	},
	"updateProduct": func(w *world) in {
		p, _ := w.product(nil)
		return in{"productId": p, "name": "E5", "blockedLocations": []string{"CN"}}
	},
	"deleteProduct": func(w *world) in { p, _ := w.product(nil, "PLAN"); return in{"productId": p} },
	"createContract": func(w *world) in {
		w.product(nil)
		return in{"vendorId": w.vendor, "number": "EA-2", "name": "Second", "startsOn": "2026-01-01"}
	},
	"updateContract": func(w *world) in {
		w.product(nil)
		return in{"contractId": w.contract, "name": "Renamed", "notes": "n"}
	},
	"deleteContract": func(w *world) in { w.product(nil); return in{"contractId": w.contract} },
	"createLicense": func(w *world) in {
		p, _ := w.product(nil)
		return in{"contractId": w.contract, "productId": p, "quantity": 5}
	},
	"updateLicense": func(w *world) in {
		return in{"licenseId": w.queued(), "quantity": 3, "unitPrice": "1.50", "currency": "EUR"}
	},
	"deleteLicense": func(w *world) in { return in{"licenseId": w.license(3)} },
	"recordDeployments": func(w *world) in {
		w.deploy("Office", 1, 2)
		return in{"source": "scan", "complete": true, "deployments": []in{{"vendor": "Adobe", "product": "Acrobat", "users": 3}}}
	},
	"createAllocation": func(w *world) in {
		l := w.license(5)
		return in{"licenseId": l, "type": "TRACK_DEPLOYMENT", "deploymentId": w.deploy("Office", 3, 0), "quantity": 2, "notes": "n"}
	},
	"updateAllocation": func(w *world) in {
		return in{"allocationId": w.do("createAllocation", reservation(w.license(3), "Sales", 2)).Allocation.ID, "quantity": 1, "name": "Sales BU"}
	},
	"deleteAllocation": func(w *world) in {
		return in{"allocationId": w.do("createAllocation", reservation(w.license(3), "Sales", 2)).Allocation.ID}
	},
	"upsertUsers": func(w *world) in {
		l := w.license(2)
		w.assign(l, w.users(1, in{"userName": "off"}))
		return in{"users": []in{{"userName": "new", "department": "IT", "roles": []string{"AUDITOR"}}, {"userName": "off", "enabled": false}}}
	},
	"deleteUsers": func(w *world) in {
		users := w.users(1)
		w.assign(w.queued(), users, in{"whenFull": "WAIT"})
		return in{"userIds": users}
	},
	"upsertGroups": func(w *world) in {
		w.do("upsertGroups", in{"groups": []in{{"name": "old", "externalId": "x"}}})
		return in{"groups": []in{{"name": "new"}, {"name": "renamed", "externalId": "x"}}}
	},
	"deleteGroup": func(w *world) in { return in{"groupId": w.group(w.user())} },
	"addGroupMembers": func(w *world) in {
		g := w.group()
		w.grant(g, w.license(1))
		return in{"groupId": g, "userIds": w.users(2)}
	},
	"removeGroupMembers": func(w *world) in {
		users := w.users(2)
		g := w.group(users...)
		w.grant(g, w.license(1))
		return in{"groupId": g, "userIds": users[:1]}
	},
	"createAllotment": func(w *world) in {
		return allotment(w.license(10), 5, in{"scope": in{"departments": []string{"IT"}}, "delegateUserIds": w.users(1)})
	},
	"updateAllotment": func(w *world) in {
		return in{"allotmentId": w.allot(w.license(10), 5), "limit": 7, "name": "renamed", "delegateUserIds": w.users(1)}
	},
	"deleteAllotment": func(w *world) in {
		a := w.allot(w.license(10), 2)
		w.assign(a, w.users(2))
		return in{"allotmentId": a, "moveSeatsTo": "PARENT"}
	},
	"assignSeats": func(w *world) in { return in{"licenseId": w.license(1), "userIds": w.users(2)} },
	"unassignSeats": func(w *world) in {
		l := w.queued()
		users := w.users(1)
		w.assign(l, users, in{"whenFull": "WAIT"})
		return in{"licenseId": l, "userIds": users}
	},
	"retrySeats":   func(w *world) in { return in{"licenseId": w.queued()} },
	"licenseGroup": func(w *world) in { return in{"licenseId": w.license(1), "groupId": w.group(w.users(3)...)} },
	"updateGroupLicense": func(w *world) in {
		gl, _ := w.granted()
		return in{"groupLicenseId": gl, "includeNested": true, "allOrNothing": false}
	},
	"unlicenseGroup":   func(w *world) in { gl, _ := w.granted(); return in{"groupLicenseId": gl} },
	"swapGroupLicense": func(w *world) in { gl, _ := w.granted(); return in{"groupLicenseId": gl, "licenseId": w.license(1)} },
	"excludeFromGroupLicense": func(w *world) in {
		gl, users := w.granted()
		return in{"groupLicenseId": gl, "userIds": users[:1], "note": "leave"}
	},
	"includeInGroupLicense": func(w *world) in {
		gl, users := w.granted()
		w.do("excludeFromGroupLicense", in{"groupLicenseId": gl, "userIds": users[:1]})
		return in{"groupLicenseId": gl, "userIds": users[:1]}
	},
}

// The rest of the examples: what a limit is made of, and renewals.
func init() {
	for name, example := range map[string]func(w *world) in{
		"removeUnusedOverage": func(w *world) in {
			l := w.license(1)
			w.do("updateLicense", in{"licenseId": l, "overage": 5})
			w.assign(l, w.users(3))
			return in{"licenseId": l}
		},
		"placePurchaseReservation": func(w *world) in {
			return in{"licenseId": w.queued(), "quantity": 1, "startsOn": w.day(0), "notes": "n"}
		},
		"cancelPurchaseReservation": func(w *world) in {
			return in{"purchaseReservationId": w.place(w.license(1), 5, w.day(30)).PurchaseReservation.ID}
		},
		"fulfillPurchaseReservation": func(w *world) in {
			return in{"purchaseReservationId": w.place(w.queued(), 1, w.day(0)).PurchaseReservation.ID, "orderNumber": "PO-1"}
		},
		"planRenewal": func(w *world) in { return in{"licenseId": w.queued(), "renewalQuantity": 0} },
		"renewContract": func(w *world) in {
			l := w.queued()
			w.do("updateContract", in{"contractId": w.contract, "endsOn": w.day(10)})
			w.do("planRenewal", in{"licenseId": l, "renewalQuantity": 2})
			return in{"contractId": w.contract, "endsOn": w.day(375)}
		},
	} {
		examples[name] = example
	}
}

// queued makes a license of one unit that one user holds and two wait for.
func (w *world) queued() string {
	w.Helper()
	l := w.license(1)
	w.assign(l, w.users(3), in{"whenFull": "WAIT"})
	return l
}

// granted makes a group of two that has a license of two units.
func (w *world) granted() (groupLicense string, members []string) {
	w.Helper()
	members = w.users(2)
	groupLicense, _ = w.grant(w.group(members...), w.license(2))
	return groupLicense, members
}

// elsewhere are the mutations whose dry run and repetition are tested where policies are at hand, by test.
var elsewhere = map[string]string{
	"publishPolicy": "internal/app TestAPolicyIsPublished", "rollbackPolicy": "internal/app TestAPolicyIsBroughtBack",
}

// A census: every mutation of the schema has a payload and an example here, and can be tried and repeated.
func TestEveryMutationHasAnExample(t *testing.T) {
	each(t, func(w *world) {
		var answer struct {
			Schema struct {
				MutationType struct {
					Fields []struct{ Name string }
				}
			} `json:"__schema"`
		}
		w.ask(`{ __schema { mutationType { fields { name } } } }`, nil, &answer)
		var names []string
		for _, field := range answer.Schema.MutationType.Fields {
			if elsewhere[field.Name] == "" {
				names = append(names, field.Name)
			}
		}
		slices.Sort(names)
		w.want(slices.Sorted(maps.Keys(examples)), names)
		w.want(slices.Sorted(maps.Keys(payloads)), names)
	})
}

// A dry run shows what the request would do and changes nothing but the record of the question. The request itself has one
// decision and its events. Repeated with its key, it gives the first answer and changes nothing; another request with the key is refused.
func TestDryRunAndRepetition(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(examples)) {
		t.Run(name, func(t *testing.T) {
			each(t, func(w *world) {
				input := with(examples[name](w), in{"idempotencyKey": "k1"})
				before := w.snapshot()
				dry := w.answer(name, with(input, in{"dryRun": true}))
				w.want(w.changed(before), []string{"decisions"})

				real := w.answer(name, input)
				w.want(apartFromIDs(real), apartFromIDs(dry))
				w.want([]any{dry["dryRun"], real["dryRun"]}, []any{true, false})
				w.recorded(name, real["decision"].(map[string]any))

				before = w.snapshot()
				w.want(w.answer(name, input), real)
				other := map[bool]string{true: "createContract", false: "createVendor"}[name == "createVendor"]
				e := w.fails("IDEMPOTENCY_KEY_REUSED", other, with(examples[other](w), in{"idempotencyKey": "k1"}))
				w.want(e.Extensions.Field, "idempotencyKey")
				if other == "createVendor" {
					w.want(w.changed(before), []string{})
				}
			})
		})
	}
}

// A denied request repeated with its key is denied alike, with the first decision, and leaves nothing but that.
func TestADenialIsRepeated(t *testing.T) {
	each(t, func(w *world) {
		pat := w.as("pat")
		for _, name := range slices.Sorted(maps.Keys(examples)) {
			input := with(examples[name](w), in{"idempotencyKey": name})
			before := w.snapshot()
			first := pat.fails("POLICY_DENIED", name, input)
			w.want(w.changed(before), []string{"decisions"})
			before = w.snapshot()
			w.want(pat.fails("POLICY_DENIED", name, input), first)
			w.want(w.changed(before), []string{})
		}
	})
}

// Left out and null are two requests.
func TestNullIsNotLeftOut(t *testing.T) {
	each(t, func(w *world) {
		a := w.do("createAllotment", in{"licenseId": w.license(10), "name": "cap", "mode": "CEILING", "limit": 5}).Allotment.ID
		w.do("updateAllotment", in{"allotmentId": a, "name": "cap", "idempotencyKey": "k"})
		w.fails("IDEMPOTENCY_KEY_REUSED", "updateAllotment", in{"allotmentId": a, "name": "cap", "limit": nil, "idempotencyKey": "k"})
	})
}

// Keys are one's own.
func TestKeysAreOnesOwn(t *testing.T) {
	each(t, func(w *world) {
		w.do("createVendor", in{"name": "one", "idempotencyKey": "k"})
		w.as("liam", "LICENSE_ADMIN").do("createVendor", in{"name": "two", "idempotencyKey": "k"})
		w.invalid("idempotencyKey", "createVendor", in{"name": "three", "idempotencyKey": ""})
		w.invalid("idempotencyKey", "createVendor", in{"name": "three", "idempotencyKey": strings.Repeat("k", 201)})
	})
}

// Many at once with one key do it once, whether they share a transaction or not.
func TestOneKeyManyTimesAtOnce(t *testing.T) {
	each(t, func(w *world) {
		l, user := w.license(30), w.users(1)
		for name, input := range map[string]in{
			"createVendor": {"name": "once", "idempotencyKey": "v"},
			"assignSeats":  {"licenseId": l, "userIds": user, "idempotencyKey": "s"},
		} {
			answers := make(chan string, 12)
			for range cap(answers) {
				go func() {
					answer, err := w.client.Try(w.Context(), mutation(name), apptest.Vars{"input": input})
					if err != nil {
						answers <- err.Error()
						return
					}
					answers <- answer.Raw
				}()
			}
			first := <-answers
			for range cap(answers) - 1 {
				w.want(<-answers, first)
			}
		}
		w.want(w.figures(l), "30: 1 used 0 reserved 29 left OK")
	})
}

// answer gives the whole payload of a mutation that must succeed.
func (a actor) answer(name string, input in) map[string]any {
	a.w.Helper()
	var answer struct{ Answer map[string]any }
	a.client.Do(mutation(name), apptest.Vars{"input": input}, &answer)
	return answer.Answer
}

var anyID = regexp.MustCompile(`"([a-z]{3})_[0-9a-z]+"`)

// apartFromIDs writes a payload without its decision, with ids reduced to their kind: a dry run's rows are gone with it.
func apartFromIDs(answer map[string]any) string {
	rest := maps.Clone(answer)
	delete(rest, "decision")
	delete(rest, "dryRun")
	return anyID.ReplaceAllString(text(rest), `"$1"`)
}

// recorded checks the decision of a request and that events rest on it.
func (w *world) recorded(action string, decision map[string]any) {
	w.Helper()
	w.want([]any{decision["action"], decision["principal"], decision["allow"], decision["dryRun"]}, []any{action, "root@contoso.example", true, false})
	key, err := id.Parse(fmt.Sprint(decision["id"]))
	if err != nil {
		w.Fatal(err)
	}
	n, err := w.Store.Client().Event.Query().Where(event.DecisionID(key.N)).Count(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	if n == 0 && action != "retrySeats" {
		w.Errorf("%s left no event", action)
	}
}

// snapshot gives the content of every table.
func (w *world) snapshot() map[string]string {
	w.Helper()
	list := `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`
	if w.Store.Dialect() == "postgres" {
		list = `SELECT tablename FROM pg_tables WHERE schemaname = 'public'`
	}
	content := map[string]string{}
	err := w.Store.View(w.Context(), func(ctx context.Context, r *store.Reader) error {
		tables, err := names(ctx, r, list)
		for _, table := range tables {
			if table == "replicas" { // each replica tells there that it lives, whatever is asked of it
				continue
			}
			var rows []string
			columns := "*"
			if table == "policy_trials" { // what it counts goes on, whatever a request comes to
				columns = "id, revision, share, author, note, ended_at, ended_by"
			}
			if rows, err = lines(ctx, r, `SELECT `+columns+` FROM "`+table+`"`); err != nil {
				return err
			}
			slices.Sort(rows)
			content[table] = strings.Join(rows, "\n")
		}
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return content
}

// names reads one column of text.
func names(ctx context.Context, r *store.Reader, query string) ([]string, error) {
	rows, err := r.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		out = append(out, name)
	}
	return out, rows.Err()
}

// lines writes each row of a query as JSON.
func lines(ctx context.Context, r *store.Reader, query string) ([]string, error) {
	rows, err := r.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var out []string
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		line, err := json.Marshal(values)
		if err != nil {
			return nil, err
		}
		out = append(out, string(line))
	}
	return out, rows.Err()
}

// changed names the tables whose content is another than before.
func (w *world) changed(before map[string]string) []string {
	w.Helper()
	names := []string{}
	for table, content := range w.snapshot() {
		if content != before[table] {
			names = append(names, table)
		}
	}
	slices.Sort(names)
	return names
}
