package load

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"
)

const (
	frame     = 200 * time.Millisecond // between pictures on a terminal
	plainLine = 5 * time.Second        // between lines elsewhere
)

// WatchLines writes a line about run to w at once and every few seconds until ctx ends.
func WatchLines(ctx context.Context, run *Run, w io.Writer) {
	fmt.Fprintf(w, "load on %s\n", run.config.Target)
	for range ticks(ctx, plainLine) {
		fmt.Fprintln(w, run.Report().Line())
	}
}

// WatchPicture keeps a picture of run on a terminal until ctx ends. What is then left standing is the whole picture, or, where
// the table follows on the same terminal, the picture without it.
func WatchPicture(ctx context.Context, run *Run, terminal *os.File, style Style, tableFollows bool) error {
	p := painter{terminal: terminal}
	if _, err := io.WriteString(terminal, ansi.HideCursor); err != nil {
		return err
	}
	defer io.WriteString(terminal, ansi.ShowCursor)
	draw := func(picture func(width int) string) error {
		width, height, err := term.GetSize(int(terminal.Fd()))
		if err != nil {
			return err
		}
		return p.paint(picture(width), width, height)
	}
	picture := func(width int) string { return run.Report().Picture(width, style) }
	if err := draw(picture); err != nil {
		return err
	}
	for range ticks(ctx, frame) {
		if err := draw(picture); err != nil {
			return err
		}
	}
	if tableFollows {
		picture = func(width int) string {
			r := run.Report()
			return r.Head(width, style) + "\n" + r.Timeline(width, style) + "\n"
		}
	}
	return draw(picture)
}

// painter draws pictures over each other. In between the cursor is at the beginning of the line below, so that what a
// person types does no harm to the picture. Nothing is asked of the terminal and its mode stays as it is: Ctrl-C goes where it always goes.
type painter struct {
	terminal io.Writer
	lines    int // of the last picture
}

func (p *painter) paint(picture string, width, height int) error {
	lines := strings.Split(strings.TrimSuffix(picture, "\n"), "\n")
	lines = lines[:min(len(lines), max(height-1, 1))]
	var b strings.Builder
	b.WriteString(ansi.SetModeSynchronizedOutput + "\r")
	if p.lines > 0 {
		b.WriteString(ansi.CursorUp(p.lines))
	}
	for _, line := range lines {
		b.WriteString(ansi.Truncate(line, width, "") + ansi.EraseLineRight + "\n")
	}
	b.WriteString(ansi.EraseScreenBelow + ansi.ResetModeSynchronizedOutput)
	p.lines = len(lines)
	_, err := io.WriteString(p.terminal, b.String())
	return err
}

// ticks yields every period until ctx ends.
func ticks(ctx context.Context, period time.Duration) func(func() bool) {
	return func(yield func() bool) {
		ticker := time.NewTicker(period)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				if !yield() {
					return
				}
			}
		}
	}
}
