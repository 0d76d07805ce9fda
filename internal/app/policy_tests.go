package app

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/ringfence/ringfence/internal/policy"
)

type policyTest struct {
	policyDir
	Watch    bool   `help:"Run them again whenever a file is saved, until interrupted." env:"RINGFENCE_TEST_WATCH"`
	Coverage bool   `help:"Tell how much of the policy they run, and which lines not." env:"RINGFENCE_TEST_COVERAGE"`
	Match    string `name:"run" help:"Only tests whose full name (data.package.test_name) matches." env:"RINGFENCE_TEST_RUN" placeholder:"REGEX"`
	Verbose  bool   `help:"Name the tests that pass, too, with what they print." env:"RINGFENCE_TEST_VERBOSE"`
}

// Validate refuses an expression that is none.
func (c *policyTest) Validate() error {
	_, err := regexp.Compile(c.Match)
	return err
}

// Run runs the tests, once or on each save. It fails if one fails or the policy would be refused for another reason.
func (c *policyTest) Run(ctx context.Context, out outputs) error {
	if !c.Watch {
		return c.once(ctx, out.stdout)
	}
	return c.onSave(ctx, out.stdout, func(ctx context.Context) {
		if err := c.once(ctx, out.stdout); err != nil {
			complain(out.stdout, err)
		}
	})
}

func (c *policyTest) once(ctx context.Context, out io.Writer) error {
	_, report, err := c.gate(ctx, policy.Look{Coverage: c.Coverage, Run: c.Match})
	if err != nil {
		return err
	}
	c.tell(out, report.Problems)
	failed := 0
	for _, t := range report.Tests {
		if !t.Passed && !t.Skipped {
			failed++
		}
		if c.Verbose {
			tellTest(out, t)
		}
	}
	if c.Coverage && report.Coverage != nil {
		tellCoverage(out, report.Coverage)
	}
	switch {
	case failed > 0:
		return fmt.Errorf("%d of %d tests fail", failed, len(report.Tests))
	case len(report.Problems) > 0:
		return fmt.Errorf("%s would be refused", c.Dir)
	case len(report.Tests) == 0:
		return fmt.Errorf("no test in %s", c.Dir)
	}
	fmt.Fprintf(out, "%d tests pass\n", len(report.Tests))
	return nil
}

func tellTest(out io.Writer, t policy.Test) {
	how := "FAIL"
	switch {
	case t.Skipped:
		how = "skip"
	case t.Passed:
		how = "ok  "
	}
	fmt.Fprintf(out, "%s %s (%.1f ms)\n", how, t.Name, float64(t.Took.Microseconds())/1000)
	if t.Output != "" {
		fmt.Fprintln(out, "     "+strings.ReplaceAll(t.Output, "\n", "\n     "))
	}
}

func tellCoverage(out io.Writer, coverage *policy.Coverage) {
	for _, file := range coverage.Files {
		if len(file.Missed) == 0 {
			continue
		}
		fmt.Fprintf(out, "%s: %.1f %%, not run: %s\n", file.File, file.Percent, lines(file.Missed))
	}
	fmt.Fprintf(out, "coverage: %.1f %% of %d files\n", coverage.Percent, len(coverage.Files))
}

// lines writes ranges as 3, 7-9.
func lines(ranges []policy.Range) string {
	texts := make([]string, 0, len(ranges))
	for _, r := range ranges {
		if r.From == r.To {
			texts = append(texts, strconv.Itoa(r.From))
		} else {
			texts = append(texts, fmt.Sprintf("%d-%d", r.From, r.To))
		}
	}
	return strings.Join(texts, ", ")
}

// onSave does something now and after each save, until interrupted.
func (d policyDir) onSave(ctx context.Context, out io.Writer, do func(context.Context)) error {
	if _, err := d.files(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	var last string
	return policy.WatchDir(ctx, d.Dir, func() {
		files, err := policy.ReadFiles(os.DirFS(d.Dir))
		if err != nil {
			fmt.Fprintln(out, "ringfence:", err)
			return
		}
		if revision := files.Revision(); revision != last { // an editor touches more than it changes
			last = revision
			fmt.Fprintf(out, "\n== %s revision %s\n", time.Now().Format(time.TimeOnly), revision)
			do(ctx)
		}
	})
}
