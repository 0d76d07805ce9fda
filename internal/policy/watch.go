package policy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// debounce is how long the directory must be quiet before it is read again: an editor's save is several events.
const debounce = 50 * time.Millisecond

// Watch reloads the policy whenever its directory changes, until the context ends or Close is called. It returns at
// once. What is refused is logged and told by Problems; the last good policy keeps answering. The embedded policy does
// not change, so there is nothing to watch.
func (e *Engine) Watch(ctx context.Context) error {
	if e.dir == "" {
		return nil
	}
	dir, err := filepath.Abs(e.dir)
	if err != nil {
		return fmt.Errorf("policy: watch: %w", err)
	}
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("policy: watch: %w", err)
	}
	if err := follow(notify, dir); err != nil {
		return errors.Join(fmt.Errorf("policy: watch: %w", err), notify.Close())
	}
	ctx, stop := context.WithCancel(ctx)
	e.mu.Lock()
	e.stops = append(e.stops, stop)
	e.mu.Unlock()
	e.watchers.Go(func() {
		defer stop()
		defer func() {
			if err := notify.Close(); err != nil {
				e.log.WarnContext(ctx, "policy directory: watcher did not close", "cause", err)
			}
		}()
		e.watch(ctx, notify, dir)
	})
	return nil
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

func (e *Engine) watch(ctx context.Context, notify *fsnotify.Watcher, dir string) {
	// The timer runs from the start, because a change between New and Watch has no event.
	quiet := time.NewTimer(debounce)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case event, open := <-notify.Events:
			if !open {
				return
			}
			if concerns(event.Name, dir) {
				quiet.Reset(debounce)
			}
		case err, open := <-notify.Errors:
			if !open {
				return
			}
			// Events may have been lost, so look for oneself.
			e.log.WarnContext(ctx, "policy directory: watching", "cause", err)
			quiet.Reset(debounce)
		case <-quiet.C:
			if err := follow(notify, dir); err != nil {
				e.log.WarnContext(ctx, "policy directory: watching", "cause", err)
			}
			if err := e.Reload(ctx); err != nil && ctx.Err() == nil {
				e.log.ErrorContext(ctx, "policy refused, the last good one keeps answering", "revision", e.Revision(), "cause", err)
			}
		}
	}
}

// concerns tells whether an event is about the directory, not about its neighbors.
func concerns(name, dir string) bool {
	return name == dir || strings.HasPrefix(name, dir+string(filepath.Separator))
}

// follow watches the directory with its folders, and its parent, because a directory that is replaced as a whole takes
// its watch with it.
func follow(notify *fsnotify.Watcher, dir string) error {
	if err := notify.Add(filepath.Dir(dir)); err != nil {
		return err
	}
	return filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil || !entry.IsDir() {
			return err
		}
		return notify.Add(name)
	})
}
