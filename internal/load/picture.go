package load

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
)

// starving is how many seconds without an answer are drawn as a warning.
const starving = 10

// Style of pictures and tables; the zero value has no colours.
type Style struct{ head, bar, dot, alarm lipgloss.Style }

// Colours are the terminal's own first sixteen, so that they suit its theme.
func Colours() Style {
	return Style{
		head:  lipgloss.NewStyle().Faint(true),
		bar:   lipgloss.NewStyle().Foreground(lipgloss.Cyan),
		dot:   lipgloss.NewStyle().Foreground(lipgloss.BrightBlack),
		alarm: lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true),
	}
}

// Table has a row of figures per client. It is 80 columns wide at most.
func (r Report) Table(style Style) string {
	var b strings.Builder
	name := r.nameWidth(len("client"))
	const row = "%10s%10s%10s%9s%8s%8s"
	b.WriteString(style.head.Render(fmt.Sprintf("  %-*s"+row+"%13s",
		name, "client", "sent", "waiting", "answered", "rate/s", "p50", "p99", "oldest wait")) + "\n")
	for _, c := range r.Clients {
		p50, p99, oldest := "–", "–", "–"
		if c.Latency != nil {
			p50, p99 = c.Latency.P50.String(), c.Latency.P99.String()
		}
		if c.Waiting > 0 {
			oldest = c.OldestWait.String()
		}
		oldest = fmt.Sprintf("%13s", oldest)
		if c.starves() {
			oldest = style.alarm.Render(oldest)
		}
		fmt.Fprintf(&b, "  %-*s"+row+"%s\n", name, c.Name, count(c.Sent), count(c.Waiting), count(c.Answered), rate(c.Rate), p50, p99, oldest)
	}
	for _, c := range r.Clients {
		if c.Failed > 0 {
			fmt.Fprintf(&b, "  %s\n", style.alarm.Render(fmt.Sprintf("%s: an executor failed %s of the answered requests", c.Name, count(c.Failed))))
		}
	}
	return b.String()
}

// Timeline draws for every client a mark per second: a bar for its answers, a dot where it waited and none came.
func (r Report) Timeline(width int, style Style) string {
	name := r.nameWidth(0)
	cells := max(width-len("  ")-name-len("  ")-1, 1)
	seconds := cells
	last := int(r.Elapsed / Span(time.Second))
	if whole := int((r.Duration + Span(time.Second) - 1) / Span(time.Second)); whole > 0 {
		seconds, last = min(seconds, whole), min(last, whole-1)
	}
	seconds = min(seconds, Timeline)
	each := min(cells/seconds, 4) // cells a second takes
	first := max(0, last-seconds+1)

	peak := 1
	for _, c := range r.Clients {
		for s := first; s <= last; s++ {
			peak = max(peak, c.second(s).Answers)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "  %s\n", style.head.Render("answers in each second (· waited, none came)"))
	for _, c := range r.Clients {
		fmt.Fprintf(&b, "  %-*s  %s\n", name, c.Name, c.marks(first, last, peak, each, style))
	}
	fmt.Fprintf(&b, "  %-*s  %s\n", name, "", style.head.Render(axis(first, seconds, each, cells)))
	return b.String()
}

// Picture is Table and Timeline under a head line, and why clients stopped.
func (r Report) Picture(width int, style Style) string {
	var b strings.Builder
	b.WriteString(r.Head(width, style) + "\n" + r.Table(style))
	for _, c := range r.Clients {
		if c.Error != "" {
			fmt.Fprintf(&b, "  %s\n", style.alarm.Render(fmt.Sprintf("%s stopped: %s", c.Name, c.Error)))
		}
	}
	b.WriteString("\n" + r.Timeline(width, style))
	return b.String()
}

// Head says where the load goes and how long.
func (r Report) Head(width int, style Style) string {
	elapsed := fmt.Sprintf("%.0f s", r.Elapsed.Seconds())
	if r.Duration > 0 {
		elapsed = fmt.Sprintf("%.0f of %.0f s", r.Elapsed.Seconds(), r.Duration.Seconds())
	}
	return style.head.Render(fmt.Sprintf("  %-*s%s", max(min(width, 80)-len(elapsed)-len("  ")-1, 1), r.Target, elapsed)) + "\n"
}

// Line is the report in one line, for logs.
func (r Report) Line() string {
	var parts []string
	for _, c := range r.Clients {
		part := fmt.Sprintf("%s: %s sent, %s answered (%s/s)", c.Name, count(c.Sent), count(c.Answered), rate(c.Rate))
		if c.Latency != nil {
			part += ", p50 " + c.Latency.P50.String()
		}
		if c.Waiting > 0 {
			part += ", oldest wait " + c.OldestWait.String()
		}
		parts = append(parts, part)
	}
	return fmt.Sprintf("%4.0f s  %s", r.Elapsed.Seconds(), strings.Join(parts, "; "))
}

func (r Report) nameWidth(least int) int {
	for _, c := range r.Clients {
		least = max(least, len(c.Name))
	}
	return least
}

// second returns what happened in second s of the run.
func (c *ClientReport) second(s int) Second {
	if i := s - c.FirstSecond; i >= 0 && i < len(c.Seconds) {
		return c.Seconds[i]
	}
	return Second{}
}

// starves says that the client has waited in vain for so long that it is drawn as a warning.
func (c *ClientReport) starves() bool {
	if len(c.Seconds) < starving {
		return false
	}
	return !slices.ContainsFunc(c.Seconds[len(c.Seconds)-starving:], func(s Second) bool { return s.Answers > 0 || !s.Waiting })
}

var bars = []rune("▁▂▃▄▅▆▇")

func (c *ClientReport) marks(first, last, peak, each int, style Style) string {
	var b strings.Builder
	for s := first; s <= last; {
		second := c.second(s)
		var cell string
		switch {
		case second.Answers > 0:
			cell = style.bar.Render(strings.Repeat(string(bars[(second.Answers*len(bars)-1)/peak]), max(each-1, 1)))
		case second.Waiting:
			// Dots are styled by the length of their run.
			run := s
			for run <= last && c.second(run).Waiting && c.second(run).Answers == 0 {
				run++
			}
			dots := style.dot
			if run-s >= starving {
				dots = style.alarm
			}
			b.WriteString(dots.Render(strings.Repeat(fmt.Sprintf("%-*s", each, "·"), run-s)))
			s = run
			continue
		default:
			cell = strings.Repeat(" ", max(each-1, 1))
		}
		b.WriteString(cell)
		if each > 1 {
			b.WriteString(" ")
		}
		s++
	}
	return b.String()
}

// axis labels the seconds of a timeline at round numbers, where there is room.
func axis(first, seconds, each, width int) string {
	step := 60
	for _, s := range []int{1, 2, 5, 10, 15, 30} {
		if s*each >= len("1234 s  ") {
			step = s
			break
		}
	}
	var line strings.Builder
	for s := (first + step - 1) / step * step; s <= first+seconds; s += step {
		at, label := (s-first)*each, strconv.Itoa(s)+" s"
		if at+len(label) > width {
			break
		}
		line.WriteString(strings.Repeat(" ", at-line.Len()) + label)
	}
	return line.String()
}

// count writes a number with thousands apart, in at most nine characters.
func count(n uint64) string {
	if n >= 10_000_000 {
		return fmt.Sprintf("%.1f M", float64(n)/1e6)
	}
	digits := strconv.FormatUint(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func rate(perSecond float64) string {
	switch {
	case perSecond == 0:
		return "0"
	case perSecond < 1:
		return fmt.Sprintf("%.2f", perSecond)
	case perSecond < 100:
		return fmt.Sprintf("%.1f", perSecond)
	}
	return count(uint64(perSecond + 0.5))
}
