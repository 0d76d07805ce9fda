package policy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// debounce is how long a directory must be quiet before it is read again: an editor's save is several events. It can be short,
// because Reload looks again before it takes anything into use.
const debounce = 5 * time.Millisecond

// Watch reloads the policy whenever its directory changes, or asks for the bundle again and again, until the context ends or Close is
// called. It returns at once. What is refused is logged and told by Problems; the last good policy keeps answering. The embedded
// policy does not change, so there is nothing to watch.
func (e *Engine) Watch(ctx context.Context) error {
	switch e.configured() {
	case SourceBundle:
		e.beside(ctx, func(ctx context.Context) { e.bundle.poll(ctx, e) })
		return nil
	case SourceDirectory:
		d, err := watchDir(e.dir, e.log)
		if err != nil {
			return err
		}
		e.beside(ctx, func(ctx context.Context) { d.run(ctx, func() { e.changed(ctx) }) })
	}
	return nil
}

// beside runs something until the context ends or the engine is closed.
func (e *Engine) beside(ctx context.Context, run func(context.Context)) {
	ctx, stop := context.WithCancel(ctx)
	e.mu.Lock()
	e.stops = append(e.stops, stop)
	e.mu.Unlock()
	e.watchers.Go(func() {
		defer stop()
		run(ctx)
	})
}

// Close ends every Watch and waits for it. The engine still decides.
func (e *Engine) Close() {
	e.mu.Lock()
	stops := e.stops
	e.stops = nil
	e.mu.Unlock()
	for _, stop := range stops {
		stop()
	}
	e.watchers.Wait()
}

// changed reloads after the directory changed.
func (e *Engine) changed(ctx context.Context) {
	if err := e.Reload(ctx); err != nil && ctx.Err() == nil {
		e.log.ErrorContext(ctx, "policy refused, the last good one keeps answering", "revision", e.Revision(), "cause", err)
	}
}

// WatchDir calls changed once soon after it begins, and then whenever something in the directory has changed and it is quiet again,
// until the context ends. Changes during a call lead to another call.
func WatchDir(ctx context.Context, dir string, changed func()) error {
	d, err := watchDir(dir, slog.Default())
	if err != nil {
		return err
	}
	d.run(ctx, changed)
	return nil
}

// dirWatch watches one directory.
type dirWatch struct {
	dir    string // absolute
	notify *fsnotify.Watcher
	log    *slog.Logger
}

func watchDir(dir string, log *slog.Logger) (*dirWatch, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("policy: watch: %w", err)
	}
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("policy: watch: %w", err)
	}
	d := &dirWatch{dir, notify, log}
	if err := d.follow(); err != nil {
		return nil, errors.Join(fmt.Errorf("policy: watch: %w", err), notify.Close())
	}
	return d, nil
}

func (d *dirWatch) run(ctx context.Context, changed func()) {
	defer func() {
		if err := d.notify.Close(); err != nil {
			d.log.WarnContext(ctx, "policy directory: watcher did not close", "cause", err)
		}
	}()
	// The timer runs from the start, because a change before the watch has no event.
	quiet := time.NewTimer(debounce)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case event, open := <-d.notify.Events:
			if !open {
				return
			}
			if d.concerns(event.Name) {
				quiet.Reset(debounce)
			}
		case err, open := <-d.notify.Errors:
			if !open {
				return
			}
			// Events may have been lost, so look for oneself.
			d.log.WarnContext(ctx, "policy directory: watching", "cause", err)
			quiet.Reset(debounce)
		case <-quiet.C:
			if err := d.follow(); err != nil {
				d.log.WarnContext(ctx, "policy directory: watching", "cause", err)
			}
			changed()
		}
	}
}

// concerns tells whether an event is about the directory, not about its neighbors.
func (d *dirWatch) concerns(name string) bool {
	return name == d.dir || strings.HasPrefix(name, d.dir+string(filepath.Separator))
}

// follow watches the directory with its folders, and its parent, because a directory that is replaced as a whole takes
// its watch with it.
func (d *dirWatch) follow() error {
	if err := d.notify.Add(filepath.Dir(d.dir)); err != nil {
		return err
	}
	return filepath.WalkDir(d.dir, func(name string, entry fs.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil || !entry.IsDir() {
			return err
		}
		return d.notify.Add(name)
	})
}
