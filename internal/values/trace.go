package values

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/helm-flow/helm-flow/flow"
)

// Origin says which value a place in flow.yml became. It holds no values, as they may be secrets.
type Origin struct {
	// Pos is the place of what was written.
	Pos flow.Pos
	// Field is its path in flow.yml, such as executors[0].timeout_ready. Inherited ones have the path of the section that says them.
	Field string
	// Path is the path in the chart's values, such as executors.encoder.timeoutReady.
	Path string
}

// Trace lists what each line of a flow became, by line; one line may have become several values. What the flow does not say, and what has no
// effect, is not listed.
func Trace(f *flow.Flow) []Origin {
	c := convert(f, Options{PythonSources: true})
	slices.SortStableFunc(c.origins, func(a, b Origin) int {
		return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column), cmp.Compare(a.Path, b.Path))
	})
	c.nameSections()
	return c.origins
}

// note remembers that the field called word became the value at path.
func (c *converter) note(at flow.Pos, word, path string) {
	if at.Line > 0 {
		c.origins = append(c.origins, Origin{Pos: at, Field: word, Path: path})
	}
}

// nameSections puts before the fields of all origins, which are in the order of their places, the section that they lie in: the last that begins
// before them.
func (c *converter) nameSections() {
	type section struct {
		begins flow.Pos
		name   string
	}
	sections := []section{{name: "with."}}
	if begins := c.flow.Gateway.Pos; begins.Line > 0 {
		sections = append(sections, section{begins, "gateway."})
	}
	for i := range c.flow.Executors {
		if begins := c.flow.Executors[i].Pos; begins.Line > 0 {
			sections = append(sections, section{begins, fmt.Sprintf("executors[%d].", i)})
		}
	}
	slices.SortStableFunc(sections, func(a, b section) int {
		return cmp.Or(cmp.Compare(a.begins.Line, b.begins.Line), cmp.Compare(a.begins.Column, b.begins.Column))
	})
	here := 0
	for i := range c.origins {
		for here+1 < len(sections) && !before(c.origins[i].Pos, sections[here+1].begins) {
			here++
		}
		c.origins[i].Field = sections[here].name + c.origins[i].Field
	}
}

func before(a, b flow.Pos) bool {
	return a.Line < b.Line || a.Line == b.Line && a.Column < b.Column
}
