package graph

import (
	"slices"
	"strings"

	"github.com/helm-flow/helm-flow/flow"
)

// Text draws the graph for a terminal from the top down, one row for each node, with an edge's lane on the left from the row of the
// node it leaves to the row of the node it enters, as git draws its history.
func Text(f *flow.Flow, color bool) string {
	d := &textDrawing{color: color, floating: make(map[string]bool)}
	edges := make(map[string][]string)
	for _, e := range f.Executors {
		name := e.Name.Value
		d.floating[name] = e.Floating.Value
		for _, need := range e.Needs.Value {
			edges[need] = append(edges[need], name)
		}
	}
	last := answering(f)
	if last != nil {
		edges[last.Name.Value] = append(edges[last.Name.Value], answerName)
	}
	for _, targets := range edges {
		// The way to the answer goes straight on.
		slices.SortStableFunc(targets, func(a, b string) int {
			switch {
			case d.floating[a] == d.floating[b]:
				return 0
			case d.floating[a]:
				return 1
			}
			return -1
		})
	}
	d.node(gatewayName, "●", gatewayName, "", edges[gatewayName])
	for _, e := range inOrder(f.Executors) {
		sign := "●"
		if e.Floating.Value {
			sign = "○"
		}
		d.node(e.Name.Value, sign, e.Name.Value, about(e), edges[e.Name.Value])
	}
	if last != nil {
		d.node(answerName, "●", gatewayName, "", nil)
	}
	return d.String()
}

// answerName is the end of the graph; no executor can have it.
const answerName = ""

// free is the target of a lane that no edge is in.
const free = "\x00"

type textDrawing struct {
	color    bool
	floating map[string]bool
	rows     []textRow
	// lanes are the targets of the edges under way, from the left.
	lanes []string
}

// textRow is one line: lanes, and for a node what is said about it.
type textRow struct{ lanes, name, about string }

// node draws the edges that enter a node as one, the node, and its edges leaving.
func (d *textDrawing) node(id, sign, name, about string, targets []string) {
	at := slices.Index(d.lanes, id)
	if at < 0 {
		at = d.freeLane()
	}
	if others := d.lanesTo(id, at); len(others) > 0 {
		d.join(at, others, "╯", "┴")
	}
	d.lanes[at] = id
	for i, target := range d.lanes {
		if target == id && i != at {
			d.lanes[i] = free
		}
	}
	row := d.lines()
	row[2*at] = sign
	d.rows = append(d.rows, textRow{strings.Join(row, ""), name, about})

	d.lanes[at] = free
	var opened []int
	for _, target := range targets {
		lane := at
		if len(opened) > 0 || d.lanes[at] != free {
			lane = d.freeLaneAfter(at)
			opened = append(opened, lane)
		}
		d.lanes[lane] = target
	}
	switch {
	case len(opened) > 0:
		d.join(at, opened, "╮", "┬")
	case d.anyLane():
		d.rows = append(d.rows, textRow{lanes: strings.Join(d.lines(), "")})
	}
	d.trim()
}

func (d *textDrawing) lanesTo(id string, besides int) []int {
	var found []int
	for i, target := range d.lanes {
		if target == id && i != besides {
			found = append(found, i)
		}
	}
	return found
}

func (d *textDrawing) anyLane() bool {
	return slices.ContainsFunc(d.lanes, func(target string) bool { return target != free })
}

func (d *textDrawing) freeLane() int { return d.freeLaneAfter(-1) }

func (d *textDrawing) freeLaneAfter(at int) int {
	for i := at + 1; i < len(d.lanes); i++ {
		if d.lanes[i] == free {
			return i
		}
	}
	d.lanes = append(d.lanes, free)
	return len(d.lanes) - 1
}

func (d *textDrawing) trim() {
	for len(d.lanes) > 0 && d.lanes[len(d.lanes)-1] == free {
		d.lanes = d.lanes[:len(d.lanes)-1]
	}
}

// lines are the characters of a row in which all lanes go straight on: lane i is character 2i.
func (d *textDrawing) lines() []string {
	row := make([]string, 2*len(d.lanes))
	for i, target := range d.lanes {
		row[2*i], row[2*i+1] = "│", " "
		switch {
		case target == free:
			row[2*i] = " "
		case d.floating[target]:
			row[2*i] = "┆"
		}
	}
	return row
}

// join draws a row in which lane at meets others on its right; end is the corner of the last, tee that of those before.
func (d *textDrawing) join(at int, others []int, end, tee string) {
	row := d.lines()
	last := slices.Max(others)
	for i := 2*at + 1; i < 2*last; i++ {
		// A lane that is crossed goes on above the line.
		if row[i] == " " {
			row[i] = "─"
		}
	}
	row[2*at] = "├"
	for _, other := range others {
		row[2*other] = tee
	}
	row[2*last] = end
	d.rows = append(d.rows, textRow{lanes: strings.Join(row, "")})
}

func (d *textDrawing) String() string {
	width, nameWidth := 0, 0
	for _, r := range d.rows {
		width = max(width, len([]rune(r.lanes)))
		nameWidth = max(nameWidth, len(r.name))
	}
	var b strings.Builder
	for _, r := range d.rows {
		line := r.lanes + strings.Repeat(" ", width-len([]rune(r.lanes)))
		if r.name != "" {
			name := r.name + strings.Repeat(" ", nameWidth-len(r.name))
			line += d.paint("1", name) + "  " + d.paint("2", r.about)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

func (d *textDrawing) paint(sgr, text string) string {
	if !d.color || text == "" {
		return text
	}
	return "\x1b[" + sgr + "m" + text + "\x1b[0m"
}
