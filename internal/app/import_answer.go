package app

import (
	"time"

	"github.com/ringfence/ringfence/internal/feed"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/operation"
)

// importAnswer is the answer to an import over HTTP.
type importAnswer struct {
	Kind           string           `json:"kind"`
	File           string           `json:"file"`
	Digest         string           `json:"digest"`
	Rows           int64            `json:"rows"`
	DryRun         bool             `json:"dryRun"`
	Changed        bool             `json:"changed"`
	FeedID         *string          `json:"feedId"`
	DecisionID     string           `json:"decisionId"`
	ReadBefore     *readBefore      `json:"readBefore,omitempty"`
	Counts         []importedCount  `json:"counts"`
	Seats          map[string]int64 `json:"seats,omitempty"`
	Examples       []string         `json:"examples,omitempty"`
	Notes          []string         `json:"notes,omitempty"`
	UnknownColumns []string         `json:"unknownColumns,omitempty"`
	Entra          *entraAnswer     `json:"entra,omitempty"`
	TakenOver      *takenOver       `json:"takenOver,omitempty"`
}

// entraAnswer tells where Entra and the seats here differ.
type entraAnswer struct {
	Direct  []entraDifference `json:"assignedThereNotHere"`
	Groups  []entraDifference `json:"licensedThereNotHere"`
	Extra   []entraDifference `json:"seatsHereNotThere"`
	Unknown []entraDifference `json:"noLicenseHere"`
	Failed  int64             `json:"inErrorThere"`
}

type entraDifference struct {
	Product  string   `json:"product"`
	Group    string   `json:"group,omitempty"`
	Users    int64    `json:"users"`
	Examples []string `json:"examples"`
	ShortBy  int64    `json:"shortBy"`
}

// takenOver tells what became of what was taken over, by outcome.
type takenOver struct {
	Direct   map[string]int64 `json:"direct"`
	Licensed map[string]int64 `json:"members"`
	Groups   int64            `json:"groups"`
	Refused  []string         `json:"refused,omitempty"`
}

func entraDifferences(list []*operation.EntraDifference) []entraDifference {
	shown := make([]entraDifference, len(list))
	for i, d := range list {
		shown[i] = entraDifference{d.Product, d.Group, d.Users, d.Examples, d.ShortBy}
	}
	return shown
}

type readBefore struct {
	At time.Time `json:"at"`
	By string    `json:"by"`
}

type importedCount struct {
	What      string `json:"what"`
	Created   int64  `json:"created"`
	Updated   int64  `json:"updated"`
	Removed   int64  `json:"removed"`
	Unchanged int64  `json:"unchanged"`
}

func imported(p *operation.ImportPayload, s *feed.Summary) *importAnswer {
	a := &importAnswer{
		Kind: p.Kind, File: p.File, Digest: p.Digest, Rows: p.Rows, DryRun: p.DryRun, Changed: p.Changed(), Examples: p.Examples, Notes: p.Notes,
		UnknownColumns: s.Unknown, DecisionID: id.Of(id.Decision, p.Decision.ID).String(), Counts: []importedCount{},
	}
	if p.Feed != nil {
		text := p.Feed.String()
		a.FeedID = &text
	}
	if e := p.Entra; e != nil {
		a.Entra = &entraAnswer{entraDifferences(e.Direct), entraDifferences(e.Groups), entraDifferences(e.Extra), entraDifferences(e.Unknown), e.Failed}
	}
	if p.Earlier != nil {
		a.ReadBefore = &readBefore{p.Earlier.At, p.Earlier.By}
	}
	for _, c := range p.Counts {
		a.Counts = append(a.Counts, importedCount{c.What, c.Created, c.Updated, c.Removed, c.Unchanged})
	}
	if t := p.Seats; t != (operation.SeatTally{}) {
		a.Seats = map[string]int64{"released": t.Released, "given": t.Given, "queued": t.Queued, "failed": t.Failed}
	}
	return a
}
