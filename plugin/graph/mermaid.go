package graph

import (
	"fmt"
	"strings"

	"github.com/helm-flow/helm-flow/flow"
)

// Mermaid draws the graph for Mermaid, from left to right.
func Mermaid(f *flow.Flow) string {
	var b strings.Builder
	b.WriteString("flowchart LR\n  gateway([gateway])\n")
	// Names are no good as identifiers: `end` is a word of Mermaid's.
	ids := map[string]string{gatewayName: "gateway"}
	for i := range f.Executors {
		e := &f.Executors[i]
		ids[e.Name.Value] = fmt.Sprintf("n%d", i)
		left, right := "[", "]"
		switch {
		case e.External.Value:
			left, right = "{{", "}}"
		case e.Shards.Value > 1:
			left, right = "[[", "]]"
		}
		fmt.Fprintf(&b, "  n%d%s\"%s<br/><small>%s</small>\"%s\n", i, left, e.Name.Value, mermaidText(about(e)), right)
	}
	for _, e := range f.Executors {
		arrow := "-->"
		if e.Floating.Value {
			arrow = "-.->"
		}
		for _, need := range e.Needs.Value {
			fmt.Fprintf(&b, "  %s %s %s\n", ids[need], arrow, ids[e.Name.Value])
		}
	}
	if last := answering(f); last != nil {
		fmt.Fprintf(&b, "  %s --> answer([gateway])\n", ids[last.Name.Value])
	}
	return b.String()
}

// mermaidText writes what Mermaid would read as markup as its entities.
func mermaidText(text string) string {
	return strings.NewReplacer("#", "#35;", `"`, "#quot;", "<", "#lt;", ">", "#gt;").Replace(text)
}
