package graph

import (
	"fmt"
	"html"
	"strings"

	"github.com/helm-flow/helm-flow/flow"
)

// Distances in the picture, in pixels.
const (
	margin    = 24
	columnGap = 56
	rowGap    = 28
	padding   = 14
	// stack is how far the sheets of a sharded executor stand apart.
	stack      = 5
	lineHeight = 17
	// maxText is the longest text in the picture, in characters; what is longer is cut in its middle.
	maxText = 48
)

// Widths of a character on average, in the picture's fonts.
const (
	nameChar  = 7.9
	aboutChar = 6.7
)

// style is light or dark as the reader's system is.
const style = `
  svg { --paper: #ffffff; --ink: #1b1f24; --soft: #59636e; --line: #8c959f; --box: #f6f8fa; --edge: #d1d9e0; --accent: #0550ae; --tint: #ddf4ff; }
  @media (prefers-color-scheme: dark) {
    svg { --paper: #0d1117; --ink: #f0f6fc; --soft: #9198a1; --line: #656c76; --box: #161b22; --edge: #3d444d; --accent: #79c0ff; --tint: #10233d; }
  }
  text { font-family: ui-sans-serif, system-ui, "Segoe UI", "DejaVu Sans", sans-serif; font-size: 12px; fill: var(--soft); }
  .paper { fill: var(--paper); }
  .name { font-size: 14px; font-weight: 600; fill: var(--ink); }
  .mark { fill: var(--accent); }
  .node { fill: var(--box); stroke: var(--edge); stroke-width: 1.5; }
  .end { fill: var(--tint); stroke: var(--accent); stroke-width: 1.5; }
  .external { fill: none; stroke: var(--line); }
  .edge { fill: none; stroke: var(--line); stroke-width: 1.5; }
  .tip { fill: var(--line); }
  .dashed { stroke-dasharray: 5 4; }
`

// SVG draws the graph as a picture, from left to right. Executors with shards are stacks of sheets, external ones have no ground, edges and boxes
// of floating ones are dashed.
func SVG(f *flow.Flow) string {
	l := arrange(f, func(p *place) (width, height float64) { return boxSize(f, p) })
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" role="img" width="%s" height="%s" viewBox="0 0 %[1]s %[2]s">`+"\n",
		number(l.width), number(l.height))
	title := "The graph of a flow"
	if f.Name.Value != "" {
		title = "The graph of the flow " + f.Name.Value
	}
	fmt.Fprintf(&b, "<title>%s</title>\n<style>%s</style>\n", html.EscapeString(title), style)
	b.WriteString(`<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">` +
		`<path class="tip" d="M0 0 L8 4 L0 8 Z"/></marker></defs>` + "\n")
	b.WriteString(`<rect class="paper" width="100%" height="100%"/>` + "\n")
	for _, r := range l.routes {
		fmt.Fprintf(&b, `<path class="%s" marker-end="url(#tip)" d="%s"/>`+"\n", classes("edge", r.dashed), curve(r))
	}
	for _, column := range l.columns {
		for _, p := range column {
			if !p.isPoint {
				box(&b, f, l, p)
			}
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func classes(class string, dashed bool) string {
	if dashed {
		return class + " dashed"
	}
	return class
}

// curve goes through the places of an edge, level within columns, so that it crosses no box.
func curve(r route) string {
	from := r.places[0]
	var d strings.Builder
	fmt.Fprintf(&d, "M%s %s", number(from.x+from.width), number(from.y))
	for i, p := range r.places[1:] {
		from := r.places[i]
		middle := (from.right + p.left) / 2
		fmt.Fprintf(&d, " H%s C%s %s %s %s %s %s", number(from.right), number(middle), number(from.y), number(middle), number(p.y),
			number(p.left), number(p.y))
		if !p.isPoint {
			fmt.Fprintf(&d, " H%s", number(p.x))
		}
	}
	return d.String()
}

// number has no more digits than a screen shows.
func number(v float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.1f", v), "0"), ".")
}

// lines are the texts in a node's box: name, what answers, marks.
func lines(f *flow.Flow, p *place) (name, about string, more []string) {
	if p.executor == nil {
		var doors []string
		for _, door := range f.Gateway.Doors.Value {
			doors = append(doors, fmt.Sprintf("%s :%d", door.Protocol, door.Port))
		}
		return gatewayName, strings.Join(doors, ", "), nil
	}
	return p.executor.Name.Value, uses(p.executor), marks(p.executor)
}

func boxSize(f *flow.Flow, p *place) (width, height float64) {
	name, about, more := lines(f, p)
	width = max(float64(length(name))*nameChar, float64(length(about))*aboutChar)
	for _, mark := range more {
		width = max(width, float64(length(mark))*aboutChar)
	}
	return width + 2*padding, float64(2+len(more))*lineHeight + padding
}

func length(text string) int { return min(len([]rune(text)), maxText) }

// sheets is how many further sheets are behind the box.
func sheets(p *place) int {
	if p.executor == nil || p.executor.External.Value {
		return 0
	}
	return max(0, min(p.executor.Shards.Value, 3)-1)
}

func box(b *strings.Builder, f *flow.Flow, l *layout, p *place) {
	top := p.y - p.height/2
	class, dashed, radius := "node", false, 8.0
	switch {
	case p == l.gateway || p == l.answer:
		class, radius = "end", p.height/2
	case p.executor.External.Value:
		class = "external"
		dashed = p.executor.Floating.Value
	default:
		dashed = p.executor.Floating.Value
	}
	rect := func(x, y float64) {
		fmt.Fprintf(b, `<rect class="%s" x="%s" y="%s" width="%s" height="%s" rx="%s"/>`+"\n", classes(class, dashed),
			number(x), number(y), number(p.width), number(p.height), number(radius))
	}
	name, about, more := lines(f, p)
	fmt.Fprintf(b, "<g><title>%s</title>\n", html.EscapeString(strings.Join(append([]string{name, about}, more...), "\n")))
	for i := sheets(p); i > 0; i-- {
		rect(p.x+float64(i*stack), top-float64(i*stack))
	}
	rect(p.x, top)
	y := top + padding/2 + lineHeight - 4
	text := func(class, content string) {
		fmt.Fprintf(b, `<text class="%s" x="%s" y="%s" text-anchor="middle">%s</text>`+"\n", class, number(p.x+p.width/2), number(y),
			html.EscapeString(cut(content)))
		y += lineHeight
	}
	text("name", name)
	text("about", about)
	for _, mark := range more {
		text("mark", mark)
	}
	b.WriteString("</g>\n")
}

// cut shortens a text in its middle, as both ends of an image's name say much.
func cut(text string) string {
	r := []rune(text)
	if len(r) <= maxText {
		return text
	}
	return string(r[:maxText/2]) + "…" + string(r[len(r)-maxText/2+1:])
}
