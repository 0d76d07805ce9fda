package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/store"
)

type verify struct{ storage }

// tellEvery is how often a long run says where it is.
const tellEvery = 5 * time.Second

// Run recounts what is stored, prints a line for each thing that is wrong, and fails if there is one. It changes nothing, not
// even the version of the tables.
func (c *verify) Run(ctx context.Context, stdout io.Writer) error {
	s, err := openCurrent(ctx, c.config())
	if err != nil {
		return err
	}
	begun, told := time.Now(), time.Now()
	audit := &operation.Audit{
		Store:  s,
		Report: func(f operation.Finding) { fmt.Fprintln(stdout, f) },
		Progress: func(step string, done, total int64) {
			if time.Since(told) > tellEvery {
				told = time.Now()
				slog.InfoContext(ctx, "verifying", "step", step, "done", done, "of", total)
			}
		},
	}
	n, err := audit.Run(ctx)
	if err := errors.Join(err, s.Close()); err != nil {
		return err
	}
	if n.Findings > 0 {
		return fmt.Errorf("%d findings", n.Findings)
	}
	_, err = fmt.Fprintf(stdout, "clean: %d licenses, %d allotments, %d seats with %d reasons, %d events in %d journal entries, in %v\n",
		n.Licenses, n.Allotments, n.Seats, n.Reasons, n.Events, n.Entries, time.Since(begun).Round(time.Millisecond))
	return err
}

// openCurrent opens a database that is there and has the tables this program knows; it migrates nothing.
func openCurrent(ctx context.Context, cfg Config) (*store.Store, error) {
	url := cfg.Database
	if url == "" {
		url = filepath.Join(cfg.DataDir, "ringfence.db")
		if _, err := os.Stat(url); err != nil { // to open it would make an empty one
			return nil, fmt.Errorf("there is no database: %w", err)
		}
	}
	s, err := store.Open(ctx, store.Config{URL: url, Logger: cfg.Log})
	if err != nil {
		return nil, err
	}
	current, newest, err := s.Version(ctx)
	if err == nil && current != newest {
		err = fmt.Errorf("the tables have version %d, this program knows %d: run the program of that version, or migrate", current, newest)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}
