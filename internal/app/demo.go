package app

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/ringfence/ringfence/internal/demo"
)

// LoadDemo loads the demo organization if the database is empty, and tells on the writer what it does.
func (a *App) LoadDemo(ctx context.Context, to io.Writer) error {
	p := startProgress(to, "demo", tellWorkEvery)
	var doing atomic.Value
	p.at(func() string { text, _ := doing.Load().(string); return "loading " + text })
	outcome, err := demo.Load(ctx, demo.Config{Store: a.Store, Runner: a.Runner, Say: func(text string) { doing.Store(text) }})
	p.end()
	if err != nil {
		return err
	}
	said := map[demo.Outcome]string{
		demo.Loaded:    "the organization Contoso was loaded in " + p.took(),
		demo.Present:   "the organization Contoso is there already",
		demo.NotLoaded: "the database is not empty; the organization Contoso was not loaded",
	}
	_, err = fmt.Fprintf(to, "demo: %s\n", said[outcome])
	return err
}
