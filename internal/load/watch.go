package load

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
)

const (
	frame     = 200 * time.Millisecond // between pictures on a terminal
	plainLine = 5 * time.Second        // between lines elsewhere
)

// WatchLines writes a line about run to w at once and every few seconds until ctx ends.
func WatchLines(ctx context.Context, run *Run, w io.Writer) {
	fmt.Fprintf(w, "load on %s\n", run.config.Target)
	ticker := time.NewTicker(plainLine)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			fmt.Fprintln(w, run.Report().Line())
		}
	}
}

// WatchPicture keeps a picture of run on the terminal w until ctx ends. What is then left standing is the whole picture, or, where
// the table follows on the same terminal, the picture without it.
func WatchPicture(ctx context.Context, run *Run, w io.Writer, style Style, tableFollows bool) error {
	// Without input nothing is asked of the terminal and its mode stays as it is: keys and Ctrl-C go where they always go.
	program := tea.NewProgram(&picture{run: run, style: style}, tea.WithOutput(w), tea.WithInput(nil), tea.WithoutSignalHandler())
	stop := context.AfterFunc(ctx, func() { program.Send(finish{tableFollows}) })
	defer stop()
	_, err := program.Run()
	return err
}

type picture struct {
	run    *Run
	style  Style
	width  int
	height int
	report Report
	finish finish
}

type (
	redraw struct{}
	finish struct{ tableFollows bool }
)

func tick() tea.Cmd { return tea.Tick(frame, func(time.Time) tea.Msg { return redraw{} }) }

func (p *picture) Init() tea.Cmd { return tick() }

func (p *picture) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	p.report = p.run.Report()
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		p.width, p.height = msg.Width, msg.Height
	case redraw:
		// The signal that tells of a new size reaches only the terminal's foreground processes, and load may be run by another.
		return p, tea.Batch(tick(), tea.RequestWindowSize)
	case finish:
		p.finish = msg
		return p, tea.Quit
	}
	return p, nil
}

func (p *picture) View() tea.View {
	var view tea.View
	view.DisableBracketedPasteMode = true
	switch {
	case p.width == 0: // not told yet
	case p.finish.tableFollows:
		view.Content = p.report.Head(p.width, p.style) + "\n" + p.report.Timeline(p.width, p.style) + "\n"
	default:
		view.Content = p.report.Picture(p.width, p.style)
		if strings.Count(view.Content, "\n") >= p.height {
			view.Content = p.report.Head(p.width, p.style) + "\n" + p.report.Table(p.style)
		}
	}
	return view
}
