package graph

import (
	"fmt"
	"strings"

	"github.com/helm-flow/helm-flow/flow"
)

// DOT draws the graph for Graphviz, from left to right.
func DOT(f *flow.Flow) string {
	var b strings.Builder
	b.WriteString("digraph flow {\n  rankdir=LR\n  node [shape=box]\n")
	b.WriteString("  gateway [shape=oval]\n  answer [shape=oval, label=gateway]\n")
	for i := range f.Executors {
		e := &f.Executors[i]
		shape := ""
		switch {
		case e.External.Value:
			shape = ", shape=hexagon"
		case e.Shards.Value > 1:
			shape = ", shape=box3d"
		}
		fmt.Fprintf(&b, "  %s [label=%s%s]\n", dotID(e.Name.Value), dotText(e.Name.Value+"\n"+about(e)), shape)
	}
	for _, e := range f.Executors {
		style := ""
		if e.Floating.Value {
			style = " [style=dashed]"
		}
		for _, need := range e.Needs.Value {
			fmt.Fprintf(&b, "  %s -> %s%s\n", dotID(need), dotID(e.Name.Value), style)
		}
	}
	if last := answering(f); last != nil {
		fmt.Fprintf(&b, "  %s -> answer\n", dotID(last.Name.Value))
	}
	b.WriteString("}\n")
	return b.String()
}

// dotID names a node: executors are quoted and prefixed, so that none is taken for the gateway or a word of DOT's.
func dotID(name string) string {
	if name == gatewayName {
		return name
	}
	return dotText("executor " + name)
}

func dotText(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(text) + `"`
}
