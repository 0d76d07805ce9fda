package app

import (
	"fmt"
	"io"
	"maps"
	"slices"
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
	if p.Entra != nil {
		compared(&text, p.Entra)
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

// compared tells where Entra and the seats here differ.
func compared(text *strings.Builder, r *operation.EntraReport) {
	if r.Empty() {
		text.WriteString("seats are as in Entra\n")
		return
	}
	text.WriteString("compared with Entra:\n")
	for _, d := range r.Direct {
		fmt.Fprintf(text, "  assigned there, not here   %s: %s%s\n", d.Product, people(d), lacking(d))
	}
	for _, d := range r.Groups {
		fmt.Fprintf(text, "  licensed there, not here   %s for group %s: %s%s\n", d.Product, d.Group, people(d), lacking(d))
	}
	for _, d := range r.Extra {
		fmt.Fprintf(text, "  seats here, not there      %s: %s\n", d.Product, people(d))
	}
	for _, d := range r.Unknown {
		fmt.Fprintf(text, "  no license of it here      %s: %s\n", d.Product, people(d))
	}
	if r.Failed > 0 {
		fmt.Fprintf(text, "  in error there             %d assignments\n", r.Failed)
	}
}

func people(d *operation.EntraDifference) string {
	names := strings.Join(d.Examples, ", ")
	if int64(len(d.Examples)) < d.Users {
		names += ", …"
	}
	return fmt.Sprintf("%d users (%s)", d.Users, names)
}

func lacking(d *operation.EntraDifference) string {
	if d.ShortBy == 0 {
		return ""
	}
	return fmt.Sprintf("; the license is short by %d", d.ShortBy)
}

// reportTakeOver tells what became of what was taken over.
func reportTakeOver(to io.Writer, r *operation.TakeOverReport) error {
	var text strings.Builder
	text.WriteString("taken over\n")
	fmt.Fprintf(&text, "%-14s %s\n", "direct", outcomes(r.Assigned))
	fmt.Fprintf(&text, "%-14s %d groups: %s\n", "groups", r.Groups, outcomes(r.Licensed))
	for _, refused := range r.Refused {
		fmt.Fprintf(&text, "  %s\n", refused)
	}
	_, err := io.WriteString(to, text.String())
	return err
}

func outcomes(counts map[string]int64) string {
	if len(counts) == 0 {
		return "nothing to do"
	}
	var words []string
	for _, outcome := range slices.Sorted(maps.Keys(counts)) {
		words = append(words, fmt.Sprintf("%d %s", counts[outcome], outcome))
	}
	return strings.Join(words, ", ")
}
