package graph

import (
	"cmp"
	"slices"

	"github.com/helm-flow/helm-flow/flow"
)

// The layout is that of Sugiyama: nodes stand in columns, each right of all that it needs; edges over more than one column get a point in
// each column between; the order in columns makes few crossings; heights make straight edges.

const (
	// sweeps over all columns, for the order and for the heights.
	sweeps = 12
	// maxPoints bounds the points of long edges, which may be as many as the square of the nodes. Further edges are drawn straight through.
	maxPoints = 20000
)

// place is a node of the graph, or a point that a long edge goes through.
type place struct {
	executor      *flow.Executor // nil for gateway, answer and points
	isPoint       bool
	column, order int
	before, after []*place
	width, height float64
	x, y          float64 // of the left edge's middle
	left, right   float64 // of the column
}

// route is an edge: the places it goes through, both ends included.
type route struct {
	places []*place
	dashed bool
}

// layout is where all is drawn.
type layout struct {
	gateway, answer *place
	columns         [][]*place
	routes          []route
	width, height   float64
}

// arrange lays the graph out. size gives the width and the height of what is drawn for a node.
func arrange(f *flow.Flow, size func(*place) (width, height float64)) *layout {
	l := &layout{gateway: &place{}, answer: &place{}}
	l.connect(f)
	l.sort()
	for _, column := range l.columns {
		for _, p := range column {
			if !p.isPoint {
				p.width, p.height = size(p)
			}
		}
	}
	l.setHeights()
	l.setColumns()
	return l
}

// connect makes the places, in columns, and the routes between them.
func (l *layout) connect(f *flow.Flow) {
	nodes := map[string]*place{gatewayName: l.gateway}
	executors := inOrder(f.Executors)
	last := 0
	for _, e := range executors {
		p := &place{executor: e, column: 1}
		for _, need := range e.Needs.Value {
			p.column = max(p.column, nodes[need].column+1)
		}
		nodes[e.Name.Value] = p
		last = max(last, p.column)
	}
	answer := answering(f)
	if answer != nil {
		l.answer.column = nodes[answer.Name.Value].column + 1
	} else {
		l.answer.column = 1
	}
	l.columns = make([][]*place, max(last, l.answer.column)+1)
	l.put(l.gateway)
	for _, e := range executors {
		l.put(nodes[e.Name.Value])
	}
	l.put(l.answer)
	for _, e := range executors {
		for _, need := range e.Needs.Value {
			l.route(nodes[need], nodes[e.Name.Value], e.Floating.Value)
		}
	}
	if answer != nil {
		l.route(nodes[answer.Name.Value], l.answer, false)
	} else {
		l.route(l.gateway, l.answer, false)
	}
}

func (l *layout) put(p *place) {
	p.order = len(l.columns[p.column])
	l.columns[p.column] = append(l.columns[p.column], p)
}

func (l *layout) route(from, to *place, dashed bool) {
	through := []*place{from}
	if len(l.routes)+to.column-from.column < maxPoints {
		for column := from.column + 1; column < to.column; column++ {
			point := &place{isPoint: true, column: column}
			l.put(point)
			through = append(through, point)
		}
	}
	through = append(through, to)
	for i := range len(through) - 1 {
		through[i].after = append(through[i].after, through[i+1])
		through[i+1].before = append(through[i+1].before, through[i])
	}
	l.routes = append(l.routes, route{through, dashed})
}

// sort orders each column by the mean order of the neighbours, to and fro.
func (l *layout) sort() {
	for sweep := range sweeps {
		for i := range l.columns {
			column, neighbours := l.columns[i], before
			if sweep%2 == 1 {
				column, neighbours = l.columns[len(l.columns)-1-i], after
			}
			mean := make(map[*place]float64, len(column))
			for _, p := range column {
				mean[p] = meanOf(neighbours(p), float64(p.order), func(n *place) float64 { return float64(n.order) })
			}
			slices.SortStableFunc(column, func(a, b *place) int {
				return cmp.Or(cmp.Compare(mean[a], mean[b]), cmp.Compare(floats(a), floats(b)))
			})
			for order, p := range column {
				p.order = order
			}
		}
	}
}

// floats is 1 for floating nodes, which stand below others.
func floats(p *place) int {
	if p.executor != nil && p.executor.Floating.Value {
		return 1
	}
	return 0
}

func before(p *place) []*place { return p.before }
func after(p *place) []*place  { return p.after }

func meanOf(places []*place, otherwise float64, value func(*place) float64) float64 {
	if len(places) == 0 {
		return otherwise
	}
	sum := 0.0
	for _, p := range places {
		sum += value(p)
	}
	return sum / float64(len(places))
}

// setHeights draws each place to the mean height of its neighbours, as near as those above and below it in the column let it.
func (l *layout) setHeights() {
	for _, column := range l.columns {
		y := 0.0
		for _, p := range column {
			p.y = y
			y += p.height + rowGap
		}
	}
	for sweep := range sweeps {
		for i := range l.columns {
			column, neighbours := l.columns[i], before
			if sweep%2 == 1 {
				column, neighbours = l.columns[len(l.columns)-1-i], after
			}
			wanted := make([]float64, len(column))
			for i, p := range column {
				wanted[i] = meanOf(neighbours(p), p.y, func(n *place) float64 { return n.y })
			}
			spread(column, wanted)
		}
	}
	top, bottom := 0.0, 0.0
	for _, column := range l.columns {
		for _, p := range column {
			top, bottom = min(top, p.y-p.height/2), max(bottom, p.y+p.height/2)
		}
	}
	for _, column := range l.columns {
		for _, p := range column {
			p.y += margin - top
		}
	}
	l.height = bottom - top + 2*margin
}

// spread gives the places of a column the heights nearest to the wanted ones, in the sum of squares, that keep their order and their distances:
// isotonic regression, by pooling adjacent violators.
func spread(column []*place, wanted []float64) {
	type block struct {
		sum   float64
		count int
	}
	var blocks []block
	offsets := make([]float64, len(column))
	for i, p := range column {
		if i > 0 {
			offsets[i] = offsets[i-1] + (column[i-1].height+p.height)/2 + rowGap
		}
		blocks = append(blocks, block{wanted[i] - offsets[i], 1})
		for n := len(blocks); n > 1 && blocks[n-2].sum*float64(blocks[n-1].count) > blocks[n-1].sum*float64(blocks[n-2].count); n = len(blocks) {
			blocks[n-2] = block{blocks[n-2].sum + blocks[n-1].sum, blocks[n-2].count + blocks[n-1].count}
			blocks = blocks[:n-1]
		}
	}
	i := 0
	for _, b := range blocks {
		for range b.count {
			column[i].y = b.sum/float64(b.count) + offsets[i]
			i++
		}
	}
}

// setColumns gives each column the width of its widest node, and centres the nodes in it.
func (l *layout) setColumns() {
	x := float64(margin)
	for _, column := range l.columns {
		width := 0.0
		for _, p := range column {
			width = max(width, p.width)
		}
		for _, p := range column {
			p.left, p.right = x, x+width
			p.x = x + (width-p.width)/2
		}
		x += width + columnGap
	}
	l.width = x - columnGap + margin
}
