package app

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ringfence/ringfence/internal/feed"
	"github.com/ringfence/ringfence/internal/operation"
)

// tellUnknown names the columns of a file that are not used.
func tellUnknown(to io.Writer, s *feed.Summary) {
	if len(s.Unknown) > 0 {
		fmt.Fprintf(to, "note: these columns are not used: %s\n", strings.Join(s.Unknown, ", "))
	}
}

// reportImport says what was done, or would be.
func reportImport(out outputs, p *operation.ImportPayload) error {
	verdict := "imported"
	switch {
	case !p.Changed():
		verdict = "nothing changes: everything is as the file says"
	case p.DryRun:
		verdict = "dry run: this would be imported, nothing was written"
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s\n", verdict)
	if p.Earlier != nil {
		fmt.Fprintf(&text, "%-14s %s by %s\n", "read before", p.Earlier.At.Format(time.RFC3339), p.Earlier.By)
	}
	for _, c := range p.Counts {
		fmt.Fprintf(&text, "%-14s %s\n", c.What, counted(c.ImportCount))
	}
	if s := p.Seats; s != (operation.SeatTally{}) {
		fmt.Fprintf(&text, "%-14s %d released, %d given, %d queued, %d in error\n", "seats", s.Released, s.Given, s.Queued, s.Failed)
	}
	for _, note := range p.Notes {
		fmt.Fprintf(out.stderr, "note: %s\n", note)
	}
	if p.DryRun {
		for _, example := range p.Examples {
			fmt.Fprintf(&text, "  %s\n", example)
		}
		if len(p.Examples) == operation.MostExamples {
			fmt.Fprintf(&text, "  … and more; these are the first\n")
		}
	}
	_, err := io.WriteString(out.stdout, text.String())
	return err
}

func counted(c operation.ImportCount) string {
	text := fmt.Sprintf("%d created, %d updated, %d unchanged", c.Created, c.Updated, c.Unchanged)
	if c.Removed > 0 {
		text += fmt.Sprintf(", %d removed", c.Removed)
	}
	return text
}
