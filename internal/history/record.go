package history

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/store"
)

// record is what the recorded database has of its past, as one snapshot of it says: the steps in the order in which they are taken again,
// and what each of them made.
type record struct {
	steps   []place
	made    map[int64][]thing // by decision
	until   time.Time
	journal int64 // the last entry of the snapshot
	skipped int   // denials from before requests were recorded: they changed nothing
}

// place is where a step belongs. Most are where their decision was stored. A denial is stored after its transaction has rolled back,
// and belongs after the decision that was the last one then.
type place struct{ after, id int64 }

// thing is something that a step made. Label is its name where the record has one.
type thing struct {
	id    id.ID
	label string
}

// rows are the rows of a query.
type rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close() error
}

// each hands every row to scan and closes the rows.
func each(r rows, err error, scan func(rows) error) error {
	if err != nil {
		return err
	}
	for r.Next() && err == nil {
		err = scan(r)
	}
	return errors.Join(err, r.Err(), r.Close())
}

// readRecord reads what there is to take again, up to a time.
func readRecord(ctx context.Context, recorded *store.Store, until time.Time) (*record, error) {
	rec := &record{}
	return rec, recorded.View(ctx, func(ctx context.Context, rd *store.Reader) error {
		*rec = record{made: map[int64][]thing{}, until: until}
		if rec.until.IsZero() {
			rec.until = rd.Now()
		}
		for _, part := range []func(context.Context, *store.Reader) error{rec.readJournal, rec.readSteps, rec.readMade, rec.whole} {
			if err := part(ctx, rd); err != nil {
				return err
			}
		}
		return nil
	})
}

func (rec *record) readJournal(ctx context.Context, rd *store.Reader) error {
	var first int64
	if err := rd.QueryRow(ctx, `SELECT COALESCE(MIN(id), 1), COALESCE(MAX(id), 0) FROM journals`).Scan(&first, &rec.journal); err != nil {
		return err
	}
	if first != 1 {
		return fault.New(fault.Conflict, "the journal begins with entry %d: what was before it cannot be run again", first)
	}
	return nil
}

// readSteps finds the steps and their order, and refuses a record in which something that was allowed is missing.
func (rec *record) readSteps(ctx context.Context, rd *store.Reader) error {
	var last int64
	var at time.Time
	rows1, err := rd.Query(ctx, `SELECT id, principal, action, at, allow, CASE WHEN allow AND command <> '' THEN '-' ELSE command END FROM decisions
		WHERE command <> '{}' AND NOT dry_run AND at <= $1`, rec.until)
	err = each(rows1, err, func(r rows) error {
		var p place
		var principal, action, command string
		var when time.Time
		var allow bool
		if err := r.Scan(&p.id, &principal, &action, &when, &allow, &command); err != nil {
			return err
		}
		p.after = p.id
		switch {
		case command == "" && !allow:
			rec.skipped++
			return nil
		case command == "":
			if p.id > last {
				last, at = p.id, when
			}
			return nil
		case !allow:
			past, err := operation.ReadPast(principal, action, command)
			if err != nil {
				return err
			}
			if past.After() != 0 {
				p.after = past.After()
			}
		}
		rec.steps = append(rec.steps, p)
		return nil
	})
	if err != nil {
		return err
	}
	if last != 0 {
		return fault.New(fault.Conflict, "the history cannot be run again: it is whole only after %s (%s), and what was there before is not in it",
			at.UTC().Format(time.RFC3339), id.Of(id.Decision, last))
	}
	slices.SortFunc(rec.steps, func(a, b place) int { return cmp.Or(cmp.Compare(a.after, b.after), cmp.Compare(a.id, b.id)) })
	return nil
}

// makers are the events of things that others refer to by id.
var makers = []string{
	"VENDOR_CREATED", "PRODUCT_CREATED", "CONTRACT_CREATED", "LICENSE_CREATED", "ALLOTMENT_CREATED", "USER_CREATED", "GROUP_CREATED", "GROUP_LICENSED",
	"GROUP_LICENSE_SWAPPED", "ALLOCATION_CREATED", "PURCHASE_RESERVATION_PLACED", "SERVICE_TOKEN_CREATED",
}

// nounOf is what the subject of an event is an id of.
var nounOf = map[string]id.Noun{
	"vendor": id.Vendor, "product": id.Product, "contract": id.Contract, "license": id.License, "allotment": id.Allotment, "user": id.User, "group": id.Group,
	"groupLicense": id.GroupLicense, "allocation": id.Allocation, "purchaseReservation": id.Purchase, "serviceToken": id.ServiceToken,
}

func (rec *record) readMade(ctx context.Context, rd *store.Reader) error {
	found, err := rd.Query(ctx, `SELECT decision_id, noun, subject_id, data FROM events WHERE `+rd.Any("type", 1)+` AND at <= $2 ORDER BY id`, rd.Array(makers), rec.until)
	return each(found, err, func(r rows) error {
		var decision, subject int64
		var noun, data string
		if err := r.Scan(&decision, &noun, &subject, &data); err != nil {
			return err
		}
		things, err := thingsOf(noun, subject, data)
		rec.made[decision] = append(rec.made[decision], things...)
		return err
	})
}

// thingsOf reads what an event tells was made: one thing, or, when many were made at once, a list.
func thingsOf(noun string, subject int64, data string) ([]thing, error) {
	var told map[string]any
	if data != "" {
		if err := json.Unmarshal([]byte(data), &told); err != nil {
			return nil, err
		}
	}
	if subject != 0 {
		label, _ := told["name"].(string)
		if number, ok := told["number"].(string); ok {
			label = number
		}
		return []thing{{id.Of(nounOf[noun], subject), label}}, nil
	}
	list, _ := told[noun].([]any)
	things := make([]thing, 0, len(list))
	for _, text := range list {
		word, _ := text.(string)
		of, err := id.Parse(word)
		if err != nil {
			return nil, err
		}
		things = append(things, thing{id: of})
	}
	return things, nil
}

// whole refuses a record that does not begin at an empty database: where something is there that no step has made.
func (rec *record) whole(ctx context.Context, rd *store.Reader) error {
	made := map[id.ID]bool{}
	for _, things := range rec.made {
		for _, t := range things {
			made[t.id] = true
		}
	}
	for _, of := range []struct {
		noun        id.Noun
		word, table string
	}{{id.Contract, "contract", "contracts"}, {id.License, "license", "licenses"}, {id.Group, "group", "groups"}, {id.User, "user", "users"}} {
		var stray int64
		found, err := rd.Query(ctx, `SELECT id FROM "`+of.table+`" WHERE created_at <= $1`, rec.until)
		if err := each(found, err, func(r rows) error {
			var key int64
			err := r.Scan(&key)
			if !made[id.Of(of.noun, key)] {
				stray = key
			}
			return err
		}); err != nil {
			return err
		}
		if stray != 0 {
			return fault.New(fault.Conflict, "the history cannot be run again: nothing in it made the %s %s", of.word, id.Of(of.noun, stray))
		}
	}
	return nil
}
