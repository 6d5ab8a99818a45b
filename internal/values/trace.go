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
	return c.origins
}

// note remembers that the field called word became the value at path.
func (c *converter) note(at flow.Pos, word, path string) {
	if at.Line > 0 {
		c.origins = append(c.origins, Origin{Pos: at, Field: c.sectionOf(at) + word, Path: path})
	}
}

// sectionOf is the section that a place lies in: the last that begins before it.
func (c *converter) sectionOf(at flow.Pos) string {
	name := "with."
	var start flow.Pos
	consider := func(begin flow.Pos, section string) {
		if begin.Line > 0 && before(start, begin) && !before(at, begin) {
			start, name = begin, section
		}
	}
	consider(c.flow.Gateway.Pos, "gateway.")
	for i := range c.flow.Executors {
		consider(c.flow.Executors[i].Pos, fmt.Sprintf("executors[%d].", i))
	}
	return name
}

func before(a, b flow.Pos) bool {
	return a.Line < b.Line || a.Line == b.Line && a.Column < b.Column
}
