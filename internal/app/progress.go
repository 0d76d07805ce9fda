package app

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// tellWorkEvery is how long work may take before it is told what it does, and how often from then on.
const tellWorkEvery = time.Second

// progress tells on stderr what long work is at: nothing in its first second, then a line each second.
type progress struct {
	to    io.Writer
	name  string
	begin time.Time
	tick  *time.Ticker
	mu    sync.Mutex
	now   func() string
	stop  chan struct{}
	done  chan struct{}
}

func startProgress(to io.Writer, name string, every time.Duration) *progress {
	p := &progress{to: to, name: name, begin: time.Now(), tick: time.NewTicker(every), stop: make(chan struct{}), done: make(chan struct{})}
	go p.run()
	return p
}

func (p *progress) run() {
	defer close(p.done)
	defer p.tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-p.tick.C:
			p.mu.Lock()
			now := p.now
			p.mu.Unlock()
			if now != nil {
				fmt.Fprintf(p.to, "%s: %s (%s)\n", p.name, now(), time.Since(p.begin).Round(time.Second))
			}
		}
	}
}

// at says what is being done from now on; what is asked each time a line is due.
func (p *progress) at(what func() string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = what
}

// end waits until nothing more is told.
func (p *progress) end() {
	close(p.stop)
	<-p.done
}

// took tells how long it has been.
func (p *progress) took() string { return time.Since(p.begin).Round(10 * time.Millisecond).String() }
