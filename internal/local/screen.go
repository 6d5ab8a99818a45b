package local

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// state is what a workload is doing, for its sign and colour.
type state int

const (
	waiting state = iota
	starting
	isUp
	troubled
	stopped
)

// sign and color (an SGR parameter) of each state.
var looks = [...]struct{ sign, color string }{
	waiting:  {"·", "2"},
	starting: {"…", "33"},
	isUp:     {"✔", "32"},
	troubled: {"!", "31"},
	stopped:  {"·", "2"},
}

// nameColors tell the workloads' logs apart. Red is left to trouble.
var nameColors = []string{"36", "35", "34", "33", "32", "96", "95", "94"}

// screen writes the workloads' states and logs. On a terminal the states are a block under the logs, drawn anew in place,
// until it is settled; elsewhere each state is a line.
type screen struct {
	names []string
	color bool
	size  func() (columns, rows int)
	logTo func(name, line string) // takes the logs, if not nil

	mu    sync.Mutex // guards all below, and keeps lines whole
	w     io.Writer
	live  bool
	rows  []row // one for each name
	drawn int   // rows of the block that are on the terminal
}

type row struct {
	state state
	text  string
	since time.Time
}

// newScreen makes a screen for workloads of these names; size is nil where w is no terminal.
func newScreen(w io.Writer, color bool, size func() (columns, rows int), names []string) *screen {
	s := &screen{names: names, color: color, size: size, w: w}
	s.rows = slices.Repeat([]row{{state: waiting, text: "waits for the executors"}}, len(names))
	if size != nil {
		// A block that does not fit could not be drawn anew in place.
		_, height := size()
		s.live = len(names) < height
	}
	return s
}

// set shows that the workload is in a state now; last are lines of output that explain it.
func (s *screen) set(name string, to state, text string, last ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.names, name)
	if !s.live || to == troubled {
		s.print(s.paint(s.nameColor(i), name) + ": " + s.paint(looks[to].color, text) + quote(last))
	}
	s.rows[i] = row{state: to, text: text, since: time.Now()}
	s.redraw()
}

// output takes what a new instance of the workload writes.
func (s *screen) output(name string) *output {
	prefix := s.paint(s.nameColor(slices.Index(s.names, name)), s.padded(name)+" |") + " "
	return &output{emit: func(line string) {
		if s.logTo != nil {
			s.logTo(name, line)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.print(prefix + line)
		s.redraw()
	}}
}

// say writes a line about the run as a whole.
func (s *screen) say(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.print(line)
	s.redraw()
}

// settle leaves the block as it is; from now on states are lines.
func (s *screen) settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live = false
	s.drawn = 0
}

// animate counts the seconds of those who are starting, until ctx ends.
func (s *screen) animate(ctx context.Context) {
	tick := time.NewTicker(time.Second / 4)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		s.mu.Lock()
		s.redraw()
		s.mu.Unlock()
	}
}

// print writes lines above the block, whose place they take. The caller redraws.
func (s *screen) print(text string) {
	s.erase()
	fmt.Fprintln(s.w, text)
}

func (s *screen) erase() {
	if s.drawn > 0 {
		// The terminal may have echoed a ^C at the start of the line.
		fmt.Fprintf(s.w, "\r\x1b[%dA\x1b[J", s.drawn)
		s.drawn = 0
	}
}

func (s *screen) redraw() {
	if !s.live {
		return
	}
	s.erase()
	columns, _ := s.size()
	for i, r := range s.rows {
		text := r.text
		if r.state == starting {
			text = fmt.Sprintf("%s %.0f s", text, time.Since(r.since).Seconds())
		}
		line := fmt.Sprintf("%s %s  %s", looks[r.state].sign, s.padded(s.names[i]), text)
		// A line that wraps would take two rows of the terminal.
		fmt.Fprintln(s.w, s.paint(looks[r.state].color, truncate(line, columns-1)))
		s.drawn++
	}
}

func truncate(line string, width int) string {
	if runes := []rune(line); len(runes) > width && width > 0 {
		return string(runes[:width-1]) + "…"
	}
	return line
}

// padded makes all names of one length.
func (s *screen) padded(name string) string {
	longest := 0
	for _, other := range s.names {
		longest = max(longest, len(other))
	}
	return fmt.Sprintf("%-*s", longest, name)
}

func (s *screen) nameColor(i int) string { return nameColors[i%len(nameColors)] }

func (s *screen) paint(sgr, text string) string {
	if !s.color {
		return text
	}
	return "\x1b[" + sgr + "m" + text + "\x1b[0m"
}
