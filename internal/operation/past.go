package operation

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"

	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/store"
)

// partOfPast is recorded in place of a command with a decision that is part of another request, or of a dry run: running the history
// again has nothing to do for it.
const partOfPast = "{}"

// past is what a decision keeps of what was asked, so that history can be run again (decisions.command). Action, principal and time
// are in columns of their own.
type past struct {
	Do      string          `json:"do,omitempty"` // the command, where its action is that of another
	Roles   []string        `json:"roles,omitempty"`
	Purpose string          `json:"purpose,omitempty"`
	After   int64           `json:"after,omitempty"` // of a denial: see deny
	With    json.RawMessage `json:"with,omitempty"`
	Content []byte          `json:"content,omitempty"` // of a file, compressed
	Duty    *pastDuty       `json:"duty,omitempty"`
}

// pastDuty is a step that the service took by itself.
type pastDuty struct {
	Action  string `json:"action"`
	License int64  `json:"license"`
	Grant   int64  `json:"grant,omitempty"`
	From    int64  `json:"from,omitempty"` // the last user who was worked through before
}

// recordable is what tellPast needs of a command.
type recordable interface {
	keyed
	action() string
}

// tellPast makes what is recorded of a request. Nil is for those that are not run again: a dry run changes nothing, and to replace the
// policy changes nothing where one policy is tried all the time.
func tellPast(who *identity.Principal, cmd recordable) (*past, error) {
	if _, replaces := cmd.(committed); replaces || cmd.request().dry() {
		return nil, nil //nolint:nilnil // nothing is recorded, and that is no error
	}
	p := &past{Roles: who.Roles, Purpose: who.Purpose}
	if name := nameOfCommand(reflect.TypeOf(cmd)); name != cmd.action() {
		p.Do = name
	}
	var text bytes.Buffer
	err := writeFields(&text, reflect.ValueOf(cmd).Elem())
	p.With = append(append([]byte{'{'}, text.Bytes()...), '}')
	return p, err
}

// writeFields writes the fields of a command that are set. What only makes sense once is left out: the idempotency key, and the version
// that was to be found (of a request that was decided, it was); and what a command worked out for itself.
func writeFields(to *bytes.Buffer, v reflect.Value) error {
	for i := range v.NumField() {
		field, value := v.Type().Field(i), v.Field(i)
		switch {
		case !field.IsExported(), field.Type == reflect.TypeFor[Request](), field.Name == "Version", value.IsZero():
			continue
		case field.Anonymous:
			if err := writeFields(to, value); err != nil {
				return err
			}
			continue
		}
		text, err := json.Marshal(value.Interface())
		if err != nil {
			return err
		}
		if to.Len() > 0 {
			to.WriteByte(',')
		}
		to.WriteString(`"` + field.Name + `":`)
		to.Write(text)
	}
	return nil
}

// text is the form in which it is recorded. Nil is partOfPast.
func (p *past) text() (string, error) {
	if p == nil {
		return partOfPast, nil
	}
	text, err := json.Marshal(p)
	if err != nil {
		return "", err
	}
	return pack(text)
}

// allowed is the text for a request that was allowed. It is empty if it cannot be run again, because its file is too large to be kept.
func (p *past) allowed(cmd any) (string, error) {
	if c, ok := cmd.(*Import); ok && p != nil {
		content, err := keepContent(&c.File)
		if content == nil || err != nil {
			return "", err
		}
		q := *p
		q.Content = content
		p = &q
	}
	return p.text()
}

// deny notes a request with the decision that denies it. That is stored later, in a transaction of its own; where it belongs among
// the others is found out now, while the facts it rests on are locked. A file is not kept: nobody may fill the record with what they
// may not import.
func (p *past) deny(ctx context.Context, tx *store.Tx, d *decision) error {
	if p == nil {
		return nil
	}
	q := *p
	var err error
	if q.After, err = tx.Draw(ctx, "decisions"); err == nil {
		d.command, err = q.text()
	}
	return err
}

// past is what is recorded of a step of a duty.
func (d duty) past(from int64) *past {
	return &past{Duty: &pastDuty{Action: d.action, License: d.license, Grant: d.grant, From: from}}
}
