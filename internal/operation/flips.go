package operation

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/replay"
)

// Window is which recorded decisions a policy is looked at by: those from Since on and before Until, and only the Last newest of them.
// What is left out does not bound it.
type Window struct {
	Since, Until *time.Time
	Last         int64
}

// word says what would change, and where that was looked for: the digest of the flips, and the period. A window that ends now stays open:
// what has flipped since is something its author has not seen. One that began with so many of the newest decisions begins, from then on,
// with the oldest of them.
func (w Window) word(report *replay.Report) string {
	since := w.Since
	if !report.From.IsZero() && (w.Last > 0 || !report.Complete) {
		since = &report.From
	}
	return report.Digest + "@" + moment(since) + ".." + moment(w.Until)
}

func moment(at *time.Time) string {
	if at == nil {
		return ""
	}
	return at.UTC().Format(time.RFC3339Nano)
}

// windowOf reads where the flips that an author expects were looked for.
func windowOf(word string) (Window, error) {
	_, period, found := strings.Cut(word, "@")
	from, to, both := strings.Cut(period, "..")
	since, early := readMoment(from)
	until, late := readMoment(to)
	if !found || !both || early != nil || late != nil {
		return Window{}, fault.Invalid("expectedFlips", "give it as validatePolicy said it")
	}
	return Window{Since: since, Until: until}, nil
}

func readMoment(text string) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	return &at, err
}

// flipsAsExpected compares what would change with what the author saw.
func (c *replacement) flipsAsExpected() error {
	if c.expectedFlips == nil || !c.candidate.Sound() {
		return nil
	}
	report := c.candidate.Replay
	switch {
	case report == nil:
		return fault.New(fault.Conflict, "what you may do has just changed; try again")
	case !report.Complete:
		return conflict("expectedFlips", "there are too many recorded decisions in that period to be looked at in time: validate with fewer")
	case c.candidate.Flips != *c.expectedFlips:
		return conflict("expectedFlips", "other recorded decisions would change than you expect: %d would be allowed, %d denied, %d have no answer, %d have other reasons",
			report.Looser, report.Stricter, report.Failed, report.Other)
	}
	return nil
}

// Flips are the counts of what a publication was expected to change, as they are kept with it.
type Flips struct {
	Word                                      string
	Examined, Looser, Stricter, Failed, Other int64
}

// flips gives what is kept of the flips; empty if nobody looked.
func (v *Validation) flips() string {
	if v.Replay == nil {
		return ""
	}
	text, err := json.Marshal(Flips{v.Flips, v.Replay.Examined, v.Replay.Looser, v.Replay.Stricter, v.Replay.Failed, v.Replay.Other})
	if err != nil { // texts and numbers always marshal
		panic(err)
	}
	return string(text)
}
