package plugin

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// progress shows the steps of a long command: each has a line when it is done, and what is under way shows that it is.
type progress struct {
	w        io.Writer
	terminal bool
	ended    chan struct{}
	running  sync.WaitGroup

	mu     sync.Mutex // guards what follows and w
	now    string     // the step under way, or empty
	detail string
	since  time.Time
	shown  bool // the terminal's last line is the step under way
}

// startProgress writes to w until stop is called.
func startProgress(w io.Writer, terminal bool) *progress {
	p := &progress{w: w, terminal: terminal, ended: make(chan struct{})}
	every := 5 * time.Second
	if terminal {
		every = 100 * time.Millisecond
	}
	p.running.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.show()
			case <-p.ended:
				return
			}
		}
	})
	return p
}

// progress shows steps on stderr, if that is a terminal, until stop is called.
func (e *Env) progress() *progress {
	if !e.draws() {
		return startProgress(io.Discard, false)
	}
	return startProgress(e.Stderr, true)
}

// step says how far the step called name is.
func (p *progress) step(name, detail string, done bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if name != p.now {
		p.now, p.since = name, time.Now()
	}
	p.detail = detail
	if done {
		p.clear()
		fmt.Fprintln(p.w, p.line())
		p.now = ""
	}
}

func (p *progress) warn(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	fmt.Fprintln(p.w, "Warning:", text)
}

// stop waits until nothing is written any more. It may be called twice.
func (p *progress) stop() {
	p.mu.Lock()
	if p.now != "" {
		p.clear()
		p.now = ""
	}
	select {
	case <-p.ended:
	default:
		close(p.ended)
	}
	p.mu.Unlock()
	p.running.Wait()
}

// show writes the step under way.
func (p *progress) show() {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.now == "":
	case p.terminal:
		p.clear()
		fmt.Fprint(p.w, ansi.Truncate(p.line(), 79, "…"))
		p.shown = true
	default:
		fmt.Fprintln(p.w, p.line()+" …")
	}
}

func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.w, "\r"+ansi.EraseEntireLine)
		p.shown = false
	}
}

func (p *progress) line() string {
	return strings.TrimRight(fmt.Sprintf("%6.1fs  %s  %s", time.Since(p.since).Seconds(), p.now, p.detail), " ")
}
